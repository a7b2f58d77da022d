"""Alibaba's PAI-EAS: its TensorFlow processor, which has messages of its own.

TF Serving's own image on PAI-EAS is TF Serving behind a token: it needs no profile.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from tfsclient._calls.headers import read_token
from tfsclient._calls.options import Token
from tfsclient._calls.profiles.profile import Outgoing, Profile
from tfsclient._calls.request import PredictRequest
from tfsclient._codec import eas, rest_json
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.tensor import Array
from tfsclient.dtypes import DType
from tfsclient.errors import Code, DecodeError
from tfsclient.results import Statuses, VersionStatus
from tfsclient.schema import Model, Signature, TensorSpec

_CONTENT_TYPE = "application/octet-stream"
_QUEUE_IS_FULL = 450  # a status of PAI-EAS's own


def _path(ref: ModelRef, method: str = "") -> str:
    del ref, method  # the target is the service
    return ""


def _body(request: PredictRequest) -> bytes:
    return eas.encode_request(request.tensors, request.ref.signature, request.outputs or ())


def _answer(data: bytes, request: PredictRequest) -> Mapping[str, Array]:
    del request
    return eas.decode_response(data)


def _signatures(data: bytes, ref: ModelRef) -> Model:
    """A model of the one signature that the service tells."""
    answer: Any = rest_json.loads(data)
    if not isinstance(answer, dict) or "signature_name" not in answer:
        raise DecodeError(f"the service tells no signature: {rest_json.excerpt(data)}")
    name: str = answer["signature_name"]
    inputs, outputs = (
        {one["name"]: _spec(one) for one in answer[part]} for part in ("inputs", "outputs")
    )
    return Model(ref.name, None, {name: Signature(name, inputs, outputs)})


def _spec(one: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(one["name"], DType.of_enum(one["type"]), tuple(one["shape"]))


def _states(data: bytes, ref: ModelRef) -> Statuses:
    _signatures(data, ref)
    return Statuses([VersionStatus(None, "AVAILABLE", Code.OK, "")])


def _error(status: int, body: bytes) -> tuple[int, str] | None:
    del body
    return (429, "the service's queue is full (450)") if status == _QUEUE_IS_FULL else None


class Signed:
    """Signs predictions with a service's token, as Alibaba's own SDK does.

    A question, which is a GET, carries the token itself, as Alibaba's documents have it.

    Args:
        token: the token, or what gives one for each request.
    """

    def __init__(self, token: Token) -> None:
        if not callable(token):
            read_token(token)  # so that what cannot be one is refused at once
        self._token = token

    def __call__(self, outgoing: Outgoing) -> Mapping[str, str]:
        """The signature of a request, of its body and its time."""
        token = read_token(self._token).removeprefix("Bearer ")
        if outgoing.method == "GET":
            return {"authorization": token}
        digest = hashlib.md5(outgoing.body, usedforsecurity=False).hexdigest()
        date = formatdate(time.time(), usegmt=True)
        path = urlsplit(outgoing.url).path
        signed = f"{outgoing.method}\n{digest}\n{_CONTENT_TYPE}\n{date}\n{path}"
        code = hmac.digest(token.encode(), signed.encode(), "sha1")
        return {
            "authorization": f"EAS {base64.b64encode(code).decode()}",
            "content-md5": digest,
            "date": date,
        }


PROFILE = Profile(
    name="pai-eas",
    path=_path,
    body=_body,
    answer=_answer,
    content_type=_CONTENT_TYPE,
    json=False,
    status=(_path, _states),
    signatures=(_path, _signatures),
    error=_error,
    token=Signed,
)
