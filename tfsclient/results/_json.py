"""Outputs as JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import orjson

from tfsclient.results._forms import STRINGS, Array, objects, plain

_NULL: Final = b"null"  # what orjson writes for a number that JSON does not have


def to_json(outputs: Mapping[str, Array]) -> str:
    """See :meth:`tfsclient.Prediction.to_json`."""
    fields = (orjson.dumps(name) + b":" + json_values(array) for name, array in outputs.items())
    return (b"{" + b",".join(fields) + b"}").decode()


def json_values(array: Array) -> bytes:
    """An output's values as strict JSON, in nested lists, of which every value can be read back."""
    kind = array.dtype.kind
    if kind in STRINGS:
        flat = [string_to_json(item) for item in array.reshape(-1).tolist()]
        return orjson.dumps(objects(flat, array.shape).tolist())
    if kind == "c":
        array = np.stack([np.real(array), np.imag(array)], axis=-1)
    array = plain(array)
    value = np.ascontiguousarray(array) if array.ndim else array[()]
    written = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    if array.dtype.kind != "f" or _NULL not in written:
        return written
    names = [
        b'"NaN"' if np.isnan(number) else b'"Infinity"' if number > 0 else b'"-Infinity"'
        for number in array[~np.isfinite(array)]
    ]
    first, *rest = written.split(_NULL)
    return first + b"".join(part for pair in zip(names, rest, strict=True) for part in pair)


def string_to_json(item: Any) -> Any:
    if not isinstance(item, bytes):
        return item
    try:
        return item.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(item).decode()}
