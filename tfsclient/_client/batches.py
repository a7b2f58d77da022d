"""Many batches, several calls at a time, and one large batch as several calls.

What to send next and what is ready is decided in :class:`Batches`, once; the two functions at the
end do the sending, for threads and for asyncio.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import replace
from typing import TypeAlias, TypeVar

import numpy as np

from tfsclient._calls.call import Flow
from tfsclient._calls.options import Options, read_count, read_flag
from tfsclient._calls.request import PredictRequest
from tfsclient._client.futures import CallFuture
from tfsclient._client.sending import Sender
from tfsclient._client.sending_aio import AsyncSender
from tfsclient._codec.tensor import Array, Tensor
from tfsclient._inputs.prepare import Inputs
from tfsclient._inputs.tables import is_table
from tfsclient.errors import InvalidInput, TFSError
from tfsclient.results import Prediction


class Batch:
    """A batch under way: its parts, and what came of them.

    Args:
        request: the whole batch.
        size: the rows of a part; None for one part.

    Raises:
        InvalidInput: the inputs have no common first dimension to split.
    """

    def __init__(self, request: PredictRequest, size: int | None) -> None:
        self._request = request
        self._rows = 0
        self._size = size
        self._sent = 0  # parts
        self._arrived = 0  # parts
        self._answer: Prediction | None = None
        self._merged: dict[str, Array] = {}
        self.error: TFSError | None = None  # of the part that failed first
        self.parts = 1
        if size is not None:
            self._rows = _rows(request)
            self.parts = max(1, -(-self._rows // size))

    def next_part(self) -> tuple[int, PredictRequest] | None:
        """The next part to send with its number; None if all are sent."""
        number = self._sent
        if number == self.parts:
            return None
        self._sent += 1
        if self.parts == 1:
            return number, self._request
        rows = self._rows_of(number)
        tensors = {
            name: Tensor(tensor.dtype, tensor.array[rows])
            for name, tensor in self._request.tensors.items()
        }
        return number, replace(self._request, tensors=tensors)

    def arrived(self, number: int, answer: Prediction) -> None:
        """Take the answer to a part.

        Raises:
            InvalidInput: it does not have a row for each row of the part.
        """
        self._arrived += 1
        if self.parts == 1:
            self._answer = answer
            return
        rows = self._rows_of(number)
        self._check_rows(answer, rows.stop - rows.start)
        if self._answer is None:
            self._answer = answer
            self._merged = {
                name: np.empty((self._rows, *array.shape[1:]), array.dtype)
                for name, array in answer.items()
            }
        for name, array in answer.items():
            self._merged[name][rows] = array
        if answer.version != self._answer.version:
            self._answer.version = None

    def is_sent(self) -> bool:
        """Whether there is no other part to send."""
        return self._sent == self.parts

    def done(self) -> bool:
        """Whether all answers are there."""
        return self._arrived == self.parts

    def prediction(self) -> Prediction:
        """The answers, put together."""
        answer = self._answer
        assert answer is not None, "a part has not arrived"
        if self.parts == 1:
            return answer
        merged = Prediction(
            self._merged, model=answer.model, signature=answer.signature, version=answer.version
        )
        merged.labels = answer.labels
        return merged

    def _rows_of(self, number: int) -> slice:
        size = self._size or 0
        return slice(number * size, min((number + 1) * size, self._rows))

    def _check_rows(self, answer: Prediction, rows: int) -> None:
        ref = self._request.ref
        first = {name: (rows, *a.shape[1:], a.dtype) for name, a in self._merged.items()}
        for name, array in answer.items():
            if array.ndim == 0 or array.shape[0] != rows:
                reason = f"output {name!r} has shape {array.shape} for a batch of {rows}"
            elif first and first.get(name) != (*array.shape, array.dtype):
                reason = f"output {name!r} differs in shape from part to part"
            else:
                continue
            raise InvalidInput(
                f"{reason}: answers to the parts of a batch cannot be put together",
                model=ref.name,
                signature=ref.signature,
                hint="send batches that need not be split",
            )
        if first and first.keys() != answer.keys():
            raise InvalidInput(
                f"the parts of a batch gave different outputs: {sorted(first)}, {sorted(answer)}",
                model=ref.name,
                signature=ref.signature,
            )


def _rows(request: PredictRequest) -> int:
    """The rows of a batch."""
    rows = {t.array.shape[0] if t.array.ndim else None for t in request.tensors.values()}
    if len(rows) != 1 or None in rows:
        shapes = {name: tensor.array.shape for name, tensor in request.tensors.items()}
        raise InvalidInput(
            f"the batch cannot be split: its inputs have no common first dimension ({shapes})",
            model=request.ref.name,
            signature=request.ref.signature,
        )
    return rows.pop() or 0


Part: TypeAlias = "tuple[Batch, int]"


class Batches:
    """Which part to send next, and which prediction is ready.

    Parts count against the concurrency, not batches.  A batch is taken when every part of the
    earlier ones is sent, and held until it is given out, so memory is bounded on both sides.
    After a part failed nothing is sent; the error is raised where its batch's prediction would be.

    Args:
        concurrency: how many calls may be under way.
        ordered: whether predictions come in the order of the batches, or as they are ready.
        size: the rows of a call; None to send each batch whole.

    Raises:
        InvalidInput: a number is not positive.
    """

    def __init__(self, concurrency: int, ordered: bool, size: int | None) -> None:
        self._concurrency = read_count(concurrency, "concurrency")
        self._ordered = read_flag(ordered, "ordered")
        self._size = None if size is None else read_count(size, "batch_size")
        self._held: deque[Batch] = deque()  # taken, and not given out
        self._under_way = 0  # calls

    def wants_batch(self) -> bool:
        """Whether another batch can be taken."""
        sent = not self._held or self._held[-1].is_sent()
        return self._has_room() and sent and len(self._held) < self._concurrency

    def _has_room(self) -> bool:
        failed = any(batch.error is not None for batch in self._held)
        return not failed and self._under_way < self._concurrency

    def take(self, request: PredictRequest) -> None:
        """Take a batch, checked already."""
        self._held.append(Batch(request, self._size))

    def next_part(self) -> tuple[Part, PredictRequest] | None:
        """The next part to send; None if there is none, or no room for it."""
        if not self._held or not self._has_room():
            return None
        part = self._held[-1].next_part()
        if part is None:
            return None
        self._under_way += 1
        return (self._held[-1], part[0]), part[1]

    def arrived(self, part: Part, result: Callable[[], Prediction]) -> None:
        """Take what came of a part: ``result`` gives the answer, or raises the error."""
        self._under_way -= 1
        batch, number = part
        try:
            batch.arrived(number, result())
        except TFSError as error:
            batch.error = batch.error or error

    def ready(self) -> Prediction | None:
        """The next prediction to give out; None if it is not there yet.

        Raises:
            TFSError: there will be none, for a part of its batch failed.
        """
        turn = [*self._held][:1] if self._ordered else [*self._held]
        for batch in turn:
            if batch.error is None and batch.done():
                self._held.remove(batch)
                return batch.prediction()
        for batch in turn:
            if batch.error is not None:
                raise batch.error
        return None


_CallT = TypeVar("_CallT", "CallFuture[Prediction]", "asyncio.Task[Prediction]")


def _hand_on(calls: dict[_CallT, Part], batches: Batches) -> None:
    """Take the calls that have ended; a function of its own, so that it keeps none of them."""
    for call in [call for call in calls if call.done()]:
        batches.arrived(calls.pop(call), call.result)


def _check_source(source: object, kinds: tuple[type, ...]) -> None:
    """Refuse what cannot be a source of batches, or is one batch rather than several.

    Raises:
        InvalidInput: with what to write.
    """
    if isinstance(source, AsyncIterable) and AsyncIterable not in kinds:
        raise InvalidInput("batches is asynchronous: AsyncClient takes it, Client does not")
    if isinstance(source, Mapping | str | bytes) or is_table(source):
        kind = type(source).__name__
        raise InvalidInput(f"batches is one batch, a {kind}, not several: write [batches]")
    if not isinstance(source, kinds):
        raise InvalidInput(f"batches must be a list or an iterator of batches, not {source!r:.50}")


def run_batches(
    sender: Sender,
    source: Iterable[Inputs],
    build: Callable[[Inputs], Flow[PredictRequest]],
    batches: Batches,
    options: Options,
) -> Iterator[Prediction]:
    """The predictions for a source of batches, which is asked for the next when there is room.

    Args:
        sender: sends the calls.
        source: what the user gives.
        build: checks a batch and makes its request.
        batches: decides what is next.
        options: those of each call.

    Raises:
        InvalidInput: the source is not one.
    """
    _check_source(source, (Iterable,))
    return _run(sender, source, build, batches, options)


def _run(
    sender: Sender,
    source: Iterable[Inputs],
    build: Callable[[Inputs], Flow[PredictRequest]],
    batches: Batches,
    options: Options,
) -> Iterator[Prediction]:
    calls: dict[CallFuture[Prediction], Part] = {}
    iterator = iter(source)
    exhausted = False
    try:
        while True:
            _hand_on(calls, batches)
            while (part := batches.next_part()) is not None:
                call = sender.flows.encode(part[1], options)
                calls[sender.start(call, options)] = part[0]
            prediction = batches.ready()
            if prediction is not None:
                yield prediction
            elif not exhausted and batches.wants_batch():
                try:
                    inputs = next(iterator)
                except StopIteration:
                    exhausted = True
                else:
                    batches.take(sender.run(build(inputs), options))
            elif calls:
                wait(calls, return_when=FIRST_COMPLETED)
            else:
                return
    finally:
        for future in calls:
            future.cancel()


def arun_batches(
    sender: AsyncSender,
    source: Iterable[Inputs] | AsyncIterable[Inputs],
    build: Callable[[Inputs], Flow[PredictRequest]],
    batches: Batches,
    options: Options,
) -> AsyncIterator[Prediction]:
    """:func:`run_batches` for asyncio; the source is waited for beside the answers."""
    _check_source(source, (Iterable, AsyncIterable))
    return _arun(sender, source, build, batches, options)


async def _arun(
    sender: AsyncSender,
    source: Iterable[Inputs] | AsyncIterable[Inputs],
    build: Callable[[Inputs], Flow[PredictRequest]],
    batches: Batches,
    options: Options,
) -> AsyncIterator[Prediction]:
    calls: dict[asyncio.Task[Prediction], Part] = {}
    iterator = _each(source)
    taking: asyncio.Task[bool] | None = None
    exhausted = False

    async def take() -> bool:
        async for inputs in iterator:
            batches.take(await sender.run(build(inputs), options))
            return True
        return False

    try:
        while True:
            _hand_on(calls, batches)
            while (part := batches.next_part()) is not None:
                call = sender.flows.encode(part[1], options)
                calls[sender.start(call, options)] = part[0]
            if taking is not None and taking.done():
                exhausted = not taking.result()
                taking = None
                continue
            if taking is None and not exhausted and batches.wants_batch():
                taking = asyncio.create_task(take())
            prediction = batches.ready()
            if prediction is not None:
                yield prediction
            elif calls or taking is not None:
                waiting = {*calls, taking} if taking is not None else {*calls}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            else:
                return
    finally:
        under_way = [*calls] if taking is None else [*calls, taking]
        for each in under_way:
            each.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _each(source: Iterable[Inputs] | AsyncIterable[Inputs]) -> AsyncIterator[Inputs]:
    if isinstance(source, AsyncIterable):
        async for inputs in source:
            yield inputs
    else:
        for inputs in source:
            yield inputs
