"""Calls run in batches: apart from how long they take, nobody notices."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
import numpy as np
import pytest

from tests.conftest import eventually
from tfsclient._codec.messages import message_class
from tfsclient._codec.tensor import Tensor, decode_tensor
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidArgument, TFSError, Unavailable
from tfsclient.server.app import Server
from tfsclient.server.models.batching import BatchedModel, Batching, read_batching

from .calls import LINEAR, PREDICT, QUICK, predict_request


class Recorder:
    """A model that gives its inputs back, and keeps what it was asked."""

    signatures: Mapping[str, Any] = MappingProxyType({})

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.go = threading.Event()

    def close(self) -> None:
        pass

    def run(self, feeds: Any, fetches: Any, *, timeout: float | None = None) -> list[Tensor]:
        self.batches.append(feeds["x"].array)
        self.go.wait(60)
        return [feeds["x"]]


def tensor(*rows: Any) -> dict[str, Tensor]:
    array = np.array(rows, np.float32)
    return {"x": Tensor(DType("float32"), array)}


def submit(pool: ThreadPoolExecutor, model: BatchedModel, *rows: Any) -> Callable[[], Any]:
    def answer() -> Any:
        return future.result()[0].array.tolist()

    future = pool.submit(model.run, tensor(*rows), ["y"], timeout=60)
    return answer


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def test_calls_run_together_and_get_their_own_rows(pool: ThreadPoolExecutor) -> None:
    inner = Recorder()
    inner.go.set()
    model = BatchedModel(inner, Batching(max_batch_size=4, timeout=60))
    answers = [submit(pool, model, 1), submit(pool, model, 2), submit(pool, model, 3, 4)]
    assert [answer() for answer in answers] == [[1], [2], [3, 4]]
    assert [sorted(batch) for batch in inner.batches] == [[1, 2, 3, 4]]


def test_calls_of_other_shapes_run_apart_or_padded(pool: ThreadPoolExecutor) -> None:
    inner = Recorder()
    inner.go.set()
    model = BatchedModel(inner, Batching(max_batch_size=2, timeout=0.05))
    answers = [submit(pool, model, [1, 2]), submit(pool, model, [3])]
    assert [answer() for answer in answers] == [[[1, 2]], [[3]]]
    assert len(inner.batches) == 2
    model = BatchedModel(inner, Batching(max_batch_size=2, timeout=60, pad_inputs=True))
    answers = [submit(pool, model, [1, 2]), submit(pool, model, [3])]
    assert [answer() for answer in answers] == [[[1, 2]], [[3, 3]]]


def test_batches_are_padded_to_allowed_sizes() -> None:
    inner = Recorder()
    inner.go.set()
    model = BatchedModel(inner, Batching(max_batch_size=8, allowed_sizes=(4, 8)))
    assert model.run(tensor(1, 2, 3), ["y"])[0].array.tolist() == [1, 2, 3]
    assert inner.batches[0].tolist() == [1, 2, 3, 1]
    assert model.run(tensor(), ["y"])[0].array.tolist() == []


def test_a_full_queue_is_told(pool: ThreadPoolExecutor) -> None:
    inner = Recorder()
    model = BatchedModel(inner, Batching(max_batch_size=1, max_enqueued_batches=1, threads=1))
    runs = [pool.submit(model.run, tensor(number), ["y"], timeout=60) for number in range(8)]
    eventually(lambda: sum(run.done() for run in runs) == 6)  # one runs, and one waits for it
    inner.go.set()
    errors = [error for run in runs if (error := run.exception()) is not None]
    assert len(errors) == 6
    assert all(isinstance(error, Unavailable) for error in errors)
    assert "currently 1 batches enqueued and max_enqueued_batches is 1" in str(errors[0])


def test_an_error_is_every_calls(pool: ThreadPoolExecutor) -> None:
    class Failing(Recorder):
        def run(self, feeds: Any, fetches: Any, *, timeout: float | None = None) -> list[Tensor]:
            raise MemoryError

    model = BatchedModel(Failing(), Batching(max_batch_size=2, timeout=60))
    answers = [submit(pool, model, 1), submit(pool, model, 2)]
    for answer in answers:
        with pytest.raises(TFSError, match="MemoryError"):
            answer()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size is 0"),
        ("max_batch_size: 4", "batching.config"),
        ("allowed_batch_sizes: 4", "must match max_batch_size; last entry was 4; expected 1000"),
        ("allowed_batch_sizes: [8, 4]", "monotonically increasing"),
        ("enable_large_batch_splitting { value: true }", "enable_large_batch_splitting is not"),
    ],
)
def test_batching_parameters_that_cannot_be(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "batching.config"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=told):
        read_batching(path)
    with pytest.raises(InvalidArgument, match="without setting"):
        Server(LINEAR, dataclasses.replace(QUICK, batching_parameters_file=str(path)))


def test_a_batched_model_is_served_to_many_at_once(tmp_path: Path) -> None:
    path = tmp_path / "batching.config"
    path.write_text("max_batch_size { value: 8 } batch_timeout_micros { value: 2000 }")
    options = dataclasses.replace(
        QUICK, enable_batching=True, batching_parameters_file=str(path), grpc_max_threads=64
    )
    with Server(LINEAR, options) as server, grpc.insecure_channel(server.grpc_target) as channel:
        method = channel.unary_unary(PREDICT)
        futures = [method.future(predict_request(value=float(n))) for n in range(64)]
        response = message_class("tensorflow.serving.PredictResponse")
        answers = [response.FromString(f.result()).outputs["y"] for f in futures]
        decoded = [decode_tensor(a.SerializeToString()).array.tolist() for a in answers]
        assert decoded == [[3.0 * n - 1.5] for n in range(64)]
