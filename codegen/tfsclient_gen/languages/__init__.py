"""One module a language: it turns a model into the plain data that its templates print."""
