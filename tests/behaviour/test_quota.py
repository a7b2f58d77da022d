"""A server that answers four calls at a time, and refuses others as the real one does."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.conftest import ZOO, Zoo, eventually
from tfsclient import AsyncClient, Client, DeadlineExceeded, ResourceExhausted
from tfsclient.testing import FakeServer

M = "half_plus_two"
INPUTS = [np.full((1, 1), i, np.float32) for i in range(300)]


@pytest.fixture(scope="module")
def target(zoo: Zoo) -> Iterator[str]:  # the zoo, so that TensorFlow is there
    from tfsclient.server.app import Options, Server

    options = dataclasses.replace(Options(), grpc_max_threads=4, file_system_poll_wait_seconds=0)
    with Server({M: ZOO / M, "slow": ZOO / "slow"}, options) as server:
        yield server.grpc_target


def right(predictions: list[Any]) -> bool:
    return [p.only().item() for p in predictions] == [i / 2 + 3 for i in range(len(predictions))]


@pytest.mark.parametrize("run", range(3))
def test_bursts_succeed(target: str, run: int) -> None:
    with Client(target) as client:
        assert right(list(client.predict_batches(M, INPUTS)))
        assert right([f.result() for f in [client.predict_future(M, x) for x in INPUTS]])
    with Client(target) as client, ThreadPoolExecutor(32) as pool:
        beside = [pool.submit(call, M) for call in (client.metadata, client.status) * 50]
        assert right(list(pool.map(lambda x: client.predict(M, x), INPUTS)))
        assert all(future.result() for future in beside)

    async def gather() -> None:
        async with AsyncClient(target) as client:
            beside = [call(M) for call in (client.metadata, client.status) * 50]
            predictions = await asyncio.gather(*(client.predict(M, x) for x in INPUTS), *beside)
            assert right(predictions[: len(INPUTS)])
            batches = [p async for p in client.predict_batches(M, INPUTS, concurrency=64)]
            assert right(batches)

    asyncio.run(gather())
    eventually(lambda: not any(t.name == "tfsclient-alarm" for t in threading.enumerate()))


def test_any_other_exhaustion_is_raised() -> None:
    with FakeServer("tests/demo/digits.schema.json") as server:
        server.fail("RESOURCE_EXHAUSTED", "OOM when allocating tensor", times=None)
        with Client(server.grpc_target) as client, pytest.raises(ResourceExhausted, match="OOM"):
            client.predict("digits", np.zeros((1, 8, 8), np.float32))
        assert sum(call.method == "GetModelMetadata" for call in server.calls) == 1


def test_a_large_batch_stays_in_memory(target: str) -> None:
    rows = np.arange(500_000, dtype=np.float32)[:, None]
    with Client(target) as client:
        client.predict(M, rows[:100])
        tracemalloc.start()
        (prediction,) = client.predict_batches(M, [rows], batch_size=1000, concurrency=4)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (prediction.only() == rows / 2 + 3).all()
    # The answer, and what is under way: the server is in this process, and its calls count too.
    assert peak < 2 * rows.nbytes


def test_a_deadline_that_ends_first_says_why(target: str) -> None:  # the last: its runs go on
    slow = {"x": [1.0], "steps": 10_000_000}
    with Client(target) as client, Client(target) as other:
        client.predict("slow", slow | {"steps": 1}, signature="steps")
        running = partial(client.predict_future, "slow", slow, signature="steps")
        calls = [running(timeout=60) for _ in range(4)]

        def is_told() -> bool:
            try:
                other.status(M, timeout=0.3)
            except DeadlineExceeded as error:
                return "--grpc_max_threads" in str(error) and "REST" in str(error)
            return False

        eventually(is_told)  # all four have to arrive first
        late = running(timeout=0.3)
        assert isinstance(late.exception(30), DeadlineExceeded)
        waiting = running(timeout=60)
        assert waiting.cancel()
        for call in calls:
            call.cancel()
