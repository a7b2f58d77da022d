"""Calls of TF Serving's REST interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tfsclient._calls.call import Call
from tfsclient._calls.request import ExamplesRequest, PredictRequest
from tfsclient._calls.urls import model_path
from tfsclient._codec import proto_json, rest_json
from tfsclient._codec.metadata_json import from_metadata_json
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.prepare import Inputs
from tfsclient.errors import USE_GRPC, Code, DecodeError, Hint, InvalidInput, cannot_send
from tfsclient.results import Classes, Float32s, Prediction, Statuses, VersionStatus
from tfsclient.schema import Model, Signature

if TYPE_CHECKING:
    from tfsclient.model_config import ServerConfig


class RestCalls:
    """Makes REST calls: bodies are JSON, whose numbers do not have a dtype."""

    needs_signature = True
    tells_signatures = True

    def repeated(self, *_: object, **__: object) -> None:
        """None: making the JSON is what takes the time, so nothing is worth remembering."""

    def predict(
        self, request: PredictRequest, inputs: Inputs | None, validate: bool, copy: bool
    ) -> Call[Prediction]:
        """The call that runs a predict request; arrays made from JSON are always our own.

        Raises:
            Unimplemented: a tensor has no form in TF Serving's JSON.
        """
        del inputs, validate, copy
        spec, ref = check_json(request), request.ref
        decode = partial(_prediction, ref=ref, spec=spec, outputs=request.outputs)
        return Call(model_path(ref) + ":predict", request.to_json(), ref, decode=decode)

    def classify(self, request: ExamplesRequest) -> Call[Classes]:
        """The call that gives labels with scores for each Example."""
        path = model_path(request.ref) + ":classify"
        return Call(path, request.to_json(), request.ref, decode=read_classes(request))

    def regress(self, request: ExamplesRequest) -> Call[Float32s]:
        """The call that gives a number for each Example."""
        path = model_path(request.ref) + ":regress"
        return Call(path, request.to_json(), request.ref, decode=read_numbers(request))

    def multi_inference(self, request: ExamplesRequest) -> Call[dict[str, Classes | Float32s]]:
        """Refuse: TF Serving's REST interface has no such request.

        Raises:
            Unimplemented: always.
        """
        raise cannot_send("REST has no multi-inference", model=request.ref.name, hint=USE_GRPC)

    def metadata(self, ref: ModelRef) -> Call[Model]:
        """The call that asks for a model's signatures."""
        path = model_path(ref) + "/metadata"
        return Call(path, None, ref, True, decode=from_metadata_json)

    def status(self, ref: ModelRef) -> Call[list[VersionStatus]]:
        """The call that asks for the states of a model's versions."""
        return Call(model_path(ref), None, ref, True, decode=_statuses)

    def reload(self, config: ServerConfig) -> Call[None]:
        """Refuse: TF Serving's REST interface has no such request.

        Raises:
            Unimplemented: always.
        """
        del config
        raise cannot_send("REST cannot reload the configuration", hint=USE_GRPC)


def check_json(request: PredictRequest) -> Signature:
    """The signature of a request that JSON can carry.

    Raises:
        InvalidInput: the signature is not known.
        Unimplemented: a tensor has no form in TF Serving's JSON.
    """
    spec, ref = request.spec, request.ref
    if spec is None:
        raise InvalidInput(
            "over REST the signature must be known: JSON has no dtypes", model=ref.name
        )
    if (reason := spec.why_not_over_rest) is not None:
        what, _, advice = reason.partition("; ")
        raise cannot_send(
            f"REST cannot carry it: {what}",
            model=ref.name,
            signature=ref.signature,
            hint=Hint(USE_GRPC.key, advice or USE_GRPC),
        )
    missing = sorted(spec.defaults - request.tensors.keys())
    if missing:
        raise cannot_send(
            f"over REST the server does not fill in defaults: give {', '.join(missing)} too",
            model=ref.name,
            signature=ref.signature,
            hint=Hint(USE_GRPC.key, "use gRPC, which does"),
        )
    return spec


def read_classes(request: ExamplesRequest) -> Callable[[bytes], Classes]:
    """What reads the answer to a classify request."""
    return partial(rest_json.decode_classify, count=len(request.examples))


def read_numbers(request: ExamplesRequest) -> Callable[[bytes], Float32s]:
    """What reads the answer to a regress request."""
    return partial(rest_json.decode_regress, count=len(request.examples))


def _prediction(
    data: bytes,
    *,
    ref: ModelRef,
    spec: Signature,
    outputs: Sequence[str] | None,
) -> Prediction:
    prediction = Prediction(
        rest_json.decode_predict(data, spec.outputs, outputs),
        model=ref.name,
        signature=ref.signature,
        version=None,
    )
    if spec.labels is not None:
        prediction.labels = spec.labels
    return prediction


def _statuses(data: bytes) -> Statuses:
    answer = rest_json.loads(data)
    versions = answer.get("model_version_status") if isinstance(answer, dict) else None
    if not isinstance(versions, list):
        raise DecodeError(f"this is not TF Serving: it answered {rest_json.excerpt(data)}")
    try:
        return Statuses(map(_status, versions))
    except proto_json.MALFORMED as error:
        raise DecodeError(f"not a status answer: {type(error).__name__}: {error}") from error


def _status(one: dict[str, Any]) -> VersionStatus:
    reason = proto_json.record(one["status"])
    state, code = proto_json.enum(one["state"]), proto_json.enum(reason["error_code"])
    return VersionStatus(
        version=proto_json.integer(one["version"]),
        state=state if isinstance(state, str) else "UNKNOWN",
        error_code=Code(code) if code in Code.__members__ else Code.UNKNOWN,
        error_message=proto_json.string(reason["error_message"]),
    )
