"""Text that came as bytes, on its way back to bytes."""

from __future__ import annotations


def to_bytes(text: str) -> bytes:
    """The bytes of a text in which surrogate escapes stand for bytes that are not UTF-8.

    A surrogate that is not such an escape, which no client can send, becomes a question mark.
    """
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="replace")
