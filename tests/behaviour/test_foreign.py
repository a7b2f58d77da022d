"""What users bring along: transports, HTTP clients, hooks, sources of batches; right and wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import httpx
import numpy as np
import pytest

from tests.behaviour.test_arguments import IMAGES, SCHEMA
from tests.conftest import missing
from tfsclient import (
    AsyncClient,
    CallInfo,
    Client,
    DecodeError,
    Internal,
    InvalidInput,
    Prediction,
    Unavailable,
    Unknown,
    sources,
    testing,
)


def module_of(kind: str) -> Any:
    try:
        return import_module(kind)
    except ImportError:
        missing(kind)


MODEL = sources.from_file(SCHEMA)


@pytest.fixture
def server() -> Iterator[testing.FakeServer]:
    with testing.FakeServer(SCHEMA) as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def target(server: testing.FakeServer, request: pytest.FixtureRequest) -> str:
    return server.grpc_target if request.param == "grpc" else server.rest_target


def test_a_cancelled_call_leaves_others_their_discovery(
    server: testing.FakeServer, target: str
) -> None:
    server.delay(0.2, method="GetModelMetadata")

    async def run() -> None:
        async with AsyncClient(target) as client:
            first = asyncio.create_task(client.predict("digits", IMAGES))
            await asyncio.sleep(0.05)
            others = [asyncio.create_task(client.predict("digits", IMAGES)) for _ in range(10)]
            await asyncio.sleep(0.05)
            first.cancel()
            await asyncio.wait_for(asyncio.gather(*others), 30)

    asyncio.run(run())


def test_on_call_may_use_the_client(target: str) -> None:
    seen: list[CallInfo] = []

    def again(info: CallInfo) -> None:
        seen.append(info)
        if len(seen) < 4:
            client.predict("digits", IMAGES)

    with Client(target, on_call=again, timeout=30) as client:
        client.predict("digits", IMAGES)
    assert not [info for info in seen if info.error]


@pytest.mark.parametrize("answer", [KeyError("k"), None, "text", 5, bytearray(b"x"), [b"x"]])
def test_a_transport_that_misbehaves(answer: Any, target: str) -> None:
    def misbehave(request: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = testing.FakeTransport(misbehave)
    client = Client(target, transport=transport, schemas={"digits": MODEL})
    wanted = (Internal, DecodeError)
    for call in (
        lambda: client.predict("digits", IMAGES),
        lambda: client.predict_future("digits", IMAGES).result(),
        lambda: list(client.predict_batches("digits", [IMAGES])),
        lambda: client.status("digits"),
    ):
        with pytest.raises(wanted, match=r"transport|KeyError"):
            call()

    async def run() -> None:
        aio = AsyncClient(target, transport=transport, schemas={"digits": MODEL})
        with pytest.raises(wanted, match=r"transport|KeyError"):
            await aio.predict("digits", IMAGES)

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["httpx", "httpx2"])
def test_http_clients_of_both_kinds(kind: str, server: testing.FakeServer) -> None:
    module = module_of(kind)
    with module.Client(event_hooks={"response": [lambda r: r.read()]}) as hooked:
        client = Client(server.rest_target, http_client=hooked)
        assert isinstance(client.predict("digits", IMAGES), Prediction)
    with module.Client() as own:
        client = Client("http://localhost:1", http_client=own, retries=0)
        with pytest.raises(Unavailable, match="cannot be reached"):
            client.status("digits")
        with pytest.raises(InvalidInput, match="http_client"):
            AsyncClient(server.rest_target, http_client=own)
    with pytest.raises(InvalidInput, match="http_client"):
        Client(server.rest_target, http_client=module.Client)

    async def run() -> None:
        async def read(response: Any) -> None:
            await response.aread()

        async with module.AsyncClient(event_hooks={"response": [read]}) as hooked:
            client = AsyncClient(server.rest_target, http_client=hooked)
            assert await client.predict("digits", IMAGES)

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["httpx", "httpx2"])
def test_what_an_http_client_raises_stays_visible(kind: str) -> None:
    module = module_of(kind)
    for error in (RuntimeError("mine"), NotImplementedError("mine"), KeyError("mine")):

        def fail(request: object, error: Exception = error) -> Any:
            raise error

        with module.Client(transport=module.MockTransport(fail)) as own:
            client = Client("http://anywhere", http_client=own)
            with pytest.raises(Internal, match=type(error).__name__) as caught:
                client.status("digits")
            assert caught.value.__cause__ is error


def test_an_http_client_that_follows_redirects_does_not() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.example/v1/models/m"})

    with (
        httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as own,
        pytest.raises(Unknown, match=r"redirects to https://elsewhere\.example"),
    ):
        Client("http://here.example", http_client=own).status("m")
    assert set(asked) == {"here.example"}


def test_sources_of_batches(target: str) -> None:
    async def generate() -> Any:
        yield IMAGES

    with Client(target) as client:
        wrong: list[Any] = [None, 5, np.float32(3), object(), {"images": IMAGES}, "abc", b"abc"]
        for source in [*wrong, generate()]:
            with pytest.raises(InvalidInput, match="batches"):
                client.predict_batches("digits", source)
        assert len(list(client.predict_batches("digits", np.stack([IMAGES] * 3)))) == 3
    aio = AsyncClient(target)
    for source in wrong:
        with pytest.raises(InvalidInput, match="batches"):
            aio.predict_batches("digits", source)
