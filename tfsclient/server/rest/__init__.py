"""TF Serving's REST interface: HTTP, its routes, and its JSON bodies."""
