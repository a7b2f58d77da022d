"""Sample values of a tensor or a feature: of the right dtype and shape, and small."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from tfsclient._inputs.example import serialize
from tfsclient._inputs.image import Image
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput, shown
from tfsclient.schema import Features, FeatureSpec, Picture, Sample, TensorSpec

# A grey picture of 8 x 8 pixels: what an input that decodes pictures accepts.
PNG_BASE64: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADklEQVR42mNo"
    "gAIGyhgAgIQgARDoahcAAAAASUVORK5CYII="
)
_PICTURE: Final = re.compile(r"image|img|png|jpe?g|picture|photo", re.IGNORECASE)


def dims(spec: TensorSpec) -> list[int]:
    """A shape that fits: open dimensions are 1, and an open rank is a list."""
    return [1] if spec.shape is None else [1 if size == -1 else size for size in spec.shape]


def feature_dims(spec: FeatureSpec) -> list[int]:
    """The same for a feature, whose values are flat: none for a single value, or their number."""
    if spec.shape == ():
        return []
    return [1] if spec.shape is None else [math.prod(1 if n == -1 else n for n in spec.shape)]


def is_picture(spec: TensorSpec | FeatureSpec) -> bool:
    """Whether a string input seems to want an encoded picture."""
    return spec.dtype == STRING and _PICTURE.search(spec.name) is not None


def plain(value: Any) -> Any:
    """A value of a named example in lists and dicts, as it was written."""
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return value


def sample_inputs(sample: Sample) -> dict[str, Any]:
    """The inputs of a named example, with its pictures.

    Raises:
        InvalidInput: where a picture is, is not known.
    """
    return {name: _loaded(sample, value) for name, value in sample.inputs.items()}


def _loaded(sample: Sample, value: Any) -> Any:
    if isinstance(value, tuple):
        return [_loaded(sample, one) for one in value]
    if not isinstance(value, Picture):
        return value
    if value.path is None:
        raise InvalidInput(
            f"the example {shown(sample.name)} has a picture {shown(value.file)}, and where that "
            "is, a saved schema does not tell: give the file meaning.toml itself"
        )
    return Image(value.path)


# As TF Serving's JSON has them.


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
