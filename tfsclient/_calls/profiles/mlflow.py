"""MLflow's scoring server, and Databricks' endpoints, which are the same behind another address."""

from __future__ import annotations

from typing import Any

from tfsclient._calls.profiles.kserve import read_predictions
from tfsclient._calls.profiles.profile import Profile
from tfsclient._calls.request import PredictRequest
from tfsclient._codec import rest_json
from tfsclient._codec.model_ref import ModelRef
from tfsclient.dtypes import STRING
from tfsclient.errors import Code, DecodeError, cannot_send
from tfsclient.results import Statuses, VersionStatus
from tfsclient.results._forms import is_text


def _path(ref: ModelRef, method: str) -> str:
    del ref, method  # one model is served
    return "/invocations"


def _body(request: PredictRequest) -> bytes:
    for name, tensor in request.tensors.items():
        if tensor.dtype == STRING and not all(map(is_text, tensor.array.flat)):
            raise cannot_send(
                f"input {name!r} holds bytes that are not UTF-8, and MLflow's JSON has text alone",
                model=request.ref.name,
                of_values=True,
            )
    if list(request.tensors) == [""]:  # MLflow's tensors may have no name
        return rest_json.encode_predict_rows(request.tensors, None)
    return rest_json.encode_predict(request.tensors, None)


def _ping(ref: ModelRef) -> str:
    del ref
    return "/ping"


def _states(data: bytes, ref: ModelRef) -> Statuses:
    del ref
    if data.strip():  # a page of somebody on the way, say
        raise DecodeError(f"this is not MLflow's /ping: it answered {rest_json.excerpt(data)}")
    return Statuses([VersionStatus(None, "AVAILABLE", Code.OK, "")])


def _error(status: int, body: bytes) -> tuple[int, str] | None:
    answer: Any = rest_json.loads(body)
    return status, f"{answer['error_code']}: {answer['message']}".strip()


PROFILE = Profile(
    name="mlflow",
    path=_path,
    body=_body,
    answer=read_predictions,
    status=(_ping, _states),
    error=_error,
)
