"""The ways to make one predict call, from numpy arrays to numpy arrays, each as its users write it.

The limit is what is left when nothing is encoded or decoded: prepared bytes over a bare channel.
Packages are imported by the peer that needs them, for not every process has them.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from benchmarks.cases import MODEL, Arrays, Case

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_PATH = f"/v1/models/{MODEL}:predict"
_PROTOS = Path(__file__).parents[1] / "tfsclient" / "_codec" / "protos.binpb"
_SECONDS = 60.0
_NO_LIMITS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]

Call: TypeAlias = Callable[[], Arrays]


class Peer:
    """A client of one server, for one case; it has the modes that it has methods for.

    Args:
        port: the server's.
        case: what to call.
        request: the case's request over gRPC, as bytes.
    """

    def __init__(self, port: int, case: Case, request: bytes) -> None:
        self.address = f"localhost:{port}"
        self.case = case
        self.request = request
        self.inputs = case.inputs()

    def call(self) -> Arrays:
        """One call."""
        raise NotImplementedError

    def start(self) -> Call:
        """Begin a call; what is returned waits for its result."""
        raise NotImplementedError

    async def acall(self) -> Arrays:
        """One call, awaited."""
        raise NotImplementedError


class _Grpcio(Peer):
    """Those who use grpcio themselves: a request goes in, a response comes out."""

    def __init__(self, port: int, case: Case, request: bytes) -> None:
        super().__init__(port, case, request)
        import grpc
        import grpc.aio

        module: Any = grpc.aio if case.mode == "aio" else grpc
        self.method = self.open(module.insecure_channel(self.address, _NO_LIMITS))

    def open(self, channel: Any) -> Any:
        return channel.unary_unary(_PREDICT)

    def encode(self) -> Any:
        raise NotImplementedError

    def decode(self, response: Any) -> Arrays:
        raise NotImplementedError

    def call(self) -> Arrays:
        return self.decode(self.method(self.encode(), timeout=_SECONDS))

    def start(self) -> Call:
        future = self.method.future(self.encode(), timeout=_SECONDS)
        return lambda: self.decode(future.result())

    async def acall(self) -> Arrays:
        return self.decode(await self.method(self.encode(), timeout=_SECONDS))


class _RawGrpc(_Grpcio):
    """The limit: bytes that were made before, bytes that nobody reads."""

    def encode(self) -> bytes:
        return self.request

    def decode(self, response: Any) -> Arrays:
        return {}


class _TensorFlow(_Grpcio):
    """tensorflow-serving-api with tf.make_tensor_proto and tf.make_ndarray."""

    def open(self, channel: Any) -> Any:
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        self.tf, self.predict_pb2 = tf, predict_pb2
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict

    def encode(self) -> Any:
        request = self.predict_pb2.PredictRequest()
        request.model_spec.name = MODEL
        request.model_spec.signature_name = "serving_default"
        for name, array in self.inputs.items():
            request.inputs[name].CopyFrom(self.tf.make_tensor_proto(array))
        return request

    def decode(self, response: Any) -> Arrays:
        return {name: self.tf.make_ndarray(proto) for name, proto in response.outputs.items()}


class _Protobuf(_Grpcio):
    """Hand-written: grpcio and protobuf's messages, the arrays' memory as tensor_content."""

    def open(self, channel: Any) -> Any:
        self.request_class = _message_class("tensorflow.serving.PredictRequest")
        response_class = _message_class("tensorflow.serving.PredictResponse")
        return channel.unary_unary(
            _PREDICT,
            request_serializer=self.request_class.SerializeToString,
            response_deserializer=response_class.FromString,
        )

    def encode(self) -> Any:
        request = self.request_class()
        request.model_spec.name = MODEL
        request.model_spec.signature_name = "serving_default"
        for name, array in self.inputs.items():
            proto = request.inputs[name]
            for size in array.shape:
                proto.tensor_shape.dim.add().size = size
            if array.dtype == object:
                proto.dtype = 7
                proto.string_val.extend(array.ravel())
            else:
                proto.dtype = {"float32": 1, "int64": 9}[array.dtype.name]
                proto.tensor_content = array.tobytes()
        return request

    def decode(self, response: Any) -> Arrays:
        return {name: self._array(proto) for name, proto in response.outputs.items()}

    @staticmethod
    def _array(proto: Any) -> Any:
        shape = [dim.size for dim in proto.tensor_shape.dim]
        dtype, values = {
            1: (np.float32, proto.float_val),
            7: (object, proto.string_val),
            9: (np.int64, proto.int64_val),
        }[proto.dtype]
        if proto.tensor_content:
            return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
        return np.array(values, dtype).reshape(shape)


def _message_class(name: str) -> Any:
    """As the modules that protoc writes have it."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(_PROTOS.read_bytes()).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


class _Ovms(Peer):
    """ovmsclient."""

    def __init__(self, port: int, case: Case, request: bytes) -> None:
        super().__init__(port, case, request)
        from ovmsclient import make_grpc_client

        self.client = make_grpc_client(self.address)

    def call(self) -> Arrays:
        outputs = self.client.predict(self.inputs, MODEL, timeout=_SECONDS)
        # A lone output comes bare.
        return outputs if isinstance(outputs, dict) else dict.fromkeys(self.case.outputs(), outputs)


class _TfsClient(Peer):
    """This project, as its users write it; the signature is known, as it is after a first call."""

    def __init__(self, port: int, case: Case, request: bytes) -> None:
        super().__init__(port, case, request)
        import tfsclient
        from benchmarks.messages import schema

        target = f"http://{self.address}" if case.rest else self.address
        known = {MODEL: schema(case)}
        kind = tfsclient.AsyncClient if case.mode == "aio" else tfsclient.Client
        self.client: Any = kind(target, schemas=known, validate=case.checked)

    def call(self) -> Arrays:
        outputs: Arrays = self.client.predict(MODEL, self.inputs)
        return outputs

    def start(self) -> Call:
        result: Call = self.client.predict_future(MODEL, self.inputs).result
        return result

    async def acall(self) -> Arrays:
        outputs: Arrays = await self.client.predict(MODEL, self.inputs)
        return outputs


class _RawHttp(Peer):
    """The limit over REST: a body that was made before, http.client on one connection."""

    def __init__(self, port: int, case: Case, request: bytes) -> None:
        super().__init__(port, case, request)
        self.body = _to_json(self.inputs)
        self.connection = http.client.HTTPConnection("localhost", port)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self) -> Arrays:
        headers = {"Content-Type": "application/json"}
        self.connection.request("POST", _PATH, self.body, headers)
        self.connection.getresponse().read()
        return {}


class _RawHttpx(Peer):
    """The same over an httpx.Client, which is what tfsclient uses."""

    def __init__(self, port: int, case: Case, request: bytes) -> None:
        super().__init__(port, case, request)
        import httpx

        self.client = httpx.Client()
        self.body = _to_json(self.inputs)

    def post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        response = self.client.post(f"http://{self.address}{_PATH}", content=body, headers=headers)
        response.raise_for_status()
        return response.content

    def call(self) -> Arrays:
        self.post(self.body)
        return {}


class _Httpx(_RawHttpx):
    """httpx and the standard library's json."""

    def call(self) -> Arrays:
        return _from_json(self.post(_to_json(self.inputs)), self.case)


class _Requests(Peer):
    """requests and json, as the tutorials have it, but with a session."""

    def __init__(self, port: int, case: Case, request: bytes) -> None:
        super().__init__(port, case, request)
        import requests

        self.session = requests.Session()

    def call(self) -> Arrays:
        url = f"http://{self.address}{_PATH}"
        response = self.session.post(url, data=_to_json(self.inputs), timeout=_SECONDS)
        response.raise_for_status()
        return _from_json(response.content, self.case)


def _to_json(inputs: Arrays) -> bytes:
    values = {name: array.tolist() for name, array in inputs.items()}
    return json.dumps({"signature_name": "serving_default", "inputs": values}).encode()


def _from_json(body: bytes, case: Case) -> Arrays:
    (name,) = case.outputs()
    return {name: np.array(json.loads(body)["outputs"], np.float32)}


LIMIT: Final = "limit"
PEERS: Final[dict[str, type[Peer]]] = {
    LIMIT: _RawGrpc,
    "tfsclient": _TfsClient,
    "grpcio + protobuf": _Protobuf,
    "tensorflow-serving-api": _TensorFlow,
    "ovmsclient": _Ovms,
}
REST_PEERS: Final[dict[str, type[Peer]]] = {
    LIMIT: _RawHttp,
    "httpx, raw bytes": _RawHttpx,
    "tfsclient": _TfsClient,
    "httpx + json": _Httpx,
    "requests + json": _Requests,
}
