"""Warm-up files: requests that TF Serving replays before a version becomes available.

They stand in the version's folder as TFRecords of PredictionLog messages, and are written here
without TensorFlow.  A version whose warm-up fails does not load, so requests are checked against
the signature before they come here, by :func:`tfsclient.build_predict` and its siblings.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tfsclient._calls.request import ExamplesRequest, PredictRequest
from tfsclient._codec.prediction_log import FILE, MAX_RECORDS, encode_log
from tfsclient._codec.tfrecord import BrokenRecord, frame, records
from tfsclient.errors import InvalidInput

__all__ = ["FILE", "MAX_RECORDS", "write"]


def __dir__() -> list[str]:
    return __all__


def write(
    folder: str | Path,
    requests: Iterable[PredictRequest | ExamplesRequest],
    *,
    append: bool = False,
) -> int:
    """Write the warm-up file of a version.

    Args:
        folder: the version's folder, which holds saved_model.pb.
        requests: what to replay, made by ``build_predict``, ``build_classify``, ``build_regress``
            or ``build_multi_inference``; models, versions and labels in them do not matter.
        append: whether to keep the records of a file that is there already.

    Returns:
        The number of records in the file.

    Raises:
        InvalidInput: there is a file already, there would be none or too many records, or it
            cannot be written; nothing was changed.
    """
    path = Path(folder) / FILE
    frames: list[bytes] = []
    if path.exists():
        if not append:
            raise InvalidInput(
                f"{path} exists", hint="remove it, or append to it: append=True, or --append"
            )
        frames += _read(path)
    previous, framed = None, b""
    for request in requests:
        method = "Predict" if isinstance(request, PredictRequest) else request.method
        log = encode_log(method, request.to_bytes())
        if log != previous:  # often it is the same again, and a checksum takes long
            previous, framed = log, frame(log)
        frames.append(framed)
        if len(frames) > MAX_RECORDS:
            raise InvalidInput(f"TF Serving takes at most {MAX_RECORDS} warm-up records")
    if not frames:
        raise InvalidInput("there are no requests to write")
    # A server that looks at the folder meanwhile sees the old file or the new one.
    half = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        try:
            with half.open("wb") as file:
                file.writelines(frames)
            half.replace(path)
        finally:
            with suppress(FileNotFoundError):
                half.unlink()
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error}") from error
    return len(frames)


def _read(path: Path) -> list[bytes]:
    """The records of a file as they stand there."""
    try:
        with path.open("rb") as file:
            return [frame(record) for record in records(file, path.stat().st_size)]
    except BrokenRecord as error:
        raise InvalidInput(f"{path} is broken at byte {error.offset}", hint="remove it") from error
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error}") from error
