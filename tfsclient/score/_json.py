"""JSON lines as chunks of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from tfsclient.errors import InvalidInput, shown
from tfsclient.score._arrow import Column, pa
from tfsclient.score._cells import (
    FLOAT64,
    LEAVES,
    SPECIAL,
    TwiceNamed,
    Why,
    depth,
    holds_bytes,
    holds_only,
    inexact,
    leaf_of,
    loads,
    nested,
    noun,
    quote,
    to_bytes,
    to_floats,
    to_texts,
)
from tfsclient.score._files import Source
from tfsclient.score._lines import SOON, Lines
from tfsclient.score._text import AS_IT_IS, Record, TextReader

# What these types are made of: pyarrow would cut what follows the point, and take true as 1.
_NUMBERS: Final = {"int64": (int,), "uint64": (int,), "double": (int, float)}


class JsonReader(TextReader):
    """JSON lines: an object a line; the first chunk says which columns there are."""

    kind = "jsonl"

    def __init__(
        self, source: Source, lines: Lines, position: Callable[[], int], *, loose: bool = False
    ) -> None:
        super().__init__(source, lines, position, loose=loose)
        self._line = 0
        self._objects = self._read()
        self._begun, self._broken = self._gather(self._objects, 0)
        self._patience = SOON
        names = (name for _, row in self._begun if isinstance(row, dict) for name in row)
        self._header = self.columns = list(dict.fromkeys(names))
        if not self.columns and self._broken is not None:
            raise self._broken
        if not self.columns:
            first = next((row for _, row in self._begun), None)
            raise InvalidInput(
                f"{self._name} is empty"
                if first is None
                else f"{self._name}: no line is an object with keys; the first {first.short}"
                if isinstance(first, Why)
                else f"{self._name}: no object has a key",
                hint='JSON lines have an object a line, as in {"x": 1.0}',
            )

    def _number(self) -> int:
        return self._line

    def _read(self) -> Iterator[tuple[int, dict[str, Any] | Why]]:
        for text in self._lines:
            self._line += 1
            if not text.strip():
                continue
            try:
                row = loads(text)
            except TwiceNamed as error:
                yield self._line, quote(f"{error}: ", text.strip())
            except (ValueError, RecursionError) as error:
                yield self._line, quote(f"is not JSON ({error}): ", text.strip())
            else:
                good = isinstance(row, dict)
                yield self._line, row if good else quote("is not an object: ", row)

    def _records(self) -> Iterator[Record]:
        begun, self._begun = self._begun, []
        known = set(self._header)
        for items in (begun, self._objects):
            for line, row in items:
                if isinstance(row, Why):
                    yield line, [None] * len(self._header), row
                    continue
                why = None
                if not known.issuperset(row):
                    late = [n for n in row if n not in known and not self._wanted.leaves_out(n)]
                    if self._loose and not any(map(self._wanted.misses, late)):
                        self._header += late
                        known.update(late)
                    elif late:
                        why = quote(
                            f"has the key {shown(late[0])}, which the first rows do not have: ",
                            row if len(late) > 1 else row[late[0]],
                        )
                yield line, [row.get(name) for name in self._header], why
            if self._broken is not None:
                raise self._broken

    def _type(self, cells: list[Any], leaf: str | None) -> Any:
        values = [cell for cell in cells if cell is not None]
        first = values[0] if values else None
        if leaf == "text" or (leaf in LEAVES and isinstance(first, str) and first not in SPECIAL):
            # A name of a picture is text whatever the input wants; else the cell will be refused.
            leaf_type = pa.binary() if any(map(holds_bytes, values)) else pa.string()
            return nested(leaf_type, depth(first))
        if leaf in LEAVES:
            depths = [depth(value) for value in values[:100]]
            most = max(set(depths), key=depths.count) if depths else 0
            return nested(pa.type_for_alias(LEAVES[leaf]), most)
        if self._loose:
            return AS_IT_IS
        try:
            kind = pa.array(values).type
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            return pa.uint64() if _are_uint64(values) else AS_IT_IS
        known = (pa.int64(), pa.float64(), pa.bool_(), pa.string())
        return kind if leaf_of(kind) in known else AS_IT_IS

    def _column(
        self, cells: list[Any], kind: Any, leaf: str | None, refuse: Callable[[int, Why], None]
    ) -> Column:
        del leaf
        if kind == AS_IT_IS:
            return pa.array([None if c is None else _dumps(c) for c in cells], pa.string())
        if leaf_of(kind) == pa.binary():
            cells = [to_bytes(cell) for cell in cells]
        numbers = _NUMBERS.get(str(leaf_of(kind)))
        if numbers is None or all(holds_only(cell, numbers) for cell in cells):
            try:
                return pa.array(cells, kind)
            except (pa.ArrowException, UnicodeEncodeError, OverflowError):
                pass
        values = []
        for row, cell in enumerate(cells):
            try:
                value = to_floats(cell) if pa.types.is_floating(leaf_of(kind)) else cell
                good = numbers is None or holds_only(value, numbers)
                value = pa.scalar(value, kind).as_py() if good else None
            except (pa.ArrowException, UnicodeEncodeError, OverflowError):
                good, value = False, None
            if not good:
                refuse(row, _refusal(cell, kind))
            values.append(value)
        return pa.array(values, kind)

    def _letters(self, cells: list[Any]) -> Column:
        texts = (c if c is None or isinstance(c, str) else _dumps(c) for c in cells)
        return to_texts(list(texts), lambda row, why: None)


def _refusal(cell: Any, kind: Any) -> Why:
    if pa.types.is_floating(leaf_of(kind)) and (lost := inexact(cell, FLOAT64)) is not None:
        return quote("holds ", lost, ", which float64 cannot hold exactly")
    text = "the text " if isinstance(cell, str) else ""
    return quote(f"holds {text}", cell, f", not {noun(kind, beyond=type(cell) is int)}")


def _dumps(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # of whole numbers of more than 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _are_uint64(values: list[Any]) -> bool:
    return all(type(value) is int and 0 <= value < 1 << 64 for value in values)
