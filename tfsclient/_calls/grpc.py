"""Calls of TF Serving's gRPC services."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from tfsclient._calls.call import Call
from tfsclient._calls.grpc_frames import Frames, frame_key
from tfsclient._calls.request import ExamplesRequest, PredictRequest
from tfsclient._codec import inference
from tfsclient._codec.inference import Task
from tfsclient._codec.layouts import Layout, recall
from tfsclient._codec.metadata import from_metadata_response
from tfsclient._codec.model_ref import ModelRef, encode_model_ref
from tfsclient._codec.predict import (
    decode_int64_response,
    decode_predict_response,
    decode_strings_response,
)
from tfsclient._codec.protobuf import chunk
from tfsclient._codec.tensor import Outputs
from tfsclient._inputs.prepare import Inputs
from tfsclient.dtypes import INT64, LOADING, STRING, DType
from tfsclient.errors import Code, DecodeError, missing_outputs
from tfsclient.results import Classes, Float32s, Prediction, Statuses, VersionStatus
from tfsclient.schema import Model, Signature

if TYPE_CHECKING:
    from tfsclient.model_config import ServerConfig

PREDICTION_SERVICE: Final = "/tensorflow.serving.PredictionService/"
MODEL_SERVICE: Final = "/tensorflow.serving.ModelService/"

_PREDICT: Final = PREDICTION_SERVICE + "Predict"

_MODEL_SPEC, _METADATA_FIELD = 1, 2  # fields of GetModelMetadataRequest

_Parse: TypeAlias = Callable[[bytes, bool], tuple[ModelRef, Outputs]]

# What reads an answer of one output of these types.
_LONE: Final[dict[DType, _Parse]] = {
    INT64: decode_int64_response,
    STRING: decode_strings_response,
}


class GrpcCalls:
    """Makes gRPC calls: an answer says its own dtypes, so a request needs no signature."""

    needs_signature = False
    tells_signatures = True

    def __init__(self) -> None:
        self._frames = Frames()

    def repeated(
        self,
        ref: ModelRef,
        spec: Signature | None,
        inputs: Inputs,
        outputs: tuple[str, ...] | None,
        validate: bool,
        copy: bool,
    ) -> Call[Prediction] | None:
        """The call for inputs like earlier ones, not checked again; None if they are new."""
        started = time.perf_counter()
        frame = self._frames.find(frame_key(ref, spec, outputs, validate, copy, inputs))
        if frame is None or (body := frame.body(inputs)) is None:
            return None
        seconds = time.perf_counter() - started
        return Call(_PREDICT, body, frame.ref, decode=frame.decode, encode_seconds=seconds)

    def predict(
        self, request: PredictRequest, inputs: Inputs | None, validate: bool, copy: bool
    ) -> Call[Prediction]:
        """The call that runs a predict request.

        Raises:
            InvalidInput: it would be 2 GiB or more.
        """
        ref, spec = request.ref, request.spec
        parse: _Parse = decode_predict_response
        if spec is not None and len(spec.outputs) == 1:
            (only,) = spec.outputs.values()
            parse = _LONE.get(only.dtype, parse)
        labels = None if spec is None else spec.labels
        wanted = frozenset(request.outputs or (() if spec is None else spec.outputs))
        decode = _Answers(parse, ref, wanted, copy, labels).read
        key = None
        if inputs is not None:
            outputs = None if request.outputs is None else tuple(request.outputs)
            key = frame_key(ref, spec, outputs, validate, copy, inputs)
        body = self._frames.encode(key, request, inputs, decode)
        return Call(_PREDICT, body, ref, decode=decode)

    def classify(self, request: ExamplesRequest) -> Call[Classes]:
        """The call that gives labels with scores for each Example."""
        decode = partial(inference.decode_classification, count=len(request.examples))
        path = PREDICTION_SERVICE + "Classify"
        return Call(path, request.to_bytes(), request.ref, decode=decode)

    def regress(self, request: ExamplesRequest) -> Call[Float32s]:
        """The call that gives a number for each Example."""
        decode = partial(inference.decode_regression, count=len(request.examples))
        path = PREDICTION_SERVICE + "Regress"
        return Call(path, request.to_bytes(), request.ref, decode=decode)

    def multi_inference(self, request: ExamplesRequest) -> Call[dict[str, Classes | Float32s]]:
        """The call that runs several signatures on the same Examples."""
        tasks: dict[str, Task] = {ref.signature or "": task for ref, task in request.tasks}
        decode = partial(inference.decode_multi, tasks=tasks, count=len(request.examples))
        path = PREDICTION_SERVICE + "MultiInference"
        return Call(path, request.to_bytes(), request.ref, decode=decode)

    def metadata(self, ref: ModelRef) -> Call[Model]:
        """The call that asks for a model's signatures."""
        body = _model_spec(ref) + chunk(_METADATA_FIELD, b"signature_def")
        path = PREDICTION_SERVICE + "GetModelMetadata"
        return Call(path, body, ref, True, decode=from_metadata_response)

    def status(self, ref: ModelRef) -> Call[list[VersionStatus]]:
        """The call that asks for the states of a model's versions."""
        return Call(MODEL_SERVICE + "GetModelStatus", _model_spec(ref), ref, True, decode=_statuses)

    def reload(self, config: ServerConfig) -> Call[None]:
        """The call that replaces the server's list of models."""
        with LOADING:
            from tfsclient._codec.messages import message_class

        request = message_class("tensorflow.serving.ReloadConfigRequest")()
        request.config.CopyFrom(config.to_message())
        path = MODEL_SERVICE + "HandleReloadConfigRequest"
        # The answer's own status is OK whenever the call's is.
        return Call(path, request.SerializeToString(), None, decode=lambda _: None)


class _Answers:
    """Reads the answers to like requests; they mostly are laid out like the one before."""

    def __init__(
        self,
        parse: _Parse,
        ref: ModelRef,
        wanted: frozenset[str],
        copy: bool,
        labels: Mapping[str, Sequence[str]] | None,
    ) -> None:
        self._parse = parse
        self._ref = ref
        self._wanted = wanted
        self._copy = copy
        self._labels = labels
        self._layout: Layout | None = None

    def read(self, data: bytes) -> Prediction:
        layout = self._layout
        if layout is not None and layout.fits(data):
            answered, outputs = layout.model, layout.read(data, self._copy)
        else:
            answered, outputs = self._parse(data, self._copy)
            if not outputs.keys() >= self._wanted:
                raise missing_outputs(self._wanted, outputs)
            self._layout = recall(data)
        prediction = Prediction(
            outputs,
            model=self._ref.name,
            signature=answered.signature or self._ref.signature,
            version=answered.version,
        )
        if self._labels is not None:
            prediction.labels = self._labels
        return prediction


def _model_spec(ref: ModelRef) -> bytes:
    return chunk(_MODEL_SPEC, encode_model_ref(ref))


def _statuses(data: bytes) -> Statuses:
    with LOADING:  # protobuf, which predict does without
        from tfsclient._codec.messages import ProtobufError, message_class

    response = message_class("tensorflow.serving.GetModelStatusResponse")
    try:
        answer = response.FromString(data)
    except ProtobufError as error:
        raise DecodeError(f"not a GetModelStatusResponse: {error}") from error
    state = response.DESCRIPTOR.fields_by_name["model_version_status"].message_type
    names = state.fields_by_name["state"].enum_type.values_by_number
    return Statuses(
        VersionStatus(
            version=one.version,
            state=names[one.state].name if one.state in names else "UNKNOWN",
            error_code=Code.of_number(one.status.error_code),
            error_message=one.status.error_message,
        )
        for one in answer.model_version_status
    )
