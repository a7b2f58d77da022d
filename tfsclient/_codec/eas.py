"""The messages of PAI-EAS's TensorFlow processor, as protobuf bytes and back.

    PredictRequest {1: signature_name, 2: map of inputs, 3: output_filter}
    PredictResponse {1: map of outputs}
    ArrayProto {1: dtype, 2: array_shape, 3: float, 4: double, 5: int, 6: string, 7: int64, 8: bool}
    ArrayShape {1: dims}

An ArrayProto is a TensorProto with other field numbers and another shape, so it is read as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from tfsclient._codec.model_ref import utf8
from tfsclient._codec.protobuf import (
    CHUNK,
    FIXED32,
    FIXED64,
    VARINT,
    Buffer,
    chunk,
    fields,
    join,
    signed,
    tag,
    text,
    varint,
)
from tfsclient._codec.tensor import Array, Tensor, decode_tensor, memory_of
from tfsclient._codec.varints import pack_varints, unpack_varints
from tfsclient.dtypes import BOOL_VAL, DOUBLE_VAL, FLOAT_VAL, INT64_VAL, INT_VAL, STRING_VAL
from tfsclient.errors import cannot_send

_SIGNATURE, _INPUTS, _FILTER = 1, 2, 3  # fields of PredictRequest
_OUTPUTS = 1  # of PredictResponse
_KEY, _VALUE = 1, 2  # of a map's entry
_DTYPE, _SHAPE, _DIM = 1, 2, 1  # of ArrayProto and ArrayShape

_LAST: Final = 21  # the number of the last dtype that there was when PAI-EAS copied them

# The value fields of a TensorProto, and those of an ArrayProto that hold the same.
_FIELDS: Final = {FLOAT_VAL: 3, DOUBLE_VAL: 4, INT_VAL: 5, STRING_VAL: 6, INT64_VAL: 7, BOOL_VAL: 8}
_TENSOR_FIELDS: Final = {ours: theirs for theirs, ours in _FIELDS.items()}
_TENSOR_SHAPE, _TENSOR_DIM, _TENSOR_SIZE = 2, 2, 1


def encode_request(
    inputs: Mapping[str, Tensor], signature: str | None, outputs: Iterable[str]
) -> bytes:
    """A PredictRequest.

    Raises:
        Unimplemented: an ArrayProto has no field for the dtype of an input.
        InvalidInput: it would be 2 GiB or more.
    """
    parts: list[Buffer] = [chunk(_SIGNATURE, utf8(signature))] if signature else []
    for name, tensor in inputs.items():
        value = _array(name, tensor)
        size = sum(map(len, value))
        key = chunk(_KEY, utf8(name))
        head = tag(_VALUE, CHUNK) + varint(size)
        parts += [tag(_INPUTS, CHUNK) + varint(len(key) + len(head) + size) + key + head, *value]
    return join([*parts, *(chunk(_FILTER, utf8(name)) for name in outputs)])


def _array(name: str, tensor: Tensor) -> list[Buffer]:
    dtype, array = tensor
    if dtype.field not in _FIELDS or dtype.number > _LAST:
        raise cannot_send(f"input {name!r} is {dtype}, which PAI-EAS has no field for")
    shape = b"".join(map(varint, array.shape))
    head = tag(_DTYPE, VARINT) + varint(dtype.number)
    head += chunk(_SHAPE, chunk(_DIM, shape) if shape else b"")
    field = _FIELDS[dtype.field]
    if dtype.field == STRING_VAL:
        return [head, *(chunk(field, item) for item in array.ravel())]
    if not array.size:
        return [head]
    native = array.astype(dtype.numpy, copy=False)
    payload: Buffer
    if dtype.field in (INT_VAL, INT64_VAL):
        payload = pack_varints(native.ravel().astype(np.int64, copy=False))
    else:
        payload = memory_of(native)
    return [head + tag(field, CHUNK) + varint(len(payload)), payload]


def decode_response(data: bytes) -> dict[str, Array]:
    """The outputs of a PredictResponse.

    Raises:
        DecodeError: the bytes are not one.
    """
    outputs = {}
    for number, kind, first, end in fields(data):
        if number != _OUTPUTS or kind != CHUNK:
            continue
        name, value = "", b""
        for inner, inner_kind, start, stop in fields(data, first, end):
            if inner == _KEY and inner_kind == CHUNK:
                name = text(data, start, stop)
            elif inner == _VALUE and inner_kind == CHUNK:
                value = _tensor(data[start:stop])
        outputs[name] = decode_tensor(value).array
    return outputs


def _tensor(data: bytes) -> bytes:
    """The TensorProto that says the same as an ArrayProto."""
    parts: list[bytes] = []
    for number, kind, first, end in fields(data):
        if number == _DTYPE and kind == VARINT:
            parts.append(tag(_DTYPE, VARINT) + varint(first))
        elif number == _SHAPE and kind == CHUNK:
            parts.append(chunk(_TENSOR_SHAPE, _shape(data[first:end])))
        elif number in _TENSOR_FIELDS:
            field = _TENSOR_FIELDS[number]
            if kind == CHUNK:
                parts.append(chunk(field, data[first:end]))
            elif kind == VARINT:
                parts.append(tag(field, kind) + varint(first))
            elif kind in (FIXED32, FIXED64):
                parts.append(tag(field, kind) + data[first:end])
    return b"".join(parts)


def _shape(data: bytes) -> bytes:
    sizes: list[int] = []
    for number, kind, first, end in fields(data):
        if number == _DIM and kind == VARINT:
            sizes.append(signed(first, 64))
        elif number == _DIM and kind == CHUNK:
            packed = unpack_varints(np.frombuffer(data, np.uint8, end - first, first))
            sizes += [signed(int(size), 64) for size in packed]
    dims = (tag(_TENSOR_SIZE, VARINT) + varint(size) if size else b"" for size in sizes)
    return b"".join(chunk(_TENSOR_DIM, dim) for dim in dims)
