"""The whole story on one machine: a real model trained, served, called and given typed clients."""
