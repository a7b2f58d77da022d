"""Sample values as TF Serving's JSON has them; ``tfsclient.schema`` knows their shapes."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

from tfsclient._inputs.example import serialize
from tfsclient.dtypes import STRING
from tfsclient.schema import Features, FeatureSpec, TensorSpec
from tfsclient.schema._samples import PNG_BASE64, feature_dims, is_picture


def length(sizes: Sequence[int]) -> int:
    """How many values a tensor of these sizes takes to write; an empty one still has lists."""
    return math.prod(max(1, size) for size in sizes)


def element(spec: TensorSpec | FeatureSpec) -> Any:
    """An element as TF Serving's JSON has it: never an integer where a float is wanted."""
    if is_picture(spec):
        return {"b64": PNG_BASE64}
    if spec.dtype == STRING:
        return ""
    return {"float": 0.0, "bool": False}.get(spec.dtype.kind, 1)


def nested(value: Any, sizes: Sequence[int]) -> Any:
    """A value in lists of these sizes, the outermost first."""
    for size in reversed(sizes):
        value = [value] * size
    return value


def example(features: Features) -> dict[str, Any]:
    """An Example's features as TF Serving's JSON has them."""
    return {name: nested(element(spec), feature_dims(spec)) for name, spec in features.items()}


def serialized_example(features: Features) -> dict[str, str]:
    """The same Example as an input of serialized ones takes it: its bytes, in base64."""
    picture = base64.b64decode(PNG_BASE64)
    values = {
        name: nested(picture if is_picture(spec) else element(spec), feature_dims(spec))
        for name, spec in features.items()
    }
    return {"b64": base64.b64encode(serialize(values, features)).decode()}
