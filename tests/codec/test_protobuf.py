"""The wire format is protobuf's: checked against protobuf itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError as ProtobufError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfsclient._codec import messages, protobuf, varints
from tfsclient._codec.tensor import decode_tensor
from tfsclient.errors import DecodeError

thorough = settings(deadline=None, max_examples=200)
TensorProto = messages.message_class("tensorflow.TensorProto")
integers = st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300)


@thorough
@given(st.lists(integers, max_size=40))
@example([2**k - 1 for k in range(64)] + [2**k for k in range(63)] + [-(2**k) for k in range(64)])
@example([])
def test_packed_int64(values: list[int]) -> None:
    payload = varints.pack_varints(np.array(values, np.int64))
    whole = TensorProto(int64_val=values).SerializeToString()
    assert (protobuf.chunk(10, payload) if values else b"") == whole
    numbers = varints.unpack_varints(np.frombuffer(payload, np.uint8))
    assert numbers.astype(np.int64).tolist() == values
    assert b"".join(map(protobuf.varint, values)) == payload


@thorough
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 20_000), max_size=40))
def test_packed_uint64(values: list[int]) -> None:
    payload = varints.pack_varints(np.array(values, np.uint64))
    assert TensorProto.FromString(protobuf.chunk(17, payload)).uint64_val == values
    assert varints.unpack_varints(np.frombuffer(payload, np.uint8)).tolist() == values


@thorough
@given(st.binary(max_size=40), st.sampled_from([7, 10, 11, 13, 16, 17]))
def test_any_packed_payload(payload: bytes, field: int) -> None:
    """Padded varints, and varints wider than their field, are cut as protobuf cuts them."""
    data = protobuf.chunk(field, payload)
    dtype, name, numpy = {
        7: (3, "int_val", np.int32),
        10: (9, "int64_val", np.int64),
        11: (10, "bool_val", np.bool_),
        13: (19, "half_val", np.uint16),
        16: (22, "uint32_val", np.uint32),
        17: (23, "uint64_val", np.uint64),
    }[field]
    try:
        wanted: list[Any] = list(getattr(TensorProto.FromString(data), name))
    except ProtobufError:
        wanted = []
        refused = True
    else:
        refused = False
    shape = protobuf.chunk(2, protobuf.chunk(2, b"\x08" + protobuf.varint(len(wanted) or 1)))
    message = b"\x08" + protobuf.varint(dtype) + shape + data
    if refused:
        with pytest.raises(DecodeError):
            decode_tensor(message)
    elif wanted:
        array = decode_tensor(message).array
        if field == 13:
            array, wanted = array.view(np.uint16), [v & 0xFFFF for v in wanted]
        assert array.dtype == numpy
        assert array.tolist() == wanted


@thorough
@given(st.data())
def test_what_protobuf_reads_the_walker_reads(data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [b"\x08", b"\x12", b"\x1b", b"\x1c", b"\x2d", b"\x31", b"\x80", b"\x01", b"\x00", b"\x04"]
    )
    message = b"".join(data.draw(st.lists(pieces | st.binary(max_size=4), max_size=12)))
    try:
        Empty.FromString(message)  # to which all fields are unknown
    except ProtobufError:
        with pytest.raises(DecodeError):
            list(protobuf.fields(message))
    else:
        try:
            list(protobuf.fields(message))
        except DecodeError as error:
            # Some protobuf libraries let a field number 0 pass; the format has none.
            assert "number 0" in str(error)  # noqa: PT017
