"""Vertex AI: rawPredict and DirectRawPredict on fakes before a real local server.

The fakes have the messages and names of google-cloud-aiplatform 2.7.0; the real service was never
tried.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from tests.conftest import Zoo, missing
from tests.servers.conftest import HALF, Answer, Received, Recorder
from tfsclient import (
    AsyncClient,
    Client,
    InvalidArgument,
    InvalidInput,
    NotFound,
    Unauthenticated,
    Unimplemented,
)
from tfsclient._calls.profiles.vertex import over_grpc
from tfsclient._codec.protobuf import chunk, fields
from tfsclient.testing import FakeTransport

try:
    import google.auth.credentials
    import google.auth.exceptions
except ImportError:
    missing("google-auth")

Start = Callable[[Answer], Recorder]

ENDPOINT = "projects/my-project/locations/europe-west4/endpoints/42"
TARGET = "vertex://my-project/europe-west4/42"


class Tokens(google.auth.credentials.Credentials):
    """Credentials that are renewed at every use, by one thread at a time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0
        self._busy = threading.Lock()

    def refresh(self, request: Any) -> None:
        assert callable(request)
        assert self._busy.acquire(blocking=False), "two threads at once"
        self.count += 1
        self.token = f"token-{self.count}"
        self.expiry = dt.datetime(2020, 1, 1)  # noqa: DTZ001 (as google-auth has it)
        self._busy.release()


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nowhere")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def test_raw_predict(zoo: Zoo, recorder: Start) -> None:
    def service(received: Received) -> tuple[int, bytes]:
        if not received.headers.get("authorization", "").startswith("Bearer token-"):
            error = {"code": 401, "message": "no credentials", "status": "UNAUTHENTICATED"}
            return 401, json.dumps([{"error": error}]).encode()
        if received.path != f"/v1/{ENDPOINT}:rawPredict":
            error = {"code": 404, "message": "no such endpoint", "status": "NOT_FOUND"}
            return 404, json.dumps({"error": error}).encode()
        answer = httpx.post(f"{zoo.rest}/v1/models/linear:predict", content=received.body)
        return answer.status_code, answer.content

    server = recorder(service)
    tokens = Tokens()
    with Client(zoo.rest) as direct:
        schemas = {"any name": direct.metadata("linear")}
        expected = direct.predict("linear", [1.0, 2.0])
    options: dict[str, Any] = {"profile": "vertex", "schemas": schemas}
    with Client(f"{server.url}/v1/{ENDPOINT}", auth=tokens, **options) as client:
        for name, value in client.predict("any name", [1.0, 2.0]).items():
            np.testing.assert_array_equal(value, expected[name])
        with futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: client.predict("any name", [1.0]), range(8)))
        assert tokens.count == 9
        sent = {one.headers["authorization"] for one in server.requests}
        assert sent == {f"Bearer token-{n}" for n in range(1, 10)}
        with pytest.raises(InvalidArgument) as refused:
            client.predict("any name", {"x": ["text"]}, validate=False)
        assert "error" not in refused.value.details  # which TF Serving's JSON says around it
        for call in (
            lambda: client.predict("any name", [1.0], version=1),
            lambda: client.status("any name"),
            lambda: client.metadata("other"),
        ):
            with pytest.raises(Unimplemented):
                call()
    with (
        Client(f"{server.url}/v1/{ENDPOINT}", auth=lambda _: {}, **options) as client,
        pytest.raises(Unauthenticated, match="no credentials"),
    ):
        client.predict("any name", [1.0])
    with (
        Client(f"{server.url}/v1/{ENDPOINT}7", auth=tokens, **options) as client,
        pytest.raises(NotFound, match="no such endpoint"),
    ):
        client.predict("any name", [1.0])


class Direct(grpc.GenericRpcHandler):  # type: ignore[misc]
    """DirectRawPredict before TF Serving's gRPC interface."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.metadata: list[dict[str, Any]] = []

    def service(self, details: Any) -> Any:
        if details.method != "/google.cloud.aiplatform.v1.PredictionService/DirectRawPredict":
            return None
        return grpc.unary_unary_rpc_method_handler(self.direct_raw_predict)

    def direct_raw_predict(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.metadata.append(dict(context.invocation_metadata()))
        read = {number: request[first:end] for number, _, first, end in fields(request)}
        assert read[1].decode() == ENDPOINT
        try:
            answer: bytes = self._channel.unary_unary(read[2].decode())(read[3])
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        return chunk(1, answer)


@pytest.fixture
def direct(zoo: Zoo) -> Iterator[tuple[str, Direct]]:
    with grpc.insecure_channel(zoo.grpc) as channel:
        handler = Direct(channel)
        server = grpc.server(futures.ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers([handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}", handler
        server.stop(None)


def test_direct_raw_predict_carries_every_dtype(zoo: Zoo, direct: tuple[str, Direct]) -> None:
    target, handler = direct
    profile = over_grpc(ENDPOINT)
    with Client(zoo.grpc) as plain:
        model = plain.metadata("dtypes")
        schemas = {"dtypes": model, "linear": plain.metadata("linear")}
        signatures = [one for one in model.signatures.values() if one.why_unusable is None]
        with Client(target, profile=profile, auth=Tokens(), schemas=schemas) as client:
            compared: set[str] = set()
            for signature in signatures:
                inputs = {
                    name: np.zeros([max(size, 1) for size in spec.shape or ()], spec.dtype.numpy)
                    for name, spec in signature.inputs.items()
                    if spec.dtype != "string"
                }
                if len(inputs) < len(signature.inputs):
                    continue
                expected = plain.predict("dtypes", inputs, signature=signature.name)
                answer = client.predict("dtypes", inputs, signature=signature.name)
                for name in expected:
                    assert answer[name].dtype == expected[name].dtype
                    compared.add(str(answer[name].dtype))
                    np.testing.assert_array_equal(answer[name], expected[name])
            assert compared >= {"float16", "bfloat16", "complex64", "uint64", "int8", "bool"}
            copied = client.predict("linear", [1.0], copy=True)
            assert all(array.flags.writeable for array in copied.values())
            (name,) = schemas["linear"].signature().inputs
            assert client.predict("linear", {name: np.ones(1, np.float32)}, validate=False)
            with pytest.raises(NotFound, match="Servable not found"):
                client.predict("linear", [1.0], version=99)
            with pytest.raises(Unimplemented, match="no call classify"):
                client.classify("linear", [{}])
    seen = handler.metadata[0]
    assert seen["authorization"] == "Bearer token-1"
    assert seen["x-goog-request-params"] == f"endpoint={ENDPOINT}"


def test_targets_and_the_credentials_that_google_auth_finds() -> None:
    client = Client(TARGET)
    assert client._target.address == f"https://europe-west4-aiplatform.googleapis.com/v1/{ENDPOINT}"
    over = Client("vertex+grpc://my-project/europe-west4/42")
    assert over._target.address == "europe-west4-aiplatform.googleapis.com:443"
    assert over._target.tls
    assert over._target.endpoint == ENDPOINT
    assert repr(AsyncClient(TARGET, profile="vertex")).endswith(f"{TARGET}>")
    with pytest.raises(Unauthenticated, match="no token from Google") as none:
        Client(TARGET, schemas={"half": HALF}).predict("half", [1.0])
    assert "gcloud auth" in str(none.value)
    for bad in ("", "p/europe-west4", "p/Europe/1", "p/europe-west4/1/2"):
        with pytest.raises(InvalidInput, match="vertex://PROJECT/LOCATION/ENDPOINT"):
            Client(f"vertex://{bad}")
    with pytest.raises(InvalidInput, match="credentials of google-auth"):
        Client(TARGET, auth=object())


def test_googles_own_credentials_go_to_google_alone(recorder: Start) -> None:
    server = recorder(lambda _: (200, b'{"outputs": [2.5]}'))
    with Client(f"{server.url}/v1/{ENDPOINT}", profile="vertex", schemas={"half": HALF}) as client:
        client.predict("half", [1.0])
    assert "authorization" not in server.requests[0].headers
    transport = FakeTransport(lambda _: b'{"outputs": [2.5]}')
    with Client(TARGET, token="mine", transport=transport, schemas={"half": HALF}) as client:
        client.predict("half", [1.0])
    assert transport.headers[0]["authorization"] == "Bearer mine"


def test_a_url_without_the_endpoint_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ends before the endpoint"):
        Client("https://vertex.invalid", profile="vertex", token="t")
