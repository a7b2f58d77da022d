"""Standard output instead of a folder: JSON lines, and nothing to resume."""

from __future__ import annotations

import sys
from typing import BinaryIO

from tfsclient.errors import InvalidInput
from tfsclient.score._arrow import RecordBatch, Schema
from tfsclient.score._writers import JsonRows


class Stream:
    """Writes rows as they come; a dead letter is a line with its reason among them."""

    complete = False
    position = (0, 0)
    schema: Schema | None = None
    version: int | None = None
    parts = rows_before = errors_before = 0

    def __init__(self, file: BinaryIO | None = None) -> None:
        if file is None and sys.stdout is None:  # as by >&-
            raise InvalidInput("standard output is closed")
        self._file = sys.stdout.buffer if file is None else file

    def pin(self, version: int | None, signature: str) -> None:
        """There is nowhere to note it."""

    def write(self, batch: RecordBatch) -> None:
        """Write rows."""
        JsonRows(self._file, batch.schema, {}).write(batch)

    bury = write

    def is_due(self) -> bool:
        """Whether what was written should be passed on."""
        return True

    def commit(self, position: tuple[int, int], schema: Schema | None) -> None:
        """Pass on what was written."""
        del position, schema
        self._file.flush()

    def finish(self) -> None:
        """There is nothing to finish."""

    def close(self) -> None:
        """It stays open: it is not ours."""
