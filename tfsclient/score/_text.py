"""CSV and JSON lines as chunks: each row is read by itself, so that one bad row stays one.

Text has no types, so the inputs say what is made of the columns that they take.  What the other
columns hold the first chunk tells: whole numbers, numbers, text; a number that is not written as
numbers are, as in 007, is text.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final, TypeAlias

import orjson

from tfsclient.errors import InvalidInput, shown
from tfsclient.score._arrow import AS_JSON, Column, pa, pc
from tfsclient.score._chunks import BYTES, ROWS, Chunk, Wanted
from tfsclient.score._files import Source, open_stream

_LONGEST: Final = 1 << 30  # characters of a cell: a picture in base64 passes csv's own limit
# How numbers are written that stay what they are: not as 007, nor with digits that would be lost.
_WRITTEN: Final = {
    "int64": r"^(0|-?[1-9][0-9]{0,18})$",
    "double": r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?([eE][+-]?[0-9]+)?$|^nan$|^NaN$|^-?inf$",
}
_SPECIAL: Final = ("NaN", "Infinity", "-Infinity")  # as strict JSON writes them, and we do
_LEAVES: Final = {"int": "int64", "float": "float64", "bool": "bool"}

# What these types are made of: pyarrow would cut what follows the point, and take true as 1.
_NUMBERS: Final = {"int64": (int,), "double": (int, float)}
_JSON: Final = "json"  # the type of a column that no type of Arrow has: each cell as JSON

# The line that a record begins on, its cells, and what is wrong with it.
_Record: TypeAlias = "tuple[int, list[Any], str | None]"


class TextReader:
    """What both kinds have in common.

    Args:
        source: what is read.
        stream: its text, unpacked.
        position: how many bytes of the source were read; 0 where that is not known.

    Attributes:
        types: what the columns' cells become, as the first chunk says or an earlier file said.
    """

    def __init__(
        self, source: Source, stream: io.TextIOWrapper, position: Callable[[], int]
    ) -> None:
        self._open = ExitStack()
        self._open.callback(stream.close)
        self._position = position
        self._name, self._size = source.name, source.size
        self.types: dict[str, Any] = {}
        self._read = 0  # characters
        self._lines = self._counted(stream)
        self._header: list[str] = []  # its own columns, without those of its folders
        self.columns = self._header
        self.rows: int | None = None

    def close(self) -> None:
        """Close what is open."""
        self._open.close()

    def _counted(self, stream: io.TextIOWrapper) -> Iterator[str]:
        for line in stream:
            self._read += len(line)
            yield line

    def _records(self) -> Iterator[_Record]:
        raise NotImplementedError

    def _type(self, cells: list[Any], leaf: str | None) -> Any:
        """What a column's cells become."""
        raise NotImplementedError

    def _column(
        self, cells: list[Any], kind: Any, leaf: str | None, refuse: Callable[[int, str], None]
    ) -> Column:
        """The cells in their type; those that have another are refused, and null."""
        raise NotImplementedError

    def _letters(self, cells: list[Any]) -> Column:
        """The cells as text."""
        raise NotImplementedError

    def chunks(self, skip: int, wanted: Wanted) -> Iterator[Chunk]:
        """See :class:`tfsclient.score._chunks.Reader`."""
        records: list[_Record] = []
        first = start = 0
        for record in self._records():
            records.append(record)
            if len(records) < ROWS and self._read - start < BYTES:
                continue
            yield from self._chunk(records, first, skip, wanted)
            first += len(records)
            records, start = [], self._read
        if records:
            yield from self._chunk(records, first, skip, wanted)

    def _chunk(
        self, records: list[_Record], first: int, skip: int, wanted: Wanted
    ) -> Iterator[Chunk]:
        if first + len(records) <= skip and self.types:
            return
        refused = {number: why for number, (_, _, why) in enumerate(records) if why is not None}
        typed, letters, fields, shown_as = [], [], [], []
        for index, name in enumerate(self._header):
            cells = [row[index] for _, row, _ in records]
            leaf = wanted.leaf(name)
            if name not in self.types:
                good = [cell for n, cell in enumerate(cells) if n not in refused]
                self.types[name] = self._type(good, leaf)

            def refuse(row: int, why: str, name: str = name) -> None:
                refused.setdefault(row, f"column {name!r} {why}")

            typed.append(self._column(cells, self.types[name], leaf, refuse))
            mark = AS_JSON if self.types[name] == _JSON else None
            fields.append(pa.field(name, typed[-1].type, metadata=mark))
            letters.append(typed[-1] if leaf is None else self._letters(cells))
            shown_as.append(fields[-1] if leaf is None else pa.field(name, pa.string()))
        start = max(0, skip - first)
        if start < len(records):
            yield Chunk(
                pa.RecordBatch.from_arrays(typed, schema=pa.schema(fields)).slice(start),
                first + start,
                min(1.0, self._position() / self._size) if self._size else 0.0,
                {row - start: why for row, why in refused.items() if row >= start},
                pa.RecordBatch.from_arrays(letters, schema=pa.schema(shown_as)).slice(start),
                [line for line, _, _ in records[start:]],
            )


class CsvReader(TextReader):
    """CSV: UTF-8 with commas, and a line of names first.  An empty cell is null, or no text."""

    def __init__(
        self, source: Source, stream: io.TextIOWrapper, position: Callable[[], int]
    ) -> None:
        super().__init__(source, stream, position)
        csv.field_size_limit(max(_LONGEST, csv.field_size_limit()))
        self._reader = csv.reader(self._lines, strict=True)
        try:
            header = self._header = self.columns = next(self._reader, [])
        except csv.Error as error:
            raise InvalidInput(f"{self._name}: the first line is not CSV: {error}") from None
        if not header or "" in header or len({*header}) < len(header):
            raise InvalidInput(
                f"{self._name}: the first line must name the columns, each once, but is "
                f"{shown(header)}"
            )

    def _records(self) -> Iterator[_Record]:
        width = len(self._header)
        while True:
            line = self._reader.line_num + 1
            try:
                row = next(self._reader, None)
            except csv.Error as error:
                yield line, [None] * width, f"is not CSV: {error}"
                continue
            if row is None:
                return
            if len(row) == width:
                yield line, row, None
            elif row:  # a line without anything is no row
                why = f"has {len(row)} cells, but the first line names {width}"
                if len(row) > width:
                    why += f": {shown(row[width:])} are too many"
                yield line, [*row, *[None] * width][:width], why
            elif width == 1:
                yield line, [""], None

    def _type(self, cells: list[Any], leaf: str | None) -> Any:
        if leaf is not None:
            return pa.type_for_alias(_LEAVES.get(leaf, "string"))
        texts = _decodable([cell for cell in cells if cell])
        column = pa.array(texts, pa.string())
        for kind, pattern in _WRITTEN.items():
            if texts and pc.all(pc.match_substring_regex(column, pattern)).as_py():
                with suppress(pa.ArrowInvalid):  # 9999999999999999999 is no int64
                    return column.cast(kind).type
        return pa.string()

    def _column(
        self, cells: list[Any], kind: Any, leaf: str | None, refuse: Callable[[int, str], None]
    ) -> Column:
        if kind == pa.string():
            return _texts(cells, refuse)
        if leaf is None:
            cells = self._as_before(cells, kind, refuse)
        stripped = [(cell.strip() or None) if cell else None for cell in cells]
        try:
            return pa.array(stripped, pa.string()).cast(kind)
        except (pa.ArrowInvalid, UnicodeEncodeError):
            values = []
            for row, cell in enumerate(stripped):
                try:
                    values.append(pa.scalar(cell, pa.string()).cast(kind).as_py())
                except (pa.ArrowInvalid, UnicodeEncodeError):
                    refuse(row, f"holds {shown(cell)}, not {_noun(kind)}")
                    values.append(None)
            return pa.array(values, kind)

    def _as_before(
        self, cells: list[str], kind: Any, refuse: Callable[[int, str], None]
    ) -> list[str]:
        """Refuse cells that would not stay what they are in the type of those before."""
        pattern = re.compile(_WRITTEN[str(kind)])
        for row, cell in enumerate(cells):
            if cell and not pattern.match(cell):
                noun = _noun(kind)
                refuse(row, f"holds {shown(cell)}, not written as {noun}, as the rows before are")
        return [cell if cell and pattern.match(cell) else "" for cell in cells]

    def _letters(self, cells: list[Any]) -> Column:
        return _texts(cells, lambda row, why: None)


class JsonReader(TextReader):
    """JSON lines: an object a line; the first chunk says which columns there are."""

    def __init__(
        self, source: Source, stream: io.TextIOWrapper, position: Callable[[], int]
    ) -> None:
        super().__init__(source, stream, position)
        self._numbered = enumerate(self._lines, 1)
        self._begun: list[tuple[int, dict[str, Any] | str]] = []
        for item in self._objects():
            self._begun.append(item)
            if len(self._begun) >= ROWS or self._read >= BYTES:
                break
        names = (name for _, row in self._begun if isinstance(row, dict) for name in row)
        self._header = self.columns = list(dict.fromkeys(names))
        if not self.columns:
            first = next((row for _, row in self._begun), None)
            raise InvalidInput(
                f"{self._name} is empty"
                if first is None
                else f"{self._name}: no line is an object with keys; the first {first}"
                if isinstance(first, str)
                else f"{self._name}: no object has a key",
                hint='JSON lines have an object a line, as in {"x": 1.0}',
            )

    def _objects(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        for line, text in self._numbered:
            if not text.strip():
                continue
            try:
                row = orjson.loads(text)
            except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
                yield line, f"is not JSON ({error}): {shown(text.strip())}"
            else:
                yield line, row if isinstance(row, dict) else f"is not an object: {shown(row)}"

    def _records(self) -> Iterator[_Record]:
        begun, self._begun = self._begun, []
        known = set(self._header)
        for items in (begun, self._objects()):
            for line, row in items:
                if isinstance(row, str):
                    yield line, [None] * len(self._header), row
                    continue
                cells, why = [row.get(name) for name in self._header], None
                if new := next((name for name in row if name not in known), None):
                    why = (
                        f"has the key {shown(new)}, which the first rows do not have: "
                        f"{shown(row[new])}"
                    )
                yield line, cells, why

    def _type(self, cells: list[Any], leaf: str | None) -> Any:
        values = [cell for cell in cells if cell is not None]
        first = values[0] if values else None
        if leaf == "text" or (leaf in _LEAVES and isinstance(first, str) and first not in _SPECIAL):
            # A name of a picture is text whatever the input wants; else the cell will be refused.
            bytes_ = any(isinstance(value, dict) and "b64" in value for value in values)
            return pa.binary() if bytes_ else _nested(pa.string(), _depth(first))
        if leaf in _LEAVES:
            depths = [_depth(value) for value in values[:100]]
            depth = max(set(depths), key=depths.count) if depths else 0
            return _nested(pa.type_for_alias(_LEAVES[leaf]), depth)
        try:
            kind = pa.array(values).type
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            return _JSON
        known = (pa.int64(), pa.float64(), pa.bool_(), pa.string())
        return kind if _leaf(kind) in known else _JSON

    def _column(
        self, cells: list[Any], kind: Any, leaf: str | None, refuse: Callable[[int, str], None]
    ) -> Column:
        del leaf
        if kind == pa.binary():
            cells = [_bytes(cell) for cell in cells]
        if kind == _JSON:
            return pa.array([None if c is None else orjson.dumps(c).decode() for c in cells])
        numbers = _NUMBERS.get(str(_leaf(kind)))
        if numbers is None or all(_holds(cell, numbers) for cell in cells):
            try:
                return pa.array(cells, kind)
            except (pa.ArrowException, UnicodeEncodeError, OverflowError):
                pass
        values = []
        for row, cell in enumerate(cells):
            value = _special(cell) if pa.types.is_floating(_leaf(kind)) else cell
            try:
                good = numbers is None or _holds(value, numbers)
                value = pa.scalar(value, kind).as_py() if good else None
            except (pa.ArrowException, UnicodeEncodeError, OverflowError):
                good, value = False, None
            if not good:
                refuse(row, f"holds {shown(cell)}, not {_noun(kind)}")
            values.append(value)
        return pa.array(values, kind)

    def _letters(self, cells: list[Any]) -> Column:
        texts = (c if c is None or isinstance(c, str) else orjson.dumps(c).decode() for c in cells)
        return _texts(list(texts), lambda row, why: None)


def _standard_input() -> io.BufferedReader:
    """Standard input with a buffer of its own.

    The thread that reads may be left waiting when a job ends, and Python aborts if it cannot get
    hold of the buffer of ``sys.stdin`` when it exits.
    """
    standard: Any = sys.stdin.buffer
    with suppress(OSError):  # of what only stands for it
        standard = io.FileIO(standard.fileno(), closefd=False)
    return io.BufferedReader(standard)


def open_text(source: Source) -> CsvReader | JsonReader:
    """The reader for CSV or JSON lines; for standard input its first character decides.

    Raises:
        InvalidInput: it cannot be read.
    """
    kind = source.kind
    if kind == "stdin":
        raw: Any = _standard_input()
        kind = "jsonl" if raw.peek(1)[:1] in (b"{", b"") else "csv"
        position: Callable[[], int] = lambda: 0  # noqa: E731
    else:
        raw, position = open_stream(source)
    newline, reader = ("", CsvReader) if kind == "csv" else ("\n", JsonReader)
    text = io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline=newline)
    return reader(source, text, position)


def _decodable(cells: list[str]) -> list[str]:
    return [cell for cell in cells if cell.isascii() or not _SURROGATES.search(cell)]


_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def _texts(cells: Sequence[Any], refuse: Callable[[int, str], None]) -> Column:
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


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        value, depth = (value[0] if value else None), depth + 1
    return depth


def _nested(kind: Any, depth: int) -> Any:
    for _ in range(depth):
        kind = pa.list_(kind)
    return kind


def _leaf(kind: Any) -> Any:
    while pa.types.is_list(kind):
        kind = kind.value_type
    return kind


def _holds(value: Any, numbers: tuple[type, ...]) -> bool:
    """Whether there is nothing in it but these types and nulls."""
    if isinstance(value, list):
        return all(_holds(item, numbers) for item in value)
    return value is None or type(value) in numbers


def _special(value: Any) -> Any:
    if isinstance(value, list):
        return [_special(item) for item in value]
    return float(value) if value in _SPECIAL else value


def _bytes(value: Any) -> Any:
    """The bytes that TF Serving's JSON writes as an object; anything else as it is."""
    if not isinstance(value, dict) or not isinstance(value.get("b64"), str):
        return value
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError):
        return value


def _noun(kind: Any) -> str:
    leaf = _leaf(kind)
    if leaf != kind:
        return f"a list such as {kind}"
    if pa.types.is_integer(leaf):
        return "a whole number"
    return (
        "a number"
        if pa.types.is_floating(leaf)
        else "true or false"
        if leaf == pa.bool_()
        else "text"
    )
