"""The chunks of all sources, read ahead on a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from tfsclient.errors import InvalidInput, TFSError
from tfsclient.score._arrow import FAILURES, Column, RecordBatch, Schema, pa, why
from tfsclient.score._cells import Why, leaf_of, refuse_inexact
from tfsclient.score._chunks import Chunk, Reader
from tfsclient.score._columns import Columns
from tfsclient.score._files import Source
from tfsclient.score._readers import open_reader, with_partition
from tfsclient.score._text import TextReader

_AHEAD: Final = 1  # chunks that wait, beside the one that is being read


class Read(NamedTuple):
    """A chunk, and where it comes from."""

    source: int
    chunk: Chunk
    done: float  # how much of all the sources has been read, 0 to 1


class Rows(Protocol):
    """What a job takes its rows from; see :class:`Feed`."""

    columns: Columns
    names: list[str]
    total: int | None

    def start(self) -> None:
        """Begin to read."""

    def take(self) -> Read | None:
        """The next rows; None after the last ones."""
        ...

    def stop(self) -> None:
        """Read no more."""


class Feed:
    """Reads.

    Args:
        sources: in order.
        columns: makes the mapping for the columns of the first one, whose kind is known by then.
        position: the source and the row to begin with.
        limit: how many rows to read in all, from the very beginning of the sources; None for all.
        wake: is called when there is something to take.
        loose: whether rows of standard input may differ in their columns and what those hold.

    Attributes:
        columns: the mapping.
        names: the columns of every source.
        total: how many rows there are, if that is known.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        columns: Callable[[Sequence[str], Source], Columns],
        position: tuple[int, int],
        limit: int | None,
        wake: Callable[[], None],
        *,
        loose: bool = False,
    ) -> None:
        self._sources = sources
        self._position = position
        self._limit = limit
        self._wake = wake
        self._loose = loose
        self._taken: queue.Queue[Read | TFSError | None] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._schema: Schema | None = None
        self._first: Reader | None = open_reader(sources[0], loose=loose)
        self.names = list(self._first.columns)
        kind = self._first.kind if isinstance(self._first, TextReader) else sources[0].kind
        self.columns = columns(self.names, replace(sources[0], kind=kind))
        self.total = self._first.rows if len(sources) == 1 else None
        if self.total is not None and limit is not None:
            self.total = min(self.total, limit)
        self._thread = threading.Thread(target=self._run, name="tfsclient-score", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self) -> Read | None:
        """The next chunk, if one is there.

        Raises:
            queue.Empty: none is there yet.
            TFSError: a source cannot be read.
        """
        found = self._taken.get_nowait()
        if isinstance(found, TFSError):
            raise found
        return found

    def stop(self) -> None:
        """Read no more; a thread that waits for standard input is left behind."""
        self._stopped.set()
        if not self._thread.ident and self._first is not None:
            self._first.close()

    def _put(self, item: Read | TFSError | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._taken.put(item, timeout=0.1)
            except queue.Full:
                continue
            self._wake()
            return True
        return False

    def _run(self) -> None:
        try:
            for read in self._reads():
                if not self._put(read):
                    return
            self._put(None)
        except TFSError as error:
            self._put(error)
        except Exception as error:  # noqa: BLE001 (who waits for the rows must hear of it)
            self._put(InvalidInput(f"cannot read the input: {why(error)}"))

    def _reads(self) -> Iterator[Read]:
        start, skip = self._position
        sizes = [max(1, source.size) for source in self._sources]
        left = self._limit
        types: dict[str, Any] = {}  # of text, whose first chunk decides for all
        for number, source in enumerate(self._sources):
            if 0 < number < start and left is None:
                continue
            reader, self._first = self._first if number == 0 else None, None
            with closing(reader or open_reader(source)) as opened:
                if isinstance(opened, TextReader):
                    opened.types.update(types)
                    types = opened.types
                if number < start:
                    left = self._pass_over(source, opened, left, first=number == 0)
                    continue
                self._check_columns(source, opened)
                begin = skip if number == start else 0
                left = None if left is None else left - begin
                if left is not None and left <= 0:
                    return
                for chunk in self._chunks(source, opened, begin):
                    if left is not None:
                        chunk.table = chunk.table.slice(0, left)
                        left -= chunk.table.num_rows
                    done = (sum(sizes[:number]) + sizes[number] * chunk.done) / sum(sizes)
                    yield Read(number, chunk, done)
                    if left is not None and left <= 0:
                        return  # rather than wait for what will not be taken

    def _pass_over(
        self, source: Source, reader: Reader, left: int | None, *, first: bool
    ) -> int | None:
        """What is left of the limit after a source that was read before.

        Of the very first one a chunk is read all the same, for it says what the columns hold.
        """
        counts = left is not None and reader.rows is None
        rows = 0
        if first or counts:
            for chunk in self._chunks(source, reader, 0):
                rows += chunk.table.num_rows
                if not counts:
                    break
        if left is None:
            return None
        return max(0, left - (rows if reader.rows is None else reader.rows))

    def _chunks(self, source: Source, reader: Reader, skip: int) -> Iterator[Chunk]:
        chunks = reader.chunks(skip, self.columns)
        while True:
            try:
                chunk = next(chunks, None)
                if chunk is None:
                    return
                chunk = with_partition(chunk, source.partition)
                if self._schema is None:
                    self._schema = chunk.table.schema
                    self.columns.check(self._schema)
                elif not self._loose and not chunk.table.schema.equals(self._schema):
                    given = chunk.table
                    chunk.table = _as_before(given, self._schema, source)
                    self._check_floats(given, chunk)
            except FAILURES as error:
                raise InvalidInput(f"cannot read {source.name}: {why(error)}") from error
            yield chunk

    def _check_floats(self, given: RecordBatch, chunk: Chunk) -> None:
        """Refuse rows whose integers became floats, as those before are, that an input rounds."""
        for name, column in zip(chunk.table.schema.names, chunk.table.columns, strict=True):
            want, before = self.columns.floats(name), leaf_of(given.column(name).type)
            made = pa.types.is_integer(before) and pa.types.is_floating(leaf_of(column.type))
            if want is None or not made:
                continue

            def refuse(row: int, why: Why, name: str = name) -> None:
                chunk.refused.setdefault(row, f"column {name!r} {why.short}")

            refuse_inexact(column, given.column(name).to_pylist(), want, refuse)

    def _check_columns(self, source: Source, reader: Reader) -> None:
        if set(reader.columns) == set(self.names):
            return
        missing = [name for name in self.names if name not in reader.columns]
        more = [name for name in reader.columns if name not in self.names]
        raise InvalidInput(
            f"{source.name} has other columns than {self._sources[0].name}: "
            + "; ".join(
                f"{word} {', '.join(names)}"
                for word, names in (("no", missing), ("also", more))
                if names
            )
        )


def _as_before(table: RecordBatch, schema: Schema, source: Source) -> RecordBatch:
    """The rows with the columns and types of the files before, if they are the same as those.

    Raises:
        InvalidInput: a type is another, and its values would change.
    """
    columns = []
    for field in schema:
        column = table.column(field.name)
        if column.type != field.type:
            try:
                cast = column.cast(field.type)
                same = _equal(cast.cast(column.type), column)
            except pa.ArrowException:
                cast, same = column, False
            if not same:
                raise InvalidInput(
                    f"{source.name}: column {field.name!r} holds {column.type}, but {field.type} "
                    "in the files before, which cannot hold its values",
                    hint="score these files apart, or write them with one schema",
                )
            column = cast
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _equal(one: Column, other: Column) -> bool:
    """Whether they hold the same, where a NaN is the same as another."""
    while pa.types.is_list(one.type) or pa.types.is_large_list(one.type):
        one, other = one.flatten(), other.flatten()
    if pa.types.is_floating(one.type):
        pair = one.to_numpy(zero_copy_only=False), other.to_numpy(zero_copy_only=False)
        return np.array_equal(*pair, equal_nan=True)
    return bool(one.equals(other))
