"""The commands of ``tfsclient``; each is loaded when it is run."""
