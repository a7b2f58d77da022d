"""Rows as Parquet, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, BinaryIO, Final, Protocol

import numpy as np
import orjson

from tfsclient.results._json import string_to_json
from tfsclient.score._arrow import RecordBatch, Schema, pa, pq

_GROUP_ROWS: Final = 1 << 16  # of a row group, which small ones slow down
_MOST_BATCHES: Final = 1 << 10
_GROUP_BYTES: Final = 16 << 20


class Writer(Protocol):
    """Writes batches of one schema to a file that somebody else opens and closes."""

    def write(self, batch: RecordBatch) -> None:
        """Write rows, now or later."""

    def finish(self) -> None:
        """Write what is left."""

    def discard(self) -> None:
        """Write no more, for the file is given up."""


class ParquetRows:
    """Parquet, in row groups of many batches; a thread writes one while the next comes together."""

    def __init__(self, file: BinaryIO, schema: Schema, about: Mapping[str, str]) -> None:
        schema = schema.with_metadata({f"tfsclient.{name}": text for name, text in about.items()})
        self._schema = schema
        self._writer = pq.ParquetWriter(file, schema)
        self._thread = ThreadPoolExecutor(1, "tfsclient-score")
        self._written: Future[None] | None = None
        self._batches: list[RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: RecordBatch) -> None:
        """See :class:`Writer`."""
        self._batches.append(batch.replace_schema_metadata(self._schema.metadata))
        self._rows += batch.num_rows
        self._bytes += batch.get_total_buffer_size() if batch.num_rows > 64 else batch.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._flush()
        elif len(self._batches) >= _MOST_BATCHES:  # of a row each, say: each has buffers of its own
            self._batches = pa.Table.from_batches(self._batches).combine_chunks().to_batches()

    def finish(self) -> None:
        """See :class:`Writer`."""
        self._flush()
        self._wait()
        self._thread.shutdown()
        self._writer.close()

    def discard(self) -> None:
        """See :class:`Writer`."""
        self._thread.shutdown()
        with suppress(Exception):
            self._writer.close()
        self._writer.is_open = False  # else it tries once more when it is collected

    def _flush(self) -> None:
        self._wait()
        if self._batches:
            rows = pa.Table.from_batches(self._batches, self._schema)
            self._written = self._thread.submit(self._writer.write_table, rows)
        self._batches, self._rows, self._bytes = [], 0, 0

    def _wait(self) -> None:
        written, self._written = self._written, None
        if written is not None:
            written.result()


class JsonRows:
    """Strict JSON, an object a line."""

    def __init__(self, file: BinaryIO, schema: Schema, about: Mapping[str, str]) -> None:
        del about
        self._file = file
        self._columns = [
            (orjson.dumps(f.name) + b":", None if _is_json(f) else f.type) for f in schema
        ]

    def write(self, batch: RecordBatch) -> None:
        """See :class:`Writer`."""
        texts = [
            [name + cell for cell in _json_column(column, kind)]
            for (name, kind), column in zip(self._columns, batch.columns, strict=True)
        ]
        lines = [b"{" + b",".join(row) + b"}\n" for row in zip(*texts, strict=True)]
        self._file.write(b"".join(lines))

    def finish(self) -> None:
        """See :class:`Writer`."""

    discard = finish


class CsvRows:
    """CSV after a line of names; lists are JSON, a null is an empty cell."""

    def __init__(self, file: BinaryIO, schema: Schema, about: Mapping[str, str]) -> None:
        del about
        self._file = file
        self._types = [field.type for field in schema]
        self._rows([[field.name for field in schema]])

    def write(self, batch: RecordBatch) -> None:
        """See :class:`Writer`."""
        columns = [
            _csv_cells(column, kind)
            for kind, column in zip(self._types, batch.columns, strict=True)
        ]
        self._rows([list(row) for row in zip(*columns, strict=True)])

    def finish(self) -> None:
        """See :class:`Writer`."""

    discard = finish

    def _rows(self, rows: list[list[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode())


WRITERS: Final[Mapping[str, type[ParquetRows | JsonRows | CsvRows]]] = {
    "parquet": ParquetRows,
    "jsonl": JsonRows,
    "csv": CsvRows,
}


def _is_json(field: Any) -> bool:
    return bool(field.metadata) and b"tfsclient.json" in field.metadata


def _json_column(column: Any, kind: Any) -> list[bytes]:
    """A column as JSON; numbers many at once, as numpy's arrays."""
    if kind is not None and not column.null_count:
        if _is_number(kind):
            return _json_numbers(column.to_numpy(zero_copy_only=False))
        if pa.types.is_list(kind) and _is_number(kind.value_type):
            numbers = column.flatten()
            if not numbers.null_count:
                cells = _json_numbers(numbers.to_numpy(zero_copy_only=False))
                ends = np.cumsum(np.asarray(column.value_lengths())).tolist()
                starts = [0, *ends[:-1]]
                rows = [cells[start:end] for start, end in zip(starts, ends, strict=True)]
                return [b"[" + b",".join(row) + b"]" for row in rows]
    return _json_cells(_values(column), kind)


def _values(column: Any) -> list[Any]:
    """A column's values; as text what Python has no type for, as times of nanoseconds."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        values = column.cast(pa.string()).to_pylist()
    return values


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind))


def _json_numbers(array: Any) -> list[bytes]:
    if not len(array):
        return []
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    cells = text[1:-1].split(b",")
    if array.dtype.kind == "f":
        for index in np.flatnonzero(~np.isfinite(array)).tolist():
            cells[index] = orjson.dumps(_plain(float(array[index])))
    return cells


def _json_cells(values: list[Any], kind: Any) -> list[bytes]:
    """The values as JSON; a kind of None is that already."""
    if kind is None:
        return [b"null" if value is None else value.encode() for value in values]
    convert = _plain if _needs_care(kind) else None
    if pa.types.is_float32(_leaf(kind)) or pa.types.is_float16(_leaf(kind)):
        convert = _short
    return [
        orjson.dumps(value if convert is None else convert(value), default=str) for value in values
    ]


def _needs_care(kind: Any) -> bool:
    leaf = _leaf(kind)
    return not (pa.types.is_integer(leaf) or pa.types.is_boolean(leaf) or pa.types.is_string(leaf))


def _leaf(kind: Any) -> Any:
    while hasattr(kind, "value_type"):
        kind = kind.value_type
    return kind


def _short(value: Any) -> Any:
    """Floats of 32 bits with as few digits as identify them."""
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, float) and math.isfinite(value):
        return float(str(np.float32(value)))
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value as strict JSON can write it: NaN and the infinities by name, bytes as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return string_to_json(value) if isinstance(value, bytes) else value


def _csv_cells(column: Any, kind: Any) -> list[Any]:
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_nested(kind):
        cells = [cell.decode() for cell in _json_column(column, kind)]
        return [None if cell == "null" else cell for cell in cells]
    if pa.types.is_float32(kind) and not column.null_count:
        texts: list[str] = column.to_numpy(zero_copy_only=False).astype(str).tolist()
        return texts
    values = _values(column)
    if pa.types.is_boolean(kind):
        return [None if value is None else str(value).lower() for value in values]
    if pa.types.is_float32(kind):
        return [_short(value) for value in values]
    return [_csv_bytes(value) if isinstance(value, bytes) else value for value in values]


def _csv_bytes(value: bytes) -> str:
    text = _plain(value)
    return text if isinstance(text, str) else orjson.dumps(text).decode()
