"""When signatures are asked for again, and that remembered requests go by what is known now."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfsclient import DType, InvalidInput, Model, Prediction, Signature, TensorSpec
from tfsclient._calls.call import Call, drive
from tfsclient._client.flows import DEFAULT, Core
from tfsclient._transports.target import parse
from tfsclient.errors import InvalidArgument, NotFound, Unavailable

ONE = np.array([1], np.float32)


class Server:
    """A client's core, the model that it would find, and a clock that only we move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("tfsclient._client.discovery.time.monotonic", lambda: self.now)
        options: dict[str, Any] = {"timeout": 1.0, "headers": None, "token": None, "schemas": None}
        self.core = Core(parse("localhost:8500"), **options, validate=True, copy=False)
        self.asked = 0
        self.serve(1, "float32")

    def serve(self, version: int, dtype: str) -> None:
        spec = {"x": TensorSpec("x", DType(dtype), None)}
        signature = Signature("serving_default", spec, spec)
        self.model = Model("m", version, {"serving_default": signature})

    def call(self, array: Any = ONE) -> Call[Prediction]:
        """The call for this input, metadata looked up if need be."""

        def metadata(_: Call[Any]) -> Model:
            self.asked += 1
            return self.model

        which: dict[str, Any] = {"signature": None, "version": None, "label": None, "outputs": None}
        which |= {"validate": DEFAULT, "copy": DEFAULT}
        key = self.core.which("m", **which)
        repeated = self.core.repeats.find(key, array)
        return repeated or drive(self.core.prepare(key, "m", array, **which), metadata)

    def learns(self, outcome: Any) -> None:
        learn = self.call().learn
        assert learn is not None
        learn(outcome)


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
    server.serve(2, "float64")
    server.learns(answer(2))
    server.now += 1.5
    as_double = server.call().body
    assert as_double != as_float
    assert server.call().body == as_double
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
