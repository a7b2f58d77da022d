"""One large request as several small ones, and their answers as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tfsclient.errors import InvalidInput
from tfsclient.request import PredictRequest
from tfsclient.results import Prediction
from tfsclient.tensors import Tensor


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
