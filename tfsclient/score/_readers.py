"""Files as chunks of rows: Parquet, numpy's arrays, TFRecord and pictures; text has its own module.

A chunk has some ten thousand rows or some megabytes, whichever is less, so that memory does not
depend on how many rows there are.
"""

from __future__ import annotations

import codecs
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from tfsclient._codec.tfrecord import BrokenRecord, records
from tfsclient.errors import InvalidInput, counted
from tfsclient.score._arrow import FAILURES, RecordBatch, pa, pq, to_column, why
from tfsclient.score._chunks import BYTES, ROWS, Chunk, Reader, Wanted
from tfsclient.score._csv import CsvReader
from tfsclient.score._files import Source, open_stream
from tfsclient.score._json import JsonReader
from tfsclient.score._lines import FileLines, Lines, PipeLines, standard_input

# What the columns are called of files that name none.
ARRAY, EXAMPLE, PATH = "array", "example", "path"


class _Closing:
    """What is closed with the reader."""

    def __init__(self) -> None:
        self._open = ExitStack()

    def close(self) -> None:
        """Close what is open."""
        self._open.close()


class ParquetReader(_Closing):
    """A Parquet file, a row group after the other."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        file = self._open.enter_context(source.system.open_input_file(source.files[0].path))
        self._file = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        self.columns: list[str] = self._file.schema_arrow.names
        self.rows: int | None = self._file.metadata.num_rows

    def chunks(self, skip: int, wanted: Wanted) -> Iterator[Chunk]:
        """See :class:`Reader`."""
        del wanted
        meta, first = self._file.metadata, 0
        groups: list[int] = []
        for number in range(meta.num_row_groups):
            count = meta.row_group(number).num_rows
            if not groups and first + count <= skip:
                first += count
            else:
                groups.append(number)
        largest = max((self._row_bytes(number) for number in groups), default=1)
        rows = max(1, min(ROWS, int(BYTES / largest)))
        for batch in self._file.iter_batches(rows, row_groups=groups, use_threads=False):
            start = max(0, skip - first)
            if start < batch.num_rows:
                done = (first + batch.num_rows) / meta.num_rows
                yield Chunk(_without_views(batch).slice(start), first + start, done)
            first += batch.num_rows

    def _row_bytes(self, group: int) -> float:
        meta = self._file.metadata.row_group(group)
        return float(max(1.0, meta.total_byte_size / max(1, meta.num_rows)))


def _without_views(batch: RecordBatch) -> RecordBatch:
    """The rows without types that pyarrow can do little with."""
    columns, types = batch.columns, pa.types
    for number, column in enumerate(columns):
        if types.is_string_view(column.type):
            columns[number] = column.cast(pa.string())
        elif types.is_binary_view(column.type):
            columns[number] = column.cast(pa.binary())
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


class ArrayReader(_Closing):
    """A .npy or .npz file: the first dimension of an array is the rows, an array is a column."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        file = self._open.enter_context(source.system.open_input_file(source.files[0].path))
        self._streams: dict[str, BinaryIO] = {}
        if source.kind == "npy":
            self._streams[ARRAY] = file
        else:
            archive = self._open.enter_context(zipfile.ZipFile(file))
            for name in archive.namelist():
                member: Any = self._open.enter_context(archive.open(name))
                self._streams[name.removesuffix(".npy")] = member
        self._forms = {
            name: _read_form(f"{source.name}: the array {name!r}", file)
            for name, file in self._streams.items()
        }
        self._name = source.name
        counts = {name: shape[0] for name, (shape, _) in self._forms.items()}
        if len(set(counts.values())) > 1:
            raise InvalidInput(f"{source.name}: its arrays differ in their rows: {counts}")
        self.columns = list(self._forms)
        self.rows: int | None = next(iter(counts.values()), 0)

    def chunks(self, skip: int, wanted: Wanted) -> Iterator[Chunk]:
        """See :class:`Reader`."""
        del wanted
        total = self.rows or 0
        sizes = [math.prod(shape[1:]) * dtype.itemsize for shape, dtype in self._forms.values()]
        rows = max(1, min(ROWS, BYTES // max(1, sum(sizes))))
        for first in range(0, total, rows):
            count = min(rows, total - first)
            columns = {name: self._read(name, count) for name in self._forms}
            whole = min(map(len, columns.values()))
            cut = [column.slice(0, whole) for column in columns.values()]
            batch = pa.RecordBatch.from_arrays(cut, list(columns))
            start = max(0, skip - first)
            if start < whole:
                yield Chunk(batch.slice(start), first + start, (first + count) / total)
            if whole < count:
                short = next(name for name, column in columns.items() if len(column) == whole)
                raise InvalidInput(
                    f"{self._name}: the array {short!r} ends after row {first + whole}, too early: "
                    "the file is cut short or broken"
                )

    def _read(self, name: str, rows: int) -> Any:
        """The next rows of an array, as many as there are whole."""
        shape, dtype = self._forms[name]
        row = math.prod(shape[1:]) * dtype.itemsize
        data = b"".join(_pieces(self._streams[name], rows * row))
        rows = min(rows, len(data) // row) if row else rows
        array = np.frombuffer(data[: rows * row], dtype).reshape(rows, *shape[1:])
        return to_column(array.astype(dtype.newbyteorder("="), copy=False))


def _pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """As much as can be read of so many bytes."""
    with suppress(*FAILURES, zipfile.BadZipFile):
        while size > 0 and (piece := stream.read(size)):
            size -= len(piece)
            yield piece


def _read_form(which: str, file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and the dtype of an array that follows."""
    form: Any = np.lib.format
    try:
        version = form.read_magic(file)
        read = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except ValueError as error:
        raise InvalidInput(f"{which} cannot be read: {why(error)}") from None
    if dtype.kind not in "biufcSU":
        raise InvalidInput(f"{which} holds {dtype}, which no tensor has")
    if not shape or fortran:
        wrong = "is in Fortran's order" if fortran else "has no dimension for rows"
        raise InvalidInput(f"{which} {wrong}", hint="save numpy.ascontiguousarray(...) of rows")
    return shape, dtype


class RecordReader(_Closing):
    """A TFRecord file of Examples, which stay as they are."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        (file,) = source.files
        self._stream, self._position = open_stream(source)
        self._open.enter_context(self._stream)
        self._name, self._size = file.name, file.size
        self.columns = [EXAMPLE]
        self.rows: int | None = None

    def chunks(self, skip: int, wanted: Wanted) -> Iterator[Chunk]:
        """See :class:`Reader`."""
        del wanted
        number, records_ = 0, records(self._stream, None)
        while True:
            found, broken = self._gather(records_)
            start = max(0, skip - number)
            if start < len(found):
                yield self._chunk(found[start:], number + start)
            number += len(found)
            if broken is not None:
                raise InvalidInput(f"{self._name}: {broken}, after {counted(number, 'record')}")
            if not found:
                return

    def _gather(self, found: Iterator[bytes]) -> tuple[list[bytes], str | None]:
        """As many as a chunk has, and what keeps the next one from being read."""
        gathered: list[bytes] = []
        size = 0
        try:
            for record in found:
                gathered.append(record)
                size += len(record)
                if len(gathered) == ROWS or size >= BYTES:
                    break
        except BrokenRecord as error:
            return gathered, f"the record at byte {error.offset} is {error.how}"
        except FAILURES as error:
            return gathered, f"cannot read on: {why(error)}"
        return gathered, None

    def _chunk(self, found: list[bytes], first: int) -> Chunk:
        batch = pa.RecordBatch.from_arrays([pa.array(found, pa.binary())], [EXAMPLE])
        return Chunk(batch, first, min(1.0, self._position() / max(1, self._size)))


class PictureReader(_Closing):
    """Pictures by their names; they are read when they are sent."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._names = [file.name for file in source.files]
        self.columns = [PATH]
        self.rows: int | None = len(self._names)

    def chunks(self, skip: int, wanted: Wanted) -> Iterator[Chunk]:
        """See :class:`Reader`."""
        del wanted
        for first in range(skip, len(self._names), ROWS):
            names = self._names[first : first + ROWS]
            batch = pa.RecordBatch.from_arrays([pa.array(names, pa.string())], [PATH])
            yield Chunk(batch, first, (first + len(names)) / len(self._names))


def with_partition(chunk: Chunk, partition: Mapping[str, Any]) -> Chunk:
    """The chunk with columns for what the names of its folders say."""
    for name, value in partition.items():
        column = pa.array(
            [value] * chunk.table.num_rows, None if value is not None else pa.string()
        )
        if name in chunk.table.schema.names:
            continue  # the file's own column wins
        chunk.table = chunk.table.append_column(name, column)
        if chunk.letters is not None:
            chunk.letters = chunk.letters.append_column(name, column)
    return chunk


def _open_text(source: Source, *, loose: bool) -> CsvReader | JsonReader:
    """The reader for CSV or JSON lines; for standard input its first character decides."""
    kind, raw = source.kind, None
    position: Callable[[], int] = lambda: 0  # noqa: E731
    if kind == "stdin":
        raw = standard_input()
        start = raw.peek(1).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        kind = "jsonl" if start in (b"{", b"") else "csv"
    newline = "" if kind == "csv" else "\n"
    lines: Lines
    if raw is not None:
        lines = PipeLines(raw, newline)
    else:
        stream, position = open_stream(source)
        lines = FileLines(stream, newline)
    return (CsvReader if kind == "csv" else JsonReader)(
        source, lines, position, loose=raw is not None and loose
    )


def open_reader(source: Source, *, loose: bool = False) -> Reader:
    """The reader for a source.

    Args:
        source: what to read.
        loose: whether rows of standard input may differ in what their columns hold.

    Raises:
        InvalidInput: it cannot be read.
    """
    kinds: dict[str, Any] = {
        "parquet": ParquetReader,
        "npy": ArrayReader,
        "npz": ArrayReader,
        "tfrecord": RecordReader,
        "pictures": PictureReader,
    }
    try:
        reader: Reader = kinds.get(source.kind, partial(_open_text, loose=loose))(source)
    except (*FAILURES, zipfile.BadZipFile) as error:
        raise InvalidInput(f"cannot read {source.name}: {why(error)}") from error
    twice = next((name for name in reader.columns if reader.columns.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"{source.name} has two columns that are called {twice!r}")
    reader.columns = [*reader.columns, *(n for n in source.partition if n not in reader.columns)]
    return reader
