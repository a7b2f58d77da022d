"""A client of the zoo on each stack: gRPC and REST, each sync, by futures and by asyncio.

Every test here that takes ``client`` runs on all of them.
"""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from tests.conftest import Zoo
from tfsclient import AsyncClient, Client, Prediction


class FutureClient(Client):
    """A client that predicts by futures."""

    def predict(self, *args: Any, **options: Any) -> Prediction:
        return self.predict_future(*args, **options).result()


class AwaitedClient:
    """An AsyncClient, each call awaited on a loop of its own."""

    def __init__(self, target: str, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncClient(target, **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*args: Any, **options: Any) -> Any:
            result = method(*args, **options)
            return self._loop.run_until_complete(result) if inspect.isawaitable(result) else result

        return call

    def __enter__(self) -> AwaitedClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()


STACKS: dict[str, Callable[..., Any]] = {
    "sync": Client,
    "future": FutureClient,
    "aio": AwaitedClient,
}


def by_itself(function: Callable[..., None], *arguments: Any) -> None:
    """Run a function that forks in a process of its own.

    gRPC does not survive a fork where other threads are in it at that moment, as those of the
    servers are that run in this process.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        process.submit(function, *arguments).result()


@pytest.fixture(params=["grpc", "rest"])
def target(zoo: Zoo, request: pytest.FixtureRequest) -> str:
    return zoo.grpc if request.param == "grpc" else zoo.rest


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that nobody listens on, nor can begin to: it is held."""
    with socket.socket() as held:
        held.bind(("localhost", 0))
        yield held.getsockname()[1]


@pytest.fixture(params=list(STACKS))
def make_client(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return STACKS[request.param]


@pytest.fixture
def client(target: str, make_client: Callable[..., Any]) -> Iterator[Client]:
    with make_client(target) as made:
        yield made
