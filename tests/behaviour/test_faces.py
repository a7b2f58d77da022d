"""What sync, futures and asyncio promise beyond the answers being the same."""

from __future__ import annotations

import asyncio
import inspect
import logging
import multiprocessing
import pickle
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, as_completed
from typing import Any

import numpy as np
import pytest

from tests.behaviour.conftest import by_itself
from tests.conftest import ZOO, Zoo
from tfsclient import (
    AsyncBoundModel,
    AsyncClient,
    BoundModel,
    CallInfo,
    Client,
    DeadlineExceeded,
    InvalidArgument,
    InvalidInput,
    NotFound,
    Unavailable,
)
from tfsclient.testing import FakeServer


def methods(kind: type) -> dict[str, list[tuple[Any, ...]]]:
    """The public methods by name: their parameters' names, kinds and defaults."""
    return {
        name: [(p.name, p.kind, p.default) for p in inspect.signature(member).parameters.values()]
        for name, member in inspect.getmembers(kind, callable)
        if not name.startswith("_")
    }


def test_the_async_client_has_the_same_methods_with_the_same_arguments() -> None:
    sync, aio = methods(Client), methods(AsyncClient)
    assert set(sync) - set(aio) == {"predict_future"}
    assert set(aio) <= set(sync)
    for name, signature in aio.items():
        assert signature == sync[name], name
    made, aio_made = (
        dict(inspect.signature(kind.__init__).parameters) for kind in (Client, AsyncClient)
    )
    transport, aio_transport = made.pop("transport"), aio_made.pop("transport")
    assert made == aio_made
    # What sends the bytes is a protocol of each colour's own.
    assert transport.annotation == "Transport | None"
    assert aio_transport.annotation == "AsyncTransport | None"
    assert transport.replace(annotation=None) == aio_transport.replace(annotation=None)


def test_a_bound_model_takes_the_same_arguments_but_those_that_it_has() -> None:
    sync, aio = methods(BoundModel), methods(AsyncBoundModel)
    assert set(sync) - set(aio) == {"predict_future"}
    assert set(aio) <= set(sync)
    for bound, client in ((sync, methods(Client)), (aio, methods(AsyncClient))):
        for name, own in bound.items():
            has = ("model", "version", "label")
            assert own == [p for p in client[name] if p[0] not in has], name


def test_a_future_is_a_real_future(target: str) -> None:
    with Client(target) as client:
        futures = [client.predict_future("linear", [float(i)]) for i in range(20)]
        assert all(isinstance(future, Future) for future in futures)
        for future in as_completed(futures, timeout=30):
            i = futures.index(future)
            assert future.exception() is None
            assert future.result().only() == [3.0 * i - 1.5]


def test_inputs_may_change_once_the_future_is_there(target: str) -> None:
    with Client(target) as client:
        values = np.array([2.0], np.float32)
        future = client.predict_future("linear", values)
        values[:] = 0.0
        assert future.result().only() == [4.5]


def test_a_future_carries_errors(target: str) -> None:
    with Client(target) as client:
        with pytest.raises(InvalidInput):
            client.predict_future("linear", ["text"])
        future = client.predict_future("failing", [0])
        assert isinstance(future.exception(), InvalidArgument)
        with pytest.raises(InvalidArgument):
            future.result()


@pytest.fixture(params=["grpc_target", "rest_target"])
def slow(request: pytest.FixtureRequest) -> Iterator[tuple[FakeServer, str]]:
    """A server that takes ten minutes for a Predict, until it is reset; and where it is."""
    with FakeServer(ZOO / "linear") as server:
        server.delay(600, method="Predict")
        yield server, getattr(server, request.param)


def test_cancelling_a_future_ends_the_call(slow: tuple[FakeServer, str]) -> None:
    server, target = slow
    with Client(target) as client:
        future = client.predict_future("linear", [2.0])
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.result()
        server.reset()
        assert client.predict("linear", [2.0]).only() == [0.0]


def test_a_deadline_cuts_a_slow_call_short(slow: tuple[FakeServer, str], make_client: Any) -> None:
    with make_client(slow[1]) as client:
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            client.predict("linear", [2.0], timeout=0.4)
        assert time.monotonic() - started < 30


def test_many_calls_at_once_on_one_loop(target: str) -> None:
    async def run() -> list[float]:
        async with AsyncClient(target) as client:
            calls = [client.predict("linear", [float(i)]) for i in range(32)]
            return [float(p.only()[0]) for p in await asyncio.gather(*calls)]

    assert asyncio.run(run()) == [3.0 * i - 1.5 for i in range(32)]


def test_cancelling_a_task_cancels_the_call(slow: tuple[FakeServer, str]) -> None:
    server, target = slow

    async def run() -> None:
        async with AsyncClient(target) as client:
            task = asyncio.create_task(client.predict("linear", [2.0]))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            server.reset()
            assert (await client.predict("linear", [2.0])).only() == [0.0]

    asyncio.run(run())


def test_one_async_client_serves_one_loop_after_the_other(target: str) -> None:
    client = AsyncClient(target)
    for _ in range(2):
        prediction = asyncio.run(client.predict("linear", [2.0]))
        assert prediction.only() == [4.5]


def test_on_call_tells_what_became_of_each_call(target: str, make_client: Any) -> None:
    calls: list[CallInfo] = []
    with make_client(target, on_call=calls.append) as client:
        client.predict("linear", [2.0])
        with pytest.raises(NotFound):
            client.predict("linear", [2.0], version=99)
    assert [call.model for call in calls] == ["linear"] * 3
    good = calls[1]
    assert calls[0].version == 1  # of the signatures, which REST names, too
    assert good.signature == "serving_default"
    assert good.request_bytes > 0
    assert good.response_bytes > 0
    assert good.wire_seconds > 0
    assert good.encode_seconds > 0
    assert isinstance(calls[2].error, NotFound)


def test_time_runs_from_the_first_line_of_a_call(target: str, make_client: Any) -> None:
    def token() -> str:
        time.sleep(0.3)
        return "abc"

    calls: list[CallInfo] = []
    with make_client(target, on_call=calls.append, token=token) as client:
        client.predict("linear", np.array([2.0], np.float32))
        calls.clear()
        with pytest.raises(DeadlineExceeded):
            client.predict("linear", np.array([2.0], np.float32), timeout=0.1)
    assert [type(call.error) for call in calls] == [DeadlineExceeded]


def test_the_log_has_no_payloads(target: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "tfsclient"), Client(target) as client:
        client.predict("strings", "secret words", signature="test_concat")
    text = "\n".join(r.getMessage() for r in caplog.records if r.name == "tfsclient")
    assert "strings" in text
    assert "secret" not in text


def test_a_token_is_asked_for_each_call(target: str) -> None:
    asked: list[str] = []

    def token() -> str:
        asked.append("t")
        return "abc"

    with Client(target, token=token) as client:
        client.status("linear")
        client.status("linear")
    assert len(asked) == 2


def test_gzip_requests_are_understood(target: str, make_client: Any) -> None:
    with make_client(target, compression="gzip") as client:
        np.testing.assert_array_equal(
            client.predict("ranks", np.zeros((64, 64)), signature="rank2").only(), 1.0
        )


def _forked(client: Client, results: Any) -> None:
    try:
        results.put(client.predict("linear", [2.0]).only().tolist())
    except Exception as error:  # noqa: BLE001 (the parent looks at it)
        results.put(repr(error))


def test_a_forked_child_can_go_on(target: str) -> None:
    by_itself(fork_and_go_on, target)


def fork_and_go_on(target: str) -> None:
    fork = multiprocessing.get_context("fork")
    with Client(target) as client:
        client.predict("linear", [1.0])
        results = fork.Queue()
        child = fork.Process(target=_forked, args=(client, results))
        child.start()
        try:
            assert results.get(timeout=60) == [4.5]
        finally:
            child.terminate()
            child.join()
        assert client.predict("linear", [2.0]).only() == [4.5]


def test_errors_and_predictions_pickle(zoo: Zoo) -> None:
    with Client(zoo.grpc) as client:
        prediction = pickle.loads(pickle.dumps(client.predict("half_plus_two", [[1.0]])))
        assert (prediction.version, prediction.only()) == (2, [[3.5]])
        with pytest.raises(NotFound) as caught:
            client.predict("nope", {"x": [1.0]})
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.code) == (NotFound, str(caught.value), caught.value.code)


def test_metadata_is_asked_for_once(target: str) -> None:
    paths: list[str] = []
    with Client(target, on_call=lambda info: paths.append(info.path)) as client:
        threads = [
            threading.Thread(target=client.predict, args=("linear", [1.0])) for _ in range(8)
        ]
        client.predict("linear", [1.0])
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum("etadata" in path for path in paths) == 1


def test_a_hook_that_fails_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    def hook(_info: CallInfo) -> None:
        raise RuntimeError("the hook's own")

    with Client("localhost:1", retries=0, on_call=hook) as client:
        inputs = {"x": np.zeros(1, np.float32)}
        future = client.predict_future("m", inputs, validate=False, timeout=30.0)
        assert isinstance(future.exception(timeout=60), Unavailable)
    assert "the hook's own" in caplog.text


@pytest.mark.parametrize("timeout", [1e10, float("inf")])
def test_a_timeout_may_be_endless(client: Client, timeout: float) -> None:
    assert client.predict("linear", [2.0], timeout=timeout).only() == [4.5]
