"""Rows under way: a chunk is cut into pieces, a failed piece into smaller ones, down to a row."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tfsclient.errors import TFSError
from tfsclient.score._arrow import Array, RecordBatch
from tfsclient.score._chunks import Chunk


class Piece:
    """Rows that are sent in one call.

    Attributes:
        load: the chunk that has them.
        start: the first, among the good rows of the chunk.
        stop: where they end.
        outputs: what the model answered, once it did.
        error: why its only row cannot be scored, once that is known.
        parts: the pieces that it was cut into.
        whole: the piece that it was cut from, because the server refused that.
        scored: of a piece that was cut, how many of its rows were scored.
        since: when it first failed for a reason that may pass.
        size: the bytes that it takes in memory, about.
        strikes: how often it failed while others were answered.
        answered: how many pieces were answered when it failed last.
    """

    __slots__ = (
        "answered", "error", "load", "outputs", "parts", "scored", "since", "size", "start", "stop",
        "strikes", "whole",
    )  # fmt: skip

    def __init__(self, load: Load, start: int, stop: int) -> None:
        self.load, self.start, self.stop = load, start, stop
        self.outputs: Mapping[str, Array] | None = None
        self.error: str | None = None
        self.parts: tuple[Piece, Piece] | None = None
        self.since: float | None = None
        self.strikes = self.answered = self.scored = self.size = 0
        self.whole: Piece | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    def __lt__(self, other: Piece) -> bool:
        return (self.load.number, self.start) < (other.load.number, other.start)

    @property
    def table(self) -> RecordBatch:
        """Its rows."""
        return self.load.good.slice(self.start, len(self))

    def cut(self, *, refused: bool) -> tuple[Piece, Piece]:
        """Replace it by its halves, which the server may take where it refused the whole."""
        middle = (self.start + self.stop) // 2
        halves = Piece(self.load, self.start, middle), Piece(self.load, middle, self.stop)
        for half in halves:
            half.since, half.answered = self.since, self.answered
            half.whole = self if refused else None
        self.parts = halves
        return halves

    def too_large(self) -> int | None:
        """Note that it was scored; the rows of a piece that was refused for nothing but its size.

        That is one that was refused as a whole, and then scored row for row.
        """
        found, piece = None, self.whole
        while piece is not None:
            piece.scored += len(self)
            if piece.scored == len(piece):
                found = min(found or len(piece), len(piece))
            piece = piece.whole
        return found


class Load:
    """A chunk: its rows that can be sent, and those that are refused already.

    Args:
        number: of the chunk in the job.
        source: of the source in the job.
        chunk: the rows.
        refused: what is wrong with some of them, by their numbers in the chunk.
        stops: whether the first of those is the last row that matters.

    Attributes:
        good: the rows that can be sent.
        rows: their numbers in the chunk.
        cut: how many of them are in pieces.
        failures: where the first bad row stops the job, why rows failed that were sent.
        pieces: those in order that are not written.
    """

    def __init__(
        self, number: int, source: int, chunk: Chunk, refused: Mapping[int, str], *, stops: bool
    ) -> None:
        self.number, self.source, self.chunk = number, source, chunk
        self.refused = deque(sorted(refused.items()))
        count = chunk.table.num_rows
        self.rows: npt.NDArray[np.int64] = np.arange(count)
        self.good = chunk.table
        if refused:
            self.rows = np.delete(self.rows, list(refused))
            if stops:
                self.rows = self.rows[: min(refused)]
            self.good = chunk.table.take(self.rows)
        self.cut = 0
        self.failures: dict[int, TFSError] = {}
        self.pieces: deque[Piece] = deque()

    def next_piece(self, most: int) -> Piece | None:
        """The next rows to send; None if all are in pieces."""
        if self.cut == len(self.rows):
            return None
        stop = min(len(self.rows), self.cut + most)
        piece = Piece(self, self.cut, stop)
        self.cut = stop
        self.pieces.append(piece)
        return piece

    def first(self) -> Piece | None:
        """The first piece that is not written; a piece that was cut gives its halves."""
        while self.pieces and self.pieces[0].parts is not None:
            self.pieces.extendleft(reversed(self.pieces.popleft().parts or ()))
        return self.pieces[0] if self.pieces else None

    def refused_before(self, end: int) -> list[tuple[int, str]]:
        """Take the refused rows before a row of the chunk."""
        found = []
        while self.refused and self.refused[0][0] < end:
            found.append(self.refused.popleft())
        return found

    def letters(self, rows: Sequence[int]) -> RecordBatch:
        """Rows of the chunk as dead letters show them."""
        table = self.chunk.table if self.chunk.letters is None else self.chunk.letters
        return table.take(np.asarray(rows, np.int64))

    def where(self, row: int) -> str:
        """What to call a row of the chunk."""
        text = f"row {self.chunk.first + row}"
        return text if self.chunk.lines is None else f"{text} (line {self.chunk.lines[row]})"


def reason(error: TFSError) -> str:
    """Why a row cannot be scored, in a line."""
    text = f"{error.code.value}: {error.details}" if error.code else error.details
    return " ".join(text.split()) or type(error).__name__
