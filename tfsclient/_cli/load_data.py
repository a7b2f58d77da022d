"""The requests that ``bench`` sends in turn, from ``--input``, ``--data`` or zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from tfsclient._calls.request import PredictRequest
from tfsclient._cli.inputs import SUFFIXES, Given, Source
from tfsclient._client.sync import Client
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.predict import decode_predict_request
from tfsclient._codec.prediction_log import decode_log
from tfsclient._codec.tensor import Tensor, decode_tensor
from tfsclient._codec.tfrecord import records
from tfsclient.dtypes import STRING
from tfsclient.errors import DecodeError, InvalidInput, counted
from tfsclient.schema import Signature, TensorSpec

_LARGEST = 1 << 31  # bytes that a request may have


@dataclass(frozen=True)
class Data:
    """Where the inputs of a benchmark come from.

    Attributes:
        inputs: what ``--input`` says.
        file: what ``--data`` says; None for nothing.
    """

    inputs: tuple[str, ...]
    file: str | None

    @cached_property
    def given(self) -> Given:
        """What was given, to be read for a signature; standard input can be read once only.

        Raises:
            InvalidInput: inputs were given in both ways.
        """
        if self.file is None:
            return Given(self.inputs)
        if self.inputs:
            raise InvalidInput(
                "give --input or --data, not both",
                hint="--input is one call, --data the rows of many",
            )
        return Given(() if self.recorded else (given_text(self.file),))

    @property
    def recorded(self) -> bool:
        """Whether the file holds recorded calls: TFRecords, as warm-up files do."""
        if self.file is None or self.file.startswith("-"):
            return False
        return Path(self.file).suffix.lower() not in SUFFIXES

    @property
    def zeros(self) -> bool:
        """Whether there is none, so that zeros are sent."""
        return self.file is None and not self.inputs


def given_text(file: str) -> str:
    """A file's name as ``--input`` takes it; it may say of which input, as in ``x=@rows.jsonl``."""
    named = "=@" in file and not Path(file).exists()
    return file if file.startswith("-") or named else f"@{file}"


def read_requests(client: Client, ref: ModelRef, spec: Signature, data: Data) -> PredictRequest:
    """One request with all that was given; zeros, where that is nothing."""
    values = _zeros(spec) if data.zeros else data.given.inputs(spec)
    return client.build_predict(
        ref.name, values, signature=spec, version=ref.version, label=ref.label
    )


def requests_of(whole: PredictRequest, data: Data, batch: int | None) -> list[PredictRequest]:
    """The requests to send in turn.

    Args:
        whole: all rows.
        data: where they come from; the rows of a file are sent one at a time.
        batch: rows of a request; None for one, or for all that ``--input`` says.

    Raises:
        InvalidInput: the inputs have no rows, or a call of so many would be too large.
    """
    if batch is None:
        if data.file is None or not _has_rows(whole):
            return [whole]
        batch = 1
    if not _has_rows(whole):
        shapes = ", ".join(f"{n} {list(t.array.shape)}" for n, t in whole.tensors.items())
        raise InvalidInput(
            f"--batch needs inputs with rows: a first dimension that is open, and the same "
            f"({shapes})",
            model=whole.ref.name,
            signature=whole.ref.signature,
        )
    rows = len(next(iter(whole.tensors.values())).array)
    if not rows:
        raise InvalidInput(f"{data.file or '--input'} has no rows")
    size = sum(tensor.array.nbytes for tensor in whole.tensors.values()) // rows * batch
    if size >= _LARGEST:
        raise InvalidInput(
            f"--batch {batch}: a call would have {size / 1e9:.3g} GB, and TensorFlow Serving takes "
            "less than 2 GiB"
        )
    return [_rows(whole, start * batch, batch, rows) for start in range(ceil(rows / batch))]


def _has_rows(request: PredictRequest) -> bool:
    arrays = [tensor.array for tensor in request.tensors.values()]
    if not arrays or any(not array.ndim for array in arrays):
        return False
    specs = [] if request.spec is None else [request.spec.inputs[n] for n in request.tensors]
    fixed = any(spec.shape is not None and spec.shape[:1] != (-1,) for spec in specs)
    return not fixed and len({len(array) for array in arrays}) == 1


def _rows(request: PredictRequest, start: int, count: int, rows: int) -> PredictRequest:
    """So many rows from there on; after the last comes the first again."""
    if start + count <= rows:
        wanted: Any = slice(start, start + count)
    else:
        wanted = np.arange(start, start + count) % rows
    tensors = {name: Tensor(t.dtype, t.array[wanted]) for name, t in request.tensors.items()}
    return replace(request, tensors=tensors)


def recorded_requests(file: str, ref: ModelRef) -> list[PredictRequest]:
    """Recorded calls, for this model.

    Raises:
        InvalidInput: the file cannot be read, or holds others than calls of predict.
    """
    content = Source.named(file).read()
    requests = []
    try:
        for number, record in enumerate(records(BytesIO(content), len(content))):
            found = decode_log(record)
            if found is None or found[0] != "Predict":
                what = "no request" if found is None else f"a call of {found[0]}"
                raise InvalidInput(f"{file}: record {number} holds {what}, and predict is measured")
            read = decode_predict_request(found[1])
            tensors = {name: decode_tensor(proto) for name, proto in read.inputs.items()}
            signature = read.ref.signature if read.ref else None
            named = ref.with_signature(ref.signature or signature)
            requests.append(PredictRequest(named, tensors, read.output_filter or None))
    except DecodeError as error:
        raise InvalidInput(
            f"{file} does not hold recorded calls: {error.details}",
            hint=f"rows are read from files that end in {', '.join(SUFFIXES[:5])}",
        ) from error
    if not requests:
        raise InvalidInput(f"{file} holds no calls")
    return requests


def describe(requests: Sequence[PredictRequest], *, zeros: bool) -> list[str]:
    """The inputs of a request, a line each, and how many requests there are."""

    def line(name: str, tensor: Tensor) -> str:
        made = " of zeros" if tensor.dtype != STRING else " of empty strings"
        return f"  {name}  {tensor.dtype} {list(tensor.array.shape)}{made if zeros else ''}"

    lines = [line(name, tensor) for name, tensor in requests[0].tensors.items()]
    if len(requests) > 1:
        lines.append(f"  and {counted(len(requests) - 1, 'more request')}, in turn")
    return lines


def _zeros(spec: Signature) -> dict[str, object]:
    return {name: _zero(name, tensor) for name, tensor in spec.inputs.items()}


def _zero(name: str, spec: TensorSpec) -> object:
    shape = [1 if size == -1 else size for size in spec.shape or ()]
    if not spec.dtype.sendable or math.prod(shape) * spec.dtype.numpy.itemsize >= _LARGEST:
        raise InvalidInput(f"no zeros can be sent for input {name!r}, {spec}", hint="use --input")
    if spec.dtype == STRING:
        return np.full(shape, b"", object)
    return np.zeros(shape, spec.dtype.numpy)
