"""What the cells of CSV and JSON lines hold, and what that is called."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import orjson

from tfsclient._inputs.casts import every_integer, is_exact
from tfsclient.dtypes import DType
from tfsclient.errors import shown
from tfsclient.score._arrow import Column, pa

FLOAT64: Final = DType("float64")
SPECIAL: Final = ("NaN", "Infinity", "-Infinity")  # as strict JSON writes them, and we do
# What the kinds that inputs and features ask for are read as.
LEAVES: Final = {"int": "int64", "uint": "uint64", "float": "float64", "bool": "bool"}


class Why(NamedTuple):
    """What is wrong with a row: for an error, and with its values whole for a dead letter."""

    short: str
    whole: str


def quote(before: str, value: Any, after: str = "") -> Why:
    """What is wrong, with a value in it."""
    try:
        whole = repr(value)
    except (ValueError, RecursionError):  # of integers of thousands of digits
        whole = shown(value)
    return Why(f"{before}{shown(value)}{after}", f"{before}{whole}{after}")


class TwiceNamed(ValueError):
    """An object in JSON has a key twice."""


def loads(text: str) -> Any:
    """The value that JSON holds.

    Python's own module reads whole numbers of more than 64 bits, which orjson rounds, and the
    names of numbers that JSON does not have, which it writes itself.  It is also asked where an
    object may have a key twice, of which both keep the last.

    Raises:
        ValueError: it is not JSON, or has a key twice.
        RecursionError: it is nested too deep.
    """
    try:
        value = orjson.loads(text)
        if not _LONG.search(text) and _has_all_keys(text, value):
            return value
    except orjson.JSONDecodeError:
        if not _NAMES.search(text):
            raise
    return json.loads(text, parse_constant=str, parse_float=_float, object_pairs_hook=_object)


def _has_all_keys(text: str, value: Any) -> bool:
    """Whether there is a key for each one that was written; where text looks like one, no."""
    count = len(value) if isinstance(value, dict) else 0
    if text.count(":") == count:  # as of most
        return True
    written = len(_KEY.findall(text))
    return written == count or written == _keys(value)


def _keys(value: Any) -> int:
    """How many keys there are, or fewer: lists whose first item is no object have none."""
    if isinstance(value, dict):
        return len(value) + sum(map(_keys, value.values()))
    if isinstance(value, list) and value and isinstance(value[0], dict | list):
        return sum(map(_keys, value))
    return 0


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise TwiceNamed(f"has the key {shown(twice)} twice")
    return made


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large for a double")
    return number


def refuse_inexact(
    column: Column, cells: Sequence[Any], want: DType, refuse: Callable[[int, Why], None]
) -> None:
    """Refuse whole numbers that a float cannot be; what has a point is rounded, as everywhere.

    Args:
        column: the cells as floats of 64 bits, or lists of those.
        cells: as they were written, in CSV, or read of JSON.
        want: what they become.
        refuse: is told of rows.
    """
    numbers = column
    while pa.types.is_list(numbers.type):
        numbers = numbers.flatten()
    least = np.float64(every_integer(want))
    large = np.abs(numbers.to_numpy(zero_copy_only=False)) >= least
    if not large.any():
        return
    for row in np.flatnonzero(large).tolist() if numbers is column else range(len(cells)):
        if (lost := inexact(cells[row], want)) is not None:
            refuse(row, quote("holds ", lost, f", which {want} cannot hold exactly"))


def inexact(cell: Any, want: DType) -> int | None:
    """The first whole number in a cell that a float cannot be."""
    if isinstance(cell, list):
        return next((lost for item in cell if (lost := inexact(item, want)) is not None), None)
    if isinstance(cell, str) and _WHOLE.fullmatch(cell.strip()):
        cell = int(cell)
    if type(cell) is not int:
        return None
    return None if is_exact(cell, want) else cell


def decodable(cells: list[str]) -> list[str]:
    """Those that were UTF-8."""
    return [cell for cell in cells if cell.isascii() or not _SURROGATES.search(cell)]


_NAMES: Final = re.compile("NaN|Infinity")
_LONG: Final = re.compile(r"[0-9]{20}")
_KEY: Final = re.compile(r'"\s*:')
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,400}")  # no float has as many digits
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def to_texts(cells: Sequence[Any], refuse: Callable[[int, Why], None]) -> Column:
    """A column of text; what is not UTF-8 is refused, and shown as far as it is."""
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:
        values = []
        for row, cell in enumerate(cells):
            if cell is not None and _SURROGATES.search(cell):
                data = cell.encode("utf-8", "surrogateescape")
                refuse(row, quote("is not UTF-8: ", data))
                cell = data.decode("utf-8", "replace")
            values.append(cell)
        return pa.array(values, pa.string())


def depth(value: Any) -> int:
    """How deep lists are nested, as far as the first elements say."""
    count = 0
    while isinstance(value, list):
        value, count = (value[0] if value else None), count + 1
    return count


def nested(kind: Any, times: int) -> Any:
    """The type of lists of it, nested so many times."""
    for _ in range(times):
        kind = pa.list_(kind)
    return kind


def leaf_of(kind: Any) -> Any:
    """The type of what is in nested lists."""
    while pa.types.is_list(kind):
        kind = kind.value_type
    return kind


def holds_only(value: Any, numbers: tuple[type, ...]) -> bool:
    """Whether there is nothing in it but these types and nulls."""
    if isinstance(value, list):
        return all(holds_only(item, numbers) for item in value)
    return value is None or type(value) in numbers


def to_numbers(value: Any) -> Any:
    """NaN and the infinities for the strings that JSON has for them."""
    if isinstance(value, list):
        return [to_numbers(item) for item in value]
    return float(value) if value in SPECIAL else value


def to_floats(value: Any) -> Any:
    """Floats for those and for whole numbers, of which pyarrow does not take large ones.

    What a float cannot be stays an integer.
    """
    if isinstance(value, list):
        return [to_floats(item) for item in value]
    if type(value) is int:
        return float(value) if is_exact(value, FLOAT64) else value
    return to_numbers(value)


def to_bytes(value: Any) -> Any:
    """The bytes that TF Serving's JSON writes as an object; anything else as it is."""
    if isinstance(value, list):
        return [to_bytes(item) for item in value]
    if not isinstance(value, dict) or not isinstance(value.get("b64"), str):
        return value
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError):
        return value


def holds_bytes(value: Any) -> bool:
    """Whether there are such objects in it."""
    if isinstance(value, list):
        return any(map(holds_bytes, value))
    return isinstance(value, dict) and "b64" in value


def noun(kind: Any, *, beyond: bool = False) -> str:
    """What errors call a value of a type, which a cell is not; beyond its range, if whole."""
    leaf = leaf_of(kind)
    if leaf != kind:
        return f"a list such as {kind}"
    if pa.types.is_integer(leaf):
        return f"in the range of {leaf}" if beyond else "a whole number"
    return (
        "a number"
        if pa.types.is_floating(leaf)
        else "true or false"
        if leaf == pa.bool_()
        else "text"
    )
