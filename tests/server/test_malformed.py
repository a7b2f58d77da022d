"""Whatever is sent, there is an answer, and the server goes on."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfsclient._codec.messages import message_class
from tfsclient._codec.protobuf import chunk, tag, varint
from tfsclient.testing import FakeServer, RunningServer

from .calls import PREDICT, predict_request
from .conftest import MODELS

SERVICES = {
    "PredictionService": "Predict Classify Regress MultiInference GetModelMetadata",
    "ModelService": "GetModelStatus",
}
METHODS = [
    f"/tensorflow.serving.{service}/{method}"
    for service, methods in SERVICES.items()
    for method in methods.split()
]
# What TF Serving answers bad requests with: a crash would be UNAVAILABLE, a bug of ours UNKNOWN.
ANSWERS = {
    grpc.StatusCode.OK,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INTERNAL,
}
often = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def channel(zoo: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(zoo.grpc_target) as made:
        yield made


@pytest.fixture(scope="module")
def reloadable() -> Iterator[grpc.Channel]:
    """To a server whose models may go."""
    with FakeServer(MODELS / "linear") as server, grpc.insecure_channel(server.grpc_target) as made:
        yield made


def is_answered(channel: grpc.Channel, method: str, data: bytes) -> str:
    """Let the server answer; the details of its error, which is one that it may give."""
    future = channel.unary_unary(method).future(data, timeout=30)
    details = str(future.details())  # which waits for the answer
    assert future.code() in ANSWERS, (future.code(), details)
    # The text of a bug of ours starts with the name of a Python exception.
    assert not re.match(r"\w+Error: ", details)
    return details


def is_alive(channel: grpc.Channel) -> bool:
    return bool(channel.unary_unary(PREDICT)(predict_request(), timeout=30))


@often
@given(method=st.sampled_from(METHODS), data=st.binary())
def test_any_bytes_over_grpc(channel: grpc.Channel, method: str, data: bytes) -> None:
    is_answered(channel, method, data)


@often
@given(data=st.binary())
def test_any_bytes_as_configuration(reloadable: grpc.Channel, data: bytes) -> None:
    is_answered(reloadable, "/tensorflow.serving.ModelService/HandleReloadConfigRequest", data)


def a_request() -> bytes:
    request = message_class("tensorflow.serving.PredictRequest").FromString(predict_request())
    request.inputs["x"].tensor_content = b"\0" * 8
    request.inputs["x"].tensor_shape.dim[0].size = 2
    request.output_filter.append("y")
    data: bytes = request.SerializeToString()
    return data


@often
@given(st.data())
def test_requests_that_are_cut_or_changed(channel: grpc.Channel, data: st.DataObject) -> None:
    request = bytearray(a_request())
    for _ in range(data.draw(st.integers(0, 3))):
        request[data.draw(st.integers(0, len(request) - 1))] = data.draw(st.integers(0, 255))
    is_answered(channel, PREDICT, bytes(request[: data.draw(st.integers(0, len(request)))]))


def splat(*dims: int, dtype: int = 1, values: bytes = b"") -> bytes:
    """A request with a tensor that has one value, or as given, for many elements."""
    sizes = b"".join(chunk(2, tag(1, 0) + varint(dim)) for dim in dims)
    tensor = tag(1, 0) + varint(dtype) + chunk(2, sizes) + (values or chunk(5, bytes(4)))
    return chunk(1, chunk(1, b"linear")) + chunk(2, chunk(1, b"x") + chunk(2, tensor))


@pytest.mark.parametrize(
    "data",
    [
        splat(1 << 40),
        splat(1 << 27),
        splat(1 << 20, 1 << 20),
        splat(1 << 62),
        splat(1 << 62, 1 << 62),
        splat(-1),
        splat(-(1 << 63)),
        splat(*[1] * 300),
        splat(1 << 40, dtype=7, values=chunk(8, b"x")),
        splat(1 << 40, values=chunk(5, bytes(8))),
        splat(1 << 40, values=chunk(4, bytes(8))),
        splat(1 << 40, dtype=7, values=chunk(4, b"\xff\xff\xff\xff\x7f")),
        splat(2, dtype=(1 << 31) - 1),
    ],
)
def test_shapes_that_lie_are_refused(channel: grpc.Channel, data: bytes) -> None:
    assert is_answered(channel, PREDICT, data) == "tensor parsing error: x"
    assert is_alive(channel)


def test_reference_types_are_refused(channel: grpc.Channel) -> None:
    for dtype in (101, 107, 110, 119, 125, 133, 201):
        assert is_answered(channel, PREDICT, splat(1, dtype=dtype)) == "tensor parsing error: x"
    # The last type that stands in a message counts.
    field = tag(1, 0)
    for types, refused in (((101, 1), False), ((1, 101), True)):
        tensor = b"".join(field + varint(dtype) for dtype in types) + chunk(5, bytes(4))
        data = chunk(1, chunk(1, b"linear")) + chunk(2, chunk(1, b"x") + chunk(2, tensor))
        assert (is_answered(channel, PREDICT, data) == "tensor parsing error: x") is refused


def test_a_value_may_be_repeated(channel: grpc.Channel) -> None:
    data = channel.unary_unary(PREDICT)(splat(1 << 19), timeout=30)
    response = message_class("tensorflow.serving.PredictResponse").FromString(data)
    assert len(response.outputs["y"].float_val) == 1 << 19


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MODELS_TO_CALL = st.sampled_from(
    ["linear:predict", "dtypes:predict", "strings:predict", "estimator:classify", "ranks:regress"]
)


@pytest.fixture(scope="module")
def rest(zoo: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=zoo.rest_target, timeout=30) as made:
        yield made


@often
@given(model=MODELS_TO_CALL, body=values, key=st.sampled_from(["instances", "inputs", "examples"]))
def test_any_json_over_rest(rest: httpx.Client, model: str, body: Any, key: str) -> None:
    text = json.dumps({key: body, "signature_name": "serving_default"})
    response = rest.post(f"/v1/models/{model}", content=text)
    assert response.status_code in (200, 400, 404, 501), response.text


@often
@given(model=MODELS_TO_CALL, body=st.binary())
def test_any_body_over_rest(rest: httpx.Client, model: str, body: bytes) -> None:
    response = rest.post(f"/v1/models/{model}", content=body)
    assert response.status_code in (400, 404), response.text


@pytest.mark.parametrize("nested", [b"[", b'{"a":', b'{"instances":', b"[[1],"])
def test_json_of_any_depth(rest: httpx.Client, nested: bytes) -> None:
    body = b'{"instances": ' + nested * 100_000
    assert rest.post("/v1/models/linear:predict", content=body).status_code == 400


def exchange(server: RunningServer, data: bytes) -> bytes:
    """All that the server says to these bytes."""
    address = ("localhost", int(server.rest_target.rpartition(":")[2]))
    with socket.create_connection(address, timeout=30) as connection:
        received = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(1 << 16):
                received += piece
        except ConnectionError:
            pass  # it hung up before it had all
        return received


http_bytes = st.lists(
    st.binary(max_size=20)
    | st.sampled_from([
        b"GET ", b"POST ", b"/v1/models/linear", b":predict", b" HTTP/1.1", b" HTTP/1.0", b"\r\n",
        b"\r\n\r\n", b"Host: x\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\n",
        b"Content-Encoding: gzip\r\n", b"ffffffffffffffff\r\n", b"0\r\n\r\n", b"12345", b"\0",
        b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"http://[::1/", b"%zz", b"?", b"#",
    ])
).map(b"".join)  # fmt: skip


@often
@given(data=http_bytes)
def test_any_bytes_over_http(zoo: RunningServer, data: bytes) -> None:
    received = exchange(zoo, data)
    assert not received or received.startswith(b"HTTP/1.")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 1000000000000\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"X: " + b"x" * (1 << 20) + b"\r\n",
        b"x: y\r\n" * 10_000,
    ],
)
def test_lengths_that_lie_over_http(zoo: RunningServer, head: bytes) -> None:
    exchange(zoo, b"POST /v1/models/linear:predict HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n{}")
    host, port = zoo.rest_target.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("GET", "/v1/models/linear")
    assert connection.getresponse().status == 200
