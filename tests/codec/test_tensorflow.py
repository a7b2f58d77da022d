"""TensorFlow is the oracle: it reads what we write, we read what it writes, both read alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tfsclient._codec import messages
from tfsclient._codec.protobuf import join
from tfsclient._codec.tensor import Tensor, decode_tensor, encode_tensor, encode_tensor_typed
from tfsclient.dtypes import DType
from tfsclient.errors import DecodeError

# Its C++ knows them.
UNKNOWN_TO_ITS_PYTHON = {"float8_e4m3fnuz", "float8_e4m3b11fnuz", "float8_e5m2fnuz"}

thorough = settings(deadline=None, max_examples=200)


def parsed(tf: Any, data: bytes, number: int) -> Any:
    """What the server's own reader makes of a TensorProto; None if it refuses."""
    try:
        tensor = tf.io.parse_tensor(data, tf.dtypes.as_dtype(number))
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
        return None
    return tensor.numpy()


def alike(ours: Any, theirs: Any) -> bool:
    if ours.dtype == object:
        theirs = np.asarray(theirs, object)
        return bool(ours.shape == theirs.shape and ours.tolist() == theirs.tolist())
    theirs = np.asarray(theirs)
    if theirs.dtype.fields:  # TensorFlow's numpy form of quantized types
        theirs = theirs.view(ours.dtype)
    return bool(
        ours.shape == theirs.shape
        and ours.dtype == theirs.dtype
        and ((ours == theirs) | ((ours != ours) & (theirs != theirs))).all()
    )


@thorough
@given(data=st.data())
def test_it_reads_what_we_write(
    tf: Any, any_tensor: st.SearchStrategy[Tensor], data: st.DataObject
) -> None:
    tensor = data.draw(any_tensor)
    wanted = np.array(tensor.array, tensor.dtype.numpy)
    for encode in (encode_tensor, encode_tensor_typed):
        message = join(encode(tensor))
        assert alike(wanted, parsed(tf, message, tensor.dtype.number))
        if tensor.dtype not in UNKNOWN_TO_ITS_PYTHON:
            proto = tf.make_tensor_proto(0).FromString(message)
            assert alike(wanted, tf.make_ndarray(proto))


@thorough
@given(data=st.data())
def test_we_read_what_it_writes(
    tf: Any, any_tensor: st.SearchStrategy[Tensor], data: st.DataObject
) -> None:
    dtype, array = data.draw(any_tensor)
    assume(dtype not in UNKNOWN_TO_ITS_PYTHON)
    proto = tf.make_tensor_proto(
        np.array(array, dtype.numpy), dtype=tf.dtypes.as_dtype(dtype.number)
    )
    got = decode_tensor(proto.SerializeToString())
    assert got.dtype == dtype
    assert alike(got.array, np.array(array, dtype.numpy))


@pytest.mark.parametrize("value", [1.5, "text", [True, False], [[1, 2]], 1j, []])
def test_python_values_that_it_compresses(tf: Any, value: Any) -> None:
    proto = tf.make_tensor_proto(value)
    assert alike(decode_tensor(proto.SerializeToString()).array, tf.make_ndarray(proto))
    if not isinstance(value, list):
        splat = tf.make_tensor_proto(value, shape=[2, 3])
        assert alike(decode_tensor(splat.SerializeToString()).array, tf.make_ndarray(splat))


TensorProto = messages.message_class("tensorflow.TensorProto")
int32s = st.lists(st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 300), max_size=5)
floats = st.lists(st.floats(width=32), max_size=5)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "tensor_content": st.binary(max_size=20) | st.sampled_from([b"\1\0", b"\1\2abc", b"\0" * 16]),
    "float_val": floats,
    "double_val": floats,
    "int_val": int32s,
    "string_val": st.lists(st.binary(max_size=5), max_size=5),
    "scomplex_val": floats,
    "int64_val": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
    "bool_val": st.lists(st.booleans(), max_size=5),
    "dcomplex_val": floats,
    "half_val": int32s,
    "uint32_val": st.lists(st.integers(0, 2**32 - 1), max_size=5),
    "uint64_val": st.lists(st.integers(0, 2**64 - 1), max_size=5),
    "float8_val": st.binary(max_size=5),
}


@settings(deadline=None, max_examples=1000)
@given(data=st.data())
def test_both_read_any_message_alike(tf: Any, data: st.DataObject) -> None:
    """Wrong fields, short and long lists, no shape, unknown rank, contents of any length."""
    number = data.draw(st.sampled_from([n for n in range(1, 33) if DType.of_number(n).sendable]))
    own = {d.number: d.name for d in TensorProto.DESCRIPTOR.fields}[DType.of_number(number).field]
    names = data.draw(
        st.sets(st.sampled_from([own, own, own, "tensor_content", *FIELDS]), max_size=2)
    )
    message = TensorProto(dtype=number, **{name: data.draw(FIELDS[name]) for name in names})
    if data.draw(st.booleans()) or data.draw(st.booleans()):
        message.tensor_shape.unknown_rank = data.draw(st.integers(0, 9)) == 0
        for size in data.draw(st.lists(st.integers(-1, 4), max_size=3)):
            message.tensor_shape.dim.add(size=size)
    data_ = message.SerializeToString()
    theirs = parsed(tf, data_, number)
    try:
        ours = decode_tensor(data_).array
    except DecodeError:
        assert theirs is None
    else:
        assert theirs is not None
        assert alike(ours, theirs)
