"""Writing in the order of the input, whichever piece is answered first."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from tfsclient._inputs.prepare import AS_THEY_ARE
from tfsclient.errors import InvalidInput, TFSError, counted
from tfsclient.score._answers import Answers
from tfsclient.score._arrow import RecordBatch, pa
from tfsclient.score._files import Source
from tfsclient.score._options import Options
from tfsclient.score._parts import Folder
from tfsclient.score._pieces import Load, Piece
from tfsclient.score._stream import Stream
from tfsclient.score._summary import TooManyErrors

_ENOUGH: Final = 1000  # rows from which on a share of them says something


class InOrder:
    """Holds what is under way, and writes it when its turn has come.

    Args:
        options: what to do with bad rows.
        sources: what is read, to name rows by.
        answers: makes rows of answers.
        out: where they go.

    Attributes:
        loads: the chunks that are not written whole, in order.
        held: the pieces that are not written, and not cut.
        held_bytes: what they take in memory, about.
        rows: how many were written.
        errors: how many dead letters were.
        done: how much of the sources is written, 0 to 1.
    """

    def __init__(
        self, options: Options, sources: Sequence[Source], answers: Answers, out: Folder | Stream
    ) -> None:
        self._options, self._sources, self._answers, self._out = options, sources, answers, out
        self._position = out.position
        self.loads: deque[Load] = deque()
        self.held = self.held_bytes = 0
        self.rows = self.errors = 0
        self.done = 0.0

    def hold(self, piece: Piece, size: int) -> None:
        """Take a piece that is to be sent, of about so many bytes."""
        piece.size = size
        self.held += 1
        self.held_bytes += size

    def drop(self, piece: Piece) -> None:
        """Let go of a piece that is written or cut."""
        self.held -= 1
        self.held_bytes -= piece.size

    def flush(self) -> None:
        """Write what is answered, as far as it stands at the front.

        Raises:
            TFSError: a row stops the job, or it cannot be written.
        """
        while self.loads:
            load = self.loads[0]
            piece = load.first()
            if piece is None:
                if load.cut < len(load.rows):
                    break
                self._bury(load, load.refused_before(end := load.chunk.table.num_rows))
                self.loads.popleft()
                self.done = load.chunk.done
            elif piece.outputs is None and piece.error is None:
                break
            else:
                end = int(load.rows[piece.stop - 1]) + 1
                self._write(load, piece, end)
            # What is written counts from now on; until here the job would do it again.
            self._position = (load.source, load.chunk.first + end)
            self.check_errors(last=False)
            if self._out.is_due():
                self.commit()
        if self._out.is_due():
            self.commit()

    def commit(self) -> None:
        """Finish the part that is being written.

        Raises:
            InvalidInput: it cannot be written.
        """
        self._out.commit(self._position, self._answers.schema)

    def check_errors(self, *, last: bool) -> None:
        """Refuse to go on with too many dead letters.

        Raises:
            TooManyErrors: there are more than the user allows.
        """
        errors = self.errors + self._out.errors_before
        rows = self.rows + errors + self._out.rows_before
        most, share = self._options.max_errors, self._options.max_errors_share
        over = most is not None and errors > most
        if share is not None and (last or rows >= _ENOUGH):
            over = errors > share * rows
        if over:
            limit = str(most) if share is None else f"{100 * share:g}%"
            raise TooManyErrors(
                f"{errors} of {counted(rows, 'row')} failed, more than max_errors={limit}: "
                "the job stopped"
            )

    def _write(self, load: Load, piece: Piece, end: int) -> None:
        refused = load.refused_before(end)
        if piece.error is None:
            before = self._answers.schema
            table = self._answers.table(piece.table, piece.outputs or {})
            if before is not None and self._answers.schema is not before:
                self._out.commit(self._position, before)  # for what comes is of another one
            self._write_in_order(load, piece, table, refused)
            self.rows += len(piece)
        else:
            row = int(load.rows[piece.start])
            self._bury(load, [*refused, (row, piece.error)], load.failures.get(piece.start))
        load.pieces.popleft()
        self.drop(piece)

    def _write_in_order(
        self, load: Load, piece: Piece, table: RecordBatch, refused: list[tuple[int, str]]
    ) -> None:
        """Write rows and the refused ones among them; on standard output each in its place."""
        done = 0
        if self._options.streams:
            numbers = load.rows[piece.start : piece.stop]
            for row, why in refused:
                if (stop := int(numbers.searchsorted(row))) > done:
                    self._out.write(table.slice(done, stop - done))
                    done = stop
                self._bury(load, [(row, why)])
        else:
            self._bury(load, refused)
        self._out.write(table.slice(done))

    def _bury(
        self, load: Load, rows: Sequence[tuple[int, str]], error: TFSError | None = None
    ) -> None:
        """Write dead letters, or stop the job at the first of them."""
        if not rows:
            return
        if self._options.stops:
            raise self._stopped_at(load, *rows[0], error)
        letters = load.letters([row for row, _ in rows])
        name = "error"
        while name in letters.schema.names:
            name = f"{self._options.prefix or '_'}{name}"
        several = len(self._sources) > 1
        file = f"{self._sources[load.source].name}: " if several else ""
        whole = load.chunk.whole
        reasons = [f"{file}{load.where(row)}: {whole.get(row, why)}" for row, why in rows]
        self._out.bury(letters.append_column(name, pa.array(reasons, pa.string())))
        self.errors += len(rows)

    def _stopped_at(self, load: Load, row: int, why: str, error: TFSError | None) -> TFSError:
        source = self._sources[load.source]
        where = f"{source.name}: {load.where(row)}"
        if source.kind == "pictures":
            where = str(load.chunk.table.column(0)[row].as_py())
        failed = InvalidInput(why) if error is None else error
        failed.details = f"{where}: {failed.details}"
        failed.args = (failed.details,)
        if failed.hint is None or failed.hint == AS_THEY_ARE:
            failed.hint = "on_error='dead-letter' sets such rows aside and goes on"
        return failed
