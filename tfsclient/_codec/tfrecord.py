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


def records(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The records of an open file of ``size`` bytes.

    Raises:
        BrokenRecord: the file ends within a record, or a checksum is not that of its data.
        OSError: the file cannot be read.
    """
    while (offset := file.tell()) < size:
        (length,) = _LENGTH.unpack(_checked(file, _LENGTH.size, offset, size))
        yield _checked(file, length, offset, size)


def _checked(file: BinaryIO, length: int, offset: int, size: int) -> bytes:
    """The next ``length`` bytes, which their checksum follows."""
    if length > size - file.tell() - _CRC.size:
        raise BrokenRecord("truncated", offset)
    data = file.read(length)
    if file.read(_CRC.size) != _checksum(data):
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
