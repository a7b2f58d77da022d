"""Calls of TF Serving's REST interface."""

from __future__ import annotations

from functools import partial
from typing import Any

from tfsclient import rest_json
from tfsclient.calls import Call
from tfsclient.errors import Code, DecodeError, InvalidInput, Unimplemented
from tfsclient.model_config import ServerConfig
from tfsclient.request import PredictRequest, model_path
from tfsclient.results import Prediction, VersionStatus
from tfsclient.schema import Model
from tfsclient.sources import from_metadata_json

# JSON numbers do not tell their dtype, so reading an answer takes the signature.
NEEDS_SIGNATURE = True


def predict(request: PredictRequest, copy: bool) -> Call[Prediction]:
    """The call that runs a predict request; arrays made from JSON are always our own.

    Raises:
        Unimplemented: a tensor has no form in TF Serving's JSON.
    """
    spec = request.spec
    if spec is None:
        raise InvalidInput(
            "over REST the signature must be known: JSON does not tell dtypes", model=request.model
        )
    if (reason := spec.why_not_over_rest) is not None:
        raise Unimplemented(
            f"REST cannot carry it: {reason}", model=request.model, signature=request.signature
        )
    missing = sorted(spec.defaults - request.tensors.keys())
    if missing:
        raise Unimplemented(
            f"over REST the server does not fill in defaults: give {', '.join(missing)} too",
            model=request.model,
            signature=request.signature,
            hint="use gRPC, which does",
        )
    decode = partial(_prediction, request=request)
    return Call(request.rest_path(), request.to_json(), decode, request.model, request.signature)


def _prediction(data: bytes, *, request: PredictRequest) -> Prediction:
    assert request.spec is not None
    return Prediction(
        rest_json.decode_predict(data, request.spec.outputs, request.outputs),
        model=request.model,
        signature=request.signature,
        version=None,
    )


def metadata(model: str, version: int | None, label: str | None) -> Call[Model]:
    """The call that asks for a model's signatures."""
    path = model_path(model, version, label) + "/metadata"
    return Call(path, None, from_metadata_json, model, safe=True)


def status(model: str, version: int | None) -> Call[list[VersionStatus]]:
    """The call that asks for the state of a model's versions."""
    return Call(model_path(model, version, None), None, _statuses, model, safe=True)


def _statuses(data: bytes) -> list[VersionStatus]:
    answer = rest_json.loads(data)
    try:
        return [_status(one) for one in answer["model_version_status"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError(f"not a status answer: {type(error).__name__}: {error}") from error


def _status(one: dict[str, Any]) -> VersionStatus:
    reason = one["status"]
    code = reason["error_code"]
    return VersionStatus(
        version=int(one["version"]),
        state=str(one["state"]),
        error_code=Code(code) if code in Code.__members__ else Code.UNKNOWN,
        error_message=str(reason["error_message"]),
    )


def reload(config: ServerConfig) -> Call[None]:
    """Refuse: TF Serving's REST interface has no such request.

    Raises:
        Unimplemented: always.
    """
    raise Unimplemented("REST cannot reload the configuration", hint="use gRPC")
