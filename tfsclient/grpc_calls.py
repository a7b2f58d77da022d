"""Calls of TF Serving's gRPC services."""

from __future__ import annotations

from functools import partial

from tfsclient import predict_wire
from tfsclient.calls import Call
from tfsclient.errors import Code, DecodeError
from tfsclient.messages import message_class
from tfsclient.model_config import ServerConfig
from tfsclient.request import PredictRequest
from tfsclient.results import Prediction, VersionStatus
from tfsclient.schema import Model
from tfsclient.sources import from_metadata_response
from tfsclient.wire import chunk

_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODEL = "/tensorflow.serving.ModelService/"

_MODEL_SPEC, _METADATA_FIELD = 1, 2  # fields of GetModelMetadataRequest

# Over gRPC an answer tells its own dtypes, so a request needs no signature.
NEEDS_SIGNATURE = False


def predict(request: PredictRequest, copy: bool) -> Call[Prediction]:
    """The call that runs a predict request."""
    decode = partial(_prediction, request=request, copy=copy)
    return Call(
        _PREDICTION + "Predict", request.to_bytes(), decode, request.model, request.signature
    )


def _prediction(data: bytes, *, request: PredictRequest, copy: bool) -> Prediction:
    answer = predict_wire.decode_predict_response(data, copy=copy)
    return Prediction(
        {name: tensor.array for name, tensor in answer.outputs.items()},
        model=request.model,
        signature=answer.signature or request.signature,
        version=answer.version,
    )


def metadata(model: str, version: int | None, label: str | None) -> Call[Model]:
    """The call that asks for a model's signatures."""
    request = _spec_field(model, version, label) + chunk(_METADATA_FIELD, b"signature_def")
    return Call(_PREDICTION + "GetModelMetadata", request, from_metadata_response, model, safe=True)


def status(model: str, version: int | None) -> Call[list[VersionStatus]]:
    """The call that asks for the state of a model's versions."""
    request = _spec_field(model, version, None)
    return Call(_MODEL + "GetModelStatus", request, _statuses, model, safe=True)


def _spec_field(model: str, version: int | None, label: str | None) -> bytes:
    spec = predict_wire.encode_model_spec(model, version=version, label=label, signature="")
    return chunk(_MODEL_SPEC, spec)


def _statuses(data: bytes) -> list[VersionStatus]:
    from google.protobuf.message import DecodeError as ProtobufError

    response = message_class("tensorflow.serving.GetModelStatusResponse")
    try:
        answer = response.FromString(data)
    except ProtobufError as error:
        raise DecodeError(f"not a GetModelStatusResponse: {error}") from error
    state = response.DESCRIPTOR.fields_by_name["model_version_status"].message_type
    names = state.fields_by_name["state"].enum_type.values_by_number
    return [
        VersionStatus(
            version=one.version,
            state=names[one.state].name if one.state in names else "UNKNOWN",
            error_code=Code.of_number(one.status.error_code),
            error_message=one.status.error_message,
        )
        for one in answer.model_version_status
    ]


def reload(config: ServerConfig) -> Call[None]:
    """The call that replaces the server's list of models."""
    request = message_class("tensorflow.serving.ReloadConfigRequest")()
    request.config.CopyFrom(config.to_message())
    # The answer's own status is OK whenever the call's is.
    return Call(
        _MODEL + "HandleReloadConfigRequest", request.SerializeToString(), lambda _: None, None
    )
