"""The protobuf wire format: what the tensor codec needs of it, on plain bytes and numpy.

Messages are read as protobuf reads them, unknown fields and groups skipped; whatever protobuf
would refuse raises DecodeError.  Nothing is copied: a field is a span of the buffer it stands in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

Buffer: TypeAlias = bytes | memoryview  # a memoryview is of single bytes, in one dimension

VARINT: Final = 0
FIXED64: Final = 1
CHUNK: Final = 2
_START_GROUP: Final = 3
_END_GROUP: Final = 4
FIXED32: Final = 5

_MAX_VARINT = 10  # bytes of a 64 bit number
_MAX_TAG = 5  # bytes of a 32 bit number
_MAX_DEPTH = 100  # of groups in groups, as in protobuf

# From how many bytes of varints, and from how many in each of them, protobuf's parser pays.
_MANY = 4096
_LONG = 3

_ONE_BYTE = [bytes([n]) for n in range(128)]


def varint(number: int) -> bytes:
    """``number`` as a varint; a negative one as its 64 bit two's complement."""
    if 0 <= number < 128:
        return _ONE_BYTE[number]
    if 0 <= number < 1 << 14:
        return bytes((number & 127 | 128, number >> 7))
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def tag(field: int, kind: int) -> bytes:
    """The bytes before a field's value."""
    return varint(field << 3 | kind)


def chunk(field: int, payload: bytes) -> bytes:
    """A whole length-delimited field."""
    return tag(field, CHUNK) + varint(len(payload)) + payload


def fields(
    data: Buffer, start: int = 0, end: int | None = None
) -> Iterator[tuple[int, int, int, int]]:
    """Walk the fields of the message in ``data[start:end]``.

    Yields:
        Field number, wire type, first, end.  ``data[first:end]`` is the payload of a chunk or of a
        fixed-width number; for a varint ``first`` is its value, from 0 to 2**64 - 1.

    Raises:
        DecodeError: this is no protobuf message.
    """
    position = start
    limit = len(data) if end is None else end
    groups: list[int] = []
    try:
        while position < limit:
            key = data[position]
            position += 1
            if key > 127:
                key_at = position - 1
                key, position = read_varint(data, key_at)
                if position - key_at > _MAX_TAG or key >> 32:
                    raise DecodeError("a protobuf field number is out of range")
            number = key >> 3
            kind = key & 7
            if not number:
                raise DecodeError("a protobuf field has the number 0")
            first = position
            if kind == CHUNK:
                size = data[first]
                first += 1
                if size > 127:
                    size, first = read_varint(data, first - 1)
                position = first + size
            elif kind == VARINT:
                value = data[first]
                position += 1
                if value > 127:
                    value, position = read_varint(data, first)
                first = value
            elif kind == FIXED32:
                position += 4
            elif kind == FIXED64:
                position += 8
            elif kind == _START_GROUP:
                groups.append(number)
                if len(groups) > _MAX_DEPTH:
                    raise DecodeError("protobuf groups are nested too deeply")
                continue
            elif kind == _END_GROUP and groups and groups.pop() == number:
                continue
            else:
                raise DecodeError(f"protobuf field {number} has a bad wire type, {kind}")
            if position > limit:
                break
            if not groups:
                yield number, kind, first, position
    except IndexError:
        position = limit + 1
    if position > limit or groups:
        raise DecodeError("a protobuf message ends too early")


def read_varint(data: Buffer, position: int) -> tuple[int, int]:
    """The varint at ``position``, and where it ends.

    Raises:
        DecodeError: it takes more than ten bytes.
        IndexError: the buffer ends within it.
    """
    value = 0
    for shift in range(0, 7 * _MAX_VARINT, 7):
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (1 << 64) - 1, position
    raise DecodeError("a protobuf varint is too long")


def signed(value: int, bits: int) -> int:
    """A varint's value as protobuf reads it into an int32 or int64: cut, then two's complement."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def text(data: Buffer, start: int, end: int) -> str:
    """The string in ``data[start:end]``.

    Raises:
        DecodeError: it is not UTF-8.
    """
    try:
        return str(data[start:end], "utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(f"a name is not UTF-8: {error}") from None


def unpack_varints(packed: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    """The numbers of a packed varint field.

    Returns:
        A fresh array of integers, whose bits are the numbers': uint64 and int64 mean the same.

    Raises:
        DecodeError: the last varint is cut off, or one takes more than ten bytes.
    """
    if not packed.size or packed.max() < 128:
        return packed.copy()
    if packed[-1] > 127:
        raise DecodeError("a protobuf varint is cut off")
    first = np.empty(packed.size, np.bool_)
    first[0] = True
    np.less(packed[:-1], 128, out=first[1:])
    if packed.size >= _MANY and packed.size > _LONG * np.count_nonzero(first):
        from tfsclient._codec.fast_protobuf import read_varints

        numbers = read_varints(packed)
        if numbers is not None:
            return numbers
    starts = np.flatnonzero(first)
    # All first bytes, then all second bytes, and so on, with 0 where a varint has no more.
    padded = np.concatenate([packed, np.zeros(_MAX_VARINT, np.uint8)])
    byte = packed.take(starts)
    numbers = (byte & 127).astype(np.uint32)
    for index in range(1, _MAX_VARINT):
        if byte.max() < 128:
            return numbers
        byte >>= 7
        byte *= padded[index : index + packed.size].take(starts)
        if index == 4:
            numbers = numbers.astype(np.uint64)
        low = (byte & 127).astype(numbers.dtype)
        low <<= numbers.dtype.type(7 * index)
        numbers |= low
    if byte.max() > 127:
        raise DecodeError("a protobuf varint is too long")
    return numbers


def pack_varints(numbers: npt.NDArray[Any]) -> bytes:
    """Integers as the payload of a packed varint field; negative ones take ten bytes."""
    if not numbers.size:
        return b""
    if numbers.min() >= 0 and numbers.max() < 128:
        return numbers.astype(np.uint8).tobytes()
    rest = numbers.astype(np.int64 if numbers.dtype.kind == "i" else np.uint64).view(np.uint64)
    size = max(1, -(-int(rest.max()).bit_length() // 7))
    table = np.empty((rest.size, size), np.uint8)
    used = np.empty((rest.size, size), np.bool_)
    for index in range(size):
        used[:, index] = rest != 0 if index else True
        table[:, index] = rest & np.uint64(127)
        rest = rest >> np.uint64(7)
        table[:, index] |= np.where(rest != 0, np.uint8(128), np.uint8(0))
    return table[used].tobytes()
