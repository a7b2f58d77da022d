"""Request bodies of the REST interface: from JSON to tensors, by TF Serving's rules."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np

from tfsclient.dtypes import STRING, DType
from tfsclient.errors import Code, DecodeError, InvalidArgument, TFSError, Unimplemented
from tfsclient.server.rapidjson_dialect import JsonError, JsonObject, Value, parse
from tfsclient.server.rapidjson_writer import echo
from tfsclient.tensors import Tensor

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
    """A tensor's values as they stand in a request.

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
            array = np.empty(len(values), object)
            array[:] = values
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


def parse_body(body: bytes) -> JsonObject:
    """The JSON object that a request has to be.

    Raises:
        InvalidArgument: it is something else.
    """
    if not body:
        raise InvalidArgument("JSON Parse error: The document is empty")
    try:
        document = parse(body)
    except JsonError as error:
        raise InvalidArgument(f"JSON Parse error: {error}") from None
    if not isinstance(document, JsonObject):
        raise _refused(document, "Is not object")
    return document


def signature_name(document: JsonObject) -> str:
    """The signature that a request asks for; "" if it does not say.

    Raises:
        InvalidArgument: it is not a string.
    """
    member = document.find("signature_name")
    if member is None:
        return ""
    if not isinstance(member[1], str):
        raise _refused(
            document, "not formatted correctly. 'signature_name' key must be a string value."
        )
    return member[1]


def predict_inputs(
    document: JsonObject, infos: Mapping[str, Any]
) -> tuple[dict[str, JsonTensor], bool]:
    """The inputs of a predict request.

    Args:
        document: the request.
        infos: the signature's inputs, TensorInfo by name.

    Returns:
        The inputs by name, and whether they came in row form ("instances").

    Raises:
        InvalidArgument: they are not formed as the signature and the format ask.
        Unimplemented: JSON cannot carry the type of an input.
    """
    dtypes = {name: infos[name].dtype for name in sorted(infos)}
    instances, inputs = document.find("instances"), document.find("inputs")
    if instances is not None and inputs is not None:
        raise _refused(
            document,
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        )
    if instances is not None:
        if not isinstance(instances[1], list):
            raise _refused(document, "Expecting 'instances' to be an list/array")
        if not instances[1]:
            raise _refused(document, "No values in 'instances' array")
        return _row_inputs(instances[1], dtypes), True
    if inputs is not None:
        return _column_inputs(inputs[1], dtypes), False
    raise InvalidArgument("Missing 'inputs' or 'instances' key")


def _refused(value: Value, why: str) -> InvalidArgument:
    return InvalidArgument(f"JSON Value: {echo(value)} {why}")


# --- the two formats ---------------------------------------------------------------------------


def _column_inputs(value: Value, dtypes: Mapping[str, int]) -> dict[str, JsonTensor]:
    if _is_object(value):
        tensors = {}
        for name, dtype in dtypes.items():
            member = value.find(name)
            if member is None:
                raise InvalidArgument(f"Missing named input: {name} in 'inputs' object.")
            tensors[name] = _tensor(member[1], dtype)
        return tensors
    if len(dtypes) > 1:
        raise InvalidArgument(
            "inputs is a plain value/list, but expecting an object as multiple input tensors"
            " required as per tensorinfo_map"
        )
    ((name, dtype),) = dtypes.items()
    return {name: _tensor(value, dtype)}


def _row_inputs(instances: list[Value], dtypes: Mapping[str, int]) -> dict[str, JsonTensor]:
    named = _is_object(instances[0])
    if not isinstance(instances[0], JsonObject) and len(dtypes) > 1:
        raise InvalidArgument(
            "instances is a plain list, but expecting list of objects as multiple input tensors"
            " required as per tensorinfo_map"
        )
    only = next(iter(dtypes))
    if not named:
        whole = _all_at_once(instances, dtypes[only])
        if whole is not None:
            return {only: whole}
    batches: dict[str, _Batch] = {}
    for index, element in enumerate(instances):
        if named and not _is_object(element):
            raise InvalidArgument(f"Expecting object but got list at item {index} of input list")
        if not named and _is_object(element):
            raise InvalidArgument(
                f"Expecting value/list but got object at item {index} of input list"
            )
        members = element.members if named else [(only, element)]
        for name, value in members:
            name = name.partition("\0")[0]  # the server's names end there
            try:
                if name not in dtypes:
                    raise InvalidArgument(f"JSON object: does not have named input: {name}")
                batches.setdefault(name, _Batch(dtypes[name])).add(value)
            except TFSError as error:
                key = f" key: {name}" if named else ""
                raise InvalidArgument(
                    f"Failed to process element: {index}{key} of 'instances' list."
                    f" Error: {error.code or Code.UNKNOWN}: {error.details}"
                ) from None
        if named and {name.partition("\0")[0] for name, _ in members} != set(dtypes):
            raise InvalidArgument(
                f"Failed to process element: {index} of 'instances' list. JSON object:"
                f" {echo(element)} keys must be equal to: {','.join(sorted(dtypes))}"
            )
    return {name: batch.to_tensor(len(instances)) for name, batch in batches.items()}


def _all_at_once(instances: list[Value], dtype: int) -> JsonTensor | None:
    """The instances as one list, if there is nothing wrong with them: the usual case, and fast."""
    shape = (len(instances), *_shape(instances[0]))
    values = _flat(instances, shape)
    if values is None or not _all_fit(values, dtype):
        return None
    return JsonTensor(DType.of_number(dtype), shape, values)


class _Batch:
    """The values of one input, instance by instance."""

    def __init__(self, dtype: int) -> None:
        self._dtype = dtype
        self._values: list[Value] = []
        self._size: int | None = None
        self._shape: tuple[int, ...] = ()

    def add(self, value: Value) -> None:
        tensor = _tensor(value, self._dtype)
        if self._size is None:
            self._size = len(tensor.values)
            self._shape = tensor.shape
        elif self._size != len(tensor.values):
            raise InvalidArgument(
                f"Expecting tensor size: {self._size} but got: {len(tensor.values)}"
            )
        elif self._shape != tensor.shape:
            raise InvalidArgument(
                f"Expecting shape {_shape_text(self._shape)} but got: {_shape_text(tensor.shape)}"
            )
        self._values += tensor.values

    def to_tensor(self, count: int) -> JsonTensor:
        return JsonTensor(DType.of_number(self._dtype), (count, *self._shape), self._values)


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _is_object(value: Value) -> bool:
    """Whether a value is an object of named inputs, not one that stands for bytes."""
    return isinstance(value, JsonObject) and not is_base64(value)


# --- one tensor --------------------------------------------------------------------------------


def _tensor(value: Value, dtype: int) -> JsonTensor:
    shape = _shape(value)
    values = _flat([value], (1, *shape))
    if values is None or not _all_fit(values, dtype):
        values = _walk(value, shape, dtype)
    return JsonTensor(DType.of_number(dtype), shape, values)


def _shape(value: Value) -> tuple[int, ...]:
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
    """The elements, one by one: what is wrong first is what the error tells.

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
        InvalidArgument: it does not stand for bytes, or not rightly.
    """
    if not is_base64(value):
        raise _refused(value, "not formatted correctly for base64 data")
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
