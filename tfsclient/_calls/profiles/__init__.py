"""Other servers of models: what differs from TF Serving in each, as data and functions; no I/O."""
