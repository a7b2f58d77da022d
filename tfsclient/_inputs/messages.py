"""Protobuf messages that users bring, of whatever pool, known by their looks."""

from __future__ import annotations

from typing import Any


def message_name(value: Any) -> str | None:
    """The full name of a message's type, as in "tensorflow.TensorProto"; None for anything else."""
    name = getattr(getattr(type(value), "DESCRIPTOR", None), "full_name", None)
    return name if hasattr(value, "SerializeToString") else None
