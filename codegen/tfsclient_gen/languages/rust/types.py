"""How Rust holds the elements of tensors."""

from __future__ import annotations

from typing import Final

from tfsclient.dtypes import DType

_OWN: Final = {
    "float16": "tfs::f16", "bfloat16": "tfs::bf16", "float32": "f32", "float64": "f64",
    "complex64": "tfs::Complex32", "complex128": "tfs::Complex64", "bool": "bool",
    "string": "Vec<u8>",
}  # fmt: skip
# Dtypes that Rust has no type of, held by one that is as wide or wider.
_NARROW: Final = {"int2": "i8", "int4": "i8", "uint2": "u8", "uint4": "u8"}
_ZERO: Final = {
    "f32": "0.0", "f64": "0.0", "bool": "false", "Vec<u8>": '"".into()',
    "tfs::f16": "f16::ZERO", "tfs::bf16": "bf16::ZERO",
    "tfs::Complex32": "Complex32::default()", "tfs::Complex64": "Complex64::default()",
}  # fmt: skip


def rust_type(dtype: DType) -> str:
    """The Rust type of an element."""
    if dtype.startswith("float8"):
        return "u8"
    plain = dtype.removeprefix("q")
    short = plain.replace("uint", "u").replace("int", "i")
    return _OWN.get(dtype) or _NARROW.get(dtype) or short


def zero(dtype: DType) -> str:
    """An element of this type, where the names of the module tfs are in scope."""
    return _ZERO.get(rust_type(dtype), "0")


def variant(dtype: DType) -> str:
    """The variant of the enum DType."""
    return "".join(part.capitalize() for part in dtype.split("_"))
