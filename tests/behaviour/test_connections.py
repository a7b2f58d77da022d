"""Servers that are not there, or are something else."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import grpc
import httpx
import pytest

from tests.conftest import Zoo
from tfsclient import (
    AsyncClient,
    Cancelled,
    Client,
    DeadlineExceeded,
    DecodeError,
    DType,
    InvalidInput,
    Model,
    Signature,
    TensorSpec,
    TFSError,
    Unavailable,
)
from tfsclient.testing import FakeServer

FLOATS = {name: TensorSpec(name, DType("float32"), (-1,)) for name in "xy"}
MODEL = Model(
    "m",
    1,
    {"serving_default": Signature("serving_default", {"x": FLOATS["x"]}, {"y": FLOATS["y"]})},
)
SCHEMAS = {"m": MODEL}


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("localhost", 0)) as server:
        kept = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_a_dead_port_is_unavailable_within_the_timeout(scheme: str, dead_port: int) -> None:
    target = f"{scheme}localhost:{dead_port}"
    started = time.monotonic()
    with Client(target, timeout=30) as client, pytest.raises(Unavailable, match=target):
        client.predict("m", {"x": [1.0]})
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_a_mute_server_exceeds_the_deadline(scheme: str, mute_port: int) -> None:
    with Client(f"{scheme}localhost:{mute_port}") as client:
        with pytest.raises((DeadlineExceeded, Unavailable)):
            client.status("m", timeout=0.5)
        with pytest.raises(DeadlineExceeded):
            client.wait_until_ready("m", timeout=0.5)


def test_each_transport_on_the_other_ones_port_says_so(zoo: Zoo) -> None:
    grpc_at_rest = zoo.rest.removeprefix("http://")
    with Client(grpc_at_rest) as client, pytest.raises(Unavailable) as caught:
        client.status("half_plus_two")
    assert f"http://{grpc_at_rest}" in str(caught.value.hint)
    with Client(f"http://{zoo.grpc}") as client, pytest.raises(Unavailable) as caught:
        client.status("half_plus_two")
    assert "gRPC port" in str(caught.value.hint)


@pytest.mark.parametrize(
    "target",
    [
        "localhost", "http://", "ftp://a:1", "a:99999", [], ["a:1", "b:2"], "http://a?x=1",
        "http://a:99999", "http://[::1", "http://a b:1", "a\nb:1", "a:\u0663",
    ],
)  # fmt: skip
def test_a_target_that_names_no_server_is_refused_at_once(target: str | list[str]) -> None:
    with pytest.raises(InvalidInput):
        Client(target)


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("8500", "write localhost:8500"),
        (":8500", "write localhost:8500"),
        ("::1:8500", "write [::1]:8500"),
        ("host:8500:8501", "TF Serving usually listens"),
        ("10.0.0.1:8500,10.0.0.2:8500", "ipv4:10.0.0.1:8500,10.0.0.2:8500"),
    ],
)
def test_what_to_write_instead(target: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Client(target)
    assert hint in str(caught.value.hint)


def test_a_target_that_holds_the_path_of_calls(zoo: Zoo) -> None:
    for path in ("/v1", "/v1/models/linear:predict"):
        with Client(zoo.rest + path) as client, pytest.raises(TFSError) as caught:
            client.status("linear")
        assert str(caught.value.hint).endswith(f"write {zoo.rest}")


def test_a_closed_client_opens_again(zoo: Zoo) -> None:
    for target in (zoo.grpc, zoo.rest):
        client = Client(target)
        assert client.predict("linear", [2.0]).only() == [4.5]
        client.close()
        assert client.predict("linear", [2.0]).only() == [4.5]
        client.close()


def test_threads_share_a_client(zoo: Zoo) -> None:
    for target in (zoo.grpc, zoo.rest):
        answers: list[float] = []
        with Client(target) as client:

            def work(value: float, client: Client = client, answers: list[float] = answers) -> None:
                answers.append(float(client.predict("linear", [value]).only()[0]))

            threads = [threading.Thread(target=work, args=(float(i),)) for i in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sorted(answers) == [3.0 * i - 1.5 for i in range(16)]


# What is told of a server that does not answer, or does not answer well.


@pytest.fixture(params=["grpc", "rest"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fake(transport: str) -> Iterator[tuple[FakeServer, str]]:
    with FakeServer(MODEL) as server:
        yield server, server.grpc_target if transport == "grpc" else server.rest_target


def test_a_server_that_says_unavailable_was_reached(
    fake: tuple[FakeServer, str], make_client: Callable[..., Any]
) -> None:
    server, target = fake
    server.fail("UNAVAILABLE", "loading")
    with (
        make_client(target, schemas=SCHEMAS, retries=0) as client,
        pytest.raises(Unavailable) as caught,
    ):
        client.predict("m", [1.0])
    assert caught.value.details.endswith("loading")
    assert "cannot be reached" not in str(caught.value)
    assert "tfsclient doctor" in (caught.value.hint or "")


def test_a_password_in_the_url_is_not_told(dead_port: int) -> None:
    target = f"http://me:secret@localhost:{dead_port}"
    with Client(target, retries=0, timeout=30) as client, pytest.raises(Unavailable) as caught:
        client.predict("m", {"x": [1.0]})
    assert "secret" not in str(caught.value) + repr(client)


@pytest.mark.parametrize(
    "target",
    ["u:s3cret@h:1", "grpc://u:s3cret@h:1", "http://u:s3/cret@h:1", "http://u:s3cret@h:1/?q",
     "dns://u:s3cret@h/x:1", "xds://u:s3cret@h/x", "other://u:s3cret@h", "u:s3cret@h: 1"],
)  # fmt: skip
def test_a_password_in_a_target_that_is_refused_is_not_told(target: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Client(target)
    assert "s3" not in str(caught.value)
    assert "...@h" in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [{"a:b": "x"}, {"caf\u00e9": "x"}, {"a": "secret\n"}, {"a": "secret\u00e9"}, {"a": 3}],
)
def test_headers_that_cannot_be_sent_are_refused(
    zoo: Zoo, transport: str, make_client: Callable[..., Any], headers: dict[str, Any]
) -> None:
    target = zoo.grpc if transport == "grpc" else zoo.rest
    with make_client(target) as client, pytest.raises(InvalidInput) as caught:
        client.predict("linear", [2.0], headers=headers)
    assert next(iter(headers)) in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_broken_compression_is_no_answer() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip")
        )

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as own,
        Client("http://localhost:1", http_client=own) as client,
        pytest.raises(DecodeError, match="compression"),
    ):
        client.status("m")


# What the server sees of a call that is given up.


class Abandoned:
    """A server that never answers, and knows whether it has been left."""

    def __init__(self) -> None:
        self.target = ""
        self.called = threading.Event()
        self.left = threading.Event()


@contextmanager
def never_answering_grpc() -> Iterator[Abandoned]:
    seen = Abandoned()

    def handle(_request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(seen.left.set)
        seen.called.set()
        seen.left.wait(60)
        return b""

    server = grpc.server(ThreadPoolExecutor(2))
    handler = grpc.unary_unary_rpc_method_handler(handle)
    service = "tensorflow.serving.PredictionService"
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, {"Predict": handler})]
    )
    seen.target = f"localhost:{server.add_insecure_port('localhost:0')}"
    server.start()
    yield seen
    server.stop(0).wait()


@contextmanager
def never_answering_rest() -> Iterator[Abandoned]:
    seen = Abandoned()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(ConnectionError):
            while connection.recv(1 << 16):
                seen.called.set()
        seen.left.set()

    with socket.create_server(("localhost", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        seen.target = f"http://localhost:{listener.getsockname()[1]}"
        yield seen


@pytest.fixture
def abandoned(transport: str) -> Iterator[Abandoned]:
    with (never_answering_grpc if transport == "grpc" else never_answering_rest)() as seen:
        yield seen


def test_cancelling_a_future_reaches_the_server(abandoned: Abandoned) -> None:
    with Client(abandoned.target, schemas=SCHEMAS) as client:
        future = client.predict_future("m", [1.0])
        assert abandoned.called.wait(30)
        assert future.cancel()
        assert abandoned.left.wait(30)
        with pytest.raises(CancelledError):
            future.result()


def test_cancelling_a_task_reaches_the_server(abandoned: Abandoned) -> None:
    async def run() -> None:
        async with AsyncClient(abandoned.target, schemas=SCHEMAS) as client:
            task = asyncio.create_task(client.predict("m", [1.0]))
            assert await asyncio.to_thread(abandoned.called.wait, 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(abandoned.left.wait, 30)

    asyncio.run(run())


@pytest.mark.parametrize("retries", [0, 2])
def test_close_ends_the_futures_under_way(abandoned: Abandoned, retries: int) -> None:
    client = Client(abandoned.target, schemas=SCHEMAS, retries=retries)
    future = client.predict_future("m", [1.0])
    assert abandoned.called.wait(30)
    client.close()
    client.close()
    with pytest.raises(Cancelled):
        future.result(30)
    assert abandoned.left.wait(30)


@pytest.mark.parametrize("retries", [0, 2])
def test_close_ends_the_awaited_calls_but_cancels_no_task(
    abandoned: Abandoned, retries: int
) -> None:
    async def run() -> None:
        client = AsyncClient(abandoned.target, schemas=SCHEMAS, retries=retries)
        task = asyncio.create_task(client.predict("m", [1.0]))
        assert await asyncio.to_thread(abandoned.called.wait, 30)
        await client.close()
        await client.close()
        with pytest.raises(Cancelled):
            await asyncio.wait_for(task, 30)
        assert await asyncio.to_thread(abandoned.left.wait, 30)

    asyncio.run(run())


def test_close_in_a_callback(fake: tuple[FakeServer, str]) -> None:
    _, target = fake
    client = Client(target, schemas=SCHEMAS)
    closed = threading.Event()

    def close(_: Any) -> None:
        client.close()
        closed.set()

    client.predict_future("m", [1.0]).add_done_callback(close)
    assert closed.wait(30)


# Event loops, and clients that nobody closes.


def test_event_loops_at_the_same_time_share_a_client(fake: tuple[FakeServer, str]) -> None:
    client = AsyncClient(fake[1], schemas=SCHEMAS)

    async def run() -> int:
        for _ in range(10):
            answers = await asyncio.gather(*(client.predict("m", [1.0]) for _ in range(4)))
            assert all(answer.only() == [0.0] for answer in answers)
        await client.close()
        return 40

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(lambda _: asyncio.run(run()), range(3))) == 120
    asyncio.run(client.close())


CARELESS = """
import asyncio, gc, sys
from tfsclient import AsyncClient, Client

target, stack = sys.argv[1:]
client = Client(target)
if stack == "sync":
    client.predict("m", [1.0])
elif stack == "future":
    client.predict_future("m", [1.0]).result()
elif stack == "a client that loops share":
    client = AsyncClient(target)
    for _ in range(2):
        asyncio.run(client.predict("m", [1.0]))
else:
    async def main():
        client = AsyncClient(target)
        await client.predict("m", [1.0])
    asyncio.run(main())
del client
gc.collect()
"""


@pytest.mark.parametrize("stack", ["sync", "future", "aio", "a client that loops share"])
def test_a_client_that_is_never_closed_leaves_no_warnings(
    fake: tuple[FakeServer, str], stack: str
) -> None:
    command = [sys.executable, "-W", "error", "-c", CARELESS, fake[1], stack]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_in_the_midst_of_connecting() -> None:
    # Over REST: gRPC itself may not survive a fork while its other threads are at work.
    with FakeServer(MODEL) as server:
        client = Client(server.rest_target, schemas=SCHEMAS)
        stop = threading.Event()

        def connect() -> None:
            while not stop.is_set():
                with Client(server.rest_target, schemas=SCHEMAS) as other:
                    other.predict("m", [1.0])

        threads = [threading.Thread(target=connect) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                child = os.fork()
                if child == 0:
                    signal.alarm(60)  # ends a child that hangs
                    code = 1
                    try:
                        code = 0 if client.predict("m", [1.0]).only() == [0.0] else 1
                    finally:
                        os._exit(code)
                assert os.waitpid(child, 0)[1] == 0
        finally:
            stop.set()
            for thread in threads:
                thread.join()
