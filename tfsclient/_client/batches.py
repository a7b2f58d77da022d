"""Many batches, one after the other, and one large batch as several requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, replace

import numpy as np

from tfsclient._calls.request import PredictRequest
from tfsclient._client.futures import CallFuture
from tfsclient._codec.tensor import Tensor
from tfsclient._inputs.prepare import Inputs
from tfsclient.errors import InvalidInput
from tfsclient.results import Prediction


def split(request: PredictRequest, size: int | None) -> list[PredictRequest]:
    """Requests of at most ``size`` rows each; the request itself if it is small enough.

    Raises:
        InvalidInput: ``size`` is not positive, or the inputs have no common first dimension.
    """
    if size is None:
        return [request]
    if size < 1:
        raise InvalidInput(f"a batch size must be at least 1, not {size}")
    rows = {t.array.shape[0] if t.array.ndim else None for t in request.tensors.values()}
    if len(rows) != 1 or None in rows:
        shapes = {name: tensor.array.shape for name, tensor in request.tensors.items()}
        raise InvalidInput(
            f"the batch cannot be split: its inputs have no common first dimension ({shapes})",
            model=request.model,
            signature=request.signature,
        )
    count = rows.pop() or 0
    if count <= size:
        return [request]
    return [
        replace(
            request,
            tensors={
                name: Tensor(tensor.dtype, tensor.array[start : start + size])
                for name, tensor in request.tensors.items()
            },
        )
        for start in range(0, count, size)
    ]


def merge(requests: Sequence[PredictRequest], answers: Sequence[Prediction]) -> Prediction:
    """The answer to the request that was split.

    Raises:
        InvalidInput: an output has no row for each row of the inputs, so it cannot be put together.
    """
    if len(answers) == 1:
        return answers[0]
    first = answers[0]
    for request, answer in zip(requests, answers, strict=True):
        rows = next(iter(request.tensors.values())).array.shape[0]
        for name, array in answer.items():
            if array.ndim == 0 or array.shape[0] != rows:
                raise InvalidInput(
                    f"output {name!r} has shape {array.shape} for {rows} rows: answers to the "
                    "parts of a batch cannot be put together",
                    model=request.model,
                    signature=request.signature,
                    hint="send batches that need not be split",
                )
    versions = {answer.version for answer in answers}
    return Prediction(
        {name: np.concatenate([answer[name] for answer in answers]) for name in first},
        model=first.model,
        signature=first.signature,
        version=versions.pop() if len(versions) == 1 else None,
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """A batch under way, in one part or several.

    Attributes:
        requests: the parts.
        futures: their answers to come.
    """

    requests: list[PredictRequest]
    futures: list[CallFuture[Prediction]]

    def done(self) -> bool:
        """Whether all answers are there."""
        return all(future.done() for future in self.futures)

    def result(self) -> Prediction:
        """The answers, put together."""
        return merge(self.requests, [future.result() for future in self.futures])


def pipeline(
    start: Callable[[Inputs], Parts],
    batches: Iterable[Inputs],
    concurrency: int,
    ordered: bool,
) -> Iterator[Prediction]:
    """The predictions of batches, of which ``concurrency`` are under way at once."""
    under_way: deque[Parts] = deque()

    def next_result() -> Prediction:
        if not ordered:
            while not any(parts.done() for parts in under_way):
                waiting = [f for parts in under_way for f in parts.futures if not f.done()]
                wait(waiting, return_when=FIRST_COMPLETED)
            ready = next(parts for parts in under_way if parts.done())
            under_way.remove(ready)
            return ready.result()
        return under_way.popleft().result()

    try:
        for inputs in batches:
            under_way.append(start(inputs))
            if len(under_way) >= concurrency:
                yield next_result()
        while under_way:
            yield next_result()
    finally:
        for parts in under_way:
            for future in parts.futures:
                future.cancel()
