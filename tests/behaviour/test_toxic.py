"""Whatever a server does, a call ends in time and in an error of ours, and nothing is left."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tfsclient
from tests.behaviour import toxic
from tests.conftest import eventually
from tfsclient import Cancelled, Client, DType, Model, Signature, TensorSpec, TFSError

SPECS = {name: TensorSpec(name, DType("float32"), (-1,)) for name in "xy"}
SIGNATURE = Signature("serving_default", {"x": SPECS["x"]}, {"y": SPECS["y"]})
MODEL = Model("m", 1, {"serving_default": SIGNATURE})
IN_TIME = 15  # seconds: whoever drips does so for longer


def seconds_for(wanted: str) -> float:
    """The timeout of a call, which is short only if it is to pass."""
    return 0.6 if wanted == "DeadlineExceeded" else 60


def failure(
    make_client: Callable[..., Any],
    target: str,
    call: Callable[[Any], Any],
    wanted: str = "DeadlineExceeded",
) -> TFSError:
    """How a call fails, which it does in time."""
    started = time.monotonic()
    options = {"timeout": seconds_for(wanted), "retries": 0, "schemas": {"m": MODEL}}
    with make_client(target, **options) as client:
        with pytest.raises(TFSError) as caught:
            call(client)
        assert time.monotonic() - started < IN_TIME
    return caught.value


def ours() -> int:
    return sum(thread.name.startswith("tfsclient") for thread in threading.enumerate())


@pytest.mark.parametrize("what", toxic.HTTP)
def test_http(what: str, make_client: Callable[..., Any]) -> None:
    behave, wanted = toxic.HTTP[what]
    # A slow reader shows only when there is more to send than the system buffers.
    values = np.zeros(2_500_000 if what == "reads slowly" else 1, np.float32)
    with toxic.http_server(behave) as target:
        error = failure(make_client, target, lambda client: client.predict("m", values), wanted)
        assert type(error).__name__ == wanted, error
        assert target in str(error)
    if what == "redirects":
        assert "https://elsewhere.example" in str(error)
    eventually(lambda: not ours())


@pytest.mark.parametrize(
    "what", ["drips its head", "is a black hole", "sends HTML", "sends nothing"]
)
@pytest.mark.parametrize("call", ["metadata", "status", "predict"])
def test_what_is_asked_before_and_beside_predict(
    what: str, call: str, make_client: Callable[..., Any]
) -> None:
    behave, wanted = toxic.HTTP[what]
    values = [1.0]
    with toxic.http_server(behave) as target:
        started = time.monotonic()
        with make_client(target, timeout=seconds_for(wanted), retries=0) as client:
            with pytest.raises(TFSError) as caught:
                client.predict("m", values) if call == "predict" else getattr(client, call)("m")
            assert time.monotonic() - started < IN_TIME
        assert type(caught.value).__name__ == wanted


@pytest.mark.parametrize("what", toxic.GRPC)
def test_grpc(what: str, make_client: Callable[..., Any]) -> None:
    answer, wanted = toxic.GRPC[what]
    with toxic.grpc_server(answer) as target:
        error = failure(make_client, target, lambda client: client.predict("m", [1.0]), wanted)
        assert type(error).__name__ == wanted, error
        failure(make_client, target, lambda client: client.metadata("m"), wanted)
        failure(make_client, target, lambda client: client.classify("m", [{"a": 1.0}]), wanted)
    eventually(lambda: not ours())


def test_dead_addresses_share_the_time(
    make_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A listener whose queue is full takes no connection: a black hole on loopback.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 100
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        target = f"http://black.example:{port}"
        error = failure(make_client, target, lambda client: client.predict("m", [1.0]))
        assert isinstance(error, tfsclient.DeadlineExceeded)
        for filler in fillers:
            filler.close()


def test_a_slow_resolver(make_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60))
    error = failure(make_client, "http://slow.example", lambda client: client.predict("m", [1.0]))
    over.set()
    assert isinstance(error, tfsclient.DeadlineExceeded)


def test_no_descriptor_is_left(make_client: Callable[..., Any]) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    def calls() -> None:
        for what in ("drips its body", "hangs up in its body", "sends HTML"):
            behave, wanted = toxic.HTTP[what]
            with toxic.http_server(behave) as target:
                failure(make_client, target, lambda client: client.predict("m", [1.0]), wanted)

    calls()
    before = descriptors()
    calls()
    eventually(lambda: descriptors() <= before)


def test_closing_ends_the_calls_of_other_threads() -> None:
    called = threading.Event()

    def behave(connection: socket.socket) -> None:
        toxic.read_request(connection)
        called.set()
        toxic.say_nothing(connection)

    with toxic.http_server(behave) as target:
        client = Client(target, timeout=600, schemas={"m": MODEL})
        errors: list[TFSError] = []

        def call() -> None:
            try:
                client.predict("m", [1.0])
            except TFSError as error:
                errors.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        assert called.wait(30)
        client.close()
        thread.join(30)
        assert isinstance(errors[0], Cancelled)
