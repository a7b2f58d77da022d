"""How Go and the runtime of a Go client hold the elements of tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tfsclient.dtypes import DType


@dataclass(frozen=True, slots=True)
class Element:
    """How elements of a dtype are held.

    Attributes:
        type: the Go type of an element.
        field: the field of a TensorProto that holds values which are not in tensor_content.
        kind: what reads that field: "memory", "integers", "bools" or "strings".
    """

    type: str
    field: str
    kind: str


DTYPES: Final = {
    "float32": Element("float32", "floatVal", "memory"),
    "float64": Element("float64", "doubleVal", "memory"),
    "float16": Element("Float16", "halfVal", "integers"),
    "bfloat16": Element("BFloat16", "halfVal", "integers"),
    "float8_e5m2": Element("uint8", "float8Val", "memory"),
    "float8_e4m3fn": Element("uint8", "float8Val", "memory"),
    "float8_e4m3fnuz": Element("uint8", "float8Val", "memory"),
    "float8_e4m3b11fnuz": Element("uint8", "float8Val", "memory"),
    "float8_e5m2fnuz": Element("uint8", "float8Val", "memory"),
    "complex64": Element("complex64", "scomplexVal", "memory"),
    "complex128": Element("complex128", "dcomplexVal", "memory"),
    "int2": Element("int8", "intVal", "integers"),
    "int4": Element("int8", "intVal", "integers"),
    "int8": Element("int8", "intVal", "integers"),
    "int16": Element("int16", "intVal", "integers"),
    "int32": Element("int32", "intVal", "integers"),
    "int64": Element("int64", "int64Val", "integers"),
    "uint2": Element("uint8", "intVal", "integers"),
    "uint4": Element("uint8", "intVal", "integers"),
    "uint8": Element("uint8", "intVal", "integers"),
    "uint16": Element("uint16", "intVal", "integers"),
    "uint32": Element("uint32", "uint32Val", "integers"),
    "uint64": Element("uint64", "uint64Val", "integers"),
    "qint8": Element("int8", "intVal", "integers"),
    "qint16": Element("int16", "intVal", "integers"),
    "qint32": Element("int32", "intVal", "integers"),
    "quint8": Element("uint8", "intVal", "integers"),
    "quint16": Element("uint16", "intVal", "integers"),
    "bool": Element("bool", "", "bools"),
    "string": Element("string", "", "strings"),
}

# The bits of dtypes that are narrower than the Go type of their elements.
BITS: Final = {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2}

# By the Go type: the bits of a word, the words that hold an element v in memory, and how an element
# is made of the words.
WORDS: Final = {
    "int16": (16, ["uint16(v)"], "int16({})"),
    "uint16": (16, ["v"], "{}"),
    "Float16": (16, ["uint16(v)"], "Float16({})"),
    "BFloat16": (16, ["uint16(v)"], "BFloat16({})"),
    "int32": (32, ["uint32(v)"], "int32({})"),
    "uint32": (32, ["v"], "{}"),
    "float32": (32, ["math.Float32bits(v)"], "math.Float32frombits({})"),
    "complex64": (
        32,
        ["math.Float32bits(real(v))", "math.Float32bits(imag(v))"],
        "complex(math.Float32frombits({}), math.Float32frombits({}))",
    ),
    "int64": (64, ["uint64(v)"], "int64({})"),
    "uint64": (64, ["v"], "{}"),
    "float64": (64, ["math.Float64bits(v)"], "math.Float64frombits({})"),
    "complex128": (
        64,
        ["math.Float64bits(real(v))", "math.Float64bits(imag(v))"],
        "complex(math.Float64frombits({}), math.Float64frombits({}))",
    ),
}


def go_type(dtype: DType) -> str:
    """The Go type of an element."""
    return DTYPES[dtype].type


def constant(dtype: str) -> str:
    """The runtime's constant: dtFloat32, dtFloat8E4M3FN."""
    kind, _, variant = dtype.partition("_")
    return f"dt{kind.capitalize()}{variant.upper()}"
