"""Warm-up: requests that travel with a version are replayed before it becomes available.

They stand in ``assets.extra/tf_serving_warmup_requests``, a TFRecord file of PredictionLog
messages.  A version whose warm-up goes wrong does not load.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError as ProtobufDecodeError

from tfsclient._codec.messages import message_class
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.predict import decode_predict_request
from tfsclient._codec.prediction_log import FILE, MAX_RECORDS
from tfsclient._codec.tfrecord import BrokenRecord, records
from tfsclient.errors import (
    Code,
    DataLoss,
    DecodeError,
    InvalidArgument,
    TFSError,
    Unimplemented,
    Unknown,
)
from tfsclient.schema import CLASSIFY, REGRESS
from tfsclient.server import metrics
from tfsclient.server.inference import info
from tfsclient.server.inference.examples import ExampleInference, Task, read_input
from tfsclient.server.inference.predict import Inference, read_tensor
from tfsclient.server.interface import Runnable, VersionStatus


def warm_up(model: Runnable, folder: Path, *, iterations: int = 1) -> None:
    """Replay a version's warm-up requests, if it has any.

    Args:
        model: the version.
        folder: its folder.
        iterations: how often to send each request.

    Raises:
        TFSError: the file is not what it should be, or a request failed.
    """
    path = folder / FILE
    if not path.exists():
        return
    replay = _replayers(model)
    count = 0
    start = time.perf_counter()
    status = Code.INTERNAL
    try:
        for record in _records(path):
            count += 1
            if count > MAX_RECORDS:
                raise InvalidArgument(
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}"
                )
            log = _parse(record, path)
            kind = log.WhichOneof("log_type")
            if kind is None:
                continue
            if kind not in replay:
                number = log.DESCRIPTOR.fields_by_name[kind].number
                raise Unimplemented(f"Unsupported log_type for warmup: {number}")
            for _ in range(iterations):
                replay[kind](getattr(log, kind).request)
        status = Code.OK
    except TFSError as error:
        status = error.code or Code.UNKNOWN
        raise
    finally:
        metrics.count_warmup(str(folder), count, time.perf_counter() - start, status)


def _parse(record: bytes, path: Path) -> Any:
    try:
        return message_class("tensorflow.serving.PredictionLog").FromString(record)
    except ProtobufDecodeError as error:
        raise InvalidArgument(f"Failed to parse warmup record: {error} from {path}") from None


# --- replaying ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Version:
    """The version being loaded, whatever model and version a request is for."""

    model: Runnable
    number: int = 0

    @contextmanager
    def lease(self, ref: ModelRef) -> Iterator[_Version]:
        del ref
        yield self

    def statuses(self, name: str, number: int | None = None) -> list[VersionStatus]:
        del name, number
        return []

    def reload(self, config: Any) -> None:
        del config


def _replayers(model: Runnable) -> dict[str, Callable[[Any], object]]:
    """What runs a request, by the kind of log that it stands in."""
    inference = Inference(_Version(model))
    examples = ExampleInference(_Version(model))

    def predict(request: Any) -> None:
        try:
            read = decode_predict_request(request.SerializeToString())
        except DecodeError as error:
            raise InvalidArgument(f"Failed to parse warmup record: {error.details}") from None
        inference.predict(
            read.ref or ModelRef.received(),
            read.inputs,
            read=read_tensor,
            output_filter=read.output_filter,
        )

    def ref(message: Any) -> ModelRef:
        # A call must have one, but a record is for the version that it came with.
        return info.read_ref(message) if message.HasField("model_spec") else ModelRef.received()

    def one(method: str) -> Callable[[Any], object]:
        return lambda request: examples.run_one(
            Task(ref(request), method), read_input(request.input)
        )

    def many(request: Any) -> None:
        tasks = [Task(ref(task), task.method_name) for task in request.tasks]
        examples.run_many(tasks, read_input(request.input))

    return {
        "predict_log": predict,
        "classify_log": one(CLASSIFY),
        "regress_log": one(REGRESS),
        "multi_inference_log": many,
    }


# --- the file ----------------------------------------------------------------------------------


def _records(path: Path) -> Iterator[bytes]:
    """The records of a warm-up file.

    Raises:
        DataLoss: the file is cut short, or a checksum is not that of its data.
    """
    try:
        with path.open("rb") as file:
            yield from records(file, path.stat().st_size)
    except BrokenRecord as error:
        raise DataLoss(
            f"{error.details}. Please verify your warmup data is in TFRecord format."
        ) from error
    except OSError as error:
        raise Unknown(str(error)) from error
