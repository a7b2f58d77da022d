"""Many varints at once, by numpy: the payload of a packed field."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfsclient._codec.fast_protobuf import read_varints
from tfsclient._codec.protobuf import MAX_VARINT
from tfsclient.errors import DecodeError

# From how many bytes of varints, and from how many in each of some of them, protobuf's parser pays.
MANY = 4096
_LONG = 3
SAMPLE = 512  # bytes
_NOT_LAST = bytes(range(128, 256))  # bytes of a varint that others follow


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
    if packed.size >= MANY and are_long(packed[:SAMPLE].tobytes()):
        numbers = read_varints(packed)
        if numbers is not None:
            return numbers
    first = np.empty(packed.size, np.bool_)
    first[0] = True
    np.less(packed[:-1], 128, out=first[1:])
    starts = np.flatnonzero(first)
    # All first bytes, then all second bytes, and so on, with 0 where a varint has no more.
    padded = np.concatenate([packed, np.zeros(MAX_VARINT, np.uint8)])
    byte = packed.take(starts)
    numbers = (byte & 127).astype(np.uint32)
    for index in range(1, MAX_VARINT):
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


def are_long(sample: bytes) -> bool:
    """Whether the varints in these bytes are so long that protobuf reads them faster than we do."""
    return len(sample) > _LONG * len(sample.translate(None, _NOT_LAST))


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
