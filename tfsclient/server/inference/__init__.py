"""Requests read, checked and answered, as both interfaces need it."""
