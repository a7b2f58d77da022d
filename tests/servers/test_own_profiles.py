"""A profile's functions that give what they should not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.servers.conftest import HALF, model
from tests.servers.test_profiles import Start
from tfsclient import (
    Client,
    DecodeError,
    Internal,
    InvalidInput,
    Outgoing,
    Profile,
    TFSError,
    Unimplemented,
)

OWN = Profile(
    name="own",
    path=lambda ref, method: "/x",
    body=lambda request: b"x",
    answer=lambda data, request: {"y": np.zeros(1, np.float32)},
)


@pytest.mark.parametrize(
    "path", [".evil.test/x", "@127.0.0.1:9/x", "x", ":9/x", ":a@127.0.0.1:9/x", None, b"/x"]
)
def test_a_path_cannot_change_the_host(recorder: Start, path: Any) -> None:
    server = recorder(lambda _: (200, b""))
    own = replace(
        OWN, path=lambda ref, method: path, status=(lambda ref: path, lambda data, ref: [])
    )
    with Client(server.url, profile=own, schemas={"half": HALF}, token="t") as client:
        for call in (lambda: client.predict("half", [1.0]), lambda: client.status("half")):
            with pytest.raises(Internal, match="own: the profile's path"):
                call()
    assert server.requests == []


@pytest.mark.parametrize(
    "wrong",
    [
        *({"body": lambda _, given=given: given} for given in (None, "x", bytearray(b"x"))),
        *({"headers": lambda *_, given=given: given} for given in (None, "x", {"x": 1})),
    ],
)
def test_functions_that_do_not_make_a_request(recorder: Start, wrong: dict[str, Any]) -> None:
    server = recorder(lambda _: (200, b""))
    with (
        Client(server.url, profile=replace(OWN, **wrong), schemas={"half": HALF}) as client,
        pytest.raises(Internal, match=f"the profile's {next(iter(wrong))} must give"),
    ):
        client.predict("half", [1.0])
    assert server.requests == []


@pytest.mark.parametrize(
    "given", [None, [1], {"y": [1, 2]}, {"y": "abc"}, {1: np.zeros(1)}, {}, [None]]
)
def test_functions_that_do_not_read_an_answer(recorder: Start, given: Any) -> None:
    asked: Any = (lambda ref: "/x", lambda data, ref: given)
    own = replace(OWN, answer=lambda data, request: given, status=asked, signatures=asked)
    server = recorder(lambda _: (200, b""))
    with Client(server.url, profile=own) as client:
        calls: list[Callable[[], object]] = [
            lambda: client.predict("half", [1.0], signature=HALF.signatures["serving_default"]),
            lambda: client.status("half"),
            lambda: client.metadata("half"),
        ]
        for call in calls:
            with pytest.raises(DecodeError):
                call()


@pytest.mark.parametrize("told", [(404, 5), "xy", "x", ("404", "text"), 3])
def test_functions_that_do_not_read_an_error(recorder: Start, told: Any) -> None:
    server = recorder(lambda _: (400, b'{"error": "the reason"}'))
    own = replace(OWN, error=lambda status, body: told)
    with (
        Client(server.url, profile=own, schemas={"half": HALF}) as client,
        pytest.raises(TFSError, match=r"INVALID_ARGUMENT.*the reason"),
    ):
        client.predict("half", [1.0])


def test_questions_are_pairs_of_functions() -> None:
    for name in ("status", "signatures"):
        with pytest.raises(InvalidInput, match=f"{name} must be a pair of functions"):
            replace(OWN, **{name: lambda ref: "/x"})  # type: ignore[arg-type]


def test_nobody_is_sent_to_grpc_where_there_is_none() -> None:
    half = model({"x": "float16"}, {"y": "complex64"})
    with (
        Client("http://localhost:1", profile="mlflow", schemas={"m": half}) as client,
        pytest.raises(Unimplemented, match="has no form in JSON") as error,
    ):
        client.predict("m", [1.0])
    assert "gRPC" not in str(error.value)


def test_a_request_is_printed_without_its_secrets() -> None:
    outgoing = Outgoing("POST", "http://h/x", {"authorization": "s3cret"}, b"s3cret")
    assert repr(outgoing) == "Outgoing(method='POST', url='http://h/x', ...)"
