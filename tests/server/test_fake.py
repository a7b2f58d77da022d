"""A FakeServer: real protocol without TensorFlow, and what a test tells it to do."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from tests.conftest import missing
from tfsclient import Client, schema, sources
from tfsclient.errors import (
    Aborted,
    Code,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    InvalidInput,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from tfsclient.testing import FakeServer
from tfsclient.testing.fixtures import tfs_fake, tfs_serve

from .conftest import CONFORMANCE, MODELS

__all__ = ["tfs_fake", "tfs_serve"]  # fixtures, as users have them by pytest_plugins

NAMES = ("dense15", "dtypes", "linear", "predict_images", "ranks", "defaults", "strings")


@pytest.fixture(scope="module")
def running() -> Iterator[FakeServer]:
    models = [MODELS / name for name in NAMES]
    with FakeServer(*models, labels={"linear": {"stable": 1}}) as server:
        yield server


@pytest.fixture
def fake(running: FakeServer) -> FakeServer:
    running.reset()
    return running


@pytest.fixture(params=["grpc", "rest"])
def client(fake: FakeServer, request: pytest.FixtureRequest) -> Iterator[Client]:
    target = fake.grpc_target if request.param == "grpc" else fake.rest_target
    with Client(target, retries=0) as made:
        yield made


def test_answers_have_the_signatures_shapes_and_types(client: Client) -> None:
    out = client.predict("dense15", np.ones((3, 15), np.float32))
    (only,) = out.values()
    assert only.shape == (3, 1)
    assert only.dtype == np.float32
    out = client.predict("dtypes", ["a", "b"], signature="id_string")
    assert out.only().tolist() == [b"", b""]


def test_a_test_programs_outputs_and_functions(fake: FakeServer, client: Client) -> None:
    fake.answer("linear", {"y": [7.0]})
    assert client.predict("linear", [1.0]).only().tolist() == [7.0]
    fake.answer("linear", lambda inputs: {"y": inputs["x"] * 2})
    assert client.predict("linear", [1.0, 4.0]).only().tolist() == [2.0, 8.0]


def test_a_function_may_refuse(fake: FakeServer, client: Client) -> None:
    def refuse(_: object) -> dict[str, list[float]]:
        raise ResourceExhausted("enough")

    fake.answer("linear", refuse)
    with pytest.raises(ResourceExhausted, match="enough"):
        client.predict("linear", [1.0])


def test_examples(fake: FakeServer) -> None:
    answer = {"classes": [list("abcdefghij")], "scores": [[0.1] * 10]}
    fake.answer("predict_images", answer)
    response = httpx.post(
        f"{fake.rest_target}/v1/models/predict_images:classify",
        json={"examples": [{"x": "an image"}]},
    )
    assert response.json() == {"results": [[[letter, 0.1] for letter in "abcdefghij"]]}
    (received,) = fake.calls
    assert received.method == "Classify"
    assert b"an image" in received.inputs["inputs"][0]


def test_what_was_received_is_kept(fake: FakeServer, client: Client) -> None:
    client.predict("linear", [1.0, 2.0], label="stable", headers={"x-who": "me"})
    call = fake.calls[-1]
    assert (call.method, call.model, call.label) == ("Predict", "linear", "stable")
    assert (call.version, call.signature, call.error) == (None, "serving_default", None)
    assert call.inputs["x"].tolist() == [1.0, 2.0]
    assert call.headers["x-who"] == "me"


def test_requests_are_checked_as_the_real_server_does(
    fake: FakeServer, client: Client, request: pytest.FixtureRequest
) -> None:
    over_rest = "rest" in request.node.name
    with pytest.raises(NotFound, match=r"Servable not found for request: Latest\(nobody\)"):
        client.predict("nobody", {"x": [1.0]}, validate=False)
    with pytest.raises(InvalidArgument, match="Unrecognized servable version label: nope"):
        client.predict("linear", {"x": [1.0]}, validate=False, label="nope")
    if not over_rest:
        with pytest.raises(FailedPrecondition, match='Serving signature key "s" not found'):
            client.predict("linear", {"x": [1.0]}, signature="s", validate=False)
        double = np.ones(1, np.float64)
        with pytest.raises(InvalidArgument, match=r"arg\[0\] to be float but double is provided"):
            client.predict("linear", {"x": double}, validate=False)
        assert fake.calls[-1].error is not None


def test_failures_and_delays_are_injected(fake: FakeServer, client: Client) -> None:
    client.predict("linear", [1.0])
    fake.fail("UNAVAILABLE", "later", times=2, method="Predict", model="linear")
    for _ in range(2):
        with pytest.raises(Unavailable, match="later"):
            client.predict("linear", [1.0])
    fake.delay(0.2, times=1)
    start = time.monotonic()
    client.predict("linear", [1.0])
    assert time.monotonic() - start > 0.2


def test_a_wrong_program_is_told(fake: FakeServer) -> None:
    with pytest.raises(InvalidInput, match="does not have this signature"):
        fake.answer("linear", {"y": [1.0]}, signature="nope")
    for outputs, told in (
        ({"z": [1.0]}, "has the outputs"),
        ({"y": [[1.0]]}, r"is programmed as \[1, 1\]"),
        (
            {"y": np.array([1j])},
            "output y of float32 [-1] cannot be what is programmed: it holds 1j",
        ),
        ({"y": ["a"]}, "it holds 'a' at [0]"),
        ({"y": [2**24 + 1]}, "16777217 at [0], which float32 cannot hold exactly"),
    ):
        fake.answer("linear", outputs)
        response = httpx.post(
            f"{fake.rest_target}/v1/models/linear:predict", json={"instances": [1.0]}
        )
        assert response.status_code == 500
        assert told.replace("\\", "") in response.json()["error"]
        assert told.replace("\\", "") in str(fake.calls[-1].error)


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        (lambda _: None, "must be a dict of outputs by name, not None"),
        (lambda _: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_a_function_does_wrong_is_told(fake: FakeServer, outputs: Any, told: str) -> None:
    fake.answer("linear", outputs)
    with Client(fake.grpc_target) as client, pytest.raises(Internal, match=told):
        client.predict("linear", [1.0])
    assert isinstance(fake.calls[-1].error, Internal)
    response = httpx.post(f"{fake.rest_target}/v1/models/linear:predict", json={"inputs": [1.0]})
    assert (response.status_code, told in response.text) == (500, True)


def test_a_test_may_fail_or_skip_in_a_function(fake: FakeServer, client: Client) -> None:
    for leave in (pytest.fail, pytest.skip):

        def run(_: object, leave: Any = leave) -> Any:
            leave("here")

        fake.answer("linear", run)
        with pytest.raises(Internal, match="here"):
            client.predict("linear", [1.0])


fake_server: Any = FakeServer  # to which wrong arguments may be given


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda f: f.fail("UNAVAILBLE"), "code must be one of CANCELLED, .*, not 'UNAVAILBLE'"),
        (lambda f: f.fail("unavailable"), "code must be one of"),
        (lambda f: f.fail("OK"), "code must be one of"),
        (lambda f: f.fail(Code.OK), "code must be one of"),
        (lambda f: f.fail(14), "code must be one of .* not 14"),
        (lambda f: f.fail(None), "code must be one of .* not None"),
        (lambda f: f.fail(grpc.StatusCode.UNAVAILABLE), "code must be one of"),
        (lambda f: f.fail(["UNAVAILABLE"]), "code must be one of"),
        (lambda f: f.fail("UNAVAILABLE", b"text"), "details must be text, not b'text'"),
        (lambda f: f.fail("UNAVAILABLE", None), "details must be text, not None"),
        (lambda f: f.fail("UNAVAILABLE", times="3"), "times must be an integer, not '3'"),
        (lambda f: f.fail("UNAVAILABLE", times=1.5), "times must be an integer, not 1.5"),
        (lambda f: f.fail("UNAVAILABLE", times=-1), "times must be at least 0, not -1"),
        (lambda f: f.fail("UNAVAILABLE", times=True), "times must be an integer"),
        (lambda f: f.fail("UNAVAILABLE", method="predict"), "method must be one of Predict, "),
        (lambda f: f.fail("UNAVAILABLE", method=["Predict"]), "method must be one of Predict, "),
        (lambda f: f.fail("UNAVAILABLE", model=1), "model must be a model's name, not 1"),
        (lambda f: f.delay("1"), "seconds must be a number of seconds or a timedelta, not '1'"),
        (lambda f: f.delay(None), "seconds must be a number .* not None"),
        (lambda f: f.delay(True), "seconds must be a number .* not True"),
        (lambda f: f.delay(-1), "seconds must be from 0 to 86400, not -1"),
        (lambda f: f.delay(float("nan")), "seconds must be from 0 to 86400, not nan"),
        (lambda f: f.delay(float("inf")), "seconds must be from 0 to 86400, not inf"),
        (lambda f: f.delay(1j), "seconds must be a number .* not 1j"),
        (lambda f: f.delay(1, times="once"), "times must be an integer, not 'once'"),
        (lambda f: f.delay(1, method=""), "method must be one of"),
        (lambda f: f.answer("linear", [1.0]), "outputs must be a dict .* not \\[1.0\\]"),
        (lambda f: f.answer("nobody", {}), "model 'nobody'.* does not have this signature"),
        (lambda f: f.answer(["linear"], {}), "does not have this signature"),
        (lambda f: f.answer("linear", {}, signature=None), "does not have this signature"),
        (lambda _: fake_server(1), "models must be schemas, or paths .* not 1"),
        (
            lambda _: fake_server(labels=["stable"]),
            "labels must be a dict by model name, not \\['stable'\\]",
        ),
        (
            lambda _: fake_server(labels={"m": 1}),
            "labels of 'm' must be a dict of versions by label",
        ),
        (lambda _: fake_server(labels={"m": {1: 1}}), "labels of 'm' must be a dict"),
        (lambda _: fake_server(labels={"m": {"a": "1"}}), "label 'a' of 'm' must be an integer"),
        (lambda _: fake_server(labels={"m": {"a": 1 << 63}}), "label 'a' of 'm' must be from 0 to"),
        (lambda _: fake_server(labels={"m": {"a": 1}}), "labels: the FakeServer has no model m"),
    ],
)
def test_wrong_arguments_are_named(
    fake: FakeServer, use: Callable[[Any], object], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        use(fake)
    with Client(fake.grpc_target) as client:
        client.predict("linear", [1.0])  # which nothing has happened to


def test_what_fail_and_delay_take(fake: FakeServer) -> None:
    with Client(fake.grpc_target, retries=0) as client:
        fake.fail(Code.ABORTED, "no: \ud800", times=1)
        with pytest.raises(Aborted, match=r"no: \?"):
            client.predict("linear", [1.0])
        fake.fail("ABORTED", times=0)
        delays: list[Any] = [timedelta(milliseconds=20), np.float32(0.02), 0, Fraction(1, 50)]
        for seconds in delays:
            fake.delay(seconds, times=1, method="Predict", model="linear")
        start = time.monotonic()
        client.predict("linear", [1.0])
        assert time.monotonic() - start > 0.06


def test_it_is_made_of_any_schema(tmp_path: Path) -> None:
    digits = sources.from_file(CONFORMANCE.parent / "demo" / "digits.schema.json")
    saved = tmp_path / "model.json"
    saved.write_bytes(schema.to_json(dataclasses.replace(digits, name="saved")))
    two = dataclasses.replace(digits, version=2)
    with FakeServer(dataclasses.replace(digits, version=1), two, saved) as server:
        metadata = tmp_path / "metadata.json"
        metadata.write_bytes(httpx.get(f"{server.rest_target}/v1/models/saved/metadata").content)
        with Client(server.grpc_target) as client:
            assert [s.version for s in client.status("digits")] == [2, 1]
            name = next(iter(digits.signatures))
            served = client.metadata("digits").signatures[name]
            made_of = digits.signatures[name]
            assert (served.inputs, served.outputs) == (made_of.inputs, made_of.outputs)
            assert served.method == made_of.method
    with FakeServer(metadata) as server, Client(server.rest_target) as client:
        assert client.wait_until_ready("saved").version == 1


def test_it_needs_no_tensorflow() -> None:
    program = f"""
import sys
sys.modules["tensorflow"] = None
from tfsclient import Client
from tfsclient.testing import FakeServer
with FakeServer({str(MODELS / "linear")!r}) as server:
    print(Client(server.grpc_target).predict("linear", [1.0]))
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_fixtures(request: pytest.FixtureRequest) -> None:
    make = request.getfixturevalue("tfs_fake")
    server = make(MODELS / "linear")
    with Client(server.grpc_target) as client:
        assert client.predict("linear", [1.0]).only().tolist() == [0.0]
    if find_spec("tensorflow") is None:
        missing("tensorflow")
    start = request.getfixturevalue("tfs_serve")
    models = {"linear": MODELS / "linear"}
    assert start(models) is start(models)
    with Client(start(models).grpc_target) as client:
        assert client.predict("linear", [1.0]).only().tolist() == [1.5]
