"""Tensors as TensorProto bytes and back, on numpy alone.

A request carries numbers as ``tensor_content``: the array's own memory.  A server answers in typed
value fields; those of floating point, complex and bool hold an array's memory just as well, so
decoding gives views of the message.  Decoding follows ``tensorflow::Tensor::FromProto``, the
server's reader: where a message can be read in two ways, both sides read the same.
"""

from __future__ import annotations

import math
import sys
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._codec.protobuf import (
    CHUNK,
    FIXED32,
    FIXED64,
    VARINT,
    Buffer,
    chunk,
    fields,
    signed,
    tag,
    text,
    varint,
)
from tfsclient._codec.strings import (
    parse_many,
    string_array,
    string_parts,
    strings_from_content,
    take_strings,
)
from tfsclient._codec.varints import pack_varints, unpack_varints
from tfsclient.dtypes import (
    BOOL_VAL,
    DCOMPLEX_VAL,
    DOUBLE_VAL,
    FLOAT8_VAL,
    FLOAT_VAL,
    HALF_VAL,
    INT64_VAL,
    INT_VAL,
    SCOMPLEX_VAL,
    STRING,
    STRING_VAL,
    UINT32_VAL,
    UINT64_VAL,
    DType,
)
from tfsclient.errors import DecodeError

Array: TypeAlias = npt.NDArray[Any]
Outputs: TypeAlias = dict[str, Array]

_DTYPE, _SHAPE, _CONTENT = 1, 2, 4  # fields of TensorProto; dtypes.py has the value fields
_DIM, _UNKNOWN_RANK, _DIM_SIZE, _DIM_NAME = 2, 3, 1, 2  # of TensorShapeProto and its Dim

_REF = 100  # the number of DT_FLOAT_REF is that of DT_FLOAT and this
_MAX_RANK = 254  # TensorFlow's
_NUMPY_MAX_RANK = getattr(np, "MAXDIMS", 64)  # 32 before numpy 2, which no longer says

_BIG_ENDIAN = sys.byteorder == "big"  # which the wire never is
_WIDEST = 16  # bytes of an element
COPIED = 4096  # bytes: copying so little costs less than making a memoryview

# Bytes of padding that a message may ask for without paying with bytes of its own.
MAX_PADDING: Final = 16 << 20


class Tensor(NamedTuple):
    """A tensor as it travels.

    Attributes:
        dtype: the type on the wire.
        array: the elements, of numpy dtype ``dtype.numpy``; strings are an object array of bytes.
    """

    dtype: DType
    array: Array


# --- encoding ----------------------------------------------------------------------------------


def encode_tensor(tensor: Tensor) -> list[Buffer]:
    """The TensorProto of a request, as parts to be joined: numbers in ``tensor_content``.

    A large C-contiguous array is not copied: its part is a view, to be joined or sent before the
    array changes.

    Raises:
        TypeError: the array's dtype is not ``dtype.numpy``, or not every string is bytes.
    """
    dtype, array = tensor
    if dtype == STRING:
        return [_head(dtype.number, array.shape), *string_parts(array)]
    payload = memory_of(_native(tensor))
    if not payload:
        return [_head(dtype.number, array.shape)]
    return [_content_head(dtype.number, array.shape, len(payload)), payload]


def encode_tensor_typed(tensor: Tensor) -> list[Buffer]:
    """The TensorProto of an answer, as parts to be joined: every element, in its value field.

    Raises:
        TypeError: the array's dtype is not ``dtype.numpy``, or not every string is bytes.
    """
    dtype, array = tensor
    head = _head(dtype.number, array.shape)
    if dtype == STRING:
        return [head, *string_parts(array)]
    array = _native(tensor)
    if array.size == 0:
        return [head]
    payload: Buffer
    if dtype.field == HALF_VAL:
        payload = pack_varints(array.ravel().view(np.uint16))
    elif _NUMBERS[dtype.field][0] != VARINT or dtype.field == BOOL_VAL:
        payload = memory_of(array)
    else:
        numbers = array.ravel()
        payload = pack_varints(numbers if numbers.dtype.kind in "iu" else numbers.astype(np.int64))
    return [head + tag(dtype.field, CHUNK) + varint(len(payload)), payload]


@lru_cache(maxsize=4096)
def _head(number: int, shape: tuple[int, ...]) -> bytes:
    """The dtype and shape fields; a dimension of 0 is an empty Dim message."""
    sizes = [tag(_DIM_SIZE, VARINT) + varint(size) if size else b"" for size in shape]
    dims = b"".join(chunk(_DIM, size) for size in sizes)
    return tag(_DTYPE, VARINT) + varint(number) + chunk(_SHAPE, dims)


@lru_cache(maxsize=4096)
def _content_head(number: int, shape: tuple[int, ...], size: int) -> bytes:
    return _head(number, shape) + tag(_CONTENT, CHUNK) + varint(size)


def _native(tensor: Tensor) -> Array:
    """The tensor's array in this machine's byte order, once its dtype is what it should be."""
    dtype, array = tensor
    wanted = dtype.numpy
    if array.dtype == wanted:
        return array
    if array.dtype.newbyteorder("=") != wanted:
        raise TypeError(f"a {dtype} tensor needs an array of {wanted}, not of {array.dtype}")
    return array.astype(wanted)


def memory_of(array: Array) -> Buffer:
    """The elements' bytes in row-major order: a view if that saves copying much."""
    if _BIG_ENDIAN:
        array = array.byteswap()
    if array.nbytes <= COPIED or not array.flags.c_contiguous:
        return array.tobytes()
    return array.reshape(-1).view(np.uint8).data


# --- decoding ----------------------------------------------------------------------------------

# The fields that hold numbers: the wire type and size of a number that stands alone. Packed, those
# of a fixed size are an array's memory.
_NUMBERS: Final = {
    FLOAT_VAL: (FIXED32, 4),
    DOUBLE_VAL: (FIXED64, 8),
    INT_VAL: (VARINT, 1),
    SCOMPLEX_VAL: (FIXED32, 4),
    INT64_VAL: (VARINT, 1),
    BOOL_VAL: (VARINT, 1),
    DCOMPLEX_VAL: (FIXED64, 8),
    HALF_VAL: (VARINT, 1),
    UINT32_VAL: (VARINT, 1),
    UINT64_VAL: (VARINT, 1),
    FLOAT8_VAL: (CHUNK, 1),
}


def decode_tensor(
    data: Buffer,
    *,
    copy: bool = False,
    padding: int = MAX_PADDING,
    references: bool = True,
    lenient: bool = True,
) -> Tensor:
    """Read a TensorProto in either form.

    Args:
        data: the message.
        copy: whether the array must have memory of its own, to be written to.  Without, it is
            read-only, and a view of ``data`` where the elements stand there as numpy wants them
            (though perhaps not aligned).
        padding: how many bytes may be allocated for elements that the message leaves out.
        references: whether a reference type, as in DT_FLOAT_REF, is read as the type itself;
            TensorFlow does not read it at all.
        lenient: whether it is read as TensorFlow reads it, which passes over values beyond those
            that the shape has room for, and over a shape's saying that its rank is unknown.  A
            missing shape is that of a scalar either way.

    Raises:
        DecodeError: the bytes are no TensorProto, or one that TensorFlow or numpy cannot hold.
    """
    number, shape, content, values, strings = _scan(memoryview(data))
    if number < 0 or (number > _REF and not references):
        raise DecodeError(f"a tensor of type {number} cannot be read")
    dtype = DType.of_number(number)
    if not dtype.sendable:
        raise DecodeError(f"a tensor of type {dtype} cannot be read")
    dims, count, known = _shape_of(shape)
    if not lenient and not known:
        raise DecodeError("a tensor does not say its shape: its rank is unknown")
    limit = count if lenient else sys.maxsize
    if not limit:
        array = np.empty(0, dtype.numpy)
    elif content:
        array = _from_content(dtype, content, count)
    elif dtype == STRING:
        array = string_array(strings[:limit])
    else:
        array = _from_values(dtype, values.get(dtype.field, []), limit)
    if array.size > count:
        raise DecodeError(f"a {dtype} tensor of shape {dims} has {array.size} values")
    if array.size < count:
        array = _padded(array, count, copy, padding)
    if copy:
        return Tensor(dtype, (array if array.flags.owndata else array.copy()).reshape(dims))
    array = array.reshape(dims)
    array.flags.writeable = False
    return Tensor(dtype, array)


def read_message(proto: Any, dtype: DType) -> Array | None:
    """The elements of a TensorProto message of strings or int64, as many as its shape says.

    Returns:
        None if it is of another dtype, or does not have each element in its field.

    Raises:
        DecodeError: numpy cannot hold an array of this shape.
    """
    dims, count, _ = _shape_of(proto.tensor_shape.SerializeToString())
    strings = dtype == STRING
    array: Array = string_array(proto.string_val[:]) if strings else np.asarray(proto.int64_val)
    if proto.dtype != dtype.number or proto.tensor_content or array.size != count:
        return None
    return array.reshape(dims)


def _scan(
    data: memoryview,
) -> tuple[int, bytes, Buffer | None, dict[int, list[Buffer]], list[bytes]]:
    """The message's dtype number, shape, content, pieces of number fields, and strings."""
    number = 0
    shape = bytearray()
    content: memoryview | None = None
    values: dict[int, list[Buffer]] = {}
    strings: list[bytes] = []
    raw = b""
    position = 0
    while position < len(data):
        for field, kind, first, end in fields(data, position):
            if field == STRING_VAL and kind == CHUNK:
                if not raw and (read := parse_many(data, end - first, len(data) - end)):
                    strings = read.string_val[:]
                    shape = read.tensor_shape.SerializeToString()
                    return STRING.number, shape, read.tensor_content, {}, strings
                raw = raw or bytes(data)  # whose slices are what is wanted, and made faster
                strings.append(raw[first:end])
                position = take_strings(raw, end, strings)
                break
            if field > _CONTENT:
                if kind == CHUNK:
                    values.setdefault(field, []).append(data[first:end])
                elif field in _NUMBERS and kind == _NUMBERS[field][0]:
                    # A repeated number may stand outside chunks, too.
                    piece = varint(first) if kind == VARINT else bytes(data[first:end])
                    values.setdefault(field, []).append(piece)
            elif field == _SHAPE and kind == CHUNK:
                # Protobuf merges repeated messages, which is to read them one after the other.
                shape += data[first:end]
            elif field == _CONTENT and kind == CHUNK:
                content = data[first:end]
            elif field == _DTYPE and kind == VARINT:
                number = signed(first, 32)
        else:
            break
    return number, bytes(shape), content, values, strings


def _shape_of(shape: bytes) -> tuple[tuple[int, ...], int, bool]:
    # Answers repeat their shapes. A hostile one may be long: such are not kept.
    return _read_shape(shape) if len(shape) <= _KEPT_SHAPE else _parse_shape(shape)


def _parse_shape(shape: bytes) -> tuple[tuple[int, ...], int, bool]:
    """The dimensions of a TensorShapeProto, their elements, and whether the rank is known."""
    dims: list[int] = []
    known = True
    for field, kind, first, end in fields(shape):
        if field == _UNKNOWN_RANK and kind == VARINT:
            known = not first
        if field != _DIM or kind != CHUNK:
            continue
        size = 0
        for inner, inner_kind, value, inner_end in fields(shape, first, end):
            if inner == _DIM_SIZE and inner_kind == VARINT:
                size = signed(value, 64)
            elif inner == _DIM_NAME and inner_kind == CHUNK:
                text(shape, value, inner_end)
        if size < 0:
            raise DecodeError(f"a tensor has a dimension of {size}")
        dims.append(size)
    for limit, whose in ((_MAX_RANK, "TensorFlow"), (_NUMPY_MAX_RANK, "numpy")):
        if len(dims) > limit:
            raise DecodeError(f"a tensor of rank {len(dims)} is beyond {whose}'s limit of {limit}")
    # numpy counts so even where a dimension is 0.
    if math.prod(filter(None, dims)) > sys.maxsize // _WIDEST:
        raise DecodeError(f"a tensor of shape {dims} is too large")
    return tuple(dims), math.prod(dims), known


_KEPT_SHAPE = 64  # bytes
_read_shape = lru_cache(maxsize=4096)(_parse_shape)


def _from_content(dtype: DType, content: Buffer, count: int) -> Array:
    if dtype == STRING:
        return string_array(strings_from_content(bytes(content), count))
    if len(content) != count * dtype.numpy.itemsize:
        raise DecodeError(
            f"a {dtype} tensor of {count} elements has {len(content)} bytes of content"
        )
    if dtype.field == BOOL_VAL and np.frombuffer(content, np.uint8).max() > 1:
        raise DecodeError("a bool tensor has a byte that is neither 0 nor 1")
    return _from_memory(content, dtype.numpy, count)


def _from_memory(memory: Buffer, dtype: np.dtype[Any], count: int) -> Array:
    array = np.frombuffer(memory, dtype, count)
    return array.byteswap() if _BIG_ENDIAN else array


def _from_values(dtype: DType, pieces: list[Buffer], count: int) -> Array:
    """The numbers that a typed field holds: as many as there are, but no more than ``count``."""
    wanted = dtype.numpy
    kind, unit = _NUMBERS[dtype.field]
    if kind == CHUNK:
        pieces = pieces[-1:]  # one bytes field, not a list
    for piece in pieces:
        if len(piece) % unit or (kind == VARINT and piece and piece[-1] > 127):
            raise DecodeError("a tensor's values end within a number")
    memory = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    if kind != VARINT:
        return _from_memory(memory, wanted, min(len(memory) // wanted.itemsize, count))
    packed = np.frombuffer(memory, np.uint8)
    if dtype.field == BOOL_VAL and not (packed.size and packed.max() > 1):
        return packed[:count].view(np.bool_)
    numbers = unpack_varints(packed)[:count]
    if dtype.field == HALF_VAL:
        return numbers.astype(np.uint16).view(wanted)
    return numbers.astype(wanted, copy=False)


def _padded(array: Array, count: int, copy: bool, padding: int) -> Array:
    """All ``count`` elements: the last one repeated, or zeros if there is none."""
    if not array.size:
        array = np.full(1, b"" if array.dtype == object else 0, array.dtype)
    if array.size == 1 and not copy:
        # Repeating a lone value costs nothing. As a copy, it does not keep the message in memory.
        return np.broadcast_to(array.copy(), count)
    missing = count - array.size
    if missing * array.itemsize > padding:
        raise DecodeError(f"a tensor of {count} elements has only {array.size} of them")
    whole = np.empty(count, array.dtype)
    whole[: array.size] = array
    whole[array.size :] = array[-1]
    return whole
