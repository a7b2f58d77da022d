"""How Go holds the elements of tensors, and which inputs the package tfs can make of pictures."""

from __future__ import annotations

from typing import Final

from tfsclient._inputs.samples import is_picture
from tfsclient.dtypes import DType
from tfsclient.schema import TensorSpec

_OWN: Final = {"float16": "tfs.Float16", "bfloat16": "tfs.BFloat16"}
# Dtypes that Go has no type of, held by one that is as wide or wider.
_NARROW: Final = {"int2": "int8", "int4": "int8", "uint2": "uint8", "uint4": "uint8"}


def go_type(dtype: DType) -> str:
    """The Go type of an element."""
    if dtype.startswith("float8"):
        return "uint8"
    if dtype.startswith(("qint", "quint")):
        return dtype.removeprefix("q")
    return _OWN.get(dtype) or _NARROW.get(dtype) or str(dtype)


def takes_pixels(spec: TensorSpec) -> bool:
    """Whether an input's shape is that of pictures: [batch, height, width] and maybe channels."""
    if spec.dtype not in ("float32", "uint8") or spec.shape is None:
        return False
    if len(spec.shape) == 4:
        return spec.shape[3] in (1, 3, 4)
    return len(spec.shape) == 3 and is_picture(TensorSpec(spec.name, DType("string"), None))
