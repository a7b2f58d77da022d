"""Each parameter, given wrongly, is refused by its name before anything is sent; on every face."""

from __future__ import annotations

import asyncio
import decimal
import fractions
import pickle
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfsclient import (
    AsyncClient,
    CallInfo,
    Client,
    DType,
    Example,
    InvalidInput,
    Model,
    Unauthenticated,
    sources,
    testing,
)

SCHEMA = Path(__file__).parents[1] / "demo" / "digits.schema.json"
IMAGES = np.zeros((2, 8, 8), np.float32)

NAN, INF = float("nan"), float("inf")
WRONG: dict[str, list[Any]] = {
    "version": ["1", 1.0, True, np.float32(1), b"1", [1], -1, 1 << 63, np.bool_(True)],
    "label": [5, b"stable", True, ["stable"], "\ud800"],
    "outputs": [[], (), set(), 3, b"scores", ["scores", 3], ["scores", "scores"], [None], ["nope"]],
    "timeout": [
        "5", b"5", True, [5], 0, -1, NAN, timedelta(0), np.array([5.0]), 1j, {},
        np.timedelta64("NaT"),
    ],
    "headers": [
        [("a", "b")], "a: b", {"a": 1}, {"a": None}, {"a": b"b"}, {1: "b"}, {"a b": "c"}, {"": "c"},
        {"a": "\n"}, {"a": "ø"}, {"a": " b "}, {"x-bin": "text"},
        {"Content-Length": "5"}, {"TE": "x"}, 5,
    ],
    "validate": ["no", 0, None, [], 1.0],
    "copy": ["no", 1, None],
    "signature": [5, b"serving_default", ["serving_default"], "nope"],
}  # fmt: skip
RIGHT: dict[str, list[Any]] = {
    "version": [1, np.int64(1), np.uint8(1)],
    "label": ["stable"],
    "outputs": ["scores", ["scores"], ("scores",), {"scores"}, {"scores": 1}.keys(),
                np.array(["scores"])],
    "timeout": [60, 60.0, np.float32(60), np.float16(60), np.int8(60), timedelta(seconds=60), INF,
                None, decimal.Decimal(60), fractions.Fraction(60),
                np.timedelta64(60, "s"), 10**400],
    "headers": [{}, {"A-b": "c"}, {"x-bin": b"\x00\xff"}, None],
    "validate": [True, False, np.bool_(True)],
    "copy": [True, False, np.bool_(False)],
    "signature": ["serving_default", None],
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[testing.FakeServer]:
    with testing.FakeServer(SCHEMA, labels={"digits": {"stable": 1}}) as running:
        yield running


def awaited(made: Any, call: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        async with made as client:
            result = call(client)
            if hasattr(result, "__aiter__"):
                return await anext(result)
            return await result

    return asyncio.run(run())


def predict(face: str, target: str, **options: Any) -> Any:
    """A predict over one of the faces."""
    bound = {k: options.pop(k) for k in ("version", "label") if k in options and "bound" in face}
    if face.startswith("aio"):
        calls: dict[str, Callable[[Any], Any]] = {
            "aio": lambda c: c.predict("digits", {"images": IMAGES}, **options),
            "aio batches": lambda c: c.predict_batches("digits", [{"images": IMAGES}], **options),
            "aio bound": lambda c: c.model("digits", **bound).predict(
                {"images": IMAGES}, **options
            ),
        }
        return awaited(AsyncClient(target), calls[face])
    with Client(target) as client:
        if face == "sync":
            return client.predict("digits", {"images": IMAGES}, **options)
        if face == "future":
            return client.predict_future("digits", {"images": IMAGES}, **options).result()
        if face == "batches":
            return next(client.predict_batches("digits", [{"images": IMAGES}], **options))
        return client.model("digits", **bound).predict({"images": IMAGES}, **options)


FACES = ("sync", "future", "batches", "bound", "aio", "aio batches", "aio bound")


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize("face", FACES)
def test_predict(server: testing.FakeServer, transport: str, face: str) -> None:
    target = server.grpc_target if transport == "grpc" else server.rest_target
    for name, values in WRONG.items():
        for value in values:
            server.reset()
            with pytest.raises(InvalidInput) as caught:
                predict(face, target, **{name: value})
            assert name.rstrip("s") in str(caught.value), (name, value, str(caught.value))
            assert not [c for c in server.calls if c.method == "Predict"], (name, value)
    for name, values in RIGHT.items():
        for value in values:
            predict(face, target, **{name: value})
    with pytest.raises(InvalidInput, match="not both"):
        predict(face, target, version=1, label="stable")


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_the_model_and_its_inputs(server: testing.FakeServer, transport: str) -> None:
    target = server.grpc_target if transport == "grpc" else server.rest_target
    with Client(target) as client:
        for model in (5, None, b"digits", "", "\ud800", ["digits"], True):
            for call in (client.metadata, client.status, client.model, client.wait_until_ready):
                with pytest.raises(InvalidInput, match="model must be"):
                    call(model)  # type: ignore[arg-type]
            with pytest.raises(InvalidInput, match="model must be"):
                client.predict(model, IMAGES)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match=r"predict\(model, inputs\)"):
            client.predict({"images": IMAGES}, "digits")  # type: ignore[arg-type]
        for examples in (5, None, "text", {"a": 1}, [], [5]):
            with pytest.raises(InvalidInput):
                client.classify("digits", examples)
        for tasks in (5, None, "s", ["s"], {}, {"s": "predict"}):
            with pytest.raises(InvalidInput, match="task"):
                client.multi_inference("digits", tasks, [{"a": 1}])  # type: ignore[arg-type]
        for wrong in (0, -1, "2", 1.5, True):
            with pytest.raises(InvalidInput, match="concurrency"):
                next(client.predict_batches("digits", [], concurrency=wrong))  # type: ignore[arg-type]
            with pytest.raises(InvalidInput, match="batch_size"):
                next(client.predict_batches("digits", [], batch_size=wrong))  # type: ignore[arg-type]
        for request in (None, b"", {"images": IMAGES}, 5):
            with pytest.raises(InvalidInput):
                client.send(request)
        configs: list[Any] = [
            5,
            None,
            b"x",
            [],
            {"m": 5},
            {"m": {"versions": "1"}},
            {"m": {"x": 1}},
        ]
        for config in configs:
            with pytest.raises(InvalidInput):
                client.reload_config(config, dry_run=True)


@pytest.mark.parametrize(
    "make",
    [DType, Example, sources.from_saved_model, sources.find_flaws, sources.from_file],
)
def test_plain_data_and_its_sources(make: Callable[[Any], object]) -> None:
    for value in (5, None, b"float32", ["a"], np.float32):
        with pytest.raises(InvalidInput):
            make(value)
    with pytest.raises(InvalidInput):  # as for a folder that may not be read
        make("x" * 300)


@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("name", "values"),
    {
        "timeout": WRONG["timeout"],
        "headers": WRONG["headers"],
        "token": [5, b"secret", ["secret"], "sec\nret", ""],
        "tls": ["yes", 1, b"", {"ca": "x"}],
        "retries": ["2", 2.0, True, -1, 5, None],
        "compression": ["br", True, 5, b"gzip"],
        "validate": WRONG["validate"],
        "copy": WRONG["copy"],
        "schemas": [5, [], {"m": None}, {5: None}, {"m": {}}],
        "on_call": [5, "print", []],
        "channel_options": [5, "ab", [("a",)], [(1, 2)], {"a": 1}],
        "http_client": [5, "httpx", object()],
        "transport": [5, print, object()],
    }.items(),
)
def test_a_client(make: type, name: str, values: list[Any]) -> None:
    for target in ("localhost:8500", "http://localhost:8501"):
        for value in values:
            with pytest.raises(InvalidInput, match=name.rstrip("s").replace("_", "[_ ]")):
                make(target, **{name: value})


def _same(value: Any) -> Any:
    return value


def test_a_token_function(server: testing.FakeServer) -> None:
    for target in (server.grpc_target, server.rest_target):
        tokens: list[Any] = [None, b"secret", 5, "sec\nret", ""]
        for token in tokens:
            with (
                Client(target, token=partial(_same, token)) as client,
                pytest.raises(InvalidInput, match="token") as caught,
            ):
                client.status("digits")
            assert "sec" not in str(caught.value)


def test_a_token_function_that_fails(server: testing.FakeServer) -> None:
    def expired() -> str:
        raise RuntimeError("expired")

    told: list[CallInfo] = []
    for target in (server.grpc_target, server.rest_target):
        with Client(target, token=expired, on_call=told.append) as client:
            with pytest.raises(Unauthenticated, match="token function raised RuntimeError"):
                client.status("digits")
            assert told == []  # nothing was sent
            client.status("digits", headers={"authorization": "own"})  # it is not asked
            assert server.calls[-1].headers["authorization"] == "own"
            told.clear()


def test_clients_pickle_as_their_settings(
    server: testing.FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where cloudpickle is loaded, it can do what pickle cannot.
    monkeypatch.delitem(sys.modules, "cloudpickle", raising=False)
    for target in (server.grpc_target, server.rest_target):
        client = Client(target, token="secret", timeout=5)
        client.predict("digits", IMAGES)
        again = pickle.loads(pickle.dumps(client))
        assert again.predict("digits", IMAGES).keys() == {"digit", "scores"}
        assert server.calls[-1].headers["authorization"] == "Bearer secret"
        bound = pickle.loads(pickle.dumps(client.model("digits", version=1)))
        assert bound.predict(IMAGES).keys() == {"digit", "scores"}
        aio = pickle.loads(pickle.dumps(AsyncClient(target)))
        assert awaited(aio, lambda c: c.model("digits").predict(IMAGES)).keys()
        options: dict[str, Any] = {"token": lambda: "x", "on_call": lambda info: None}
        for name, value in options.items():
            with pytest.raises(InvalidInput, match=name):
                pickle.dumps(Client(target, **{name: value}))
    assert isinstance(pickle.loads(pickle.dumps(client.metadata("digits"))), Model)
