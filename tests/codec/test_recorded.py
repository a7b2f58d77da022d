"""What a real TensorFlow Serving answered decodes to what its protobuf message says."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfsclient._codec import messages
from tfsclient._codec.predict import (
    PredictResponse,
    decode_predict_request,
    decode_predict_response,
    encode_predict_response,
)
from tfsclient._codec.protobuf import join
from tfsclient._codec.tensor import Tensor, decode_tensor
from tfsclient.dtypes import DType
from tfsclient.errors import DecodeError

TRANSCRIPT = Path(__file__).parents[1] / "conformance" / "transcripts" / "grpc.jsonl"
PREDICT = [
    line
    for line in map(json.loads, TRANSCRIPT.read_text("utf-8").splitlines())
    if line["method"].endswith("PredictionService/Predict") and line.get("request_text")
]
NEWER = {26, 27, 28, 31, 32}  # types that the recorded server did not know
ANSWERED = [line for line in PREDICT if line.get("response_b64")]


def elements(message: Any) -> Any:
    """The elements of a TensorProto that has every one of them in its value field."""
    dtype = DType.of_number(message.dtype)
    values = list(next((v for f, v in message.ListFields() if f.number == dtype.field), []))
    if dtype.field == 13:
        return np.array(values, np.uint16).view(dtype.numpy)
    if dtype.field == 18:
        return np.array(values, np.uint8).view(dtype.numpy)
    if dtype.numpy.kind == "c":
        return np.array(values, f"f{dtype.numpy.itemsize // 2}").view(dtype.numpy)
    return np.array(values, np.int64 if dtype.endswith(("int4", "int2")) else dtype.numpy)


def test_there_is_something_to_test() -> None:
    assert len(ANSWERED) > 100
    assert (
        len({t for line in ANSWERED for t in line["response_text"].split("\n") if "DT_" in t}) > 20
    )


@pytest.mark.parametrize("line", ANSWERED, ids=lambda line: line["id"])
def test_answer(line: dict[str, Any]) -> None:
    data = base64.b64decode(line["response_b64"])
    message = messages.message_class("tensorflow.serving.PredictResponse").FromString(data)
    model, outputs = decode_predict_response(data)
    spec = message.model_spec
    assert (model.name, model.signature) == (spec.name, spec.signature_name or None)
    assert model.version == (spec.version.value if spec.HasField("version") else None)
    assert outputs.keys() == message.outputs.keys()
    tensors = {}
    for name, array in outputs.items():
        wanted = message.outputs[name]
        tensors[name] = Tensor(DType.of_number(wanted.dtype), array)
        assert array.dtype == tensors[name].dtype.numpy
        assert list(array.shape) == [dim.size for dim in wanted.tensor_shape.dim]
        np.testing.assert_array_equal(array.ravel(), elements(wanted).astype(array.dtype))
    # And our local server would answer in the same bytes, but for the order of a map's entries.
    response = PredictResponse(model, tensors)
    again = message.FromString(join(encode_predict_response(response)))
    assert again == message or "nan" in line["response_text"]


@pytest.mark.parametrize("line", PREDICT, ids=lambda line: line["id"])
def test_request(line: dict[str, Any]) -> None:
    if "request_b64" not in line:
        pytest.skip("recorded in parts")
    data = base64.b64decode(line["request_b64"])
    message = messages.message_class("tensorflow.serving.PredictRequest").FromString(data)
    request = decode_predict_request(data)
    assert request.inputs.keys() == message.inputs.keys()
    assert request.output_filter == tuple(message.output_filter)
    if line["code"] == "OK":
        for tensor in request.inputs.values():
            decode_tensor(tensor)
    elif line["details"].startswith("tensor parsing error: "):
        alias = line["details"].removeprefix("tensor parsing error: ")
        if message.inputs[alias].dtype in NEWER:
            decode_tensor(request.inputs[alias])
            return
        with pytest.raises(DecodeError):
            decode_tensor(request.inputs[alias])
