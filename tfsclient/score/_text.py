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
from contextlib import ExitStack
from typing import Any, Final, TypeAlias

import orjson

from tfsclient.errors import InvalidInput, shown
from tfsclient.score._arrow import Column, pa, pc
from tfsclient.score._files import Source
from tfsclient.score._readers import BYTES, ROWS, Chunk, Wanted

_LONGEST: Final = 1 << 30  # characters of a cell: a picture in base64 passes csv's own limit
_INTEGER: Final = r"^(0|-?[1-9][0-9]{0,17})$"
_NUMBER: Final = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$|^nan$|^NaN$|^-?inf$"
_SPECIAL: Final = ("NaN", "Infinity", "-Infinity")  # as strict JSON writes them, and we do
_LEAVES: Final = {"int": "int64", "float": "float64", "bool": "bool"}

# The line that a record begins on, and its cells or what is wrong with it.
_Record: TypeAlias = "tuple[int, list[Any] | str]"


class _TextReader:
    """What both kinds have in common.

    Args:
        source: what is read.
        stream: its text, unpacked.
        position: how many bytes of the source were read; 0 where that is not known.
    """

    def __init__(
        self, source: Source, stream: io.TextIOWrapper, position: Callable[[], int]
    ) -> None:
        self._open = ExitStack()
        self._open.callback(stream.close)
        self._position = position
        self._name, self._size = source.name, source.size
        self._types: dict[str, Any] = {}
        self.columns: list[str] = []
        self.rows: int | None = None

    def close(self) -> None:
        """Close what is open."""
        self._open.close()

    def _records(self) -> Iterator[_Record]:
        raise NotImplementedError

    def _type(self, cells: list[Any], leaf: str | None) -> Any:
        """What a column's cells become."""
        raise NotImplementedError

    def _column(self, cells: list[Any], kind: Any, refuse: Callable[[int, str], None]) -> Column:
        """The cells in their type; those that have another are refused, and null."""
        raise NotImplementedError

    def _letters(self, cells: list[Any]) -> Column:
        """The cells as text."""
        raise NotImplementedError

    def chunks(self, skip: int, wanted: Wanted) -> Iterator[Chunk]:
        """See :class:`tfsclient.score._readers.Reader`."""
        records: list[_Record] = []
        first = 0
        start = self._position()
        for number, record in enumerate(self._records()):
            records.append(record)
            if len(records) < ROWS and (number % 64 or self._position() - start < BYTES):
                continue
            yield from self._chunk(records, first, skip, wanted)
            first += len(records)
            records, start = [], self._position()
        if records:
            yield from self._chunk(records, first, skip, wanted)

    def _chunk(
        self, records: list[_Record], first: int, skip: int, wanted: Wanted
    ) -> Iterator[Chunk]:
        if first + len(records) <= skip and self._types:
            return
        refused: dict[int, str] = {}
        blank: list[Any] = [None] * len(self.columns)
        rows: list[list[Any]] = []
        for number, (_, row) in enumerate(records):
            if isinstance(row, str):
                refused[number] = row
            rows.append(blank if isinstance(row, str) else row)
        typed, letters = [], []
        for index, name in enumerate(self.columns):
            cells = [row[index] for row in rows]
            leaf = wanted.leaf(name)
            if name not in self._types:
                self._types[name] = self._type(cells, leaf)

            def refuse(row: int, why: str, name: str = name) -> None:
                refused.setdefault(row, f"column {name!r} {why}")

            typed.append(self._column(cells, self._types[name], refuse))
            letters.append(typed[-1] if leaf is None else self._letters(cells))
        start = max(0, skip - first)
        if start < len(records):
            yield Chunk(
                pa.RecordBatch.from_arrays(typed, self.columns).slice(start),
                first + start,
                min(1.0, self._position() / self._size) if self._size else 0.0,
                {row - start: why for row, why in refused.items() if row >= start},
                pa.RecordBatch.from_arrays(letters, self.columns).slice(start),
                [line for line, _ in records[start:]],
            )


class CsvReader(_TextReader):
    """CSV: UTF-8 with commas, and a line of names first.  An empty cell is null, or no text."""

    def __init__(
        self, source: Source, stream: io.TextIOWrapper, position: Callable[[], int]
    ) -> None:
        super().__init__(source, stream, position)
        csv.field_size_limit(max(_LONGEST, csv.field_size_limit()))
        self._reader = csv.reader(stream, strict=True)
        try:
            self.columns = next(self._reader, [])
        except csv.Error as error:
            raise InvalidInput(f"{self._name}: the first line is not CSV: {error}") from None
        if not self.columns or "" in self.columns or len({*self.columns}) < len(self.columns):
            raise InvalidInput(
                f"{self._name}: the first line must name the columns, each once, but is "
                f"{shown(self.columns)}"
            )

    def _records(self) -> Iterator[_Record]:
        width = len(self.columns)
        while True:
            line = self._reader.line_num + 1
            try:
                row = next(self._reader, None)
            except csv.Error as error:
                yield line, f"is not CSV: {error}"
                continue
            if row is None:
                return
            if len(row) == width:
                yield line, row
            elif row:  # a line without anything is no row
                yield line, f"has {len(row)} cells, but the first line names {width}"
            elif width == 1:
                yield line, [""]

    def _type(self, cells: list[Any], leaf: str | None) -> Any:
        if leaf is not None:
            return pa.type_for_alias(_LEAVES.get(leaf, "string"))
        texts = _decodable([cell for cell in cells if cell])
        column = pa.array(texts, pa.string())
        for pattern, kind in ((_INTEGER, "int64"), (_NUMBER, "float64")):
            if texts and pc.all(pc.match_substring_regex(column, pattern)).as_py():
                return pa.type_for_alias(kind)
        return pa.string()

    def _column(self, cells: list[Any], kind: Any, refuse: Callable[[int, str], None]) -> Column:
        if kind == pa.string():
            return _texts(cells, refuse)
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

    def _letters(self, cells: list[Any]) -> Column:
        return _texts(cells, lambda row, why: None)


class JsonReader(_TextReader):
    """JSON lines: an object a line; the first chunk says which columns there are."""

    def __init__(
        self, source: Source, stream: io.TextIOWrapper, position: Callable[[], int]
    ) -> None:
        super().__init__(source, stream, position)
        self._lines = enumerate(stream, 1)
        self._begun: list[tuple[int, dict[str, Any] | str]] = []
        start = position()
        for number, item in enumerate(self._objects()):
            self._begun.append(item)
            if number + 1 >= ROWS or (number % 64 == 0 and position() - start >= BYTES):
                break
        names = (name for _, row in self._begun if isinstance(row, dict) for name in row)
        self.columns = list(dict.fromkeys(names))

    def _objects(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        for line, text in self._lines:
            if not text.strip():
                continue
            try:
                row = orjson.loads(text)
            except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
                yield line, f"is not JSON: {error}"
            else:
                yield line, row if isinstance(row, dict) else f"is not an object: {shown(row)}"

    def _records(self) -> Iterator[_Record]:
        begun, self._begun = self._begun, []
        known = set(self.columns)
        for items in (begun, self._objects()):
            for line, row in items:
                if isinstance(row, str):
                    yield line, row
                elif row.keys() <= known:
                    yield line, [row.get(name) for name in self.columns]
                else:
                    new = next(name for name in row if name not in known)
                    yield line, f"has the key {shown(new)}, which no earlier row has"

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
        except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
            return pa.string()
        plain = re.sub(r"list<(item|element): |>", "", str(kind))
        return kind if plain in ("int64", "double", "bool", "string") else pa.string()

    def _column(self, cells: list[Any], kind: Any, refuse: Callable[[int, str], None]) -> Column:
        if kind == pa.binary():
            cells = [_bytes(cell) for cell in cells]
        try:
            return pa.array(cells, kind)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError):
            pass
        values = []
        for row, cell in enumerate(cells):
            value = _special(cell) if pa.types.is_floating(_leaf(kind)) else cell
            try:
                value = pa.scalar(value, kind).as_py()
            except (pa.ArrowException, UnicodeEncodeError, OverflowError):
                if kind == pa.string():
                    value = orjson.dumps(cell).decode()
                else:
                    refuse(row, f"holds {shown(cell)}, not {_noun(kind)}")
                    value = None
            values.append(value)
        return pa.array(values, kind)

    def _letters(self, cells: list[Any]) -> Column:
        texts = (c if c is None or isinstance(c, str) else orjson.dumps(c).decode() for c in cells)
        return _texts(list(texts), lambda row, why: None)


def open_text(source: Source) -> CsvReader | JsonReader:
    """The reader for CSV or JSON lines; for standard input its first character decides.

    Raises:
        InvalidInput: it cannot be read.
    """
    kind = source.kind
    if kind == "stdin":
        raw: Any = io.BufferedReader(sys.stdin.buffer)
        kind = "jsonl" if raw.peek(1)[:1] in (b"{", b"") else "csv"
        position: Callable[[], int] = lambda: 0  # noqa: E731
    else:
        (file,) = source.files
        plain = source.system.open_input_stream(file.path, compression=None)
        packed = pa.Codec.detect(file.path).name if _is_packed(file.path) else None
        raw = pa.CompressedInputStream(plain, packed) if packed else plain
        raw, position = io.BufferedReader(raw, 1 << 20), plain.tell
    newline, reader = ("", CsvReader) if kind == "csv" else ("\n", JsonReader)
    text = io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline=newline)
    return reader(source, text, position)


def _is_packed(path: str) -> bool:
    return path.endswith((".gz", ".bz2", ".zst", ".lz4"))


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
