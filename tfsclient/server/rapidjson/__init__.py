"""JSON as RapidJSON reads and writes it, to the letter."""
