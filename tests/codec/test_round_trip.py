"""What is encoded is what is decoded: every type, both forms, every memory layout."""

from __future__ import annotations

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
    encode_predict_request,
    encode_predict_response,
)
from tfsclient._codec.protobuf import Buffer, chunk, join
from tfsclient._codec.tensor import Tensor, decode_tensor, encode_tensor, encode_tensor_typed
from tfsclient.dtypes import DType
from tfsclient.errors import DecodeError

thorough = settings(deadline=None, max_examples=200)
Encode = Callable[[Tensor], list[Buffer]]
REF = ModelRef("m", 3, None, "s")
both_forms = pytest.mark.parametrize("encode", [encode_tensor, encode_tensor_typed])


def same(got: Tensor, wanted: Tensor) -> bool:
    """Equal in every bit."""
    return (
        got.dtype == wanted.dtype
        and got.array.dtype == wanted.dtype.numpy
        and got.array.shape == wanted.array.shape
        and bits(got) == bits(wanted)
    )


def bits(tensor: Tensor) -> Any:
    if tensor.dtype == "string":
        return tensor.array.tolist()
    return tensor.array.astype(tensor.dtype.numpy).tobytes()


@both_forms
@thorough
@given(data=st.data())
def test_a_tensor_comes_back(
    any_tensor: st.SearchStrategy[Tensor], encode: Encode, data: st.DataObject
) -> None:
    tensor = data.draw(any_tensor)
    message = join(encode(tensor))
    got = decode_tensor(message)
    assert same(got, tensor)
    assert not got.array.flags.writeable
    assert same(decode_tensor(memoryview(bytearray(message))), tensor)
    copied = decode_tensor(message, copy=True)
    assert same(copied, tensor)
    assert copied.array.flags.writeable


@thorough
@given(data=st.data())
def test_a_request_comes_back(any_tensor: st.SearchStrategy[Tensor], data: st.DataObject) -> None:
    inputs = data.draw(st.dictionaries(st.text(max_size=140), any_tensor, max_size=3))
    wanted = data.draw(st.lists(st.text(), max_size=3))
    request = decode_predict_request(join(encode_predict_request(REF, inputs, wanted)))
    assert request.ref == REF
    assert request.output_filter == tuple(wanted)
    assert request.inputs.keys() == inputs.keys()
    assert all(same(decode_tensor(request.inputs[name]), inputs[name]) for name in inputs)


@thorough
@given(data=st.data(), copy=st.booleans())
def test_a_response_comes_back(
    any_tensor: st.SearchStrategy[Tensor], data: st.DataObject, copy: bool
) -> None:
    outputs = data.draw(st.dictionaries(st.text(max_size=140), any_tensor, max_size=3))
    message = join(encode_predict_response(PredictResponse(REF, outputs)))
    for _ in range(2):  # what was learnt from the first answer serves the second
        model, arrays = decode_predict_response(message, copy=copy)
        assert model == REF
        assert arrays.keys() == outputs.keys()
        assert all(same(Tensor(t.dtype, arrays[name]), t) for name, t in outputs.items())
        assert all(array.flags.writeable == copy for array in arrays.values())


STRINGS = {"dtype": 7, "string_val": [b"%d" % number * (number % 60) for number in range(600)]}
HASHES = {"dtype": 9, "int64_val": [(-7) ** (10 + number % 12) for number in range(600)]}


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize(
    ("values", "read_lone"),
    [(STRINGS, decode_strings_response), (HASHES, decode_int64_response)],
    ids=["strings", "int64"],
)
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("extra", [{}, {"dtype": 1}, {"tensor_content": b"x"}, {"float_val": [1]}])
@pytest.mark.parametrize("shape", [[600], [1, 600], [30, 20], [900], [5], [0], [-7], []])
def test_answers_of_one_output_read_alike_either_way(
    shape: list[int],
    extra: dict[str, Any],
    count: int,
    copy: bool,
    values: dict[str, Any],
    read_lone: Callable[..., Any],
) -> None:
    message = messages.message_class("tensorflow.serving.PredictResponse")()
    message.model_spec.name = "m"
    for name in "xy"[:count]:
        proto = message.outputs[name]
        proto.MergeFrom(type(proto)(**values))
        for size in shape:
            proto.tensor_shape.dim.add().size = size
        proto.MergeFrom(type(proto)(**extra))
    data = message.SerializeToString()

    def outcome(read: Callable[..., Any]) -> Any:
        try:
            model, arrays = read(data, copy)
        except DecodeError as error:
            return str(error)
        seen = {name: (a.tolist(), a.flags.writeable, a.dtype) for name, a in arrays.items()}
        return model, seen

    assert outcome(read_lone) == outcome(decode_predict_response)


def test_an_output_beside_one_of_strings_is_not_lost() -> None:
    strings = encode_tensor(Tensor(DType("string"), np.array([b"text" * 9] * 60, object)))
    entry = chunk(1, b"y") + chunk(2, b"".join(strings))
    for first in (entry + chunk(3, b"unknown"), chunk(1, b"z") + chunk(2, b"")):
        answer = chunk(1, first) + chunk(1, entry.replace(b"y", b"z", 1))
        try:
            _, wanted = decode_predict_response(answer)
        except DecodeError as error:
            with pytest.raises(DecodeError, match=str(error)):
                decode_strings_response(answer)
        else:
            assert wanted.keys() == {"y", "z"} == decode_strings_response(answer)[1].keys()


def test_answers_alike_in_all_but_one_byte_are_told_apart() -> None:
    array = np.arange(6, dtype=np.float32)
    tensors = [
        Tensor(DType("float32"), array.reshape(2, 3)),
        Tensor(DType("float32"), array.reshape(3, 2)),
        Tensor(DType("float64"), array.view(np.float64).reshape(3, 1)),
    ]
    answers = [
        join(encode_predict_response(PredictResponse(REF, {name: tensor})))
        for name in ("x", "y")
        for tensor in tensors
    ]
    first = [decode_predict_response(m)[1] for m in answers]
    again = [decode_predict_response(m)[1] for m in answers]
    for before, after, tensor in zip(first, again, tensors * 2, strict=True):
        assert before.keys() == after.keys()
        for (array,) in (before.values(), after.values()):
            assert same(Tensor(tensor.dtype, array), tensor)
    assert [tuple(o) for o in first] == [("x",)] * 3 + [("y",)] * 3


@both_forms
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("string", [b"\x00", b"a\x00\x00", b"", "Ærø".encode(), b"\xff" * 300]),
        ("uint64", [2**63, 2**64 - 1, 0]),
        ("int64", [-(2**63), -1, 2**63 - 1]),
        ("int8", [-128, 127]),
        ("float32", [np.nan, np.inf, -np.inf, -0.0, 1e-45]),
        ("complex64", [1 + 2j]),
        ("bfloat16", [1.5, -2.0]),
        ("float16", [65504.0, 6e-8]),
        ("int4", [-8, 7]),
    ],
)
@pytest.mark.parametrize("shape", [(-1,), (1, -1), (-1, 1)])
def test_values_that_others_lose(
    encode: Encode, name: str, values: list[Any], shape: tuple[int, ...]
) -> None:
    dtype = DType(name)
    tensor = Tensor(dtype, np.array(values, dtype.numpy).reshape(shape))
    assert same(decode_tensor(join(encode(tensor))), tensor)


@both_forms
def test_scalars_and_empty_tensors_keep_their_shape(encode: Encode) -> None:
    for shape in [(), (0,), (3, 0, 2), (1, 1, 1)]:
        tensor = Tensor(DType("int32"), np.zeros(shape, np.int32))
        assert decode_tensor(join(encode(tensor))).array.shape == shape


def test_a_large_array_is_neither_copied_into_a_request_nor_out_of_an_answer() -> None:
    array = np.zeros((100, 100), np.float32)
    tensor = Tensor(DType("float32"), array)
    _, payload = encode_tensor(tensor)
    assert np.shares_memory(np.frombuffer(payload, np.uint8), array)
    for name in ("float32", "float64", "complex64", "complex128", "bool"):
        dtype = DType(name)
        response = PredictResponse(REF, {"y": Tensor(dtype, array.astype(dtype.numpy))})
        message = join(encode_predict_response(response))
        got = decode_predict_response(message)[1]["y"]
        assert np.shares_memory(got, np.frombuffer(message, np.uint8))


def test_a_small_output_does_not_keep_a_large_message_alive() -> None:
    outputs = {
        "large": Tensor(DType("float32"), np.zeros(100_000, np.float32)),
        "small": Tensor(DType("float32"), np.ones(3, np.float32)),
    }
    message = join(encode_predict_response(PredictResponse(REF, outputs)))
    memory = np.frombuffer(message, np.uint8)
    for _ in range(2):
        _, got = decode_predict_response(message)
        assert np.shares_memory(got["large"], memory)
        assert not np.shares_memory(got["small"], memory)
        assert not got["small"].flags.writeable


@pytest.mark.parametrize(
    ("dtype", "array"),
    [
        ("float32", np.zeros(3)),
        ("int32", np.zeros(3, np.int64)),
        ("string", np.array(["text"])),
        ("string", np.array([b"x", "mixed"], object)),
        ("string", np.array([bytearray(b"x")], object)),
    ],
)
@both_forms
def test_nothing_is_cast_silently(encode: Encode, dtype: str, array: Any) -> None:
    with pytest.raises(TypeError, match=dtype):
        encode(Tensor(DType(dtype), array))
