"""Predictions for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from tfsclient._cli.main import visible
from tfsclient._codec.nested import object_array
from tfsclient._codec.rest_json import string_to_json
from tfsclient.dtypes import DType
from tfsclient.results import Prediction
from tfsclient.schema import Signature

Array = npt.NDArray[Any]

_LONG = 200  # bytes
_NULL = b"null"  # which orjson writes for what is not finite


def for_people(answer: Prediction, spec: Signature) -> Iterator[str]:
    """Lines that show the outputs, of which numpy leaves out the middle of large ones."""
    version = "" if answer.version is None else f" version {answer.version}"
    yield visible(f"{answer.model}{version}, {answer.signature}")
    for name, array in answer.items():
        yield f"\n{visible(name)}  {_dtype(name, array, spec)} {list(array.shape)}"
        yield np.array2string(array, separator=", ", formatter={"object": _string})


def _string(item: Any) -> str:
    """A string in quotes, or as Python's bytes where it is not UTF-8; cut where it is long."""
    end = _LONG
    while end < len(item) and end > _LONG - 4 and item[end] & 0xC0 == 0x80:
        end -= 1  # not within a character
    more = f"... ({len(item)} bytes)" if len(item) > _LONG else ""
    return quoted(item[:end] if more else item) + more


def quoted(data: bytes) -> str:
    """A model's string as text in quotes, or as Python's bytes where it is not UTF-8."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return repr(data)
    return '"' + visible(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def to_json(answer: Prediction, spec: Signature) -> bytes:
    """The whole answer as strict JSON, with dtype, shape and :func:`json_values` of each output."""
    outputs = []
    for name, array in answer.items():
        about = orjson.dumps({"dtype": _dtype(name, array, spec), "shape": array.shape})
        values = about[:-1] + b',"values":' + json_values(array) + b"}"
        outputs.append(orjson.dumps(name) + b":" + values)
    head = {"model": answer.model, "version": answer.version, "signature": answer.signature}
    return orjson.dumps(head)[:-1] + b',"outputs":{' + b",".join(outputs) + b"}}"


def _dtype(name: str, array: Array, spec: Signature) -> DType | None:
    """What the signature says; unless the answer shows that it lies."""
    declared = spec.outputs.get(name)
    if declared is not None and declared.dtype.sendable and declared.dtype.numpy == array.dtype:
        return declared.dtype
    return DType.of_numpy(array.dtype)


def json_values(array: Array) -> bytes:
    """Nested lists in strict JSON, of which every value can be read back.

    NaN and the infinities are "NaN", "Infinity" and "-Infinity"; a string that is not UTF-8 is
    {"b64": "..."}; a complex number is [real, imaginary].
    """
    if array.dtype.kind == "O":
        return orjson.dumps(object_array(array, string_to_json).tolist())
    if array.dtype.kind == "c":
        array = np.stack([np.real(array), np.imag(array)], axis=-1)
    array = plain(array)
    value = np.ascontiguousarray(array) if array.ndim else array[()]
    written = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    if array.dtype.kind != "f" or _NULL not in written:
        return written
    first, *rest = written.split(_NULL)
    words = (b'"%s"' % _word(number).encode() for number in array[~np.isfinite(array)])
    return first + b"".join(word + part for word, part in zip(words, rest, strict=True))


def _word(number: float) -> str:
    return "NaN" if np.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def plain(array: Array) -> Array:
    """The same numbers in a dtype that numpy itself and orjson know: bfloat16 as float32, ..."""
    if array.dtype.isbuiltin == 1 and array.dtype != np.float16:
        return array
    dtype = DType.of_numpy(array.dtype)
    return array.astype(np.float32 if dtype and dtype.kind == "float" else np.int64)
