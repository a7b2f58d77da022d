"""Warm-up files: where they stand, and the PredictionLog messages that are their records."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tfsclient._codec.protobuf import CHUNK, chunk, fields

FILE: Final = Path("assets.extra", "tf_serving_warmup_requests")  # below a version's folder
MAX_RECORDS: Final = 1000  # with one more, TF Serving does not load the version

_LOGS: Final = {"Classify": 2, "Regress": 3, "MultiInference": 4, "Predict": 6}  # fields by method
_REQUEST = 1  # of each log


def encode_log(method: str, request: bytes) -> bytes:
    """The PredictionLog of a serialized request of a method, as in "Predict"."""
    return chunk(_LOGS[method], chunk(_REQUEST, request))


def decode_log(record: bytes) -> tuple[str, bytes] | None:
    """The method of a PredictionLog and its serialized request; None if it holds no request.

    Raises:
        DecodeError: the bytes are no protobuf message.
    """
    methods = {number: method for method, number in _LOGS.items()}
    for number, kind, first, end in fields(record):
        if kind != CHUNK or number not in methods:
            continue
        for inner, inner_kind, inner_first, inner_end in fields(record, first, end):
            if inner == _REQUEST and inner_kind == CHUNK:
                return methods[number], record[inner_first:inner_end]
    return None
