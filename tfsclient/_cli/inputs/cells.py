"""The cells of a CSV file: text to values, as a dtype wants them and never by way of another.

Errors are ValueErrors whose text continues "the cell 'abc' ".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import ml_dtypes

from tfsclient._cli.inputs.json_text import parse, words_to_numbers
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import FeatureSpec, TensorSpec

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WORD: Final = re.compile(r"nan|[+-]?inf(inity)?", re.IGNORECASE)
_ID: Final = re.compile(r"[+-]?0[0-9]+")  # whose zeros a number would lose
_BOOLS: Final = {"true": True, "1": True, "false": False, "0": False}
_LONGEST: Final = 100  # digits: more than any integer has


def input_cell(text: str, spec: TensorSpec) -> Any:
    """A row's value of an input: one element, or nested lists of the shape after the batch's.

    Raises:
        ValueError: the text is not that.
    """
    inner = () if spec.shape is None else spec.shape[1:]
    alone = all(size == 1 for size in inner)
    if spec.dtype == STRING and alone:
        return _nested(text, inner)
    if text.lstrip().startswith("[") and (inner or spec.shape is None):
        return _json(text, spec.dtype)
    if not alone:
        raise ValueError(f"is not a JSON list of shape {list(inner)}")
    return _nested(scalar(text, spec.dtype), inner)


def _nested(value: Any, inner: Sequence[int]) -> Any:
    for _ in inner:
        value = [value]
    return value


def feature_cell(text: str, spec: FeatureSpec) -> Any:
    """A feature's value, or list of values where it has several; None where the cell is empty.

    Raises:
        ValueError: the text is not that.
    """
    several = spec.shape is None or any(size != 1 for size in spec.shape)
    if several and text.lstrip().startswith("["):
        return _json(text, spec.dtype)
    if spec.dtype != STRING and not text.strip():
        return None
    return scalar(text, spec.dtype)


def guessed_dtype(cells: Iterable[str]) -> DType:
    """What a column of features holds if no schema says so: int64, float32 or string."""
    kinds = {_guess(text.strip()) for text in cells if text.strip()}
    if not kinds or "string" in kinds:
        return STRING
    return DType("float32" if "float32" in kinds else "int64")


def _guess(text: str) -> str:
    if _INTEGER.fullmatch(text) and not _ID.fullmatch(text):
        return "int64"
    is_float = _WORD.fullmatch(text) or (_NUMBER.fullmatch(text) and not _INTEGER.fullmatch(text))
    return "float32" if is_float else "string"


def scalar(text: str, dtype: DType) -> Any:
    """One element.

    Raises:
        ValueError: the text is not that.
    """
    if dtype == STRING:
        return text
    text = text.strip()
    if not text:
        raise ValueError(f"is empty, and {dtype} is wanted")
    if dtype.kind == "bool":
        if text.lower() not in _BOOLS:
            raise ValueError("is not true, false, 1 or 0")
        return _BOOLS[text.lower()]
    if dtype.kind == "int":
        return _integer(text, dtype)
    if dtype.kind == "float":
        return _float(text)
    if dtype.kind == "complex" and "_" not in text:
        return complex(text)
    raise ValueError(f"cannot be {dtype}")


def _integer(text: str, dtype: DType) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"is not an integer, and {dtype} is wanted")
    info = ml_dtypes.iinfo(dtype.numpy)
    if len(text) > _LONGEST or not info.min <= int(text) <= info.max:
        raise ValueError(f"is not in {info.min}..{info.max}, where {dtype} ends")
    return int(text)


def _float(text: str) -> float:
    if _WORD.fullmatch(text):
        return float(text)
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number")
    number = float(text)
    if math.isinf(number):
        raise ValueError("is too large for a float64")
    return number


def _json(text: str, dtype: DType) -> Any:
    try:
        value = parse(text, "it")
    except json.JSONDecodeError as error:
        raise ValueError(f"is not a JSON list: {error.msg}") from None
    except InvalidInput as error:
        raise ValueError(f"is not a JSON list: {error.details}") from None
    return words_to_numbers(value) if dtype.kind == "float" else value
