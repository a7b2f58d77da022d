"""Rows on their way from a reader to the job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from tfsclient.dtypes import DType
from tfsclient.score._arrow import RecordBatch

ROWS: Final = 1 << 15  # the most in a chunk
BYTES: Final = 16 << 20  # about as much as a chunk may have


@dataclass
class Chunk:
    """Some rows of a source.

    Attributes:
        table: the rows, in their columns' types.
        first: the number of the first one in its source.
        done: how much of the source has been read now, 0 to 1.
        refused: what is wrong with rows that cannot be read, by their numbers in the chunk; there
            the table may have nulls.
        letters: the rows as dead letters show them, if that is not the table.
        lines: of text, the line that each row begins on.
        whole: what is wrong with refused rows, with the text whole that letters do not have.
    """

    table: RecordBatch
    first: int
    done: float = 0.0
    refused: dict[int, str] = field(default_factory=dict[int, str])
    letters: RecordBatch | None = None
    lines: Sequence[int] | None = None
    whole: Mapping[int, str] = field(default_factory=dict[int, str])


class Wanted(Protocol):
    """What a text reader asks for: what to make of a column's cells."""

    def leaf(self, column: str) -> str | None:
        """The kind of number or text that is wanted of it; None to look at the cells."""
        ...

    def floats(self, column: str) -> DType | None:
        """The type of the floats that a column's numbers become; None if they become none."""
        ...

    def leaves_out(self, column: str) -> bool:
        """Whether a column is neither sent nor kept."""
        ...

    def misses(self, column: str) -> bool:
        """Whether a column has the name of an input that no column was found for."""
        ...


class Reader(Protocol):
    """Reads a source.

    Attributes:
        columns: their names.
        rows: how many rows there are, where that is known before they are read.
    """

    columns: list[str]
    rows: int | None

    def chunks(self, skip: int, wanted: Wanted) -> Iterator[Chunk]:
        """The rows after the first ``skip`` ones."""
        ...

    def close(self) -> None:
        """Close what is open."""
