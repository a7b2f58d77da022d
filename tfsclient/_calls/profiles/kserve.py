"""KServe's own Python runtimes, which speak its "V1": rows in, rows out.

TF Serving inside KServe is TF Serving: it needs no profile.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfsclient._calls.profiles.profile import Profile
from tfsclient._calls.request import PredictRequest
from tfsclient._calls.urls import model_path
from tfsclient._codec import rest_json
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.tensor import Array
from tfsclient.errors import Code, DecodeError, cannot_send
from tfsclient.results import Statuses, VersionStatus


def _path(ref: ModelRef, method: str) -> str:
    return f"{model_path(ref)}:{method}"


def _body(request: PredictRequest) -> bytes:
    for name, tensor in request.tensors.items():
        if tensor.dtype.kind == "float" and not np.isfinite(tensor.array).all():
            raise cannot_send(
                f"input {name!r} holds NaN or an infinity, which kserve-v1's JSON does not have",
                model=request.ref.name,
                of_values=True,
            )
    # Without the signature's name: what is served is one function.
    return rest_json.encode_predict_rows(request.tensors, None)


def read_predictions(data: bytes, request: PredictRequest) -> Mapping[str, Array]:
    """The outputs of an answer ``{"predictions": ...}``."""
    assert request.spec is not None
    return rest_json.decode_predictions(data, request.spec.outputs, request.outputs)


def _states(data: bytes, ref: ModelRef) -> Statuses:
    del ref
    answer = rest_json.loads(data)
    ready = answer.get("ready") if isinstance(answer, dict) else None
    if not isinstance(ready, bool):
        raise DecodeError(f"this is not KServe's V1: it answered {rest_json.excerpt(data)}")
    state = "AVAILABLE" if ready else "LOADING"
    return Statuses([VersionStatus(None, state, Code.OK, "")])


PROFILE = Profile(
    name="kserve-v1",
    path=_path,
    body=_body,
    answer=read_predictions,
    status=(model_path, _states),
)
