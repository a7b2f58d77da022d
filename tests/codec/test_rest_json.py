"""JSON bodies: what is sent arrives at the server, and answers of every shape are read."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsclient import DecodeError, DType, TensorSpec
from tfsclient._codec.rest_json import decode_predict, encode_predict, encode_predict_rows
from tfsclient._codec.strings import string_array
from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING
from tfsclient.server.rest.requests import parse_body, predict_inputs
from tfsclient.server.rest.responses import predictions

FLOAT, INT = DType("float32"), DType("int64")


class Info:
    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype.number


def arrives(body: bytes, inputs: dict[str, Tensor]) -> None:
    infos = {name: Info(tensor.dtype) for name, tensor in inputs.items()}
    read, _ = predict_inputs(parse_body(body), infos)
    assert read.keys() == inputs.keys()
    for name, tensor in inputs.items():
        array = read[name].to_tensor().array
        assert array.shape == tensor.array.shape
        assert array.tolist() == tensor.array.tolist()


names = st.sampled_from(["b64", "signature_name", "inputs", "instances", "outputs", "x", ""])
strings = st.binary(max_size=4) | st.sampled_from([b"aGk=", b"aGk", b"b64", b'{"b64": "aGk="}'])


@st.composite
def named(draw: st.DrawFn, shapes: tuple[tuple[int, ...], ...]) -> dict[str, Tensor]:
    tensors = {}
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        shape = draw(st.sampled_from(shapes))
        size = int(np.prod(shape))
        items = draw(st.lists(strings, min_size=size, max_size=size))
        tensors[name] = Tensor(STRING, string_array(items).reshape(shape))
    return tensors


@given(named(((), (1,), (0,), (2, 1))), st.sampled_from([None, "s"]))
def test_strings_arrive_under_any_name(inputs: dict[str, Tensor], signature: str | None) -> None:
    arrives(encode_predict(inputs, signature), inputs)


@given(named(((2,), (2, 1), (2, 0))))
def test_strings_arrive_in_rows_under_any_name(inputs: dict[str, Tensor]) -> None:
    arrives(encode_predict_rows(inputs, None), inputs)


def test_a_lone_scalar_called_b64_is_sent_bare() -> None:
    def body(text: bytes) -> Any:
        tensor = Tensor(STRING, string_array([text]).reshape(()))
        return json.loads(encode_predict({"b64": tensor}, None))

    assert body(b"aGk=") == {"inputs": "aGk="}
    assert body(b"\xff") == {"inputs": {"b64": "/w=="}}


def answer(outputs: Any) -> bytes:
    return json.dumps({"outputs": outputs}).encode()


def spec(name: str, dtype: DType, shape: tuple[int, ...] | None) -> dict[str, TensorSpec]:
    return {name: TensorSpec(name, dtype, shape)}


@pytest.mark.parametrize("dtype", [FLOAT, INT, DType("bool"), STRING])
@pytest.mark.parametrize(
    ("came", "declared", "shape"),
    [
        ([], (-1, 4), (0, 4)),
        ([[], []], (-1, -1, 4), (2, 0, 4)),
        ([[], []], (-1, 3, 4), (2, 0, 4)),
        ([], (-1, -1, 3, -1), (0, 0, 3, 0)),
        ([], (-1,), (0,)),
        ([], None, (0,)),
        ([], (), (0,)),
        ([[], []], (-1,), (2, 0)),
        ([[]], (-1, 4), (1, 0)),
    ],
)
def test_dimensions_after_a_zero_come_from_the_signature(
    dtype: DType, came: Any, declared: tuple[int, ...] | None, shape: tuple[int, ...]
) -> None:
    for name in ("y", "y_bytes"):
        array = decode_predict(answer(came), spec(name, dtype, declared), None)[name]
        assert array.shape == shape
        assert array.dtype == dtype.numpy


@given(
    st.lists(st.integers(0, 3), max_size=4).map(tuple),
    st.sampled_from([FLOAT, INT, STRING]),
    st.data(),
)
def test_an_answer_has_the_shape_that_it_has_over_grpc(
    shape: tuple[int, ...], dtype: DType, data: st.DataObject
) -> None:
    array = np.full(shape, b"" if dtype == STRING else 1, dtype.numpy)
    known = shape.index(0) + 1 if 0 in shape else len(shape)  # JSON shows these itself
    declared = tuple(
        size if at >= known else data.draw(st.sampled_from([-1, size]))
        for at, size in enumerate(shape)
    )
    outputs = {"y": Tensor(dtype, array), "z": Tensor(dtype, array)}
    specs = spec("y", dtype, declared) | spec("z", dtype, declared)
    for names in ({"y"}, {"y", "z"}):
        body = predictions({name: outputs[name] for name in names}, row=False).encode()
        read = decode_predict(body, {name: specs[name] for name in names}, None)
        assert all(read[name].shape == shape for name in names)


def test_a_declared_shape_that_numpy_cannot_hold_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="output 'y'"):
        decode_predict(answer([]), spec("y", FLOAT, (-1, 2**62, 2**62)), None)
    with pytest.raises(DecodeError, match="output 'y'"):
        decode_predict(answer([]), spec("y", FLOAT, (-1,) * 200), None)


TWO = spec("y", FLOAT, (-1,)) | spec("z", FLOAT, (-1,))


def test_missing_outputs_are_named_and_others_are_ignored() -> None:
    came = {"y": [1.0], "new": ["text"]}
    assert decode_predict(answer(came), spec("y", FLOAT, (-1,)), None)["y"] == [1]
    assert list(decode_predict(answer(came), TWO, ["y"])) == ["y"]
    for specs in (TWO, spec("z", FLOAT, (-1,))):
        with pytest.raises(DecodeError, match=r"lacks the output z; .* are new, y") as caught:
            decode_predict(answer(came), specs, None)
        assert "tfsclient-gen drift" in str(caught.value.hint)
    with pytest.raises(DecodeError, match="none at all"):
        decode_predict(answer({}), TWO, None)


@pytest.mark.parametrize("came", [[1.0], 1.0, "text", None, {"b64": "aGk="}])
def test_a_lone_answer_where_several_are_declared(came: Any) -> None:
    with pytest.raises(DecodeError, match=r"one output without a name, .* has 2: y, z") as caught:
        decode_predict(answer(came), TWO, None)
    assert "tfsclient-gen drift" in str(caught.value.hint)


def test_a_lone_answer_of_bytes_is_not_taken_for_named_outputs() -> None:
    read = decode_predict(answer({"b64": "aGk="}), spec("y_bytes", STRING, ()), None)
    assert read["y_bytes"].tolist() == b"hi"
    assert decode_predict(answer({"b64": [1.0]}), spec("b64", FLOAT, None), None)["b64"] == [1]


@pytest.mark.parametrize("body", ["[1]", "1", '{"predictions": [1]}', '{"outputs', "<html>"])
def test_what_is_not_an_answer_shows_how_it_starts(body: str) -> None:
    with pytest.raises(DecodeError):
        decode_predict(body.encode(), TWO, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["b64", "y", "z"]), inner)
    ),
)


@given(json_values, st.sampled_from([FLOAT, INT, STRING, DType("bool")]), st.booleans())
def test_any_json_is_read_or_refused(value: Any, dtype: DType, several: bool) -> None:
    specs = spec("y", dtype, (-1, 2))
    specs |= spec("z_bytes", STRING, None) if several else {}
    for body in (answer(value), json.dumps(value).encode()):
        with contextlib.suppress(DecodeError):
            decode_predict(body, specs, None)


@pytest.mark.parametrize(
    ("body", "dtype", "words"),
    [
        (b'{"outputs": [1e999]}', "float64", "1e999.?, which is beyond float64"),
        (b'{"outputs": [NaN, -1e999]}', "float32", "-1e999.?, which is beyond float64"),
        (b'{"outputs": [1e39]}', "float32", "output 'y' .*a number beyond float32"),
        (b'{"outputs": [1.0]} trailing', "float32", "is not JSON"),
    ],
)
def test_what_no_server_writes_is_refused(body: bytes, dtype: str, words: str) -> None:
    with pytest.raises(DecodeError, match=words):
        decode_predict(body, {"y": TensorSpec("y", DType(dtype), (-1,))}, None)


def test_of_equal_members_the_last_counts() -> None:
    body = b'{"outputs": {"y": [1.0]}, "outputs": {"y": [2.0], "y": [Infinity]}}'
    found = decode_predict(body, {"y": TensorSpec("y", FLOAT, (-1,))}, None)
    assert found["y"].tolist() == [np.inf]
