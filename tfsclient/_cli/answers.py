"""Predictions for people and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import orjson

from tfsclient.dtypes import DType
from tfsclient.results import Classes, Prediction
from tfsclient.results._json import json_values
from tfsclient.results._shown import prediction_text
from tfsclient.schema import Signature

Array = npt.NDArray[Any]


def tops(answer: Prediction, spec: Signature, k: int) -> dict[str, Classes]:
    """The likeliest classes of the outputs of scores whose labels are known."""
    told = {name: one.meaning for name, one in spec.outputs.items() if name in answer}
    scores = [n for n, m in told.items() if m is not None and m.labels and m.kind == "scores"]
    return {name: answer.top(name, k) for name in scores}


def for_people(
    answer: Prediction, spec: Signature, tops: Mapping[str, Classes] | None = None
) -> str:
    """The outputs one after the other, large ones in part, some by their likeliest classes."""
    dtypes = {name: _dtype(name, array, spec) for name, array in answer.items()}
    known = {name: dtype for name, dtype in dtypes.items() if dtype}
    return prediction_text(answer, known, tops)


def to_json(
    answer: Prediction, spec: Signature, tops: Mapping[str, Classes] | None = None
) -> bytes:
    """The whole answer as strict JSON, with dtype, shape and values of each output."""
    outputs = []
    for name, array in answer.items():
        about = orjson.dumps(
            {
                "dtype": _dtype(name, array, spec),
                "shape": array.shape,
                **({"top": _classes(tops[name])} if tops and name in tops else {}),
            }
        )
        values = about[:-1] + b',"values":' + json_values(array) + b"}"
        outputs.append(orjson.dumps(name) + b":" + values)
    head = {"model": answer.model, "version": answer.version, "signature": answer.signature}
    return orjson.dumps(head)[:-1] + b',"outputs":{' + b",".join(outputs) + b"}}"


def _classes(rows: Classes) -> list[list[tuple[str, float | str]]]:
    return [[(label, _number(score)) for label, score in row] for row in rows]


def _number(score: float) -> float | str:
    if math.isfinite(score):
        return score
    return "NaN" if math.isnan(score) else "Infinity" if score > 0 else "-Infinity"


def _dtype(name: str, array: Array, spec: Signature) -> DType | None:
    """What the signature says; unless the answer shows that it lies."""
    declared = spec.outputs.get(name)
    if declared is not None and declared.dtype.sendable and declared.dtype.numpy == array.dtype:
        return declared.dtype
    return DType.of_numpy(array.dtype)
