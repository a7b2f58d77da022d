"""When signatures are asked for again, and that remembered requests go by what is known now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tfsclient import (
    DType,
    InvalidInput,
    Model,
    ModelRef,
    Prediction,
    ServerConfig,
    Signature,
    TensorSpec,
)
from tfsclient._calls.call import Call, Step
from tfsclient._calls.grpc import GrpcCalls
from tfsclient._calls.options import Options
from tfsclient._client.flows import Flows
from tfsclient._client.sending import drive
from tfsclient.errors import InvalidArgument, NotFound, Unavailable

ONE = np.array([1], np.float32)


class Server:
    """What a client decides, the model that it would find, and a clock that only we move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        clock = SimpleNamespace(monotonic=lambda: self.now)  # which other threads do not see
        monkeypatch.setattr("tfsclient._client.discovery.time", clock)
        self.calls = GrpcCalls()
        options: dict[str, Any] = {"timeout": 60.0, "headers": None, "token": None, "schemas": None}
        self.flows = Flows(self.calls, **options, validate=True, copy=False)
        self.asked = 0
        self.serve(1, "float32")

    def serve(self, version: int, dtype: str) -> None:
        spec = {"x": TensorSpec("x", DType(dtype), None)}
        signature = Signature("serving_default", spec, spec)
        self.model = Model("m", version, {"serving_default": signature})

    def call(self, array: Any = ONE, version: int | None = None) -> Call[Prediction]:
        """The call for this input, metadata looked up if need be."""

        def metadata(_: Step) -> Model:
            self.asked += 1
            return self.model

        what = ModelRef("m", version), None, array, Options()
        return self.flows.repeated(*what) or drive(self.flows.make_predict(*what), metadata)

    def learns(self, outcome: Any) -> None:
        self.flows.learn(self.call(), outcome)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


def answer(version: int | None) -> Prediction:
    return Prediction({}, model="m", signature=None, version=version)


def test_once_a_minute_is_enough(server: Server) -> None:
    for _ in range(3):
        server.call()
    server.now += 59
    server.call()
    assert server.asked == 1
    server.now += 2
    server.call()
    server.call()
    assert server.asked == 2


@pytest.mark.parametrize(
    ("outcome", "asked"),
    [
        (answer(2), 2),
        (InvalidArgument("no"), 2),
        (NotFound("no"), 2),
        (answer(1), 1),
        (answer(None), 1),
        (Unavailable("no"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_gives_reason_to_ask_again(server: Server, outcome: Any, asked: int) -> None:
    server.learns(outcome)
    server.call()
    assert server.asked == 1  # not twice in a second
    server.now += 1.5
    server.call()
    server.call()
    assert server.asked == asked


def test_a_remembered_request_is_checked_against_what_is_known_now(server: Server) -> None:
    as_float = server.call().body
    assert {server.call().body for _ in range(3)} == {as_float}
    server.serve(2, "float64")
    server.learns(answer(2))
    server.now += 1.5
    as_double = server.call().body
    assert as_double != as_float
    assert {server.call().body for _ in range(3)} == {as_double}
    server.serve(3, "string")
    server.learns(answer(3))
    server.now += 1.5
    with pytest.raises(InvalidInput, match="string"):
        server.call()


def test_before_a_refusal_the_server_is_asked_once_more(server: Server) -> None:
    server.call()
    server.serve(2, "string")
    server.now += 1.5
    assert server.call(np.array([b"text"], object)).body
    assert server.asked == 2


def test_only_a_call_of_the_same_model_and_version_gives_reason(server: Server) -> None:
    server.call()
    server.call(version=1)
    assert server.asked == 2
    for call in (
        server.calls.metadata(ModelRef("m")),
        server.calls.status(ModelRef("m")),
        server.calls.reload(ServerConfig({})),
    ):
        server.flows.learn(call, NotFound("no"))
    server.flows.learn(server.call(version=1), answer(2))
    server.now += 1.5
    server.call()
    assert server.asked == 2
    server.call(version=1)
    assert server.asked == 3
