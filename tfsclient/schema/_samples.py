"""Sample values of a tensor or a feature: of the right dtype and shape, and small."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from tfsclient.dtypes import STRING

if TYPE_CHECKING:
    from tfsclient.schema import FeatureSpec, TensorSpec

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
