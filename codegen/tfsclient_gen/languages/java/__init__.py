"""Java: a small package for each model, over one runtime, the package tfs beside them."""
