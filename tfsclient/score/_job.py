"""A job: reads, sends, and writes in the order of the input, on the thread that runs it.

    Feed -> Load -> Piece -> call -> answer -> Answers -> Folder

Calls are futures of the client, whose channel bounds how many are under way; Pace says how many
more are worth it, and how large.  What fails for a reason that may pass is sent again; what the
model refuses is cut in halves until the bad row stands alone.
"""

from __future__ import annotations

import heapq
import math
import queue
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Final, NamedTuple

from tfsclient._client.sync import Client
from tfsclient.errors import (
    Cancelled,
    DeadlineExceeded,
    DecodeError,
    InvalidInput,
    MissingExtra,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    TFSError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from tfsclient.results import Prediction
from tfsclient.schema import Signature
from tfsclient.score._answers import Answers
from tfsclient.score._arrow import pa, why
from tfsclient.score._columns import Columns
from tfsclient.score._feed import Feed, Rows
from tfsclient.score._files import Source, public
from tfsclient.score._options import Options
from tfsclient.score._order import InOrder
from tfsclient.score._pace import Pace
from tfsclient.score._parts import Folder
from tfsclient.score._pieces import Load, Piece, reason
from tfsclient.score._stream import Stream
from tfsclient.score._summary import Progress, Summary

_PASSES: Final = (Unavailable, ResourceExhausted, DeadlineExceeded)
_ENDS: Final = (
    Cancelled, DecodeError, MissingExtra, NotFound, PermissionDenied, Unauthenticated,
    Unimplemented,
)  # fmt: skip
_PATIENCE: Final = 300.0  # seconds without any answer, or of one piece's failures
_STATUS: Final = 5.0  # seconds that a look at the model's state may take
_STRIKES: Final = 3  # after which a piece is cut, for one of its rows may be what fails
_HELD: Final = 4  # pieces that wait to be written, for each call under way
_HELD_BYTES: Final = 24 << 20  # of all of them, where they are more than a few
_FEW: Final = 4
_STRING: Final = 64  # bytes that a string takes in memory, about
_TICK: Final = 0.2  # seconds between two looks at whether to stop


class _Sent(NamedTuple):
    """A call under way: when it was sent, and how much was known of what the server wants."""

    piece: Piece
    epoch: int
    at: float
    lessons: int


class Job:
    """One run of a job.

    Args:
        client: whose retries are none: they are counted here.
        spec: the signature.
        version: the version to call; None for the latest at each call.
        options: what was asked for.
        sources: what to read.
        out: where rows go.
        progress: hears how far it is, a few times a second.
        rows: what to read, where that is not the sources: these only name it then.
        pace: of an earlier job like this one; None to begin anew.

    Attributes:
        stopping: set it to have the job end soon, with what was answered in order written.
    """

    def __init__(
        self,
        client: Client,
        spec: Signature,
        version: int | None,
        options: Options,
        sources: Sequence[Source],
        out: Folder | Stream,
        progress: Callable[[Progress], object] | None = None,
        *,
        rows: Rows | None = None,
        pace: Pace | None = None,
    ) -> None:
        label = options.label if version is None else None  # which nobody could tell the version of
        self._model = client.model(options.model, version=version, label=label)
        self._room = client._sender.room  # noqa: SLF001
        self._spec, self._version, self._options, self._out = spec, version, options, out
        self._sources, self._progress = sources, progress
        self._events: queue.SimpleQueue[tuple[_Sent, Future[Prediction]] | None] = (
            queue.SimpleQueue()
        )
        wake = partial(self._events.put, None)
        self._feed = rows or Feed(
            sources, self._map, out.position, options.limit, wake, loose=options.streams
        )
        self._columns = self._feed.columns
        self._answers = Answers(
            spec, self._feed.names, options, self._columns.row_by_row, out.schema
        )
        self._written = InOrder(options, sources, self._answers, out)
        self._began = time.monotonic()
        batch = 1 if self._columns.row_by_row else options.batch
        self._pace = pace or Pace(batch, options.concurrency, self._began)
        self._pace.fits(1, self._columns.row_bytes)
        self._again: list[Piece] = []  # a heap, the earliest rows first
        self._under_way: set[Future[Prediction]] = set()
        self._read_all = False
        self._broken: TFSError | None = None  # what keeps the rest from being read
        self._numbers = 0  # of loads
        self._row_bytes = 0.0
        self._allowed_at = self._began  # by the rate
        self._wait_until = math.inf  # what keeps the next call from being sent
        self._answered = 0
        self._last_answer = self._began
        self._told = 0.0
        self.stopping = False
        self._calls = self._sent_rows = 0
        self._versions: set[int] = set()

    # Beginnings.

    def _map(self, names: Sequence[str], first: Source) -> Columns:
        return Columns(self._spec, names, self._options.map, first, keep=self._options.keep)

    # The loop.

    def run(self) -> Summary:
        """Score all rows, or those up to where it is stopped.

        Raises:
            TFSError: a row or a call failed for good; what was written before is kept.
        """
        for _ in self.steps():
            pass
        return self._summary()

    def steps(self) -> Generator[None, None, None]:
        """Score as :meth:`run` does; comes by whenever rows may have been written."""
        if self._out.complete:
            self._feed.stop()
            return
        self._feed.start()
        try:
            try:
                yield from self._loop()
            except TFSError:
                self._written.commit()
                raise
            except pa.ArrowException as error:  # which every step may raise for a rare type
                raise InvalidInput(f"pyarrow cannot score these rows: {why(error)}") from error
            self._written.commit()
            if not self.stopping:
                self._out.finish()
        finally:
            self._feed.stop()
            for future in self._under_way:
                future.cancel()

    def _loop(self) -> Generator[None, None, None]:
        while not self.stopping:
            self._written.flush()
            yield
            self._tell()
            self._fill()
            if self._read_all and not self._written.loads:
                if self._broken is not None:
                    raise self._broken
                return
            self._listen()
        self._written.flush()

    def _listen(self) -> None:
        """Wait for something to happen, and take all that did."""
        wait = min(_TICK, max(0.001, self._wait_until - time.monotonic()))
        try:
            event = self._events.get(timeout=wait)
            while True:
                if event is not None:
                    self._take(*event)
                event = self._events.get_nowait()
        except queue.Empty:
            pass

    # Sending.

    def _fill(self) -> None:
        """Send as many pieces as there should be calls under way."""
        self._wait_until = math.inf
        while not self.stopping:
            room = self._room()
            calls = min(self._pace.calls, room if math.isinf(room) else max(1, int(room)))
            now = time.monotonic()
            if len(self._under_way) >= calls or not self._is_more():
                return
            if now < (begin := max(self._pace.paused_until, self._allowed_at)):
                self._wait_until = begin
                return
            piece = self._next_piece()
            if piece is None:
                return
            self._send(piece, now)

    def _is_more(self) -> bool:
        """Whether there is something to send, and room to hold what comes of it."""
        if self._again:
            return True
        loads, held = self._written.loads, self._written.held
        large = self._written.held_bytes > _HELD_BYTES and held >= _FEW
        if large or held >= _HELD * self._pace.calls + _HELD:
            return False
        done = not loads or loads[-1].cut == len(loads[-1].rows)
        return not done or self._next_load() is not None

    def _next_piece(self) -> Piece | None:
        if self._again:
            return heapq.heappop(self._again)
        load = self._written.loads[-1]
        most = self._pace.batch
        if self._options.rate is not None:
            most = max(1, min(most, int(self._options.rate)))
        piece = load.next_piece(most)
        if piece is not None:
            self._written.hold(piece, int(len(piece) * self._row_bytes))
        return piece

    def _next_load(self) -> Load | None:
        """The next chunk, if it is there and there is something in it to send."""
        while not self._read_all:
            try:
                read = self._feed.take()
            except queue.Empty:
                return None
            except TFSError as error:  # whose turn comes after the rows before it
                self._broken, read = error, None
            if read is None:
                self._read_all = True
                return None
            chunk = read.chunk
            count = chunk.table.num_rows
            refused = {row: text for row, text in chunk.refused.items() if row < count}
            for row, text in self._columns.refused(chunk.table).items():
                refused.setdefault(row, text)
            load = Load(self._numbers, read.source, chunk, refused, stops=self._options.stops)
            load.chunk.done = read.done
            self._numbers += 1
            self._written.loads.append(load)
            if len(load.rows):
                return load
        return None

    def _send(self, piece: Piece, now: float) -> None:
        """Send a piece; what does not fit the signature is cut without being sent."""
        part, wanted = self._spec.fetchable(), self._options.outputs
        outputs = None if wanted is None and part is self._spec else list(wanted or part.outputs)
        try:
            inputs = self._columns.inputs(piece.table)
            future = self._model.predict_future(inputs, signature=self._spec, outputs=outputs)
        except (InvalidInput, Unimplemented) as error:
            if isinstance(error, Unimplemented) and not error._of_values:  # noqa: SLF001
                raise
            self._refused(piece, error)
            return
        self._calls += 1
        self._sent_rows += len(piece)
        if self._options.rate is not None:
            self._allowed_at = max(self._allowed_at, now - 1.0) + len(piece) / self._options.rate
        self._under_way.add(future)
        sent = _Sent(piece, self._pace.epoch, now, self._columns.lessons)
        future.add_done_callback(lambda done: self._events.put((sent, done)))

    # Answers.

    def _take(self, sent: _Sent, future: Future[Prediction]) -> None:
        self._under_way.discard(future)
        piece, now = sent.piece, time.monotonic()
        try:
            answer = future.result()
            outputs = self._answers.rows(answer, len(piece))
        except CancelledError:
            raise Cancelled("the client was closed while the job ran") from None
        except _PASSES as error:
            self._failed(sent, error, now)
        except _ENDS as error:
            if not isinstance(error, NotFound) or not self._is_loading():
                raise self._ended(error) from error
            self._failed(sent, error, now)
        except InvalidInput:  # of an answer whose rows cannot be told
            raise
        except TFSError as error:
            if self._columns.learn(error.details, sent.lessons):
                heapq.heappush(self._again, piece)
            else:
                self._refused(piece, error)
        else:
            piece.outputs = outputs
            if answer.version is not None:
                self._versions.add(answer.version)
            self._answered += 1
            self._last_answer = now
            self._learn_size(piece)
            if (rows := piece.too_large()) is not None:
                self._pace.too_large(rows // 2)
            self._pace.answered(sent.epoch, len(piece), now - sent.at, now)

    def _learn_size(self, piece: Piece) -> None:
        size = max(piece.table.nbytes, len(piece) * self._columns.row_bytes)
        for array in (piece.outputs or {}).values():
            size += array.size * _STRING if array.dtype.kind == "O" else array.nbytes
        self._pace.fits(len(piece), size)
        self._row_bytes = max(size / len(piece), 0.9 * self._row_bytes)

    def _failed(self, sent: _Sent, error: TFSError, now: float) -> None:
        """Send a piece again, later, and all of them slower; give up when nothing helps."""
        piece = sent.piece
        too_much = isinstance(error, DeadlineExceeded | ResourceExhausted)
        self._pace.trouble(sent.epoch, now, smaller=too_much)
        if piece.since is None:
            piece.since = now
        if self._answered > piece.answered:
            piece.strikes += 1
        piece.answered = self._answered
        if now - max(self._last_answer, self._began) > _PATIENCE:
            raise self._ended(error) from error
        if len(piece) > 1 and (too_much or piece.strikes >= _STRIKES):
            self._cut(piece)
        elif len(piece) == 1 and piece.strikes >= _STRIKES and now - piece.since > _PATIENCE:
            piece.error = reason(error)
            self._stop_at(piece, error)
        else:
            heapq.heappush(self._again, piece)

    def _refused(self, piece: Piece, error: TFSError) -> None:
        """Find the row for which a piece is refused."""
        if len(piece) > 1:
            self._cut(piece, refused=not isinstance(error, InvalidInput | Unimplemented))
        else:
            piece.error = reason(error)
            self._stop_at(piece, error)

    def _cut(self, piece: Piece, *, refused: bool = False) -> None:
        for half in piece.cut(refused=refused):
            heapq.heappush(self._again, half)
            self._written.hold(half, piece.size // 2)
        self._written.drop(piece)

    def _stop_at(self, piece: Piece, error: TFSError) -> None:
        """Remember why a row fails, for the error that stops the job when its turn comes."""
        if self._options.stops:
            piece.load.failures[piece.start] = error

    def _is_loading(self) -> bool:
        """Whether the server is about to serve the version, as after it was started again."""
        try:
            statuses = self._model.status(timeout=_STATUS)
        except TFSError:
            return False
        return any(status.state in ("START", "LOADING") for status in statuses)

    def _ended(self, error: TFSError) -> TFSError:
        if isinstance(error, NotFound) and self._version is not None:
            error.hint = (
                f"version {self._version}, which the job is pinned to, is no longer served: serve "
                "it again (model_version_policy) and go on with resume=True, or begin anew with "
                "another version"
            )
        return error

    # News.

    def _tell(self) -> None:
        now = time.monotonic()
        if self._progress is not None and now - self._told > _TICK:
            self._told = now
            self._progress(self._state(now))

    def _state(self, now: float) -> Progress:
        return Progress(
            rows=self._written.rows,
            errors=self._written.errors,
            total=self._feed.total,
            fraction=self._written.done,
            seconds=now - self._began,
            batch=self._pace.batch,
            calls=len(self._under_way),
        )

    def _summary(self) -> Summary:
        if not self.stopping:
            self._written.check_errors(last=True)
        return Summary(
            model=self._options.model,
            signature=self._spec.name,
            version=self._version,
            versions=tuple(sorted(self._versions)),
            rows=self._written.rows,
            errors=self._written.errors + self._out.errors_before,
            earlier=self._out.rows_before,
            calls=self._calls,
            rows_sent=self._sent_rows,
            seconds=time.monotonic() - self._began,
            parts=self._out.parts,
            out=public(self._options.out),
            complete=not self.stopping,
        )
