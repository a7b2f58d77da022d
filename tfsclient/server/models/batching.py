"""Batching: calls that come within a moment run as one, by TF Serving's rules.

The first call of a batch leads it: it waits for others until the batch is full or its time is up,
runs them all, and hands each its rows.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tfsclient._codec.tensor import Tensor
from tfsclient.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    TFSError,
    Unavailable,
)
from tfsclient.server.flag_files import read_flag_file
from tfsclient.server.interface import Runnable

_log = logging.getLogger("tfsclient.server")

# Fields of BatchingParameters that this server does not support.
_NOT_HONOURED = ("enable_large_batch_splitting", "max_execution_batch_size")


@dataclass(frozen=True, slots=True)
class Batching:
    """How to batch; the defaults are TF Serving's.

    Attributes:
        max_batch_size: rows in a batch, and in a request.
        timeout: seconds that a batch waits for more.
        max_enqueued_batches: how many batches may wait to be run.
        threads: how many batches may run at a time.
        allowed_sizes: batches are padded to one of these sizes; any size if empty.
        pad_inputs: whether inputs of different inner sizes are padded to the largest.
    """

    max_batch_size: int = 1000
    timeout: float = 0.0
    max_enqueued_batches: int = 10
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    allowed_sizes: tuple[int, ...] = ()
    pad_inputs: bool = False


def read_batching(path: str | Path) -> Batching:
    """What a text-format BatchingParameters file says.

    Raises:
        InvalidArgument: the file cannot be read, or asks for something impossible.
    """
    message = read_flag_file("BatchingParameters", path)
    for name in _NOT_HONOURED:
        if message.HasField(name):
            raise InvalidArgument(f"{path}: {name} is not honoured by this server")
    default = Batching()

    def value(name: str, otherwise: int) -> int:
        number = getattr(message, name).value if message.HasField(name) else otherwise
        if number < (0 if name == "batch_timeout_micros" else 1):
            raise InvalidArgument(f"{path}: {name} is {number}")
        return int(number)

    batching = Batching(
        value("max_batch_size", default.max_batch_size),
        value("batch_timeout_micros", 0) / 1e6,
        value("max_enqueued_batches", default.max_enqueued_batches),
        value("num_batch_threads", default.threads),
        tuple(message.allowed_batch_sizes),
        message.pad_variable_length_inputs,
    )
    sizes = batching.allowed_sizes
    if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1):
        raise InvalidArgument("allowed_batch_sizes entries must be monotonically increasing")
    if sizes and sizes[-1] != batching.max_batch_size:
        raise InvalidArgument(
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was"
            f" {sizes[-1]}; expected {batching.max_batch_size}"
        )
    return batching


# What calls must share to run together: what they feed and fetch, types, inner shapes or ranks.
_Kind: TypeAlias = tuple[Any, ...]


@dataclass(eq=False, slots=True)
class _Task:
    feeds: Mapping[str, Tensor]
    rows: int
    outputs: list[Tensor] = field(default_factory=list[Tensor])
    error: TFSError | None = None


@dataclass(eq=False, slots=True)
class _Batch:
    tasks: list[_Task] = field(default_factory=list[_Task])
    rows: int = 0
    closed: bool = False
    done: bool = False


class BatchedModel:
    """A model whose calls run in batches."""

    def __init__(self, model: Runnable, batching: Batching) -> None:
        self._model = model
        self._batching = batching
        self._open: dict[_Kind, _Batch] = {}
        self._waiting = 0  # batches not yet running
        self._changed = threading.Condition()  # guards these, and batches
        self._slots = threading.Semaphore(batching.threads)

    @property
    def signatures(self) -> Mapping[str, Any]:
        """The SignatureDef messages by key."""
        return self._model.signatures

    def close(self) -> None:
        """Release what the model holds; calls that are still running are cancelled."""
        self._model.close()

    def run(
        self,
        feeds: Mapping[str, Tensor],
        fetches: Sequence[str],
        *,
        timeout: float | None = None,
    ) -> list[Tensor]:
        """Compute tensors, together with calls of the same kind; see Runnable."""
        rows = _rows(feeds)
        if rows > self._batching.max_batch_size:
            raise InvalidArgument(
                f"Task size {rows} is larger than maximum input batch size"
                f" {self._batching.max_batch_size}"
            )
        task = _Task(feeds, rows)
        deadline = None if timeout is None else time.monotonic() + timeout
        batch, leads = self._join(self._kind(feeds, fetches), task)
        if leads:
            self._lead(batch, fetches, deadline)
        else:
            with self._changed:
                left = None if deadline is None else deadline - time.monotonic()
                if not self._changed.wait_for(lambda: batch.done, left):
                    raise DeadlineExceeded("Run() timeout exceeded while waiting in batching queue")
        if task.error is not None:
            raise task.error
        return task.outputs

    def _kind(self, feeds: Mapping[str, Tensor], fetches: Sequence[str]) -> _Kind:
        def inner(tensor: Tensor) -> object:
            pads = self._batching.pad_inputs
            return tensor.array.ndim if pads else tensor.array.shape[1:]

        inputs = sorted((name, t.dtype, inner(t)) for name, t in feeds.items())
        return (*inputs, *fetches)

    def _join(self, kind: _Kind, task: _Task) -> tuple[_Batch, bool]:
        """The batch that takes the task, and whether the task leads it."""
        with self._changed:
            batch = self._open.get(kind)
            if batch is not None and batch.rows + task.rows <= self._batching.max_batch_size:
                leads = False
            else:
                if self._waiting >= self._batching.max_enqueued_batches:
                    raise Unavailable(
                        "The batch scheduling queue to which this task was submitted is full;"
                        f" currently {self._waiting} batches enqueued and max_enqueued_batches is"
                        f" {self._batching.max_enqueued_batches}"
                    )
                if batch is not None:
                    batch.closed = True
                batch = self._open[kind] = _Batch()
                self._waiting += 1
                leads = True
            batch.tasks.append(task)
            batch.rows += task.rows
            if batch.rows >= self._batching.max_batch_size:
                batch.closed = True
                del self._open[kind]
            self._changed.notify_all()
            return batch, leads

    def _lead(self, batch: _Batch, fetches: Sequence[str], deadline: float | None) -> None:
        with self._changed:
            self._changed.wait_for(lambda: batch.closed, self._batching.timeout)
        with self._slots:
            with self._changed:
                self._waiting -= 1
                batch.closed = True
                for kind, open_batch in list(self._open.items()):
                    if open_batch is batch:
                        del self._open[kind]
            try:
                timeout = None
                if deadline is not None and len(batch.tasks) == 1:
                    timeout = deadline - time.monotonic()  # which concerns no other call
                self._run(batch, fetches, timeout)
            except Exception as error:  # noqa: BLE001 (it is every call's of the batch)
                _log.debug("a batch failed", exc_info=True)
                failure = error if isinstance(error, TFSError) else Internal(repr(error))
                for task in batch.tasks:
                    task.error = failure
            finally:
                with self._changed:
                    batch.done = True
                    self._changed.notify_all()

    def _run(self, batch: _Batch, fetches: Sequence[str], timeout: float | None) -> None:
        sizes = self._batching.allowed_sizes
        padded = next((size for size in sizes if size >= batch.rows > 0), batch.rows)
        feeds = {
            name: Tensor(first.dtype, _joined([t.feeds[name].array for t in batch.tasks], padded))
            for name, first in batch.tasks[0].feeds.items()
        }
        outputs = self._model.run(feeds, fetches, timeout=timeout)
        for tensor in outputs:
            if not tensor.array.ndim:
                raise FailedPrecondition("Batched output tensor has 0 dimensions")
            if tensor.array.shape[0] != padded:
                raise FailedPrecondition(
                    "Batched output tensor's 0th dimension does not equal the sum of the 0th"
                    " dimension sizes of the input tensors"
                )
        start = 0
        for task in batch.tasks:
            end = start + task.rows
            task.outputs = [Tensor(t.dtype, t.array[start:end]) for t in outputs]
            start = end


def _rows(feeds: Mapping[str, Tensor]) -> int:
    """How many rows the inputs have."""
    if not feeds:
        raise InvalidArgument("Batching Run() must have at least one input tensor")
    if not all(tensor.array.ndim for tensor in feeds.values()):
        raise InvalidArgument("Batching Run() input tensors must have at least one dimension")
    sizes: set[int] = {tensor.array.shape[0] for tensor in feeds.values()}
    if len(sizes) > 1:
        raise InvalidArgument("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop()


def _joined(arrays: list[Any], rows: int) -> Any:
    """The arrays one after another: inner sizes and rows padded with the first element and row."""
    shape = tuple(max(sizes) for sizes in zip(*(a.shape[1:] for a in arrays), strict=True))
    whole = []
    for array in arrays:
        if array.shape[1:] != shape:
            filler = array.reshape(-1)[:1] if array.size else np.zeros(1, array.dtype)
            wide = np.empty((array.shape[0], *shape), array.dtype)
            wide[...] = filler[0]
            wide[tuple(map(slice, array.shape))] = array
            array = wide
        whole.append(array)
    if missing := rows - sum(map(len, arrays)):
        whole += [next(filter(len, whole))[:1]] * missing
    return whole[0] if len(whole) == 1 else np.concatenate(whole)
