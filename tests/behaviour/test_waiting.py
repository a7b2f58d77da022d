"""Waiting for a model on every stack: what is waited for, what is told, and why it ended."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.behaviour import toxic
from tests.conftest import ZOO
from tfsclient import Client, DeadlineExceeded, InvalidArgument, TFSError, Unavailable
from tfsclient.testing import FakeServer, FakeTransport

OK = {"error_code": "OK", "error_message": ""}


def failing(call: Callable[[], object], reason: str) -> TFSError:
    """How a call of little time fails: again, if the machine did not let it get so far."""
    for _ in range(10):
        with pytest.raises((Unavailable, DeadlineExceeded)) as caught:
            call()
        if re.search(reason, str(caught.value)):
            return caught.value
    raise AssertionError(f"{reason!r} is not told: {caught.value}")


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(ZOO / "linear") as running:
        yield running


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_the_last_real_reason_is_told(
    make_client: Callable[..., Any], server: FakeServer, scheme: str
) -> None:
    wrong_port = server.rest_target[7:] if not scheme else f"http://{server.grpc_target}"
    reasons = {f"{scheme}localhost:1": "(?i)connection refused", wrong_port: "HTTP|request line"}
    for target, reason in reasons.items():
        with make_client(target) as client:
            for seconds in (0.5, 1.5) if target != wrong_port else (0.5,):
                wait = partial(client.wait_until_ready, "linear", timeout=seconds)
                error = failing(wait, reason)
                assert isinstance(error, DeadlineExceeded)
                assert f"not ready after {seconds} s: " in str(error)
                assert isinstance(error.__cause__, Unavailable)
            # What reads is tried again until the deadline, which comes between two attempts or
            # in one, and must not hide the reason.
            failing(partial(client.status, "linear", timeout=0.5), reason)
            failing(partial(client.predict, "linear", [1.0], timeout=0.5), reason)


def test_changes_are_logged(
    make_client: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    states = ["START", "LOADING", "LOADING", "AVAILABLE"]

    def answer(_: object) -> bytes:
        status = {"version": "3", "state": states.pop(0), "status": OK}
        return json.dumps({"model_version_status": [status]}).encode()

    caplog.set_level(logging.INFO, "tfsclient.readiness")
    with make_client("http://anywhere", transport=FakeTransport(answer)) as client:
        assert client.wait_until_ready("m", timeout=60).version == 3
    told = [r.getMessage() for r in caplog.records if r.name == "tfsclient.readiness"]
    assert told == ["model 'm': version 3 is START", "model 'm': version 3 is LOADING"]


def test_a_label_is_waited_for(make_client: Callable[..., Any]) -> None:
    with FakeServer(ZOO / "linear") as server:
        targets = (server.grpc_target, server.rest_target)
        for target in targets:
            with make_client(target) as client:
                with pytest.raises(InvalidArgument):
                    client.status("linear", label="stable")
                wait = partial(client.wait_until_ready, "linear", label="stable", timeout=0.5)
                assert isinstance(failing(wait, "stable"), DeadlineExceeded)
        labelled = {"base_path": "/linear", "labels": {"stable": 1}}
        with make_client(server.grpc_target) as client:
            client.reload_config({"linear": labelled})
        for target in targets:
            with make_client(target) as client:
                assert client.wait_until_ready("linear", label="stable").version == 1
                (state,) = client.status("linear", label="stable")
                assert state.version == 1


def test_a_bound_model_asks_for_its_own_label(server: FakeServer) -> None:
    with Client(server.grpc_target) as client, pytest.raises(InvalidArgument):
        client.model("linear", label="nobody").status()


def test_a_deadline_in_a_later_attempt_tells_what_the_one_before_met(
    make_client: Callable[..., Any],
) -> None:
    first = threading.Event()

    def behave(connection: socket.socket) -> None:
        if first.is_set():
            toxic.say_nothing(connection)
        first.set()  # and hangs up

    def call() -> None:
        first.clear()
        with make_client(target, validate=False) as client:
            client.predict("linear", [1.0], timeout=1)

    with toxic.http_server(behave) as target:
        error = failing(call, "in time; the attempt before it")
        assert isinstance(error, DeadlineExceeded)
        (before,) = error.attempts
        assert isinstance(before, Unavailable)
