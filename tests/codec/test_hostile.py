"""Whatever the bytes say, they give a tensor or a DecodeError, and take no memory to speak of."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfsclient._codec import messages
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.predict import (
    PredictResponse,
    decode_int64_response,
    decode_predict_request,
    decode_predict_response,
    decode_strings_response,
    encode_predict_response,
)
from tfsclient._codec.protobuf import chunk, join
from tfsclient._codec.tensor import Tensor, decode_tensor, encode_tensor_typed
from tfsclient.errors import DecodeError

thorough = settings(deadline=None, max_examples=200)
Read = Callable[[bytes], object]
READERS: list[Read] = [
    decode_tensor,
    lambda data: decode_tensor(data, copy=True),
    decode_predict_request,
    decode_predict_response,
    lambda data: decode_predict_response(data, copy=True),
    decode_int64_response,
    decode_strings_response,
]


def proto(shape: list[int] | None = None, **fields: Any) -> bytes:
    message = messages.message_class("tensorflow.TensorProto")(**fields)
    if shape is not None:
        message.tensor_shape.SetInParent()
        for size in shape:
            message.tensor_shape.dim.add(size=size)
    data: bytes = message.SerializeToString()
    return data


def survives(data: bytes) -> None:
    for read in READERS:
        try:
            read(data)
        except DecodeError as error:
            assert str(error)  # noqa: PT017 (either way is right)


@thorough
@given(data=st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    survives(data)
    survives(chunk(1, chunk(2, data)))  # as an output


@thorough
@given(data=st.data())
def test_damaged_messages(any_tensor: st.SearchStrategy[Tensor], data: st.DataObject) -> None:
    outputs = {"y": data.draw(any_tensor), "z": data.draw(any_tensor)}
    ref = ModelRef("m", 1, None, "s")
    message = bytearray(join(encode_predict_response(PredictResponse(ref, outputs))))
    tensor = bytearray(join(encode_tensor_typed(outputs["y"])))
    for whole in (message, tensor):
        for _ in range(data.draw(st.integers(1, 4))):
            position = data.draw(st.integers(0, len(whole) - 1))
            how = data.draw(st.sampled_from(["set", "cut", "insert", "delete"]))
            if how == "set":
                whole[position] = data.draw(st.integers(0, 255))
            elif how == "insert":
                whole[position:position] = data.draw(st.binary(max_size=12))
            elif len(whole) > 1:
                del whole[position : None if how == "cut" and position else position + 1]
        survives(bytes(whole))


HUGE = [[2**40], [2**31, 2**8], [10**6, 10**6], [2**62]]


@pytest.mark.parametrize("shape", [*HUGE, [2**62, 2**62], [2**63 - 1] * 3])
@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        {"dtype": 1},
        {"dtype": 1, "float_val": [1.0]},
        {"dtype": 1, "float_val": [1.0, 2.0]},
        {"dtype": 2, "tensor_content": b"\0" * 8},
        {"dtype": 9, "int64_val": [1, 2]},
        {"dtype": 10, "bool_val": [True, False]},
        {"dtype": 7},
        {"dtype": 7, "string_val": [b"a"]},
        {"dtype": 7, "string_val": [b"a", b"b"]},
        {"dtype": 7, "tensor_content": b"\1\1ab"},
    ],
    ids=str,
)
def test_a_lying_shape_allocates_nothing(
    shape: list[int], copy: bool, values: dict[str, Any]
) -> None:
    data = proto(shape, **values)
    tracemalloc.start()
    try:
        tensor = decode_tensor(data, copy=copy)
        assert not copy
        assert tensor.array.shape == tuple(shape)
        assert set(tensor.array.strides) == {0}
    except DecodeError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 100_000


def test_padding_is_bounded_over_all_outputs_together() -> None:
    million = proto([10**6], dtype=1, float_val=[1, 2])
    assert decode_tensor(million).array[-1] == 2
    entries = [chunk(1, chunk(1, b"y%d" % i) + chunk(2, million)) for i in range(1000)]
    assert decode_predict_response(entries[0])[1]["y0"].size == 10**6
    with pytest.raises(DecodeError, match=r"output 'y0'.* only 2 of them"):
        decode_predict_response(b"".join(entries))


def test_repeated_values_in_a_large_message_are_not_copied() -> None:
    splat = chunk(2, proto([100_000], dtype=1, float_val=[1]))
    entries = [chunk(1, chunk(1, b"y%d" % i) + splat) for i in range(1000)]
    message = b"".join([*entries, chunk(15, bytes(4_000_000))])
    decode_predict_response(message)  # the first large message sets up malloc
    tracemalloc.start()
    try:
        _, outputs = decode_predict_response(message)
        assert len(outputs) == 1000
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (proto([1]), "type invalid"),
        (proto([1], dtype=20), "type resource"),
        (proto([1], dtype=21), "type variant"),
        (proto([1], dtype=77), "type dtype_77"),
        (proto([1], dtype=-3), "type -3"),
        (proto([-1], dtype=1), "dimension of -1"),
        (proto([1] * 255, dtype=1), "TensorFlow's limit of 254"),
        (proto([1] * 200, dtype=1), "numpy's limit"),
        (proto([2], dtype=1, tensor_content=b"1234567"), "7 bytes of content"),
        (proto([2], dtype=10, tensor_content=b"\1\2"), "neither 0 nor 1"),
        (proto([2], dtype=7, tensor_content=b"\1"), "2 lengths"),
        (proto([2], dtype=7, tensor_content=b"\1\1abc"), "as long as"),
        (b"\x08", "ends too early"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "varint is too long"),
        (b"\x00\x00", "number 0"),
        (b"\x0e", "wire type"),
        (b"\x0c", "wire type"),
        (b"\x0b\x08\x01", "ends too early"),
        (b"\x0b" * 101, "nested too deeply"),
        (b"\x80\x80\x80\x80\x80\x01\x00", "out of range"),
        (b"\x2a\x03\x00\x00\x00\x08\x01", "within a number"),
        (b"\x52\x01\x80\x08\x09", "within a number"),
        (b"\x52\x0b" + b"\x80" * 10 + b"\x00\x08\x09", "varint is too long"),
        (b"\x12\x05\x12\x03\x12\x01\xff\x08\x01", "UTF-8"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_error_tells_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        decode_tensor(data)


@pytest.mark.parametrize(
    "unit",
    [
        b"\x12\x02\x12\x00",  # shapes of one dimension, to be merged
        b"\x2d\x00\x00\x80\x3f",  # numbers outside chunks
        b"\x42\x80\x01" + b"x" * 128,  # strings that are not short
        b"\x50\x01",
        b"\x0b\x0c",
    ],
)
def test_work_grows_no_faster_than_the_message(unit: bytes) -> None:
    # Quadratic work would take minutes here.
    survives(b"\x08\x01" + unit * 50_000)
    survives(chunk(1, unit * 50_000) + chunk(2, unit) * 10_000)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (proto([2], dtype=101, float_val=[1, 2]), [1, 2]),  # DT_FLOAT_REF
        (proto(dtype=1, float_val=[5, 6]), 5),  # no shape: a scalar
        (proto(dtype=1, float_val=[5], tensor_shape={"unknown_rank": True}), 5),
        (proto([3], dtype=1, float_val=[1, 2]), [1, 2, 2]),
        (proto([2], dtype=9, int_val=[1, 2]), [0, 0]),  # the wrong field
        (proto([2], dtype=7, tensor_content=b"\2\1abc"), [b"ab", b"c"]),
        (proto([2], dtype=4, int_val=[300, -1]), [44, 255]),
        (proto([2], dtype=8, scomplex_val=[1, 2, 3]), [1 + 2j, 1 + 2j]),
        (b"\x08\x09" + b"\x12\x04\x12\x02\x08\x03" + b"\x50\x01\x52\x01\x02\x50\x03", [1, 2, 3]),
    ],
)
def test_odd_messages_are_read_as_the_server_reads_them(data: bytes, wanted: Any) -> None:
    assert decode_tensor(data).array.tolist() == wanted


def test_groups_and_unknown_fields_are_skipped() -> None:
    strange = b"\x93\x0f\x08\x01\x13\x14\x94\x0f" + b"\xf8\x07\x01\xf9\x07" + b"x" * 8
    data = strange + proto([2], dtype=1, float_val=[1, 2]) + strange
    np.testing.assert_array_equal(decode_tensor(data).array, [1, 2])
