"""The gRPC services of TF Serving, by their method paths and on raw bytes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import DecodeError as ProtobufDecodeError

from tfsclient._codec.messages import message_class
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.predict import (
    ReceivedRequest,
    decode_predict_request,
    encode_predict_response,
)
from tfsclient._codec.protobuf import join
from tfsclient.errors import DecodeError, InvalidArgument, TFSError
from tfsclient.schema import CLASSIFY, REGRESS
from tfsclient.server.grpc.answers import encode_multi_response, encode_response
from tfsclient.server.grpc.server import Answer
from tfsclient.server.inference import info
from tfsclient.server.inference.examples import ExampleInference, Task, read_input
from tfsclient.server.inference.predict import Inference, read_tensor
from tfsclient.server.interface import Around, Call, Models
from tfsclient.server.text import to_bytes

_log = logging.getLogger("tfsclient.server")

_PACKAGE = "tensorflow.serving."
_MAX_DETAILS = 1024  # bytes; TF Serving cuts longer error texts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Method(Generic[T]):
    """A method of a service.

    Attributes:
        api: its name.
        read: makes a request of its bytes.
        ref: which model the request is for; None if it does not say.
        answer: from a request and the seconds left to the answer's bytes.
    """

    api: str
    read: Callable[[bytes], T]
    ref: Callable[[T], ModelRef | None]
    answer: Callable[[T, float | None], bytes]


def grpc_answers(
    models: Models, inference: Inference, examples: ExampleInference, *, around: Around
) -> dict[str, Answer]:
    """What answers the services' methods, by their paths.

    Args:
        models: the models, for their states, metadata and configuration.
        inference: what runs predict requests on them.
        examples: what runs requests with examples on them.
        around: entered around every call.
    """
    prediction = [
        _Method(
            "Predict",
            decode_predict_request,
            lambda request: request.ref,
            lambda request, timeout: _predict(inference, request, timeout),
        ),
        _one_task(examples, "Classify", "ClassificationRequest", CLASSIFY),
        _one_task(examples, "Regress", "RegressionRequest", REGRESS),
        _Method(
            "MultiInference",
            _reader("MultiInferenceRequest"),
            lambda request: _tasks(request)[0].ref if request.tasks else None,
            lambda request, timeout: _multi(examples, request, timeout),
        ),
        _Method(
            "GetModelMetadata",
            _reader("GetModelMetadataRequest"),
            _named_ref,
            lambda request, _: _bytes(
                info.get_model_metadata(models, info.read_ref(request), request.metadata_field)
            ),
        ),
    ]
    management = [
        _Method(
            "GetModelStatus",
            _reader("GetModelStatusRequest"),
            _named_ref,
            lambda request, _: _bytes(info.get_model_status(models, info.read_ref(request))),
        ),
        _Method(
            "HandleReloadConfigRequest",
            _reader("ReloadConfigRequest"),
            lambda _: None,
            lambda request, _: _bytes(_reload(models, request)),
        ),
    ]
    services = {"PredictionService": prediction, "ModelService": management}
    return {
        f"/{_PACKAGE}{service}/{method.api}": _answer(method, around)
        for service, methods in services.items()
        for method in methods
    }


def _answer(method: _Method[Any], around: Around) -> Answer:
    """The method with its errors as gRPC statuses."""

    def answer(data: bytes, context: grpc.ServicerContext) -> bytes:
        remaining = context.time_remaining()
        # Without a deadline gRPC reports the time to the end of its clock.
        timeout = None if remaining is None or remaining > 1e6 else remaining
        try:
            request = method.read(data)
            metadata = dict(context.invocation_metadata())
            with around(Call("GRPC", method.api, method.ref(request), metadata)):
                return method.answer(request, timeout)
        except (DecodeError, ProtobufDecodeError):
            context.abort(grpc.StatusCode.INTERNAL, "Failed to parse the request")
        except TFSError as error:
            code = grpc.StatusCode[error.code.value if error.code else "UNKNOWN"]
            context.abort(code, _cut(error.details))
        except BaseException as error:  # noqa: BLE001 (one call's failure; the server goes on)
            # Among them are pytest.fail() and sys.exit() in what a test makes the server call.
            _log.exception("a call failed")
            context.abort(grpc.StatusCode.INTERNAL, _cut(f"{type(error).__name__}: {error}"))
        raise AssertionError("abort returned")

    return answer


def _cut(text: str) -> Any:
    """An error text as TF Serving sends it: bytes, as it may quote some that are not UTF-8."""
    encoded = to_bytes(text)
    if len(encoded) <= _MAX_DETAILS:
        return encoded
    return encoded[:_MAX_DETAILS] + b"...TRUNCATED"


def _reader(name: str) -> Callable[[bytes], Any]:
    from_bytes: Callable[[bytes], Any] = message_class(f"{_PACKAGE}{name}").FromString
    return from_bytes


def _bytes(message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return encoded


def _named_ref(request: Any) -> ModelRef | None:
    return info.read_ref(request) if request.HasField("model_spec") else None


def _predict(inference: Inference, request: ReceivedRequest, timeout: float | None) -> bytes:
    if request.ref is None:
        raise InvalidArgument("Missing ModelSpec")
    response = inference.predict(
        request.ref,
        request.inputs,
        read=read_tensor,
        output_filter=request.output_filter,
        timeout=timeout,
    )
    return join(encode_predict_response(response))


def _one_task(examples: ExampleInference, api: str, request_name: str, method: str) -> _Method[Any]:
    def answer(request: Any, timeout: float | None) -> bytes:
        task = Task(info.read_ref(request), method)
        return encode_response(examples.run_one(task, read_input(request.input), timeout=timeout))

    return _Method(api, _reader(request_name), _named_ref, answer)


def _tasks(request: Any) -> list[Task]:
    return [
        Task(_named_ref(task) or ModelRef.received(), task.method_name) for task in request.tasks
    ]


def _multi(examples: ExampleInference, request: Any, timeout: float | None) -> bytes:
    inputs = read_input(request.input)
    return encode_multi_response(examples.run_many(_tasks(request), inputs, timeout=timeout))


def _reload(models: Models, request: Any) -> Any:
    if request.config.WhichOneof("config") != "model_config_list":
        raise InvalidArgument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest."
            " Only ModelConfigList is currently supported"
        )
    models.reload(request.config)
    response = message_class("tensorflow.serving.ReloadConfigResponse")()
    response.status.SetInParent()
    return response
