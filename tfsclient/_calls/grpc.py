"""Calls of TF Serving's gRPC services."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tfsclient._calls.call import Call
from tfsclient._calls.request import PredictRequest
from tfsclient._codec import predict as predict_messages
from tfsclient._codec.messages import ProtobufError, message_class
from tfsclient._codec.protobuf import CHUNK, FIXED32, chunk, fields
from tfsclient._inputs.example import ExampleLike, serialize, write_call
from tfsclient._sources.model_config import ServerConfig
from tfsclient._sources.read import from_metadata_response
from tfsclient.dtypes import STRING
from tfsclient.errors import Code, DecodeError, InvalidInput
from tfsclient.results import Classes, Float32s, Prediction, VersionStatus
from tfsclient.schema import CLASSIFY, REGRESS, Features, Model

_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODEL = "/tensorflow.serving.ModelService/"

_MODEL_SPEC, _METADATA_FIELD = 1, 2  # fields of GetModelMetadataRequest

# Fields of the messages around Examples.
_SPEC, _INPUT = 1, 2  # of ClassificationRequest and RegressionRequest
_TASKS, _TASK_SPEC, _TASK_METHOD = 1, 1, 2  # of MultiInferenceRequest, whose 2 is its input, too
_EXAMPLE_LIST, _LIST_WITH_CONTEXT = 1, 2  # of Input
_EXAMPLES, _CONTEXT = 1, 2  # of both lists
_RESULT = 1  # of ClassificationResponse and RegressionResponse; a MultiInferenceResponse has many
_EACH = 1  # of ClassificationResult, Classifications and RegressionResult: what they are lists of
_LABEL, _SCORE = 1, 2  # of Class
_REGRESSION_VALUE = 1  # of Regression
_SIGNATURE_NAME = 3  # of ModelSpec

# Over gRPC an answer tells its own dtypes, so a request needs no signature.
NEEDS_SIGNATURE = False


def predict(request: PredictRequest, copy: bool) -> Call[Prediction]:
    """The call that runs a predict request."""
    model, signature = request.model, request.signature
    read = predict_messages.decode_predict_response
    if request.spec is not None and [t.dtype for t in request.spec.outputs.values()] == [STRING]:
        read = predict_messages.decode_strings_response
    decode = partial(_prediction, read, model, signature, copy)
    return Call(_PREDICTION + "Predict", request.to_bytes(), decode, model, signature)


def _prediction(
    read: Callable[[bytes, bool], tuple[predict_messages.ModelSpec, predict_messages.Outputs]],
    model: str,
    signature: str | None,
    copy: bool,
    data: bytes,
) -> Prediction:
    spec, outputs = read(data, copy)
    return Prediction(
        outputs, model=model, signature=spec.signature or signature, version=spec.version
    )


def classify(
    model: str,
    examples: Iterable[ExampleLike],
    context: ExampleLike | None = None,
    *,
    signature: str | None = None,
    version: int | None = None,
    label: str | None = None,
    features: Features | None = None,
) -> Call[Classes]:
    """The call that classifies Examples: for each of them, labels with scores.

    Args:
        model: the model's name.
        examples: the Examples, as Example, dict, message or bytes.
        context: features that all of them share; an example's own win.
        signature: the signature's name; None for serving_default.
        version: the version to call.
        label: the label of the version to call.
        features: what the signature parses, where it is known.

    Raises:
        InvalidInput: an example cannot be written, or does not fit ``features``.
    """
    body, count = _request(model, examples, context, signature, version, label, features)
    decode = partial(_classification_response, count=count)
    return Call(_PREDICTION + "Classify", body, decode, model, signature)


def regress(
    model: str,
    examples: Iterable[ExampleLike],
    context: ExampleLike | None = None,
    *,
    signature: str | None = None,
    version: int | None = None,
    label: str | None = None,
    features: Features | None = None,
) -> Call[Float32s]:
    """The call that gives a float32 for each Example; arguments as for :func:`classify`."""
    body, count = _request(model, examples, context, signature, version, label, features)
    decode = partial(_regression_response, count=count)
    return Call(_PREDICTION + "Regress", body, decode, model, signature)


def multi_inference(
    model: str,
    tasks: Mapping[str, str],
    examples: Iterable[ExampleLike],
    context: ExampleLike | None = None,
    *,
    version: int | None = None,
    label: str | None = None,
    features: Features | None = None,
) -> Call[dict[str, Classes | Float32s]]:
    """The call that runs several signatures of a model on the same Examples.

    Args:
        model: the model's name.
        tasks: by name of the signature, "classify" or "regress".
        examples: the Examples.
        context: features that all of them share.
        version: the version to call.
        label: the label of the version to call.
        features: what the signatures parse, all together, where it is known.

    Raises:
        InvalidInput: no or wrong tasks, or what :func:`classify` refuses.
    """
    if not tasks:
        raise InvalidInput("there are no tasks", model=model)
    parts = []
    for name, kind in tasks.items():
        if kind not in _KINDS:
            raise InvalidInput(
                f'a task is "classify" or "regress", not {kind!r}', model=model, signature=name
            )
        spec = predict_messages.encode_model_spec(
            model, version=version, label=label, signature=name
        )
        method = chunk(_TASK_METHOD, _KINDS[kind].method.encode())
        parts.append(chunk(_TASKS, chunk(_TASK_SPEC, spec) + method))
    data, count = _input(examples, context, features, model, None)
    decode = partial(_multi_response, tasks=dict(tasks), count=count)
    return Call(
        _PREDICTION + "MultiInference", predict_messages.join([*parts, data]), decode, model
    )


def _request(
    model: str,
    examples: Iterable[ExampleLike],
    context: ExampleLike | None,
    signature: str | None,
    version: int | None,
    label: str | None,
    features: Features | None,
) -> tuple[bytes, int]:
    """A ClassificationRequest, which a RegressionRequest looks like; and its examples' number."""
    spec = predict_messages.encode_model_spec(
        model, version=version, label=label, signature=signature or ""
    )
    data, count = _input(examples, context, features, model, signature)
    return predict_messages.join([chunk(_SPEC, spec), data]), count


def _input(
    examples: Iterable[ExampleLike],
    context: ExampleLike | None,
    features: Features | None,
    model: str,
    signature: str | None,
) -> tuple[bytes, int]:
    """The input field of a request, and the number of its examples."""
    written, before = write_call(
        examples, context, features, serialize, model=model, signature=signature
    )
    items = b"".join([chunk(_EXAMPLES, example) for example in written])
    if before is None:
        return chunk(_INPUT, chunk(_EXAMPLE_LIST, items)), len(written)
    listed = chunk(_LIST_WITH_CONTEXT, items + chunk(_CONTEXT, before))
    return chunk(_INPUT, listed), len(written)


# Answers are read from the wire format itself: a label may be any bytes, though it travels in a
# field that protobuf's parsers want to be UTF-8.


def _classification_response(data: bytes, *, count: int) -> Classes:
    return _classes(_merged(data, _RESULT), count)


def _regression_response(data: bytes, *, count: int) -> Float32s:
    return _values(_merged(data, _RESULT), count)


def _multi_response(
    data: bytes, *, tasks: Mapping[str, str], count: int
) -> dict[str, Classes | Float32s]:
    results = _spans(data, _RESULT)
    if len(results) != len(tasks):
        raise DecodeError(f"{len(results)} results came for {len(tasks)} tasks")
    answer = {}
    for result, (name, kind) in zip(results, tasks.items(), strict=True):
        came = [n for n, wire, _, _ in fields(result) if wire == CHUNK and n in _INFERENCE_RESULTS]
        wanted = _KINDS[kind]
        if not came or came[-1] != wanted.field:
            raise DecodeError(f"signature {name!r} did not answer with a {wanted.name}")
        spec = _merged(result, _SPEC)
        if name.encode() not in _spans(spec, _SIGNATURE_NAME):
            raise DecodeError(f"another signature than {name!r} answered")
        answer[name] = wanted.read(_merged(result, wanted.field), count)
    return answer


def _classes(result: bytes, count: int) -> Classes:
    """A ClassificationResult."""
    lists = [[_class(one) for one in _spans(each, _EACH)] for each in _spans(result, _EACH)]
    _check_count(len(lists), count)
    return lists


def _class(data: bytes) -> tuple[str, float]:
    label, score = "", 0.0
    for number, kind, first, end in fields(data):
        if number == _LABEL and kind == CHUNK:
            label = data[first:end].decode("utf-8", "surrogateescape")
        elif number == _SCORE and kind == FIXED32:
            (score,) = struct.unpack_from("<f", data, first)
    return label, score


def _values(result: bytes, count: int) -> Float32s:
    """A RegressionResult."""
    each = [_value(one) for one in _spans(result, _EACH)]
    _check_count(len(each), count)
    return np.array(each, np.float32)


def _value(data: bytes) -> float:
    value = 0.0
    for number, kind, first, _ in fields(data):
        if number == _REGRESSION_VALUE and kind == FIXED32:
            (value,) = struct.unpack_from("<f", data, first)
    return value


def _check_count(came: int, count: int) -> None:
    if came != count:
        raise DecodeError(f"{came} results came for {count} examples")


def _spans(data: bytes, field: int) -> list[bytes]:
    """Every payload of a repeated field."""
    return [data[first:end] for n, kind, first, end in fields(data) if (n, kind) == (field, CHUNK)]


def _merged(data: bytes, field: int) -> bytes:
    """A message field; parts of it one after the other are read as protobuf merges them."""
    return b"".join(_spans(data, field))


class _Kind(NamedTuple):
    """What a task of multi-inference can be."""

    name: str
    method: str
    field: int  # of InferenceResult
    read: Callable[[bytes, int], Any]


_INFERENCE_RESULTS = (2, 3)  # fields of InferenceResult, of which the last one counts
_KINDS = {
    "classify": _Kind("classification", CLASSIFY, 2, _classes),
    "regress": _Kind("regression", REGRESS, 3, _values),
}


def metadata(model: str, version: int | None, label: str | None) -> Call[Model]:
    """The call that asks for a model's signatures."""
    request = _spec_field(model, version, label) + chunk(_METADATA_FIELD, b"signature_def")
    return Call(_PREDICTION + "GetModelMetadata", request, from_metadata_response, model, safe=True)


def status(model: str, version: int | None) -> Call[list[VersionStatus]]:
    """The call that asks for the state of a model's versions."""
    request = _spec_field(model, version, None)
    return Call(_MODEL + "GetModelStatus", request, _statuses, model, safe=True)


def _spec_field(model: str, version: int | None, label: str | None) -> bytes:
    spec = predict_messages.encode_model_spec(model, version=version, label=label, signature="")
    return chunk(_MODEL_SPEC, spec)


def _statuses(data: bytes) -> list[VersionStatus]:
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
