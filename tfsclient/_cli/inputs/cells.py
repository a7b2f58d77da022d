"""The cells of a CSV file: text to values, as a dtype wants them and never by way of another.

A reader takes the text of a cell.  It raises a ValueError whose text continues "the cell 'abc' ".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias

import ml_dtypes

from tfsclient._cli.inputs.json_text import pairs_to_numbers, parse, words_to_numbers
from tfsclient._inputs.casts import is_exact
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import FeatureSpec, TensorSpec

Reader: TypeAlias = Callable[[str], Any]

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WORD: Final = re.compile(r"nan|[+-]?inf(inity)?", re.IGNORECASE)
_ID: Final = re.compile(r"[+-]?0[0-9]+")  # whose zeros a number would lose
_BOOLS: Final = {"true": True, "1": True, "false": False, "0": False}
_MOST_DIGITS: Final = 400
_LONGEST: Final = 100  # digits: more than any integer has


def input_reader(spec: TensorSpec) -> Reader:
    """Reads a row's value of an input: one element, or lists of the shape after the batch's."""
    inner = () if spec.shape is None else spec.shape[1:]
    alone = all(size == 1 for size in inner)
    scalar = scalar_reader(spec.dtype)
    if not inner and (spec.dtype == STRING or spec.shape is not None):
        return scalar

    def read(text: str) -> Any:
        if text.lstrip().startswith("[") and not (spec.dtype == STRING and alone):
            return _json(text, spec.dtype, len(inner))
        if not alone:
            raise ValueError(f"is not a JSON list of shape {list(inner)}")
        value = scalar(text)
        for _ in inner:
            value = [value]
        return value

    return read


def feature_reader(spec: FeatureSpec) -> Reader:
    """Reads a feature's value, or list of values where it has several; None of an empty cell."""
    several = spec.shape is None or any(size != 1 for size in spec.shape)
    scalar = scalar_reader(spec.dtype)

    def read(text: str) -> Any:
        if several and text.lstrip().startswith("["):
            return _json(text, spec.dtype)
        if spec.dtype != STRING and not text.strip():
            return None
        return scalar(text)

    return read


def guess(text: str) -> str:
    """The type of a feature that this cell may be of; "" if it is empty."""
    text = text.strip()
    if not text:
        return ""
    if _INTEGER.fullmatch(text):
        return "string" if _ID.fullmatch(text) else "int64"
    return "float32" if _NUMBER.fullmatch(text) or _WORD.fullmatch(text) else "string"


def widest(guessed: Collection[str]) -> DType:
    """The type of a column whose cells were guessed to be of these."""
    kinds = {kind for kind in guessed if kind}
    if not kinds or "string" in kinds:
        return STRING
    return DType("float32" if "float32" in kinds else "int64")


def scalar_reader(dtype: DType) -> Reader:
    """Reads one element."""
    if dtype == STRING:
        return str
    readers: dict[str, Reader] = {
        "bool": _bool, "int": _integer_reader(dtype), "float": _float_reader(dtype),
        "complex": _complex,
    }  # fmt: skip
    read = readers.get(dtype.kind)

    def read_stripped(text: str) -> Any:
        stripped = text.strip()
        if not stripped:
            raise ValueError(f"is empty, and {dtype} is wanted")
        if read is None:
            raise ValueError(f"cannot be {dtype}")
        return read(stripped)

    return read_stripped


def _integer_reader(dtype: DType) -> Reader:
    if dtype.kind != "int":
        return int
    info = ml_dtypes.iinfo(dtype.numpy)
    low, high = int(info.min), int(info.max)

    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise ValueError(f"is not an integer, and {dtype} is wanted")
        number = int(text) if len(text) <= _LONGEST else high + 1
        if not low <= number <= high:
            raise ValueError(f"is out of the range of {dtype}, {low}..{high}")
        return number

    return read


def _bool(text: str) -> bool:
    try:
        return _BOOLS[text.lower()]
    except KeyError:
        raise ValueError("is not true, false, 1 or 0") from None


def _float_reader(dtype: DType) -> Reader:
    def read(text: str) -> float:
        # Of more digits it is beyond every float.
        short = len(text) <= _MOST_DIGITS
        if short and _INTEGER.fullmatch(text) and not is_exact(int(text), dtype):
            raise ValueError(f"is an integer, which {dtype} cannot hold exactly")
        return _float(text)

    return read


def _float(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        if _WORD.fullmatch(text):
            return float(text)
        raise ValueError("is not a number")
    number = float(text)
    if math.isinf(number):
        raise ValueError("is too large for a float64")
    return number


def _complex(text: str) -> complex:
    try:
        return complex("_" if "_" in text else text)
    except ValueError:
        raise ValueError("is not a complex number, such as 1+2j") from None


def _json(text: str, dtype: DType, rank: int = 1) -> Any:
    try:
        value = parse(text, "it")
    except json.JSONDecodeError as error:
        raise ValueError(f"is not a JSON list: {error.msg}") from None
    except InvalidInput as error:
        raise ValueError(f"is not a JSON list: {error.details}") from None
    if dtype.kind == "complex":
        return pairs_to_numbers(value, rank)
    return words_to_numbers(value) if dtype.kind == "float" else value
