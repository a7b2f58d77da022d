"""The gRPC services of TF Serving, by their method paths and on raw bytes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message import DecodeError as ProtobufDecodeError

from tfsclient.errors import DecodeError, InvalidArgument, TFSError
from tfsclient.messages import message_class
from tfsclient.predict_wire import (
    ModelSpec,
    decode_predict_request,
    encode_predict_response,
    join,
)
from tfsclient.schema import CLASSIFY, REGRESS
from tfsclient.server import model_info
from tfsclient.server.examples import ExampleInference, Task, read_input
from tfsclient.server.examples_wire import encode_multi_response, encode_response
from tfsclient.server.inference import Inference
from tfsclient.server.lifecycle import ModelManager
from tfsclient.tensors import Tensor, decode_tensor
from tfsclient.wire import Buffer

_log = logging.getLogger("tfsclient.server")

_PACKAGE = "tensorflow.serving."
_PREDICTION = "tensorflow.serving.PredictionService"
_MODEL = "tensorflow.serving.ModelService"
_NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_RESOURCE = 20  # DT_RESOURCE
_MAX_DETAILS = 1024  # bytes; TF Serving cuts longer error texts

# A method: from the request's bytes and the seconds left to the answer's bytes.
_Method = Callable[[bytes, "float | None"], bytes]


def make_grpc_server(
    models: ModelManager,
    inference: Inference,
    examples: ExampleInference,
    *,
    max_threads: int,
    options: list[tuple[str, Any]],
) -> grpc.Server:
    """A gRPC server with the services, not started and without ports."""
    server = grpc.server(
        ThreadPoolExecutor(max_threads, thread_name_prefix="grpc"), options=[*_NO_LIMIT, *options]
    )
    methods = {
        f"/{_PREDICTION}/Predict": lambda data, timeout: _predict(inference, data, timeout),
        f"/{_PREDICTION}/Classify": _one_task(examples, "ClassificationRequest", CLASSIFY),
        f"/{_PREDICTION}/Regress": _one_task(examples, "RegressionRequest", REGRESS),
        f"/{_PREDICTION}/MultiInference": lambda data, timeout: _multi(examples, data, timeout),
        f"/{_PREDICTION}/GetModelMetadata": _unary(
            f"{_PACKAGE}GetModelMetadataRequest",
            lambda request: model_info.get_model_metadata(models, request),
        ),
        f"/{_MODEL}/GetModelStatus": _unary(
            f"{_PACKAGE}GetModelStatusRequest",
            lambda request: model_info.get_model_status(models, request),
        ),
        f"/{_MODEL}/HandleReloadConfigRequest": _unary(
            f"{_PACKAGE}ReloadConfigRequest", lambda request: _reload(models, request)
        ),
    }
    server.add_generic_rpc_handlers((_Methods(methods),))
    return server


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, methods: dict[str, _Method]) -> None:
        self._handlers = {
            path: grpc.unary_unary_rpc_method_handler(_reporting(method))
            for path, method in methods.items()
        }

    def service(self, handler_call_details: Any) -> Any:
        return self._handlers.get(handler_call_details.method)


def _reporting(method: _Method) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    """The method with its errors as gRPC statuses."""

    def call(data: bytes, context: grpc.ServicerContext) -> bytes:
        remaining = context.time_remaining()
        try:
            # Without a deadline gRPC reports the time to the end of its clock.
            return method(data, remaining if remaining and remaining < 1e6 else None)
        except (DecodeError, ProtobufDecodeError):
            context.abort(grpc.StatusCode.INTERNAL, "Failed to parse the request")
        except TFSError as error:
            code = grpc.StatusCode[error.code.value if error.code else "UNKNOWN"]
            context.abort(code, _cut(error.details))
        except Exception as error:  # noqa: BLE001 (one call's bug; the server goes on)
            _log.exception("a call failed")
            context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
        raise AssertionError("abort returned")

    return call


def _cut(text: str) -> Any:
    """An error text as TF Serving sends it: bytes, as it may quote some that are no UTF-8."""
    encoded = text.encode(errors="surrogateescape")
    if len(encoded) <= _MAX_DETAILS:
        return encoded
    return encoded[:_MAX_DETAILS] + b"...TRUNCATED"


def _unary(request_name: str, answer: Callable[[Any], Any]) -> _Method:
    request = message_class(request_name)

    def call(data: bytes, _: float | None) -> bytes:
        encoded: bytes = answer(request.FromString(data)).SerializeToString()
        return encoded

    return call


def _predict(inference: Inference, data: bytes, timeout: float | None) -> bytes:
    request = decode_predict_request(data)
    if request.spec is None:
        raise InvalidArgument("Missing ModelSpec")
    response = inference.predict(
        request.spec,
        request.inputs,
        read=_read_tensor,
        output_filter=request.output_filter,
        timeout=timeout,
    )
    return join(encode_predict_response(response))


def _read_tensor(data: Buffer) -> Tensor:
    """A request's tensor.

    Raises:
        DecodeError: TensorFlow could not read it, either.
        ProtobufDecodeError: it is not even a message, so neither is the request.
        InvalidArgument: it holds a resource handle, which a session refuses.
    """
    try:
        return decode_tensor(data)
    except DecodeError:
        message = message_class("tensorflow.TensorProto").FromString(bytes(data))
        if message.dtype != _RESOURCE:
            raise
    handles = message.resource_handle_val
    handle = handles[0] if handles else handles.add()
    raise InvalidArgument(
        f"Invalid resource type hash code: {handle.hash_code}(name: {handle.name} type:"
        f" {handle.maybe_type_name}). Perhaps a resource tensor was being provided as a feed? That"
        " is not currently allowed. Please file an issue at"
        " https://github.com/tensorflow/tensorflow/issues/new, ideally with a short code snippet"
        " that leads to this error message."
    )


def _one_task(examples: ExampleInference, request_name: str, method: str) -> _Method:
    message = message_class(f"{_PACKAGE}{request_name}")

    def call(data: bytes, timeout: float | None) -> bytes:
        request = message.FromString(data)
        task = Task(model_info.read_spec(request), method)
        return encode_response(examples.run_one(task, read_input(request.input), timeout=timeout))

    return call


def _multi(examples: ExampleInference, data: bytes, timeout: float | None) -> bytes:
    request = message_class(f"{_PACKAGE}MultiInferenceRequest").FromString(data)
    tasks = [
        Task(
            model_info.read_spec(task) if task.HasField("model_spec") else ModelSpec(),
            task.method_name,
        )
        for task in request.tasks
    ]
    inputs = read_input(request.input)
    return encode_multi_response(examples.run_many(tasks, inputs, timeout=timeout))


def _reload(models: ModelManager, request: Any) -> Any:
    if request.config.WhichOneof("config") != "model_config_list":
        raise InvalidArgument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest."
            " Only ModelConfigList is currently supported"
        )
    models.reload(request.config)
    response = message_class("tensorflow.serving.ReloadConfigResponse")()
    response.status.SetInParent()
    return response
