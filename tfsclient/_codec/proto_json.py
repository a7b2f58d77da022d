"""Protobuf's JSON, as the server prints status and metadata: fields of the right types.

Each function raises TypeError or ValueError, which whoever knows what the answer should be turns
into a DecodeError.
"""

from __future__ import annotations

import re
from typing import Any, Final

from tfsclient.errors import shown

_INTEGER = re.compile(r"-?[0-9]{1,19}")

# What reading an answer of the wrong form raises.
MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def given(value: Any, default: Any) -> Any:
    """A field's value; null is as good as nothing in protobuf's JSON."""
    return default if value is None else value


def record(value: Any) -> dict[str, Any]:
    """A message or a map."""
    if not isinstance(value, dict | None):
        raise TypeError(f"{shown(value)} is not an object")
    return value or {}


def string(value: Any) -> str:
    """Text."""
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is not text")
    return value


def integer(value: Any) -> int:
    """An int64, which protobuf's JSON writes as text."""
    if type(value) is int or (isinstance(value, str) and _INTEGER.fullmatch(value)):
        number = int(value)
        if -1 << 63 <= number < 1 << 63:
            return number
    raise ValueError(f"{shown(value)} is not an int64")


def enum(value: Any) -> str | int:
    """The name of an enum's value; its number, where the server has no name for it."""
    return (
        string(value) if not isinstance(value, int) or isinstance(value, bool) else integer(value)
    )
