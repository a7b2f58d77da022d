"""Rust: a module for each model in one crate, over one runtime, the module tfs beside them."""
