"""How Java holds the elements of tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.dtypes import DType
from tfsclient_gen.languages.java.layout import doc
from tfsclient_gen.quoting import code


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of tensors: its name, its elements, its docs."""

    name: Markup
    element: Markup
    doc: Markup
    complex: bool = False
    to_bits: Markup | None = None
    to_float: Markup | None = None

    @property
    def half(self) -> bool:
        """Whether elements are the bits of numbers that Java has no type of."""
        return self.to_bits is not None


def _kind(name: str, element: str, text: str, **more: Markup | bool) -> Kind:
    return Kind(code(name), code(element), doc(text), **more)  # type: ignore[arg-type]


KINDS: Final = (
    _kind("FloatTensor", "float", "A tensor of float32."),
    _kind("DoubleTensor", "double", "A tensor of float64."),
    _kind(
        "ByteTensor",
        "byte",
        "A tensor of int8 or uint8, of narrower integers, or of the bits of float8. Java's bytes"
        " have signs: Byte.toUnsignedInt gives the values of uint8.",
    ),
    _kind(
        "ShortTensor",
        "short",
        "A tensor of int16 or uint16. Java's shorts have signs: Short.toUnsignedInt gives the"
        " values of uint16.",
    ),
    _kind(
        "IntTensor",
        "int",
        "A tensor of int32 or uint32. Java's ints have signs: Integer.toUnsignedLong gives the"
        " values of uint32.",
    ),
    _kind(
        "LongTensor",
        "long",
        "A tensor of int64 or uint64. Java's longs have signs: Long.toUnsignedString gives the"
        " values of uint64.",
    ),
    _kind("BooleanTensor", "boolean", "A tensor of bool."),
    _kind(
        "Float16Tensor",
        "short",
        "A tensor of float16, IEEE 754's half-precision numbers, by their bits.",
        to_bits=code("toFloat16"),
        to_float=code("fromFloat16"),
    ),
    _kind(
        "BFloat16Tensor",
        "short",
        "A tensor of bfloat16, the upper halves of floats, by their bits.",
        to_bits=code("toBFloat16"),
        to_float=code("fromBFloat16"),
    ),
    _kind(
        "ComplexFloatTensor",
        "float",
        "A tensor of complex64. Each element is two floats, its real and its imaginary part.",
        complex=True,
    ),
    _kind(
        "ComplexDoubleTensor",
        "double",
        "A tensor of complex128. Each element is two doubles, its real and its imaginary part.",
        complex=True,
    ),
)

_BY_DTYPE: Final = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "Float16Tensor",
    "bfloat16": "BFloat16Tensor", "complex64": "ComplexFloatTensor",
    "complex128": "ComplexDoubleTensor", "bool": "BooleanTensor", "string": "StringTensor",
}  # fmt: skip
_BY_WIDTH: Final = {
    "8": "ByteTensor", "16": "ShortTensor", "32": "IntTensor", "64": "LongTensor",
}  # fmt: skip


def tensor_class(dtype: DType) -> str:
    """The class of tensors of a type."""
    width = dtype.lstrip("quint") if not dtype.startswith("float8") else "8"
    return _BY_DTYPE.get(dtype) or _BY_WIDTH.get(width, "ByteTensor")


def element(dtype: DType) -> str:
    """The Java type of an element."""
    name = tensor_class(dtype)
    return next((str(kind.element) for kind in KINDS if kind.name == name), "String")


def dtype_constant(dtype: DType) -> str:
    """The constant of the enum DType."""
    return f"DType.{dtype.upper()}"
