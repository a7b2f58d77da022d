"""Protobuf's text format, in which model configurations are kept in files."""

from __future__ import annotations

from typing import Any

from tfsclient._codec.messages import message_class, pool


def parse_text(name: str, text: str | bytes) -> Any:
    """The message of this full name that a text holds.

    Raises:
        ValueError: the text is not such a message; the error says where.
    """
    from google.protobuf import text_format

    try:
        return text_format.Parse(text, message_class(name)(), descriptor_pool=pool())
    except text_format.ParseError as error:
        raise ValueError(f"Error parsing text-format {name}: {error}") from error


def to_text(message: Any) -> str:
    """A message of our own pool in text format."""
    from google.protobuf import text_format

    text: str = text_format.MessageToString(message, as_utf8=True, descriptor_pool=pool())
    return text
