"""Google's Vertex AI: a TensorFlow Serving container behind its endpoints, over HTTP or gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from tfsclient._calls.profiles.profile import Profile
from tfsclient._calls.profiles.sagemaker import read_outputs
from tfsclient._calls.request import PredictRequest
from tfsclient._codec import rest_json
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.predict import decode_predict_response
from tfsclient._codec.protobuf import CHUNK, chunk, fields
from tfsclient._codec.tensor import Array

_RAW_PREDICT = "/google.cloud.aiplatform.v1.PredictionService/DirectRawPredict"
_METHOD = b"/tensorflow.serving.PredictionService/Predict"
_ENDPOINT, _METHOD_NAME, _INPUT = 1, 2, 3  # fields of DirectRawPredictRequest
_OUTPUT = 1  # of DirectRawPredictResponse


def _path(ref: ModelRef, method: str) -> str:
    del ref, method  # the endpoint is the target, and what it serves has one route
    return ":rawPredict"


def _body(request: PredictRequest) -> bytes:
    return request.to_json()


def _error(status: int, body: bytes) -> tuple[int, str] | None:
    answer: Any = rest_json.loads(body)
    if isinstance(answer, list):  # as some of Google's servers write it
        answer = answer[0]
    error = answer["error"]
    return (status, str(error["message"])) if isinstance(error, dict) else None


PROFILE = Profile(name="vertex", path=_path, body=_body, answer=read_outputs, error=_error)


def over_grpc(endpoint: str) -> Profile:
    """The profile for one endpoint over gRPC, where the messages are TF Serving's own.

    Args:
        endpoint: ``projects/P/locations/L/endpoints/E``.
    """
    return Profile(
        name="vertex",
        path=_method,
        body=partial(_wrapped, endpoint),
        answer=_unwrapped,
        headers=partial(_routing, endpoint),
        rest=False,
        json=False,
        versions=True,
        labels=True,
    )


def _method(ref: ModelRef, method: str) -> str:
    del ref, method
    return _RAW_PREDICT


def _routing(endpoint: str, ref: ModelRef, method: str) -> Mapping[str, str]:
    del ref, method
    return {"x-goog-request-params": f"endpoint={quote(endpoint)}"}


def _wrapped(endpoint: str, request: PredictRequest) -> bytes:
    head = chunk(_ENDPOINT, endpoint.encode()) + chunk(_METHOD_NAME, _METHOD)
    return head + chunk(_INPUT, request.to_bytes())


def _unwrapped(data: bytes, request: PredictRequest) -> Mapping[str, Array]:
    del request
    output = b""
    for number, kind, first, end in fields(data):
        if number == _OUTPUT and kind == CHUNK:
            output = data[first:end]
    return decode_predict_response(output)[1]
