"""Predictions for people and as JSON."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import orjson

from tfsclient.dtypes import DType
from tfsclient.results import Prediction
from tfsclient.results._forms import json_values
from tfsclient.results._shown import prediction_text
from tfsclient.schema import Signature

Array = npt.NDArray[Any]


def for_people(answer: Prediction, spec: Signature) -> str:
    """The outputs one after the other, large ones in part."""
    dtypes = {name: _dtype(name, array, spec) for name, array in answer.items()}
    return prediction_text(answer, {name: dtype for name, dtype in dtypes.items() if dtype})


def to_json(answer: Prediction, spec: Signature) -> bytes:
    """The whole answer as strict JSON, with dtype, shape and values of each output."""
    outputs = []
    for name, array in answer.items():
        about = orjson.dumps({"dtype": _dtype(name, array, spec), "shape": array.shape})
        values = about[:-1] + b',"values":' + json_values(array) + b"}"
        outputs.append(orjson.dumps(name) + b":" + values)
    head = {"model": answer.model, "version": answer.version, "signature": answer.signature}
    return orjson.dumps(head)[:-1] + b',"outputs":{' + b",".join(outputs) + b"}}"


def _dtype(name: str, array: Array, spec: Signature) -> DType | None:
    """What the signature says; unless the answer shows that it lies."""
    declared = spec.outputs.get(name)
    if declared is not None and declared.dtype.sendable and declared.dtype.numpy == array.dtype:
        return declared.dtype
    return DType.of_numpy(array.dtype)
