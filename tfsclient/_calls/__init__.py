"""Calls: what to send and how to read the answer; one module a protocol, no I/O."""
