"""TFRecord files: what is written is read, and whatever is damaged is told."""

from __future__ import annotations

import copy
import io
import pickle
import struct
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import missing
from tfsclient._codec import tfrecord
from tfsclient._codec.tfrecord import BrokenRecord, frame, records
from tfsclient.errors import DecodeError

thorough = settings(deadline=None, max_examples=300)


def read(data: bytes) -> list[bytes]:
    return list(records(io.BytesIO(data), len(data)))


@pytest.fixture
def choose() -> Iterator[Callable[..., Callable[[bytes], int]]]:
    """Chooses the checksum anew, among these packages."""
    with pytest.MonkeyPatch.context() as patch:

        def choose(*packages: tuple[str, str]) -> Callable[[bytes], int]:
            patch.setattr(tfrecord, "_FAST", packages)
            tfrecord._crc32c.cache_clear()
            return tfrecord._crc32c()

        yield choose
    tfrecord._crc32c.cache_clear()


# --- checksums ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "crc"),
    [  # of RFC 3720, B.4
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
    ],
)
def test_the_checksum_is_crc_32c(data: bytes, crc: int) -> None:
    assert tfrecord._slow_crc32c(data) == crc
    assert tfrecord._crc32c()(data) == crc


@pytest.mark.parametrize(("module", "name"), tfrecord._FAST)
def test_slow_and_fast_agree(module: str, name: str) -> None:
    try:
        fast = getattr(import_module(module), name)
    except ImportError:
        missing(module)

    @thorough
    @given(st.binary(max_size=300) | st.binary(min_size=3000, max_size=5000))
    def agree(data: bytes) -> None:
        assert tfrecord._slow_crc32c(data) == fast(data)

    agree()


def test_the_fast_one_is_taken_where_there_is_one(
    choose: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose() is tfrecord._slow_crc32c
    assert choose(("no_such_package", "value")) is tfrecord._slow_crc32c
    assert choose(("no_such_package", "value"), ("zlib", "crc32")) is import_module("zlib").crc32
    for module, name in tfrecord._FAST:
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
        assert choose((module, name)) is tfrecord._slow_crc32c


def test_the_slow_one_writes_the_same_file(choose: Callable[..., Any]) -> None:
    data = [b"", b"record", bytes(range(256)) * 20]
    whole = b"".join(map(frame, data))
    choose()
    assert b"".join(map(frame, data)) == whole
    assert read(whole) == data


# --- files ----------------------------------------------------------------------------------------


@thorough
@given(st.lists(st.binary(max_size=100), max_size=5))
def test_what_is_written_is_read(data: list[bytes]) -> None:
    assert read(b"".join(map(frame, data))) == data


def test_a_record_stands_as_the_format_says() -> None:
    # https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
    def masked(data: bytes) -> bytes:
        crc = tfrecord._slow_crc32c(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % (1 << 32))

    length = struct.pack("<Q", 6)
    assert frame(b"record") == length + masked(length) + b"record" + masked(b"record")


def test_tensorflow_reads_and_writes_the_same(tmp_path: Path) -> None:
    try:
        import tensorflow as tf
    except ImportError:
        missing("tensorflow")
    data = [b"", b"record", bytes(range(256)) * 20]
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(b"".join(map(frame, data)))
    assert [each.numpy() for each in tf.data.TFRecordDataset(str(ours))] == data
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        for each in data:
            writer.write(each)
    assert theirs.read_bytes() == ours.read_bytes()
    with theirs.open("rb") as file:
        assert list(records(file, theirs.stat().st_size)) == data


def test_records_come_one_by_one() -> None:
    whole = frame(b"first") + frame(b"second")[:-1]
    file = io.BytesIO(whole)
    each = records(file, len(whole))
    assert next(each) == b"first"
    assert file.tell() == len(frame(b"first"))
    with pytest.raises(BrokenRecord):
        next(each)


FIRST, SECOND = frame(b"first"), frame(b"the second")


@pytest.mark.parametrize("end", range(1, len(SECOND)))
def test_a_file_that_ends_early(end: int) -> None:
    data = FIRST + SECOND[:end]
    each = records(io.BytesIO(data), len(data))
    assert next(each) == b"first"
    with pytest.raises(BrokenRecord, match=f"truncated record at {len(FIRST)}$") as caught:
        next(each)
    assert (caught.value.how, caught.value.offset) == ("truncated", len(FIRST))


def test_a_file_that_ends_between_records_is_whole() -> None:
    assert read(FIRST) == [b"first"]
    assert read(b"") == []


@pytest.mark.parametrize("place", range(len(SECOND)))
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_byte_that_changed(place: int, flip: int) -> None:
    damaged = bytearray(SECOND)
    damaged[place] ^= flip
    data = FIRST + bytes(damaged) + FIRST
    each = records(io.BytesIO(data), len(data))
    assert next(each) == b"first"
    with pytest.raises(BrokenRecord, match=f"corrupted record at {len(FIRST)}$") as caught:
        next(each)
    assert (caught.value.how, caught.value.offset) == ("corrupted", len(FIRST))


def test_a_file_that_shrinks_while_it_is_read() -> None:
    for end in range(len(FIRST), len(FIRST) + len(SECOND)):
        with pytest.raises(BrokenRecord):
            list(records(io.BytesIO((FIRST + SECOND)[:end]), len(FIRST + SECOND)))


def test_a_lying_length_reads_nothing() -> None:
    length = struct.pack("<Q", 1 << 62)
    data = length + tfrecord._checksum(length) + bytes(100)
    file = io.BytesIO(data)
    with pytest.raises(BrokenRecord, match="truncated record at 0"):
        list(records(file, len(data)))
    assert file.tell() == 12


@thorough
@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    try:
        found = read(data)
    except BrokenRecord:
        return
    assert b"".join(map(frame, found)) == data


# --- the error ------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_error_pickles(protocol: int) -> None:
    error = BrokenRecord("corrupted", 21)
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):
        assert type(again) is BrokenRecord
        assert (again.how, again.offset) == ("corrupted", 21)
        assert (str(again), again.details, again.code) == (str(error), error.details, error.code)


def test_the_error_is_a_decode_error() -> None:
    error = BrokenRecord("truncated", 3)
    assert isinstance(error, DecodeError)
    assert str(error).endswith("truncated record at 3")
    assert error.code is DecodeError("").code is None
