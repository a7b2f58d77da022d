"""What users give, checked against a signature and converted to its tensors; no I/O."""
