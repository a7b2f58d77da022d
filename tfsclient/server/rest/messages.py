"""Messages as JSON, as C++ protobuf prints them with whitespace and with unset fields."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_INT64_TYPES = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_WRAPPERS = ("google.protobuf.Int64Value",)


def to_json(message: Message) -> str:
    """The message as text, with a newline at the end; names as they are in the .proto file."""
    return _message(message, 0) + "\n"


def _message(message: Any, level: int) -> str:
    if message.DESCRIPTOR.full_name in _WRAPPERS:
        return f'"{message.value}"'
    # The members of a oneof come after all others.
    ordered = sorted(
        message.DESCRIPTOR.fields, key=lambda field: field.containing_oneof is not None
    )
    return _object(
        [
            (field.name, _field(field, getattr(message, field.name), level + 1))
            for field in ordered
            if not field.has_presence or message.HasField(field.name)
        ],
        level,
    )


def _field(field: Any, value: Any, level: int) -> str:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        kind = entry.fields_by_name["value"]
        return _object([(str(k), _single(kind, value[k], level + 1)) for k in sorted(value)], level)
    if _is_repeated(field):
        inner = "\n" + " " * (level + 1)
        items = [_single(field, item, level + 1) for item in value]
        return f"[{inner}{(',' + inner).join(items)}\n{' ' * level}]" if items else "[]"
    return _single(field, value, level)


def _is_repeated(field: Any) -> bool:
    try:
        return bool(field.is_repeated)
    except AttributeError:  # before protobuf 6.31
        return bool(field.label == FieldDescriptor.LABEL_REPEATED)


def _single(field: Any, value: Any, level: int) -> str:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_MESSAGE:
        return _message(value, level)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        known = field.enum_type.values_by_number.get(value)
        return f'"{known.name}"' if known else str(value)
    if kind in _INT64_TYPES:
        return f'"{value}"'
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return "true" if value else "false"
    if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return _float(value, 6 if kind == FieldDescriptor.CPPTYPE_FLOAT else 15)
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"'
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _float(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    text = f"{value:.{digits}g}"
    kind, exact = (np.float32, 9) if digits == 6 else (np.float64, 17)
    return text if kind(text) == value else f"{value:.{exact}g}"


def _object(members: list[tuple[str, str]], level: int) -> str:
    if not members:
        return "{}"
    inner = "\n" + " " * (level + 1)
    lines = (f"{json.dumps(name, ensure_ascii=False)}: {value}" for name, value in members)
    return f"{{{inner}{(',' + inner).join(lines)}\n{' ' * level}}}"
