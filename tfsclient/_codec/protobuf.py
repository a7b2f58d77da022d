"""The protobuf wire format: what the tensor codec needs of it, on plain bytes.

Messages are read as protobuf reads them, unknown fields and groups skipped; whatever protobuf
would refuse raises DecodeError.  Nothing is copied: a field is a span of the buffer it stands in.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from tfsclient.errors import DecodeError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Buffer: TypeAlias = bytes | memoryview  # a memoryview is of single bytes, in one dimension

VARINT: Final = 0
FIXED64: Final = 1
CHUNK: Final = 2
_START_GROUP: Final = 3
_END_GROUP: Final = 4
FIXED32: Final = 5

MAX_VARINT: Final = 10  # bytes of a 64 bit number
_MAX_TAG = 5  # bytes of a 32 bit number
_MAX_DEPTH = 100  # of groups in groups, as in protobuf

_MAX_MESSAGE = (1 << 31) - 1  # bytes; protobuf's limit, and gRPC's

# Bytes, which decoded may be twice as many or more: glibc's malloc asks the system for each block
# of 128 KiB.
LARGE: Final = 1 << 16
_LARGEST_KEPT = (32 << 20) - 8192  # bytes; the most that it may be told to keep, and some room

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
        DecodeError: this is not a protobuf message.
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
    for shift in range(0, 7 * MAX_VARINT, 7):
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


def join(parts: Sequence[Buffer]) -> bytes:
    """One message of its parts.

    Raises:
        InvalidInput: it would have 2 GiB or more, which protobuf and gRPC cannot carry.
    """
    size = sum(map(len, parts))
    if size > _MAX_MESSAGE:
        raise InvalidInput(
            f"the message would have {size:,} bytes, but protobuf and gRPC end at {_MAX_MESSAGE:,}",
            hint="send fewer examples at a time",
        )
    if size >= LARGE:
        keep_freed_memory()
    return b"".join(parts)


@cache
def keep_freed_memory() -> None:
    """Have glibc's malloc keep the memory of large messages for the next ones.

    Otherwise it gives that back to the system with every message, and getting it again page by page
    takes longer than all else: calls of 600 kB take a third of the time so, those of 19 MB half.
    Freeing a block makes malloc take blocks up to that size from its heap from then on, of which
    it may keep twice as much (mallopt(3), M_MMAP_THRESHOLD).  The block itself is never touched.
    Other allocators do not care; GLIBC_TUNABLES turns it off.
    """
    bytes(_LARGEST_KEPT)
