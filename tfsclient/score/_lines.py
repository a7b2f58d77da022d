"""The lines of text: of a file as fast as they are read, of a pipe as they come."""

from __future__ import annotations

import codecs
import io
import queue
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias

from tfsclient.errors import InvalidInput
from tfsclient.score._arrow import FAILURES

_READ: Final = 1 << 16  # bytes at a time
_AHEAD: Final = 16  # of those
SOON: Final = 0.2  # seconds that a row waits for others to be sent with
_ENDS: Final = {"": re.compile(r"[\r\n]"), "\n": re.compile(r"\n")}

_Item: TypeAlias = "list[str] | BaseException | None"  # lines, what keeps them from coming, the end


class Lines(Protocol):
    """Lines, with their ends.

    Attributes:
        read: how many characters they had.
    """

    read: int

    def __iter__(self) -> Iterator[str]: ...

    def __next__(self) -> str: ...

    def wait(self, until: float) -> bool:
        """Wait until then for the next line or the end.

        Returns:
            Whether to take more; False if what there is should not wait any longer.
        """
        ...

    def close(self) -> None:
        """Close what is read."""


class FileLines:
    """The lines of a file.

    Args:
        stream: its bytes, unpacked.
        newline: as ``open`` has it.
    """

    def __init__(self, stream: Any, newline: str) -> None:
        self._text = io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline=newline)
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.read += len(line)
        return line

    def wait(self, until: float) -> bool:
        """See :class:`Lines`: a file has what it has."""
        del until
        return True

    def close(self) -> None:
        """See :class:`Lines`."""
        self._text.close()


class PipeLines:
    """The lines of standard input, read ahead on a thread so that waiting for one can end.

    Args:
        raw: its bytes.
        newline: as ``open`` has it: "" or a line feed.
    """

    def __init__(self, raw: io.BufferedIOBase, newline: str) -> None:
        self.read = 0
        self._lines: deque[str] = deque()
        self._failure: BaseException | None = None
        self._ended = False
        self._items: queue.Queue[_Item] = queue.Queue(_AHEAD)
        thread = threading.Thread(target=self._run, args=(raw, newline), daemon=True)
        thread.start()  # and is left behind if the job ends before its input

    def _run(self, raw: io.BufferedIOBase, newline: str) -> None:
        try:
            for lines in _split(raw, newline):
                self._items.put(lines)
            self._items.put(None)
        except FAILURES as error:
            self._items.put(error)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while not self._lines:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopIteration
            self._take(self._items.get())
        line = self._lines.popleft()
        self.read += len(line)
        return line

    def _take(self, item: _Item) -> None:
        if isinstance(item, BaseException):
            self._failure = item
        elif item is None:
            self._ended = True
        else:
            self._lines.extend(item)

    def wait(self, until: float) -> bool:
        """See :class:`Lines`."""
        left = until - time.monotonic()
        if left <= 0:
            return False
        if not self._lines and not self._ended and self._failure is None:
            try:
                self._take(self._items.get(timeout=left))
            except queue.Empty:
                return False
        return True

    def close(self) -> None:
        """See :class:`Lines`: it is not ours to be closed."""


def _split(raw: io.BufferedIOBase, newline: str) -> Iterator[list[str]]:
    """What can be read at a time, as whole lines."""
    decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
    begun: list[str] = []  # of a line that has not ended
    while data := raw.read1(_READ):
        if not (text := decode(data)):
            continue
        ended = newline == "" and begun[-1:] != [] and begun[-1].endswith("\r")
        if not ended and not _ENDS[newline].search(text):
            begun.append(text)
            continue
        lines = list(io.StringIO("".join([*begun, text]), newline=newline))
        begun = [] if lines[-1].endswith("\n") else [lines.pop()]  # after \r there may come \n
        if lines:
            yield lines
    if rest := "".join([*begun, decode(b"", final=True)]):
        yield list(io.StringIO(rest, newline=newline))


def standard_input() -> io.BufferedReader:
    """Standard input with a buffer of its own.

    The thread that reads may be left waiting when a job ends, and Python aborts if it cannot get
    hold of the buffer of ``sys.stdin`` when it exits.
    """
    if sys.stdin is None:  # as by <&-
        raise InvalidInput("standard input is closed")
    standard: Any = sys.stdin.buffer
    with suppress(OSError):  # of what only stands for it
        standard = io.FileIO(standard.fileno(), closefd=False)
    return io.BufferedReader(standard)
