"""One tensor in JSON: its shape, its elements, its bytes, by TF Serving's rules."""

from __future__ import annotations

import base64
import binascii
import math
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np

from tfsclient._codec.strings import string_array
from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import DecodeError, InvalidArgument, Unimplemented
from tfsclient.server.rapidjson.reader import JsonObject, Value
from tfsclient.server.rapidjson.writer import echo

_MAX_RANK = getattr(np, "MAXDIMS", 64)  # numpy's; TensorFlow's is 254

# The integer literals that each type takes: the narrow ones take any of 32 bits, and wrap.
_INT32 = range(-(1 << 31), 1 << 31)
_RANGES: Final = {
    "int8": _INT32,
    "int16": _INT32,
    "int32": _INT32,
    "uint8": _INT32,
    "int64": range(-(1 << 63), 1 << 63),
    "uint32": range(1 << 32),
    "uint64": range(1 << 64),
}
_REF = 100  # the number of DT_FLOAT_REF is that of DT_FLOAT and this
_TF_NAMES = {"float32": "float", "float64": "double", "float16": "half", "invalid": "INVALID"}


def dtype_name(number: int) -> str:
    """What TensorFlow's texts call a DataType: "float", "half_ref"."""
    dtype = DType.of_number(number)
    if dtype.startswith("dtype_"):
        return f"unknown dtype enum ({number})"
    name = _TF_NAMES.get(dtype, str(dtype))
    return f"{name}_ref" if number > _REF else name


class JsonTensor(NamedTuple):
    """A tensor's values as they are in a request.

    Attributes:
        dtype: the type that the signature gives it.
        shape: its shape.
        values: its elements in row-major order, checked against the type; perhaps a few too many.
    """

    dtype: DType
    shape: tuple[int, ...]
    values: list[Value]

    def to_tensor(self) -> Tensor:
        """The tensor.

        Raises:
            DecodeError: it has more dimensions than numpy can hold.
        """
        if len(self.shape) > _MAX_RANK or not self.dtype.sendable:
            raise DecodeError(f"a {self.dtype} tensor of {len(self.shape)} dimensions")
        values = self.values[: math.prod(self.shape)]
        if self.dtype == STRING:
            array = string_array(values)
        elif self.dtype in _RANGES:
            wide = np.array(values, np.uint64 if self.dtype == "uint64" else np.int64)
            array = wide.astype(self.dtype.numpy)
        elif self.dtype in ("float32", "float64"):
            with np.errstate(over="ignore", under="ignore"):
                array = flushed(flushed(np.array(values, np.float64)).astype(self.dtype.numpy))
        else:  # bool; or a type that JSON cannot carry, but then there are no values
            array = np.array(values, self.dtype.numpy)
        return Tensor(self.dtype, array.reshape(self.shape))


def flushed(array: Any) -> Any:
    """Floats without subnormal numbers, which TF Serving's REST threads take for zero."""
    small = np.abs(array) < np.finfo(array.dtype).tiny
    return np.where(small, np.copysign(array.dtype.type(0), array), array) if small.any() else array


def refused(value: Value, why: str) -> InvalidArgument:
    """The error for a value that is not what it should be."""
    return InvalidArgument(f"JSON Value: {echo(value)} {why}")


def read_tensor(value: Value, dtype: int) -> JsonTensor:
    """The tensor of this DataType that a value is.

    Raises:
        InvalidArgument: its lists are ragged, or an element is not of the type.
        Unimplemented: JSON cannot carry the type.
    """
    shape = read_shape(value)
    values = _flat([value], (1, *shape))
    if values is None or not _all_fit(values, dtype):
        values = _walk(value, shape, dtype)
    return JsonTensor(DType.of_number(dtype), shape, values)


def read_batch(instances: list[Value], dtype: int) -> JsonTensor | None:
    """All rows of a tensor at once, if there is nothing wrong: the usual case, and fast."""
    shape = (len(instances), *read_shape(instances[0]))
    values = _flat(instances, shape)
    if values is None or not _all_fit(values, dtype):
        return None
    return JsonTensor(DType.of_number(dtype), shape, values)


def read_shape(value: Value) -> tuple[int, ...]:
    """The shape that the first elements show."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _flat(level: list[Value], shape: tuple[int, ...]) -> list[Value] | None:
    """The elements of a list of this shape; None if it has another, or holds objects."""
    for size in shape[1:]:
        if set(map(type, level)) - {list} or set(map(len, level)) - {size}:
            return None
        level = list(chain.from_iterable(level))
    return None if set(map(type, level)) & {list, JsonObject} else list(level)


def _all_fit(values: list[Value], number: int) -> bool:
    """Whether all of the plain values are of a type; strings are replaced by their bytes."""
    dtype = DType.of_number(number)
    kinds = set(map(type, values))
    if number > _REF or not dtype.rest:
        return not values
    if dtype == STRING:
        if kinds - {str}:
            return False
        values[:] = [text.encode(errors="surrogateescape") for text in values]
        return True
    if dtype == "bool":
        return not kinds - {bool}
    if dtype in _RANGES:
        allowed = _RANGES[dtype]
        return not kinds - {int} and (
            not values or (min(values) in allowed and max(values) in allowed)
        )
    return not kinds - {int, float}


def _walk(root: Value, shape: tuple[int, ...], dtype: int) -> list[Value]:
    """The elements, one by one: the error is about the first one that is wrong.

    Iterative: lists may be nested deeper than Python's stack.
    """
    values: list[Value] = []
    pending = [(root, 0)]
    while pending:
        value, level = pending.pop()
        if not isinstance(value, list):
            if level != len(shape):
                raise InvalidArgument(
                    f"JSON Value: {echo(value)} found at incorrect level: {level + 1} in the JSON"
                    f" DOM. Expected at level: {len(shape)}"
                )
            values.append(_element(value, dtype))
            continue
        if level >= len(shape):
            raise InvalidArgument(
                f"Encountered list at unexpected level: {level} expected < {len(shape)}"
            )
        if len(value) != shape[level]:
            raise InvalidArgument(
                f"Encountered list at unexpected size: {len(value)} at level: {level}"
                f" expected size: {shape[level]}"
            )
        pending += [(item, level + 1) for item in reversed(value)]
    return values


def _element(value: Value, dtype: int) -> Value:
    if isinstance(value, JsonObject):
        if dtype == STRING.number:
            return decode_base64(value)
    elif dtype > _REF or not DType.of_number(dtype).rest:
        raise Unimplemented(f"Conversion of JSON Value: {echo(value)} to type: {dtype_name(dtype)}")
    else:
        element = [value]
        if _all_fit(element, dtype):
            return element[0]
    raise InvalidArgument(
        f"JSON Value: {echo(value)} Type: {type_name(value)} is not of expected type:"
        f" {dtype_name(dtype)}"
    )


def type_name(value: Value) -> str:
    """What rapidjson calls the type of a value."""
    if isinstance(value, bool):
        return str(value)
    names: dict[type, str] = {str: "String", list: "Array", JsonObject: "Object", int: "Number"}
    return "Null" if value is None else names.get(type(value), "Number")


# --- bytes as {"b64": "..."} -------------------------------------------------------------------


def is_base64(value: Value) -> bool:
    """Whether a value is an object that stands for bytes."""
    return (
        isinstance(value, JsonObject)
        and len(value) == 1
        and value.members[0][0] == "b64"
        and isinstance(value.members[0][1], str)
    )


_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BLANKS = b" \t\n\v\f\r"


def decode_base64(value: JsonObject) -> bytes:
    """The bytes that an object stands for; blanks are skipped, and padding may be missing.

    Raises:
        InvalidArgument: it does not stand for bytes, or its base64 is not valid.
    """
    if not is_base64(value):
        raise refused(value, "not formatted correctly for base64 data")
    text: bytes = value.members[0][1].encode(errors="surrogateescape")
    text = text.translate(None, _BLANKS)
    digits = text.rstrip(b"=.")
    padding = len(text) - len(digits)
    missing = -len(digits) % 4
    if digits.translate(None, _STANDARD) or missing == 3 or padding not in (0, missing):
        raise InvalidArgument("Unable to base64 decode")
    try:
        return base64.b64decode(digits + b"=" * missing)
    except binascii.Error:
        raise InvalidArgument("Unable to base64 decode") from None
