"""Amazon SageMaker: its TensorFlow Serving container, on an endpoint or started by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tfsclient._calls.profiles.profile import Profile
from tfsclient._calls.request import PredictRequest
from tfsclient._codec import rest_json
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.tensor import Array
from tfsclient.errors import InvalidInput

# What the container takes out of the header, where a name ends at a comma.
_NAME = re.compile(r"[!-+\--<>-~](?:[ -+\--<>-~]*[!-+\--<>-~])?")
_LONGEST = 1024  # characters of the header


def _path(ref: ModelRef, method: str) -> str:
    del ref, method  # they stand in a header
    return "/invocations"


def _headers(ref: ModelRef, method: str) -> Mapping[str, str]:
    if not _NAME.fullmatch(ref.name):
        raise InvalidInput(
            "SageMaker takes names of models in printable ASCII without , and =", model=ref.name
        )
    version = "" if ref.version is None else f",tfs-model-version={ref.version}"
    attributes = f"tfs-model-name={ref.name}{version},tfs-method={method}"
    if len(attributes) > _LONGEST:
        raise InvalidInput("the model's name is too long for SageMaker", model=ref.name)
    return {"x-amzn-sagemaker-custom-attributes": attributes}


def _body(request: PredictRequest) -> bytes:
    return request.to_json()


def read_outputs(data: bytes, request: PredictRequest) -> Mapping[str, Array]:
    """The outputs of an answer that TF Serving wrote."""
    assert request.spec is not None
    return rest_json.decode_predict(data, request.spec.outputs, request.outputs)


def _error(status: int, body: bytes) -> tuple[int, str] | None:
    """What the container answered, or what AWS says before a request reaches it."""
    answer: Any = rest_json.loads(body)
    if "OriginalStatusCode" in answer:  # the runtime's own status is 424 then
        text: str = answer.get("OriginalMessage") or answer.get("Message") or ""
        return int(answer["OriginalStatusCode"]), _said(text)
    message = answer.get("message") or answer.get("Message")
    return None if message is None else (status, str(message))


def _said(text: str) -> str:
    """TF Serving's words, if it is they that the container passed on."""
    try:
        inner = rest_json.loads(text.encode())
        return str(inner["error"])
    except Exception:  # noqa: BLE001 (anything else is shown as it is)
        return text


PROFILE = Profile(
    name="sagemaker",
    path=_path,
    body=_body,
    answer=read_outputs,
    headers=_headers,
    methods=("predict", "classify", "regress"),
    versions=True,
    error=_error,
)
