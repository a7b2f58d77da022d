"""Many batches through one client: pipelined, in order, and no further ahead than asked."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest

from tfsclient import AsyncClient, Client, DeadlineExceeded, InvalidArgument, InvalidInput


def values(predictions: Any) -> list[float]:
    return [float(prediction.only()[0]) for prediction in predictions]


def test_predictions_come_in_the_order_of_the_batches(target: str) -> None:
    with Client(target) as client:
        batches = ([float(i)] for i in range(50))
        assert values(client.predict_batches("linear", batches)) == [
            3.0 * i - 1.5 for i in range(50)
        ]
        batches = ([float(i)] for i in range(50))
        unordered = client.predict_batches("linear", batches, ordered=False)
        assert sorted(values(unordered)) == [3.0 * i - 1.5 for i in range(50)]


def test_the_source_is_not_read_ahead(target: str) -> None:
    taken: list[int] = []

    def source() -> Iterator[list[float]]:
        for i in range(100):
            taken.append(i)
            yield [float(i)]

    with Client(target) as client:
        predictions = client.predict_batches("linear", source(), concurrency=3)
        next(predictions)
        assert len(taken) <= 4
        predictions.close()  # type: ignore[attr-defined]


def test_a_large_batch_is_sent_in_parts_and_put_together(target: str) -> None:
    rows = np.arange(20, dtype=np.float32).reshape(10, 2)
    with Client(target) as client:
        (whole,) = client.predict_batches("ranks", [rows], signature="rank2", batch_size=3)
        np.testing.assert_array_equal(whole.only(), rows + 1)
        with pytest.raises(InvalidInput, match="'sum'"):
            list(client.predict_batches("ranks", [rows], signature="scalar_out", batch_size=3))


def test_an_error_stops_the_pipeline(target: str) -> None:
    with Client(target) as client:
        predictions = client.predict_batches("failing", [[1], [0], [2]])
        assert next(predictions).only().tolist() == [12]
        with pytest.raises(InvalidArgument):
            list(predictions)


def test_parts_that_find_no_time_are_not_forgotten(
    target: str, recwarn: pytest.WarningsRecorder
) -> None:
    async def run() -> None:
        async with AsyncClient(target) as client:
            await client.predict("linear", [1.0])
            with pytest.raises(DeadlineExceeded):
                async for _ in client.predict_batches(
                    "linear", [np.zeros(400, np.float32)], batch_size=1, timeout=1e-6
                ):
                    pass

    asyncio.run(run())
    gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


def test_the_same_for_asyncio(target: str) -> None:
    async def source() -> AsyncIterator[list[float]]:
        for i in range(20):
            yield [float(i)]

    async def run() -> None:
        async with AsyncClient(target) as client:
            got = [p async for p in client.predict_batches("linear", source())]
            assert values(got) == [3.0 * i - 1.5 for i in range(20)]
            rows = np.zeros((10, 2), np.float32)
            batches = client.predict_batches("ranks", [rows], signature="rank2", batch_size=4)
            assert [p.only().shape async for p in batches] == [(10, 2)]
            with pytest.raises(InvalidArgument):
                [p async for p in client.predict_batches("failing", [[1], [0]], ordered=False)]

    asyncio.run(run())
