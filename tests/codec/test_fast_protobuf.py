"""Many strings or varints are left to protobuf's parser: what comes out is what we would read."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsclient._codec import strings, varints
from tfsclient._codec.protobuf import chunk
from tfsclient._codec.tensor import Tensor, decode_tensor, encode_tensor
from tfsclient.dtypes import STRING
from tfsclient.errors import DecodeError

thorough = settings(max_examples=500, deadline=None)

WORDS = [b"word %d" % number + b"\xff" * (number % 150) for number in range(200)]


def read(data: bytes, many: int) -> list[object] | None:
    """The strings and their shape, with protobuf from so many strings on; None for DecodeError."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strings, "_MANY", many)
        try:
            dtype, array = decode_tensor(data)
        except DecodeError:
            return None
    return [dtype, array.shape, array.tolist()]


def message() -> bytes:
    array = np.array(WORDS, object).reshape(10, 20)
    return b"".join(encode_tensor(Tensor(STRING, array)))


def test_many_strings_are_written_as_a_few_are() -> None:
    array = np.array(WORDS, object)
    few = [strings.string_parts(array[start : start + 10]) for start in range(0, 200, 10)]
    whole = b"".join(strings.string_parts(array))
    assert whole == b"".join(b"".join(parts) for parts in few)


@pytest.mark.parametrize("first", [b"word", "word", 1])
def test_among_many_strings_one_that_is_not_bytes_is_named(first: object) -> None:
    array = np.array([first, *WORDS, "text"], object)
    with pytest.raises(TypeError, match="needs bytes"):
        strings.string_parts(array)


AROUND = [
    b"",
    b"\x08\x07",
    b"\x08\x01",
    chunk(2, b"\x12\x02\x08\x05"),
    chunk(2, b"\x12\x04\x12\x02\xff\xff"),
    chunk(4, b"\0" * 200),
    chunk(7, b"\xff"),
    chunk(8, b"x"),
    chunk(99, b"unknown"),
    b"\x44",
]


@thorough
@given(
    st.lists(st.sampled_from(AROUND), max_size=4),
    st.lists(st.sampled_from(AROUND), max_size=4),
)
def test_whatever_stands_around_many_strings(before: list[bytes], after: list[bytes]) -> None:
    data = b"".join([*before, *(chunk(8, word) for word in WORDS), *after])
    assert read(data, many=64) == read(data, many=1 << 30)


@thorough
@given(st.data())
def test_damaged_strings(data: st.DataObject) -> None:
    damaged = bytearray(message())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert read(bytes(damaged), many=64) == read(bytes(damaged), many=1 << 30)


@thorough
@given(st.integers(0, 2**64 - 1), st.lists(st.binary(min_size=1, max_size=12), max_size=8))
def test_many_varints(seed: int, odd: list[bytes]) -> None:
    random = np.random.default_rng(seed)
    numbers = random.integers(0, 2**63, 300) >> random.integers(0, 63, 300)
    payload = bytearray(varints.pack_varints(numbers * random.choice([-1, 1], 300)))
    for piece in odd:
        place = int(random.integers(len(payload)))
        payload[place:place] = piece

    def unpack(many: int) -> list[int] | None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(varints, "MANY", many)
            try:
                read = varints.unpack_varints(np.frombuffer(bytes(payload), np.uint8))
            except DecodeError:
                return None
        integers: list[int] = read.astype(np.int64).tolist()
        return integers

    assert unpack(many=1) == unpack(many=1 << 30)


def test_protobuf_is_not_loaded_before_it_pays() -> None:
    program = (
        "import sys, numpy;"
        "from tfsclient._codec.tensor import Tensor, decode_tensor, encode_tensor;"
        "from tfsclient.dtypes import STRING;"
        "few = Tensor(STRING, numpy.array([b'a'] * 10, object));"
        "decode_tensor(b''.join(encode_tensor(few)));"
        "assert 'google.protobuf' not in sys.modules;"
        "many = Tensor(STRING, numpy.array([b'a'] * 1000, object));"
        "decode_tensor(b''.join(encode_tensor(many)));"
        "assert 'google.protobuf' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
