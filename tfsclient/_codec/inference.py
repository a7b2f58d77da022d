"""Classify, regress and multi-inference: requests as protobuf bytes, and answers read from them.

Answers are read from the wire format itself: a label may be any bytes, though it travels in a field
that protobuf's parsers want to be UTF-8.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import numpy as np

from tfsclient._codec.example import Content, encode_example
from tfsclient._codec.model_ref import ModelRef, encode_model_ref
from tfsclient._codec.protobuf import CHUNK, FIXED32, chunk, fields, join
from tfsclient.errors import DecodeError
from tfsclient.results import Classes, Float32s
from tfsclient.schema import CLASSIFY, REGRESS

Task: TypeAlias = Literal["classify", "regress"]

_SPEC, _INPUT = 1, 2  # of ClassificationRequest and RegressionRequest
_TASKS, _TASK_SPEC, _TASK_METHOD = 1, 1, 2  # of MultiInferenceRequest, whose 2 is its input, too
_EXAMPLE_LIST, _LIST_WITH_CONTEXT = 1, 2  # of Input
_EXAMPLES, _CONTEXT = 1, 2  # of both lists
_RESULT = 1  # of ClassificationResponse and RegressionResponse; a MultiInferenceResponse has many
_EACH = 1  # of ClassificationResult, Classifications and RegressionResult: what they are lists of
_LABEL, _SCORE = 1, 2  # of Class
_REGRESSION_VALUE = 1  # of Regression
_SIGNATURE_NAME = 3  # of ModelSpec
_INFERENCE_RESULTS: Final = {2: "classify", 3: "regress"}  # of InferenceResult; the last counts

METHODS: Final[Mapping[Task, str]] = {"classify": CLASSIFY, "regress": REGRESS}


def encode_request(ref: ModelRef, examples: Sequence[Content], context: Content | None) -> bytes:
    """A ClassificationRequest, which a RegressionRequest looks like.

    Raises:
        InvalidInput: a name cannot be written as UTF-8, or the message has 2 GiB or more.
    """
    return join([chunk(_SPEC, encode_model_ref(ref)), _input(examples, context)])


def encode_multi_request(
    tasks: Sequence[tuple[ModelRef, Task]], examples: Sequence[Content], context: Content | None
) -> bytes:
    """A MultiInferenceRequest; errors are those of :func:`encode_request`."""
    parts = []
    for ref, task in tasks:
        method = chunk(_TASK_METHOD, METHODS[task].encode())
        parts.append(chunk(_TASKS, chunk(_TASK_SPEC, encode_model_ref(ref)) + method))
    return join([*parts, _input(examples, context)])


def _input(examples: Sequence[Content], context: Content | None) -> bytes:
    """The input field of a request."""
    items = b"".join([chunk(_EXAMPLES, encode_example(example)) for example in examples])
    if context is None:
        return chunk(_INPUT, chunk(_EXAMPLE_LIST, items))
    listed = items + chunk(_CONTEXT, encode_example(context))
    return chunk(_INPUT, chunk(_LIST_WITH_CONTEXT, listed))


def decode_classification(data: bytes, *, count: int) -> Classes:
    """Labels with scores for each of ``count`` examples, of a ClassificationResponse.

    Raises:
        DecodeError: the bytes are not such an answer.
    """
    return _classes(_merged(data, _RESULT), count)


def decode_regression(data: bytes, *, count: int) -> Float32s:
    """float32 [count], of a RegressionResponse.

    Raises:
        DecodeError: the bytes are not such an answer.
    """
    return _values(_merged(data, _RESULT), count)


def decode_multi(
    data: bytes, *, tasks: Mapping[str, Task], count: int
) -> dict[str, Classes | Float32s]:
    """By signature what its task gives, of a MultiInferenceResponse.

    Raises:
        DecodeError: the bytes are not such an answer, or answer other tasks.
    """
    results = _spans(data, _RESULT)
    if len(results) != len(tasks):
        raise DecodeError(f"{len(results)} results came for {len(tasks)} tasks")
    answer: dict[str, Classes | Float32s] = {}
    for result, (name, task) in zip(results, tasks.items(), strict=True):
        came = [n for n, wire, _, _ in fields(result) if wire == CHUNK and n in _INFERENCE_RESULTS]
        if not came or _INFERENCE_RESULTS[came[-1]] != task:
            raise DecodeError(f"signature {name!r} did not answer the task {task!r}")
        spec = _merged(result, _SPEC)
        if name.encode() not in _spans(spec, _SIGNATURE_NAME):
            raise DecodeError(f"another signature than {name!r} answered")
        merged = _merged(result, came[-1])
        answer[name] = _classes(merged, count) if task == "classify" else _values(merged, count)
    return answer


def _classes(result: bytes, count: int) -> Classes:
    """A ClassificationResult."""
    lists = [[_class(one) for one in _spans(each, _EACH)] for each in _spans(result, _EACH)]
    _check_count(len(lists), count)
    return lists


def _class(data: bytes) -> tuple[str, float]:
    label, score = "", 0.0
    for number, kind, first, end in fields(data):
        if number == _LABEL and kind == CHUNK:
            label = data[first:end].decode("utf-8", "surrogateescape")
        elif number == _SCORE and kind == FIXED32:
            (score,) = struct.unpack_from("<f", data, first)
    return label, score


def _values(result: bytes, count: int) -> Float32s:
    """A RegressionResult."""
    each = [_value(one) for one in _spans(result, _EACH)]
    _check_count(len(each), count)
    return np.array(each, np.float32)


def _value(data: bytes) -> float:
    value = 0.0
    for number, kind, first, _ in fields(data):
        if number == _REGRESSION_VALUE and kind == FIXED32:
            (value,) = struct.unpack_from("<f", data, first)
    return value


def _check_count(came: int, count: int) -> None:
    if came != count:
        raise DecodeError(f"{came} results came for {count} examples")


def _spans(data: bytes, field: int) -> list[bytes]:
    """Every payload of a repeated field."""
    return [data[first:end] for n, kind, first, end in fields(data) if (n, kind) == (field, CHUNK)]


def _merged(data: bytes, field: int) -> bytes:
    """A message field; parts of it one after the other are read as protobuf merges them."""
    return b"".join(_spans(data, field))
