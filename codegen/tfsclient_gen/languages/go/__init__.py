"""Go: a package for each model, over a small runtime that is copied beside it."""
