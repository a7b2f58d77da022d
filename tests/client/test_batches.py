"""Many batches and large ones: what is sent when, what is given out when, how much is held."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pytest

from tests.client.memory import (
    MODEL,
    SPEC,
    Memory,
    Which,
    in_turn,
    newest,
    oldest,
    when_full,
)
from tfsclient import (
    AsyncClient,
    Client,
    InvalidArgument,
    InvalidInput,
)
from tfsclient._calls.call import Call

Run: TypeAlias = Callable[..., None]


def run_sync(memory: Memory, got: list[Any], batches: Any, **options: Any) -> None:
    """Put into ``got`` what comes; an error is raised."""
    with Client("localhost:1", transport=memory, schemas={"m": MODEL}) as client:
        for each in client.predict_batches("m", batches, **options):
            got.append(each.only().tolist())  # noqa: PERF401 (what came before an error stays)


def run_async(memory: Memory, got: list[Any], batches: Any, **options: Any) -> None:
    async def run() -> None:
        async with AsyncClient("localhost:1", transport=memory, schemas={"m": MODEL}) as client:
            async for each in client.predict_batches("m", batches, **options):
                got.append(each.only().tolist())  # noqa: PERF401
        assert len(asyncio.all_tasks()) == 1  # this one

    asyncio.run(run())


def run_async_source(memory: Memory, got: list[Any], batches: Any, **options: Any) -> None:
    async def source() -> AsyncIterator[Any]:
        for inputs in batches:
            await asyncio.sleep(0)
            yield inputs

    run_async(memory, got, source(), **options)


RUNS = [run_sync, run_async, run_async_source]
each_way = pytest.mark.parametrize("run", RUNS)


@each_way
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize(("ordered", "which"), [(True, oldest), (False, oldest), (False, newest)])
@pytest.mark.parametrize(
    ("sizes", "batch_size", "parts"),
    [
        ([20], 2, 10),  # one batch in many parts
        ([1] * 10, None, 10),  # many in one each
        ([3, 1, 7, 2, 4], 2, 10),
    ],
)
def test_concurrency_counts_parts(
    run: Run,
    concurrency: int,
    ordered: bool,
    which: Which,
    sizes: list[int],
    batch_size: int | None,
    parts: int,
) -> None:
    ends = np.cumsum(sizes)
    batches = [
        np.arange(end - size, end, dtype=np.float32) for end, size in zip(ends, sizes, strict=True)
    ]
    got: list[Any] = []
    options = {"concurrency": concurrency, "ordered": ordered, "batch_size": batch_size}
    with Memory(when_full(concurrency, parts, which), pause=0.005) as memory:
        run(memory, got, iter(batches), **options)
    assert memory.most == concurrency
    assert len(memory.sent) == parts
    wanted = [(batch + 1).tolist() for batch in batches]
    assert sorted(got) == wanted
    if ordered:
        assert got == wanted


@each_way
def test_each_part_has_the_time_of_a_call(run: Run) -> None:
    got: list[Any] = []
    with Memory(oldest) as memory:
        run(memory, got, [np.arange(6, dtype=np.float32)], batch_size=2, timeout=7.0)
    assert got == [[1, 2, 3, 4, 5, 6]]
    assert [deadline.seconds for deadline in memory.deadlines] == [7.0] * 3
    assert len(set(map(id, memory.deadlines))) == 3


@each_way
def test_after_a_failure_nothing_is_sent_and_the_rest_is_cancelled(run: Run) -> None:
    taken: list[int] = []

    def source() -> Iterator[list[float]]:
        for number in range(10):
            taken.append(number)
            yield [float(number)]

    got: list[Any] = []
    with (
        Memory(in_turn(2, 1, 0), fails=(1,), pause=0.005) as memory,
        pytest.raises(InvalidArgument, match="of 1"),
    ):
        run(memory, got, source(), concurrency=4)
    assert got == [[1.0]]  # what comes before the one that failed, and no more
    assert memory.sent == [0, 1, 2, 3]
    assert taken == [0, 1, 2, 3]
    assert memory.cancelled == [3]
    assert not memory.calls


@each_way
def test_out_of_order_a_failure_waits_for_nothing(run: Run) -> None:
    class Got(list[Any]):
        def append(self, values: Any) -> None:
            super().append(values)
            memory.look_again()

    def first_is_given(memory: Memory) -> float | None:
        return in_turn(2, 1)(memory) if got or not memory.answered else None

    got = Got()
    with (
        Memory(first_is_given, fails=(1,), pause=0.005) as memory,
        pytest.raises(InvalidArgument, match="of 1"),
    ):
        run(memory, got, iter([[float(n)] for n in range(4)]), concurrency=3, ordered=False)
    assert got == [[3.0]]
    assert memory.sent[:3] == [0, 1, 2]
    assert memory.cancelled == [0, *memory.sent[3:]]
    assert not memory.calls


@each_way
@pytest.mark.parametrize("ordered", [True, False])
def test_a_part_that_fails_ends_its_batch(run: Run, ordered: bool) -> None:
    got: list[Any] = []
    batches = [np.arange(100, dtype=np.float32)]
    with (
        Memory(in_turn(2), fails=(2,), pause=0.005) as memory,
        pytest.raises(InvalidArgument, match="of 2"),
    ):
        run(memory, got, batches, concurrency=3, ordered=ordered, batch_size=2)
    assert got == []
    assert memory.sent == [0, 2, 4]
    assert memory.cancelled == [0, 4]
    assert not memory.calls


@each_way
def test_a_batch_that_does_not_fit_cancels_what_is_under_way(run: Run) -> None:
    got: list[Any] = []
    batches: list[Any] = [[0.0], {"z": [1.0]}, [2.0]]
    with Memory(in_turn()) as memory, pytest.raises(InvalidInput, match="'z'"):
        run(memory, got, batches)
    assert (memory.sent, memory.cancelled) == ([0], [0])


@each_way
def test_an_error_of_the_source_is_the_users_own(run: Run) -> None:
    def source() -> Iterator[list[float]]:
        yield [0.0]
        raise KeyError("mine")

    with Memory(in_turn()) as memory, pytest.raises(KeyError, match="mine"):
        run(memory, [], source())
    assert (memory.sent, memory.cancelled) == ([0], [0])


def test_who_stops_early_cancels_what_is_under_way() -> None:
    batches = [[float(n)] for n in range(9)]
    with Memory(in_turn(0), pause=0.005) as memory:
        with Client("localhost:1", transport=memory, schemas={"m": MODEL}) as client:
            predictions = client.predict_batches("m", batches, concurrency=3)
            assert next(predictions).only().tolist() == [1.0]
            predictions.close()  # type: ignore[attr-defined]
        assert sorted([0, *memory.cancelled]) == memory.sent

    async def run(memory: Memory) -> None:
        async with AsyncClient("localhost:1", transport=memory, schemas={"m": MODEL}) as client:
            predictions: Any = client.predict_batches("m", batches, concurrency=3)
            assert (await anext(predictions)).only().tolist() == [1.0]
            await predictions.aclose()

    with Memory(in_turn(0), pause=0.005) as memory:
        asyncio.run(run(memory))
        assert sorted([0, *memory.cancelled]) == memory.sent


@each_way
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("validate", [True, False])
def test_a_source_may_use_one_buffer_again_and_again(
    run: Run, ordered: bool, batch_size: int | None, validate: bool
) -> None:
    def source() -> Iterator[Any]:
        buffer = np.empty(5, np.float32)
        for number in range(20):
            buffer[:] = np.arange(5 * number, 5 * number + 5)
            yield {"x": buffer}

    got: list[Any] = []
    parts = 20 if batch_size is None else 60
    with Memory(when_full(4, parts)) as memory:
        options = {"batch_size": batch_size, "validate": validate, "signature": SPEC}
        run(memory, got, source(), concurrency=4, ordered=ordered, **options)
    wanted = [[5.0 * number + k for k in range(1, 6)] for number in range(20)]
    assert sorted(got) == wanted
    if ordered:
        assert got == wanted


@pytest.mark.parametrize("run", [run_sync, run_async])
def test_unordered_predictions_overtake_one_that_is_late(run: Run) -> None:
    class Got(list[Any]):
        def append(self, values: Any) -> None:
            super().append(values)
            memory.look_again()

    got = Got()

    def others_first(memory: Memory) -> float | None:
        return next((number for number in memory.calls if number or len(got) == 5), None)

    with Memory(others_first) as memory:
        run(memory, got, iter([[float(n)] for n in range(6)]), concurrency=2, ordered=False)
    assert got == [[2.0], [3.0], [4.0], [5.0], [6.0], [1.0]]


@pytest.mark.parametrize("ordered", [True, False])
def test_predictions_do_not_wait_for_a_source_that_sleeps(ordered: bool) -> None:
    seen: list[str] = []
    given = asyncio.Event()

    async def source() -> AsyncIterator[list[float]]:
        for number in range(4):
            if number:
                await asyncio.wait_for(given.wait(), 60)
                given.clear()
            seen.append(f"asked for {number}")
            yield [float(number)]

    class Got(list[Any]):
        def append(self, values: Any) -> None:
            seen.append(f"given {values[0] - 1:.0f}")
            given.set()

    with Memory(oldest) as memory:
        run_async(memory, Got(), source(), ordered=ordered)
    assert seen == [f"{what} {number}" for number in range(4) for what in ("asked for", "given")]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_a_source_may_wait_for_an_answer(ordered: bool, concurrency: int) -> None:
    answered: asyncio.Queue[float] = asyncio.Queue()

    async def source() -> AsyncIterator[list[float]]:
        number = 0.0
        while number < 5:
            yield [number]
            number = await answered.get()

    class Got(list[Any]):
        def append(self, values: Any) -> None:
            super().append(values)
            answered.put_nowait(values[0])

    got = Got()
    with Memory(oldest) as memory:
        run_async(memory, got, source(), ordered=ordered, concurrency=concurrency)
    assert got == [[1.0], [2.0], [3.0], [4.0], [5.0]]


def test_a_failure_does_not_wait_for_the_source() -> None:
    ended: list[str] = []

    async def source() -> AsyncIterator[list[float]]:
        yield [0.0]
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with Memory(oldest, fails=(0,)) as memory, pytest.raises(InvalidArgument):
        run_async(memory, [], source())
    assert ended == ["cancelled"]


def calls_alive() -> int:
    return sum(type(each) is Call for each in gc.get_objects())


@each_way
def test_of_a_large_batch_no_more_is_alive_than_is_under_way(run: Run) -> None:
    concurrency, width = 4, 250
    batch = np.zeros((10_000, width), np.float32)
    batch[:, 0] = np.arange(len(batch))
    gc.collect()
    before = calls_alive()
    alive: list[int] = []

    def count() -> None:
        if len(memory.sent) % 100 == 0:
            alive.append(calls_alive() - before)

    got: list[Any] = []
    with Memory(oldest, sent=count) as memory:
        run(memory, got, [batch], concurrency=concurrency, batch_size=10)
    assert got == [(batch[:, 0] + 1).tolist()]
    assert memory.most <= concurrency
    assert len(alive) == 10
    assert max(alive) <= 2 * concurrency  # another thread may still hold one that has ended

    with Memory(oldest) as memory:
        tracemalloc.start()
        try:
            run(memory, got, [batch], concurrency=concurrency, batch_size=10)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert got[0] == got[1]
    assert peak < batch.nbytes / 5
