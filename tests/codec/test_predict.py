"""Predict messages beyond their tensors: specs, map entries, limits; checked against protobuf."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfsclient._codec import messages
from tfsclient._codec.model_ref import ModelRef, encode_model_ref
from tfsclient._codec.predict import (
    PredictResponse,
    decode_predict_request,
    decode_predict_response,
    encode_predict_request,
    encode_predict_response,
)
from tfsclient._codec.protobuf import chunk, join
from tfsclient._codec.tensor import Tensor, decode_tensor, encode_tensor
from tfsclient.dtypes import DType
from tfsclient.errors import DecodeError, InvalidInput


def official(kind: str, **fields: Any) -> Any:
    return messages.message_class(f"tensorflow.serving.{kind}")(**fields)


SPECS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"version": 0}, {"version": {"value": 0}}),
    ({"version": 3}, {"version": {"value": 3}}),
    ({"version": -1}, {"version": {"value": -1}}),
    ({"version": 2**63 - 1}, {"version": {"value": 2**63 - 1}}),
    ({"label": "stable"}, {"version_label": "stable"}),
    ({"label": ""}, {"version_label": ""}),
    ({"signature": "中文"}, {"signature_name": "中文"}),
]


def received(
    name: str = "m",
    version: int | None = None,
    label: str | None = None,
    signature: str | None = None,
) -> ModelRef:
    return ModelRef.received(name, version, label, signature)


@pytest.mark.parametrize(("ours", "theirs"), SPECS)
def test_a_spec_is_what_protobuf_writes_and_reads(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    ref = received(**ours)
    data = encode_model_ref(ref)
    message = official("ModelSpec", name="m", **theirs)
    assert official("ModelSpec").FromString(data) == message
    request = official("PredictRequest", model_spec=message).SerializeToString()
    assert decode_predict_request(request).ref == ref
    if "label" not in ours:  # which protobuf writes after the signature, as we do
        assert data == message.SerializeToString()


def test_an_absent_spec_is_not_an_empty_one() -> None:
    assert decode_predict_request(b"").ref is None
    assert decode_predict_request(b"\x0a\x00").ref == ModelRef.received()


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (b"\x12\x02\x08\x03\x22\x01x", ModelRef.received(label="x")),
        (b"\x22\x01x\x12\x02\x08\x03", ModelRef.received(version=3)),
        (b"\x22\x01x\x12\x00", ModelRef.received(version=0)),
        (b"\x12\x02\x08\x03\x12\x00", ModelRef.received(version=3)),
        (b"\x12\x02\x08\x03\x22\x00\x12\x00", ModelRef.received(version=0)),
        (b"\x0a\x01a\x0a\x01b", ModelRef(name="b")),
    ],
)
def test_of_version_and_label_the_last_one_counts(spec: bytes, wanted: ModelRef) -> None:
    assert decode_predict_request(chunk(1, spec)).ref == wanted
    assert decode_predict_request(chunk(1, b"") + chunk(1, spec)).ref == wanted
    theirs = official("ModelSpec").FromString(spec)
    assert theirs.HasField("version") == (wanted.version is not None)
    assert theirs.HasField("version_label") == (wanted.label is not None)
    assert (theirs.version.value, theirs.version_label) == (wanted.version or 0, wanted.label or "")


ONE = Tensor(DType("float32"), np.array([1.0], np.float32))
TWO = Tensor(DType("float32"), np.array([2.0], np.float32))
KEY = chunk(1, b"x")
ONE_VALUE, TWO_VALUE = (chunk(2, join(encode_tensor(t))) for t in (ONE, TWO))


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ([KEY + ONE_VALUE], {"x": 1}),
        ([ONE_VALUE + KEY], {"x": 1}),
        ([ONE_VALUE], {"": 1}),
        ([KEY + ONE_VALUE, KEY + TWO_VALUE], {"x": 2}),
        ([chunk(1, b"y") + KEY + ONE_VALUE], {"x": 1}),
        ([KEY + chunk(2, join(encode_tensor(ONE))[:-6]) + chunk(2, b"\x2d\0\0\0@")], {"x": 2}),
        ([KEY + ONE_VALUE + b"\x18\x01"], {"x": 1}),
    ],
)
def test_map_entries(entries: list[bytes], wanted: dict[str, float]) -> None:
    for _ in range(2):
        _, outputs = decode_predict_response(b"".join(chunk(1, entry) for entry in entries))
        assert {name: float(array[0]) for name, array in outputs.items()} == wanted
    request = decode_predict_request(b"".join(chunk(2, entry) for entry in entries))
    assert {n: float(decode_tensor(t).array[0]) for n, t in request.inputs.items()} == wanted


def test_an_entry_without_a_value_is_an_empty_tensor_proto() -> None:
    assert decode_predict_request(chunk(2, KEY)).inputs == {"x": b""}
    with pytest.raises(DecodeError, match="output 'x': a tensor of type invalid"):
        decode_predict_response(chunk(1, KEY))


@pytest.mark.parametrize("data", [chunk(1, b"\x0a\x01\xff"), chunk(2, b"\x1a\x01\xff")])
def test_names_must_be_utf8(data: bytes) -> None:
    with pytest.raises(DecodeError, match="UTF-8"):
        decode_predict_response(data)


def test_names_that_cannot_be_sent_are_refused() -> None:
    with pytest.raises(InvalidInput, match="must be Unicode"):
        encode_model_ref(ModelRef("\ud800"))
    with pytest.raises(InvalidInput, match="must be Unicode"):
        encode_model_ref(ModelRef("m", label="\ud800"))
    with pytest.raises(InvalidInput, match="must be Unicode"):
        encode_model_ref(ModelRef("m", signature="\ud800"))
    with pytest.raises(InvalidInput, match="surrogate"):
        encode_predict_request(ModelRef("m"), {"\ud800": ONE})
    for version in (-1, 2**63):
        with pytest.raises(InvalidInput, match="out of range"):
            ModelRef("m", version)
    with pytest.raises(InvalidInput, match="not both"):
        ModelRef("m", 1, "stable")


def test_requests_and_responses_are_protobuf_to_the_byte() -> None:
    ref = ModelRef("m", 1, None, "s")
    spec = encode_model_ref(ref)
    theirs = official("PredictRequest", output_filter=["a", "b"])
    theirs.model_spec.MergeFromString(spec)
    theirs.inputs["x"].MergeFromString(join(encode_tensor(ONE)))
    assert join(encode_predict_request(ref, {"x": ONE}, ["a", "b"])) == theirs.SerializeToString()

    answer = official("PredictResponse")
    answer.model_spec.MergeFromString(spec)
    answer.outputs["y"].dtype = 1
    answer.outputs["y"].tensor_shape.dim.add(size=1)
    answer.outputs["y"].float_val.append(1)
    ours = join(encode_predict_response(PredictResponse(ref, {"y": ONE})))
    assert ours == answer.SerializeToString()


def test_the_2_gib_wall_is_told_before_anything_is_joined() -> None:
    mebibyte = memoryview(bytes(1 << 20))
    with pytest.raises(InvalidInput, match="2,147,483,648 bytes"):
        join([mebibyte] * 2048)


def test_answers_of_one_length_are_told_apart() -> None:
    # They begin alike, and differ in what is remembered of an answer rather than in its elements.
    first, second = (
        Tensor(DType("float32"), np.array(values, np.float32)) for values in ([1, 2], [3, 4])
    )
    answers = [
        PredictResponse(ModelRef("m", version, None, "s"), {"a": first, name: second})
        for version in (1, 2)
        for name in ("b", "c")
    ]
    for answer in [*answers, *answers]:
        model, read = decode_predict_response(join(encode_predict_response(answer)))
        assert (model, list(read)) == (answer.ref, list(answer.outputs))
        for name, tensor in answer.outputs.items():
            np.testing.assert_array_equal(read[name], tensor.array)


@pytest.mark.parametrize(
    "fields",
    [
        {"dtype": 1, "float_val": [1, 2]},
        {"dtype": 1, "float_val": [1, 2], "tensor_shape": {"dim": [{"size": 1}]}},
        {"dtype": 3, "int_val": [1, 2]},
        {"dtype": 7, "string_val": [b"a", b"b"]},
    ],
)
def test_an_answer_of_more_values_than_its_shape_has_is_refused(fields: dict[str, Any]) -> None:
    tensor = messages.message_class("tensorflow.TensorProto")(**fields)
    data = official("PredictResponse", outputs={"y": tensor}).SerializeToString()
    with pytest.raises(DecodeError, match=r"output 'y': .* has 2 values"):
        decode_predict_response(data)
    # A server reads such a request as TensorFlow does.
    assert decode_tensor(tensor.SerializeToString()).array.size == 1


@pytest.mark.parametrize("shape", [{"unknown_rank": True}, {"unknown_rank": True, "dim": [{}]}])
def test_an_answer_that_does_not_say_its_shape_is_refused(shape: dict[str, Any]) -> None:
    tensor = messages.message_class("tensorflow.TensorProto")(dtype=1, tensor_shape=shape)
    data = official("PredictResponse", outputs={"y": tensor}).SerializeToString()
    with pytest.raises(DecodeError, match=r"output 'y': .* its rank is unknown"):
        decode_predict_response(data)
