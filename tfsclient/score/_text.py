"""Text as chunks: each row is read by itself, so that one bad row stays one.

Text has no types, so the inputs say what is made of the columns that they take.  What the other
columns hold the first chunk tells: whole numbers, numbers, text; a number that is not written as
numbers are, as in 007, is text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, TypeVar

from tfsclient.errors import InvalidInput, TFSError
from tfsclient.score._arrow import AS_JSON, FAILURES, Column, pa, why
from tfsclient.score._cells import Why, leaf_of, refuse_inexact
from tfsclient.score._chunks import BYTES, ROWS, Chunk, Wanted
from tfsclient.score._files import Source
from tfsclient.score._lines import SOON, Lines

_LONGER: Final = 5.0  # seconds
AS_IT_IS: Final = "json"  # the type of a column that no type of Arrow has: each cell as JSON

# The line that a record begins on, its cells, and what is wrong with it.
Record: TypeAlias = "tuple[int, list[Any], Why | None]"
_Item = TypeVar("_Item")


class TextReader:
    """What both kinds have in common.

    Args:
        source: what is read.
        lines: its text, unpacked.
        position: how many bytes of the source were read; 0 where that is not known.
        loose: whether rows may differ in what the columns hold that no input takes.

    Attributes:
        kind: "csv" or "jsonl", of standard input as well.
        types: what the columns' cells become, as the first chunk says or an earlier file said.
    """

    kind: str

    def __init__(
        self, source: Source, lines: Lines, position: Callable[[], int], *, loose: bool = False
    ) -> None:
        self._lines, self._position, self._loose = lines, position, loose
        self._name, self._size = source.name, source.size
        self.types: dict[str, Any] = {}
        # The first rows say what columns hold, so it is worth to wait for more than one of them.
        self._patience = SOON if loose else _LONGER
        self._header: list[str] = []  # its own columns, without those of its folders
        self.columns = self._header
        self.rows: int | None = None

    def close(self) -> None:
        """Close what is open."""
        self._lines.close()

    def _records(self) -> Iterator[Record]:
        raise NotImplementedError

    def _type(self, cells: list[Any], leaf: str | None) -> Any:
        """What a column's cells become."""
        raise NotImplementedError

    def _column(
        self, cells: list[Any], kind: Any, leaf: str | None, refuse: Callable[[int, Why], None]
    ) -> Column:
        """The cells in their type; those that have another are refused, and null."""
        raise NotImplementedError

    def _letters(self, cells: list[Any]) -> Column:
        """The cells as text."""
        raise NotImplementedError

    def chunks(self, skip: int, wanted: Wanted) -> Iterator[Chunk]:
        """See :class:`tfsclient.score._chunks.Reader`."""
        self._wanted = wanted
        records, first, begun = self._records(), 0, 0
        while True:
            found, broken = self._gather(records, begun)
            if found:
                yield from self._chunk(found, first, skip, wanted)
            if broken is not None:
                raise broken
            if not found:
                return
            first += len(found)
            begun, self._patience = self._lines.read, SOON

    def _gather(self, items: Iterator[_Item], begun: int) -> tuple[list[_Item], TFSError | None]:
        """As many as a chunk has, or as come soon; and what keeps the next one from being read.

        Args:
            items: what each row is made of.
            begun: how many characters were read before.
        """
        found: list[_Item] = []
        until = 0.0
        try:
            for item in items:
                found.append(item)
                if len(found) == 1:
                    until = time.monotonic() + self._patience
                if len(found) == ROWS or self._lines.read - begun >= BYTES:
                    break
                if not self._lines.wait(until):
                    break
        except InvalidInput as error:
            return found, error
        except FAILURES as error:
            return found, InvalidInput(f"cannot read {self._name} {self._place()}: {why(error)}")
        return found, None

    def _place(self) -> str:
        """How far it could be read."""
        return f"after line {self._number()}"

    def _number(self) -> int:
        """How many lines were read."""
        raise NotImplementedError

    def _chunk(
        self, records: list[Record], first: int, skip: int, wanted: Wanted
    ) -> Iterator[Chunk]:
        if first + len(records) <= skip and self.types:
            return
        refused = {number: why for number, (_, _, why) in enumerate(records) if why is not None}
        typed, letters, fields, shown_as = [], [], [], []
        for index, name in enumerate(self._header):
            cells = [row[index] if index < len(row) else None for _, row, _ in records]
            leaf = wanted.leaf(name)
            if name not in self.types:
                good = [cell for n, cell in enumerate(cells) if n not in refused]
                self.types[name] = self._type(good, leaf)

            # Of a column with a leaf the letters have the text themselves, if it is text at all.
            kept = leaf not in (None, "text")

            def refuse(row: int, why: Why, name: str = name, kept: bool = kept) -> None:
                whole = why.short if kept else why.whole
                refused.setdefault(row, Why(*(f"column {name!r} {w}" for w in (why.short, whole))))

            typed.append(self._column(cells, self.types[name], leaf, refuse))
            floats = wanted.floats(name)
            if floats is not None and pa.types.is_floating(leaf_of(typed[-1].type)):
                refuse_inexact(typed[-1], cells, floats, refuse)
            mark = AS_JSON if self.types[name] == AS_IT_IS else None
            fields.append(pa.field(name, typed[-1].type, metadata=mark))
            letters.append(typed[-1] if leaf is None else self._letters(cells))
            shown_as.append(fields[-1] if leaf is None else pa.field(name, pa.string()))
        start = max(0, skip - first)
        if start < len(records):
            yield Chunk(
                pa.RecordBatch.from_arrays(typed, schema=pa.schema(fields)).slice(start),
                first + start,
                min(1.0, self._position() / self._size) if self._size else 0.0,
                {row - start: why.short for row, why in refused.items() if row >= start},
                pa.RecordBatch.from_arrays(letters, schema=pa.schema(shown_as)).slice(start),
                [line for line, _, _ in records[start:]],
                {row - start: why.whole for row, why in refused.items() if row >= start},
            )
