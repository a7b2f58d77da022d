"""A job that another engine shares out, on one of its workers: rows in, rows out."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from typing import Final

from tfsclient._client.sync import Client
from tfsclient.errors import InvalidInput, NotFound
from tfsclient.score._arrow import RecordBatch, Schema, pa, why
from tfsclient.score._chunks import Chunk
from tfsclient.score._columns import Columns, _leaf
from tfsclient.score._feed import Read
from tfsclient.score._job import Job
from tfsclient.score._pace import Pace
from tfsclient.score._plan import Plan, named
from tfsclient.score._stream import Stream

_PLANS: Final = 16  # whose pace a worker remembers
_ROWS: Final = 1 << 10  # of a batch that is handed on, at least, unless it has
_BYTES: Final = 4 << 20

_HINTS: Final = {
    True: "binary=[...] names the outputs whose strings are bytes, and not text",
    False: "the model's answer differs from its signature; schemas={...} gives another one",
}

_lock = threading.Lock()
_clients: dict[bytes, Client] = {}  # of this process, by how they were made
_paces: dict[str, Pace] = {}  # of the last rows, for the next ones


def client_of(plan: Plan) -> Client:
    """This process's client for a plan."""
    with _lock:
        client = _clients.get(plan.client)
        if client is None:
            client = _clients[plan.client] = pickle.loads(plan.client)  # noqa: S301 (the driver's)
        return client


def score(
    plan: Plan, batches: Iterable[RecordBatch], where: str, *, whole: bool = False
) -> Iterator[RecordBatch]:
    """Run the model on batches, whose rows come out in their order, in batches of other sizes.

    Args:
        plan: what to do.
        batches: of one schema.
        where: what errors call them.
        whole: whether the first batch is the only one, of a size that was chosen for a call.

    Raises:
        TFSError: a row or a call failed for good.
    """
    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        return
    columns = plan.columns(first.schema, where)
    rows = _Rows(columns, first, batches)
    out = _Collected(plan, plan.fields(first.schema, columns), where)
    calls, now = plan.options.concurrency, time.monotonic()
    if whole or columns.row_by_row:
        pace = Pace(1 if columns.row_by_row else max(1, first.num_rows), calls, now)
    elif (found := _paces.pop(plan.name, None)) is not None:  # nobody else uses it meanwhile
        pace = found
        pace.go_on(now)
    else:
        pace = Pace(plan.options.batch, calls, now)
    client, sources = client_of(plan), [named(where)]
    job = Job(client, plan.spec, plan.version, plan.options, sources, out, rows=rows, pace=pace)
    try:
        with closing(job.steps()) as steps:
            for _ in steps:
                if out.rows >= _ROWS or out.bytes >= _BYTES:
                    yield from out.take()
        yield from out.take()
    except NotFound as error:
        if plan.version is not None:
            error.hint = (
                f"version {plan.version}, which the job is pinned to, is no longer served: serve "
                "it again (model_version_policy), or begin anew with another version"
            )
        raise
    if not whole:
        if len(_paces) >= _PLANS:
            _paces.clear()
        _paces[plan.name] = pace


class _NotText(InvalidInput):
    """An output of text has bytes that are not UTF-8, in some row."""


class _Rows:
    """Batches as a job takes its rows: see :class:`tfsclient.score._feed.Rows`."""

    total: int | None = None

    def __init__(self, columns: Columns, first: RecordBatch, rest: Iterator[RecordBatch]) -> None:
        self.columns, self.names = columns, list(first.schema.names)
        self._batches = chain([first], rest)
        self._row = 0

    def start(self) -> None:
        """They are taken by the thread that runs the job."""

    stop = start

    def take(self) -> Read | None:
        batch = next(self._batches, None)
        if batch is None:
            return None
        chunk = Chunk(batch, self._row)
        self._row += batch.num_rows
        return Read(0, chunk, 0.0)


class _Collected(Stream):
    """Rows that wait to be handed on, dead letters in their places.

    Attributes:
        rows: how many they are.
        bytes: what they take.
    """

    def __init__(self, plan: Plan, fields: Schema | None, where: str) -> None:
        super().__init__()
        self._plan, self._fields, self._where = plan, fields, where
        self._row = 0  # the next one's number
        self._ready: list[RecordBatch] = []
        self.rows = self.bytes = 0

    def write(self, batch: RecordBatch) -> None:
        """See :class:`Stream`."""
        if self._fields is not None:
            try:
                batch = self._as_declared(batch, self._fields)
            except _NotText as error:
                self._write_parts(batch, error)
                return
        if not self._plan.options.stops:
            name = self._plan.error_name(batch.schema.names)
            batch = batch.append_column(name, pa.nulls(batch.num_rows, pa.string()))
        self._add(batch)

    def _write_parts(self, batch: RecordBatch, error: _NotText) -> None:
        """Write rows by halves, until one with bytes instead of text stands alone."""
        if (half := batch.num_rows // 2) > 0:
            self.write(batch.slice(0, half))
            self.write(batch.slice(half))
            return
        reason = f"row {self._row}: {error.details}"
        if self._plan.options.stops:
            raise InvalidInput(
                f"{self._where}: {reason}",
                model=error.model,
                signature=error.signature,
                hint=error.hint,
            ) from error
        kept = batch.num_columns - self._plan.outputs
        names = [*batch.schema.names[:kept], "error"]
        columns = [*batch.columns[:kept], pa.array([reason])]
        self.bury(pa.RecordBatch.from_arrays(columns, names))

    def bury(self, batch: RecordBatch) -> None:
        """See :class:`Stream`; a dead letter has no outputs."""
        assert self._fields is not None
        kept = self._plan.kept(batch.schema.names[:-1])
        columns = [
            batch.column(f.name) if f.name in kept else pa.nulls(batch.num_rows, f.type)
            for f in self._fields
        ]
        names = [*self._fields.names, self._plan.error_name(self._fields.names)]
        self._add(pa.RecordBatch.from_arrays([*columns, batch.columns[-1]], names))

    def is_due(self) -> bool:
        """See :class:`Stream`."""
        return False

    def commit(self, position: tuple[int, int], schema: Schema | None) -> None:
        """See :class:`Stream`."""

    def take(self) -> list[RecordBatch]:
        """What is there; small batches as one."""
        ready, self._ready, self.rows, self.bytes = self._ready, [], 0, 0
        if len(ready) > 1:
            ready = pa.Table.from_batches(ready).combine_chunks().to_batches()
        return ready

    def _add(self, batch: RecordBatch) -> None:
        self._ready.append(batch)
        self._row += batch.num_rows
        self.rows += batch.num_rows
        self.bytes += batch.nbytes

    def _as_declared(self, batch: RecordBatch, fields: Schema) -> RecordBatch:
        if batch.schema.equals(fields):
            return batch
        columns = []
        for field, column in zip(fields, batch.columns, strict=True):
            try:
                columns.append(column if column.type == field.type else column.cast(field.type))
            except (pa.ArrowException, NotImplementedError) as error:
                binary = pa.types.is_binary(_leaf(column.type))
                raise (_NotText if binary else InvalidInput)(
                    f"output {field.name!r} holds {column.type}, not {field.type}: {why(error)}",
                    model=self._plan.options.model,
                    signature=self._plan.spec.name,
                    hint=_HINTS[binary],
                ) from error
        return pa.RecordBatch.from_arrays(columns, schema=fields)
