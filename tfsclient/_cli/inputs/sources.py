"""Where inputs are read from: files, standard input, and bytes that came some other way."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from tfsclient._inputs.image import Image
from tfsclient.errors import InvalidInput

PICTURES: Final = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif")
SUFFIXES: Final = (".json", ".jsonl", ".csv", ".npy", ".npz", *PICTURES)
_STDIN: Final = "standard input"

# A request holds at most 2 GiB.  Text takes up to 15 times its size when it is read; arrays may be
# of float64 where the model takes less.
_MOST_TEXT: Final = 512 << 20
_MOST_BYTES: Final = 2 << 30
_MOST_ARRAYS: Final = 8 << 30

# How files begin that say themselves what they are.
_MAGIC: Final = {
    b"\x93NUMPY": ".npy", b"PK\x03\x04": ".npz", b"\x89PNG\r\n": ".png", b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """What inputs are read from.

    Attributes:
        name: what errors call it.
        kind: the suffix that says what it holds, in lower case; "" if nothing does.
        content: the file, or what it holds.
    """

    name: str
    kind: str
    content: Path | bytes

    @staticmethod
    def named(text: str) -> Source:
        """The file of this name; or standard input for ``-``, or ``-`` with a suffix.

        Raises:
            InvalidInput: it is empty, or standard input cannot be read.
        """
        if not text:
            raise InvalidInput(
                "no file is named after @", hint="as in @rows.jsonl, or @- for standard input"
            )
        if text != "-" and not text.startswith("-."):
            return Source(text, Path(text).suffix.lower(), Path(text))
        suffix = text[1:].lower()
        file = getattr(sys.stdin, "buffer", None)
        if file is None:
            raise InvalidInput("standard input is closed")
        most = _MOST_TEXT if suffix in (".json", ".jsonl", ".csv") else _MOST_BYTES
        try:
            data = _read(file, most, _STDIN)
        except OSError as error:
            raise _unreadable(_STDIN, error) from error
        magic = (kind for start, kind in _MAGIC.items() if data.startswith(start))
        return Source(_STDIN, suffix or next(magic, ""), data)

    def read(self) -> bytes:
        """All of it.

        Raises:
            InvalidInput: it cannot be read, or is too large to be sent.
        """
        if isinstance(self.content, bytes):
            return self.content
        most = _MOST_TEXT if self.kind in SUFFIXES else _MOST_BYTES
        try:
            with self.content.open("rb") as file:
                return _read(file, most, self.name)
        except (OSError, ValueError) as error:  # ValueError: a NUL in its name
            raise _unreadable(self.name, error) from error

    def image(self, scale: float | None) -> Image:
        """The picture, which is read when it is sent."""
        return Image(self.content, scale=scale)

    def array(self) -> npt.NDArray[Any]:
        """The array that ``numpy.save`` wrote.

        Raises:
            InvalidInput: it did not, or objects are pickled in it, or it is cut short.
        """
        with self._opened() as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays that ``numpy.savez`` wrote.

        Raises:
            InvalidInput: it did not, or what it would unpack to is too large to be sent.
        """
        with self._opened() as file, zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
            _check_size(size, _MOST_ARRAYS, self.name)
            arrays = {}
            for member in archive.namelist():
                with archive.open(member) as part:
                    arrays[member.removesuffix(".npy")] = np.lib.format.read_array(
                        part, allow_pickle=False
                    )
            return arrays

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            if isinstance(self.content, bytes):
                yield BytesIO(self.content)
                return
            with self.content.open("rb") as file:
                _check_size(os.fstat(file.fileno()).st_size, _MOST_ARRAYS, self.name)
                yield file
        except InvalidInput:
            raise
        except Exception as error:  # a broken file makes zipfile and numpy raise anything
            raise _unreadable(self.name, error) from error


def _read(file: BinaryIO, most: int, name: str) -> bytes:
    """All of a file or a pipe, in memory that grows with what comes."""
    data = bytearray()
    while chunk := file.read(1 << 20):
        data += chunk
        _check_size(len(data), most, name)
    return bytes(data)


def _check_size(size: int, most: int, name: str) -> None:
    if size > most:
        raise InvalidInput(
            f"{name} holds more than {most >> 20} MiB, which is too much for one request: send it "
            "in parts, or numbers as .npy"
        )


def _unreadable(name: str, error: Exception) -> InvalidInput:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return InvalidInput(f"cannot read {name}: {reason}")
