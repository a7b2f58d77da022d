"""Python: one module for each model, over the tfsclient runtime."""
