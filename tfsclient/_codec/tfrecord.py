"""TFRecord files: each record is its length and its bytes, both followed by a masked CRC-32C."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import BinaryIO, Final

from tfsclient.errors import DecodeError

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_DELTA = 0xA282EAD8  # of masked checksums
_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed

# Packages that compute CRC-32C some thousand times as fast as Python does, by module and function.
_FAST: Final = (("google_crc32c", "value"), ("crc32c", "crc32c"))


class BrokenRecord(DecodeError):
    """A record that is cut short, or whose checksum is wrong.

    Attributes:
        how: "truncated" or "corrupted".
        offset: where in the file the record starts, in bytes.
    """

    def __init__(self, how: str, offset: int) -> None:
        super().__init__(f"{how} record at {offset}")
        self.how = how
        self.offset = offset

    def __reduce__(self) -> tuple[type[BrokenRecord], tuple[str, int]]:
        return type(self), (self.how, self.offset)


def frame(record: bytes) -> bytes:
    """A record as it stands in a file."""
    length = _LENGTH.pack(len(record))
    return b"".join([length, _checksum(length), record, _checksum(record)])


def records(file: BinaryIO, size: int | None) -> Iterator[bytes]:
    """The records of an open file.

    Args:
        file: at its beginning.
        size: its bytes; None where they are not known, as of one that is unpacked while it is read.

    Raises:
        BrokenRecord: the file ends within a record, or a checksum is not that of its data.
        OSError: the file cannot be read.
    """
    offset = 0
    while size is None or offset < size:
        head = _checked(file, _LENGTH.size, offset, size, may_end=size is None)
        if not head:
            return  # the end, which no size told
        (length,) = _LENGTH.unpack(head)
        yield _checked(file, length, offset, size)
        offset += _LENGTH.size + length + 2 * _CRC.size


def _checked(
    file: BinaryIO, length: int, offset: int, size: int | None, *, may_end: bool = False
) -> bytes:
    """The next ``length`` bytes, which their checksum follows; none where the file may end."""
    if size is not None and length > size - file.tell() - _CRC.size:
        raise BrokenRecord("truncated", offset)
    data = file.read(length)
    crc = file.read(_CRC.size)
    if size is None and len(data) + len(crc) < length + _CRC.size:
        if may_end and not data:
            return b""
        raise BrokenRecord("truncated", offset)
    if crc != _checksum(data):
        raise BrokenRecord("corrupted", offset)
    return data


def _checksum(data: bytes) -> bytes:
    """The masked CRC-32C of TFRecords."""
    crc = _crc32c()(data)
    return _CRC.pack(((crc >> 15 | crc << 17) + _DELTA) & 0xFFFFFFFF)


@cache
def _crc32c() -> Callable[[bytes], int]:
    for module, name in _FAST:
        try:
            fast: Callable[[bytes], int] = getattr(import_module(module), name)
        except ImportError:
            continue
        return fast
    return _slow_crc32c


def _slow_crc32c(data: bytes) -> int:
    table = _table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@cache
def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table
