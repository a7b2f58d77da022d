"""Calls of TF Serving's REST interface."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from tfsclient._calls.call import Call
from tfsclient._calls.request import PredictRequest, model_path
from tfsclient._codec import rest_json
from tfsclient._inputs.example import ExampleLike, write_call
from tfsclient._sources.model_config import ServerConfig
from tfsclient._sources.read import from_metadata_json
from tfsclient.errors import Code, DecodeError, InvalidInput, Unimplemented
from tfsclient.results import Classes, Float32s, Prediction, VersionStatus
from tfsclient.schema import Features, Model

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
    body, count = _examples(model, examples, context, signature, features)
    decode = partial(rest_json.decode_classify, count=count)
    return Call(model_path(model, version, label) + ":classify", body, decode, model, signature)


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
    body, count = _examples(model, examples, context, signature, features)
    decode = partial(rest_json.decode_regress, count=count)
    return Call(model_path(model, version, label) + ":regress", body, decode, model, signature)


def _examples(
    model: str,
    examples: Iterable[ExampleLike],
    context: ExampleLike | None,
    signature: str | None,
    features: Features | None,
) -> tuple[bytes, int]:
    """The body of a classify or regress request, and the number of its examples."""
    written, before = write_call(
        examples, context, features, rest_json.example_to_json, model=model, signature=signature
    )
    return rest_json.encode_examples(written, before, signature), len(written)


def multi_inference(model: str, *_: Any, **__: Any) -> Call[Any]:
    """Refuse: TF Serving's REST interface has no such request.

    Raises:
        Unimplemented: always.
    """
    raise Unimplemented("REST has no multi-inference", model=model, hint="use gRPC")


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
