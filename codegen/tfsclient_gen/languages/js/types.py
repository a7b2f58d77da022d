"""The types that tensors and features have in TypeScript, and in the declarations of JavaScript."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tfsclient.dtypes import STRING, DType
from tfsclient.schema import FeatureSpec, TensorSpec

# By dtype: what an input takes, and the array that holds a result.
_TENSORS: Final = {
    "float16": ("FloatTensorLike", "Float32Array"),
    "bfloat16": ("FloatTensorLike", "Float32Array"),
    "float32": ("FloatTensorLike", "Float32Array"),
    "float64": ("FloatTensorLike", "Float64Array"),
    "float8_e5m2": ("IntegerTensorLike", "Uint8Array"),
    "float8_e4m3fn": ("IntegerTensorLike", "Uint8Array"),
    "float8_e4m3fnuz": ("IntegerTensorLike", "Uint8Array"),
    "float8_e4m3b11fnuz": ("IntegerTensorLike", "Uint8Array"),
    "float8_e5m2fnuz": ("IntegerTensorLike", "Uint8Array"),
    "complex64": ("ComplexTensorLike", "Float32Array"),
    "complex128": ("ComplexTensorLike", "Float64Array"),
    "int2": ("IntegerTensorLike", "Int8Array"),
    "int4": ("IntegerTensorLike", "Int8Array"),
    "int8": ("IntegerTensorLike", "Int8Array"),
    "int16": ("IntegerTensorLike", "Int16Array"),
    "int32": ("IntegerTensorLike", "Int32Array"),
    "int64": ("IntegerTensorLike", "BigInt64Array"),
    "uint2": ("IntegerTensorLike", "Uint8Array"),
    "uint4": ("IntegerTensorLike", "Uint8Array"),
    "uint8": ("IntegerTensorLike", "Uint8Array"),
    "uint16": ("IntegerTensorLike", "Uint16Array"),
    "uint32": ("IntegerTensorLike", "Uint32Array"),
    "uint64": ("IntegerTensorLike", "BigUint64Array"),
    "qint8": ("IntegerTensorLike", "Int8Array"),
    "qint16": ("IntegerTensorLike", "Int16Array"),
    "qint32": ("IntegerTensorLike", "Int32Array"),
    "quint8": ("IntegerTensorLike", "Uint8Array"),
    "quint16": ("IntegerTensorLike", "Uint16Array"),
    "bool": ("BooleanTensorLike", "boolean[]"),
    "string": ("StringTensorLike", "string[]"),
}

_CHANNELS: Final = (1, 3, 4)

# By dtype: what a feature of one value takes, of several, and of a list that may have one.
_FEATURES: Final = {
    "float32": ("number", "FloatList", "FloatFeature"),
    "int64": ("number | bigint", "IntegerList", "IntegerFeature"),
    "string": ("string | Uint8Array", "StringList", "StringFeature"),
}


@dataclass(frozen=True, slots=True)
class Type:
    """A type as TypeScript writes it, and the runtime's types that it is made of."""

    text: str
    imports: frozenset[str] = frozenset()


def input_type(spec: TensorSpec) -> Type:
    """What an input takes."""
    text = _TENSORS[spec.dtype][0]
    if takes_pictures(spec):
        return Type(f"{text} | Pictures", frozenset([text, "Pictures"]))
    return Type(text, frozenset([text]))


def takes_pictures(spec: TensorSpec) -> bool:
    """Whether pixels fit: [batch, height, width, channels], or without the batch or channels.

    Where a meaning tells how the numbers are made of a picture, they are not 0 to 255.
    """
    if spec.meaning is not None and spec.meaning.kind == "image":
        return False
    shape, numbers = spec.shape, spec.dtype.kind in ("float", "int")
    if shape is None or not numbers or form(spec) or len(shape) not in (3, 4):
        return False
    if shape[-1] in _CHANNELS:
        # Else it may be a batch of sequences.
        return len(shape) == 4 or (shape[0] == -1) == (shape[1] == -1)
    return len(shape) == 3 and shape[0] not in _CHANNELS and shape != (-1, -1, -1)


def examples_type(example: str) -> Type:
    """What an input takes that is made of Examples of this type."""
    return Type(f"ExampleTensorLike<{example}>", frozenset(["ExampleTensorLike"]))


def output_type(spec: TensorSpec) -> Type:
    """What holds an output."""
    if spec.dtype != STRING:
        return Type(f"Tensor<{array(spec.dtype)}>", frozenset(["Tensor"]))
    if spec.name.endswith("_bytes"):
        return Type("Tensor<Uint8Array[]>", frozenset(["Tensor"]))
    return Type("Tensor<StringArray<S>>", frozenset(["StringArray", "Tensor"]))


def feature_type(spec: FeatureSpec) -> Type:
    """What a feature of an Example takes."""
    one, several, either = _FEATURES[spec.dtype]
    if spec.shape == ():
        return Type(one)
    text = either if spec.shape is not None and math.prod(spec.shape) == 1 else several
    return Type(text, frozenset([text]))


def array(dtype: DType) -> str:
    """The array that holds elements of a dtype."""
    return _TENSORS[dtype][1]


def form(spec: TensorSpec | FeatureSpec) -> str:
    """How an array holds elements that it cannot hold as they are; empty if it can."""
    if spec.dtype.kind == "complex":
        return ", real and imaginary parts in turn"
    return ", as bits" if spec.dtype.startswith("float8") else ""
