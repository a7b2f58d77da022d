"""What the cells of CSV and JSON lines hold, and what that is called."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from tfsclient.errors import shown
from tfsclient.score._arrow import Column, pa

SPECIAL: Final = ("NaN", "Infinity", "-Infinity")  # as strict JSON writes them, and we do
# What the kinds that inputs and features ask for are read as.
LEAVES: Final = {"int": "int64", "uint": "uint64", "float": "float64", "bool": "bool"}


def decodable(cells: list[str]) -> list[str]:
    """Those that were UTF-8."""
    return [cell for cell in cells if cell.isascii() or not _SURROGATES.search(cell)]


_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def to_texts(cells: Sequence[Any], refuse: Callable[[int, str], None]) -> Column:
    """A column of text; what is not UTF-8 is refused, and shown as far as it is."""
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:
        values = []
        for row, cell in enumerate(cells):
            if cell is not None and _SURROGATES.search(cell):
                refuse(row, f"is not UTF-8: {shown(cell.encode('utf-8', 'surrogateescape'))}")
                cell = cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
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


def noun(kind: Any, cell: Any = None) -> str:
    """What errors call a value of a type, which a cell is not."""
    leaf = leaf_of(kind)
    if leaf != kind:
        return f"a list such as {kind}"
    if pa.types.is_integer(leaf):
        beyond = re.fullmatch(r"[+-]?[0-9]+", str(cell))
        return f"in the range of {leaf}" if beyond else "a whole number"
    return (
        "a number"
        if pa.types.is_floating(leaf)
        else "true or false"
        if leaf == pa.bool_()
        else "text"
    )
