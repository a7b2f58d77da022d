"""Answers of classify, regress and multi-inference as protobuf bytes.

Written by hand since a label is any bytes, while protobuf's own string fields insist on UTF-8.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tfsclient._codec.model_ref import encode_model_ref
from tfsclient._codec.protobuf import FIXED32, chunk, tag
from tfsclient.schema import CLASSIFY
from tfsclient.server.inference.examples import Result

_RESULT, _SPEC = 1, 2  # of ClassificationResponse and RegressionResponse
_TASK_SPEC, _TASK_CLASSES, _TASK_VALUES = 1, 2, 3  # of InferenceResult
_LABEL, _SCORE = 1, 2  # of Class


def encode_response(result: Result) -> bytes:
    """A ClassificationResponse or RegressionResponse."""
    return chunk(_RESULT, _result(result)) + chunk(_SPEC, encode_model_ref(result.ref))


def encode_multi_response(results: Sequence[Result]) -> bytes:
    """A MultiInferenceResponse."""
    messages = [
        chunk(_TASK_SPEC, encode_model_ref(result.ref))
        + chunk(_TASK_CLASSES if result.method == CLASSIFY else _TASK_VALUES, _result(result))
        for result in results
    ]
    return b"".join(chunk(1, message) for message in messages)


def _result(result: Result) -> bytes:
    if result.method != CLASSIFY:
        return b"".join(chunk(1, _float(1, value)) for value in result.values.tolist())
    return b"".join(
        chunk(1, b"".join(chunk(1, _class(label, score)) for label, score in classes))
        for classes in result.classes
    )


def _class(label: bytes, score: float) -> bytes:
    return (chunk(_LABEL, label) if label else b"") + _float(_SCORE, score)


def _float(field: int, value: float) -> bytes:
    data = struct.pack("<f", value)
    return b"" if data == bytes(4) else tag(field, FIXED32) + data
