"""CSV as chunks of rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import orjson

from tfsclient.errors import InvalidInput, counted, shown
from tfsclient.score._arrow import Column, pa, pc
from tfsclient.score._cells import LEAVES, Why, decodable, noun, quote, to_texts
from tfsclient.score._files import Source
from tfsclient.score._lines import Lines
from tfsclient.score._text import AS_IT_IS, Record, TextReader

_LONGEST: Final = 1 << 27  # characters of a cell: a picture in base64 passes csv's own limit
# How numbers are written that stay what they are: not as 007, nor with digits that would be lost.
_WRITTEN: Final = {
    "int64": r"^(0|-?[1-9][0-9]{0,18})$",
    "double": r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?([eE][+-]?[0-9]+)?$|^nan$|^NaN$|^-?inf$",
}
_IN_JSON: Final = re.compile(r"0|-?[1-9][0-9]{0,17}|-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,17})?")
_PLUS: Final = re.compile(r"\+[0-9.]")
_DIGITS: Final = re.compile(r"[+-]?[0-9]+")
_RUNS_ON: Final = re.compile("unexpected end of data|field larger than field limit")


class CsvReader(TextReader):
    """CSV: UTF-8 with commas, and a line of names first.  An empty cell is null, or no text."""

    kind = "csv"

    def __init__(
        self, source: Source, lines: Lines, position: Callable[[], int], *, loose: bool = False
    ) -> None:
        super().__init__(source, lines, position, loose=loose)
        csv.field_size_limit(max(_LONGEST, csv.field_size_limit()))
        self._text: list[str] = []  # the lines of a row
        self._reader = csv.reader(self._taken(lines), strict=True)
        try:
            header = self._header = self.columns = next(self._reader, [])
        except csv.Error as error:
            raise InvalidInput(f"{self._name}: the first line is not CSV: {error}") from None
        if not header:
            raise InvalidInput(f"{self._name} does not begin with a line of names")
        if len(decodable(header)) < len(header):
            raise InvalidInput(f"{self._name}: the first line is not UTF-8")
        if "" in header or len({*header}) < len(header):
            raise InvalidInput(
                f"{self._name}: the first line must name the columns, each once, but is "
                f"{shown(header)}"
            )

    def _taken(self, lines: Lines) -> Iterator[str]:
        for line in lines:
            self._text.append(line)
            yield line

    def _number(self) -> int:
        return self._reader.line_num

    def _records(self) -> Iterator[Record]:
        width = len(self._header)
        while True:
            line = self._reader.line_num + 1
            self._text.clear()
            try:
                row = next(self._reader, None)
            except csv.Error as error:
                if _RUNS_ON.search(str(error)):
                    raise InvalidInput(
                        f"{self._name}: the row that begins on line {line} has a quote that "
                        f"nothing closes: {error} on line {self._reader.line_num}"
                    ) from None
                last = self._reader.line_num
                more = f", after a quote that runs on to line {last}" if last > line else ""
                text = "".join(self._text).rstrip("\r\n")
                yield line, [None] * width, quote(f"is not CSV: {error}{more}: ", text)
                continue
            if row is None:
                return
            if len(row) == width:
                yield line, row, None
            elif row:  # a line without anything is no row
                has = f"has {counted(len(row), 'cell')}, but the first line names {width}"
                more_of_it = quote(f"{has}: ", row[width:], " are too many")
                why = more_of_it if len(row) > width else Why(has, has)
                yield line, [*row, *[None] * width][:width], why
            elif width == 1:
                yield line, [""], None

    def _type(self, cells: list[Any], leaf: str | None) -> Any:
        if leaf is not None:
            return pa.type_for_alias(LEAVES.get(leaf, "string"))
        if self._loose:
            return AS_IT_IS
        texts = decodable([cell for cell in cells if cell])
        column = pa.array(texts, pa.string())
        for kind, pattern in _WRITTEN.items():
            if texts and pc.all(pc.match_substring_regex(column, pattern)).as_py():
                with suppress(pa.ArrowInvalid):  # 9999999999999999999 is no int64
                    return column.cast(kind).type
        return pa.string()

    def _column(
        self, cells: list[Any], kind: Any, leaf: str | None, refuse: Callable[[int, Why], None]
    ) -> Column:
        if kind == pa.string():
            return to_texts(cells, refuse)
        if kind == AS_IT_IS:
            return to_texts([_as_json(cell) for cell in cells], refuse)
        if leaf is None:
            cells = self._as_before(cells, kind, refuse)
        stripped = [(cell.strip() or None) if cell else None for cell in cells]
        with suppress(pa.ArrowInvalid, UnicodeEncodeError):
            return _cast(stripped, kind)
        values = []
        for row, cell in enumerate(stripped):
            try:
                # pyarrow does not know a plus.
                written = cell[1:] if cell and _PLUS.match(cell) else cell
                values.append(_cast([written], kind)[0].as_py())
            except (pa.ArrowInvalid, UnicodeEncodeError):
                whole = cell is not None and _DIGITS.fullmatch(cell) is not None
                refuse(row, quote("holds ", cell, f", not {noun(kind, beyond=whole)}"))
                values.append(None)
        return pa.array(values, kind)

    def _as_before(
        self, cells: list[str], kind: Any, refuse: Callable[[int, Why], None]
    ) -> list[str]:
        """Refuse cells that would not stay what they are in the type of those before."""
        pattern = re.compile(_WRITTEN[str(kind)])
        for row, cell in enumerate(cells):
            if cell and not pattern.match(cell):
                after = f", not written as {noun(kind)}, as the rows before are"
                refuse(row, quote("holds ", cell, after))
        return [cell if cell and pattern.match(cell) else "" for cell in cells]

    def _letters(self, cells: list[Any]) -> Column:
        return to_texts(cells, lambda row, why: None)


def _cast(cells: list[str | None], kind: Any) -> Column:
    """The cells as numbers.

    Raises:
        pyarrow.ArrowInvalid: one is not a number of that type, or would become infinite.
    """
    column = pa.array(cells, pa.string()).cast(kind)
    if pa.types.is_floating(kind):
        infinite = pc.indices_nonzero(pc.is_inf(column)).to_pylist()
        if any("inf" not in str(cells[row]).lower() for row in infinite):
            raise pa.ArrowInvalid("too large")
    return column


def _as_json(cell: str | None) -> str | None:
    """A cell by itself: a number if it is written as one, else text."""
    if cell is None or _IN_JSON.fullmatch(cell):
        return cell
    try:
        return orjson.dumps(cell).decode()
    except orjson.JSONEncodeError:  # what is not UTF-8 will be refused
        return cell
