"""Warm-up files: requests that TF Serving replays before a version becomes available.

They stand in the version's folder as TFRecords of PredictionLog messages, and are written here
without TensorFlow.  A version whose warm-up fails does not load, so requests are checked against
the signature before they come here: :func:`tfsclient.build_predict` does that, and so do the calls
of :mod:`tfsclient._calls.grpc` that take Examples, where they are told the signature's features.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tfsclient._calls.call import Call
from tfsclient._calls.request import PredictRequest
from tfsclient._codec.protobuf import chunk
from tfsclient.errors import InvalidInput

FILE: Final = Path("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS: Final = 1000  # with one more, TF Serving does not load the version

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_LOGS: Final = {  # fields of PredictionLog, by the method whose calls they hold
    "/tensorflow.serving.PredictionService/Classify": 2,
    "/tensorflow.serving.PredictionService/Regress": 3,
    "/tensorflow.serving.PredictionService/MultiInference": 4,
    _PREDICT: 6,
}
_REQUEST = 1  # of each log
_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
CRC_DELTA: Final = 0xA282EAD8  # of TFRecord's masked checksums
_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed


def write(
    folder: str | Path, requests: Iterable[PredictRequest | Call[Any]], *, append: bool = False
) -> int:
    """Write the warm-up file of a version.

    Args:
        folder: the version's folder, which holds saved_model.pb.
        requests: what to replay, as ``build_predict`` and :mod:`tfsclient._calls.grpc` make it;
            models, versions and labels in them do not matter.
        append: whether to keep the records of a file that is there already.

    Returns:
        The number of records in the file.

    Raises:
        InvalidInput: there is a file already, there would be none or too many records, one is of
            another call, or it cannot be written; nothing was changed.
    """
    path = Path(folder) / FILE
    frames: list[bytes] = []
    if path.exists():
        if not append:
            raise InvalidInput(f"{path} exists", hint="remove it, or append to it")
        frames += _read_frames(path)
    previous, frame = None, b""
    for request in requests:
        record = _record(request)
        if record != previous:  # often it is the same again, and a checksum takes long
            previous, frame = record, _frame(record)
        frames.append(frame)
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


def _record(request: PredictRequest | Call[Any]) -> bytes:
    """The PredictionLog of a request."""
    if isinstance(request, PredictRequest):
        path, body = _PREDICT, request.to_bytes()
    else:
        path, body = request.path, request.body or b""
    if path not in _LOGS:
        raise InvalidInput(f"a warm-up file cannot hold a call of {path}")
    return chunk(_LOGS[path], chunk(_REQUEST, body))


def _frame(record: bytes) -> bytes:
    """A record of a TFRecord file: length and data, each followed by its checksum."""
    length = _LENGTH.pack(len(record))
    return b"".join([length, _checksum(length), record, _checksum(record)])


def _read_frames(path: Path) -> Iterator[bytes]:
    """The records of a file as they stand there."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error}") from error
    start = 0
    while start < len(data):
        head = data[start : start + _LENGTH.size]
        size = 0 if len(head) < _LENGTH.size else _LENGTH.unpack(head)[0]
        frame = data[start : start + _LENGTH.size + size + 2 * _CRC.size]
        if frame != _frame(frame[_LENGTH.size + _CRC.size : -_CRC.size]):
            raise InvalidInput(f"{path} is broken at byte {start}", hint="remove it")
        yield frame
        start += len(frame)


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def _checksum(data: bytes) -> bytes:
    """The masked CRC-32C of TFRecords."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return _CRC.pack(((crc >> 15 | crc << 17) + CRC_DELTA) & 0xFFFFFFFF)
