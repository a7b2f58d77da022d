"""The target languages: each turns a model into the plain data that its templates print."""
