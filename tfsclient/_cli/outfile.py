"""``--out``: an answer in a file, whose suffix says how.

    .npy      the only output, as numpy.save writes it
    .npz      the outputs by name, as numpy.savez does
    .json     what --json prints
    .jsonl    a row of the batch a line: {"scores": [0.1, 0.9]}
    .csv      a row of the batch a line: an output of two dimensions as the columns scores.0,
              scores.1 ..., of more as JSON lists

Numbers that numpy has no type for are widened: bfloat16 and float8 to float32, int4 to int8.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from tfsclient._cli.answers import to_json
from tfsclient.errors import InvalidInput
from tfsclient.results import Prediction
from tfsclient.results._forms import plain
from tfsclient.results._json import json_values
from tfsclient.schema import Signature

Array: TypeAlias = npt.NDArray[Any]
_Column: TypeAlias = tuple[str, Iterable[Any]]


def check_path(path: Path) -> None:
    """Refuse a file that no answer can be written to, before anything is asked of a server.

    Raises:
        InvalidInput: its suffix is not known, or it cannot be there.
    """
    if path.suffix.lower() not in _WRITERS:
        *others, last = _WRITERS
        raise InvalidInput(f"--out {path} must end in {', '.join(others)} or {last}")
    if path.is_dir() or not path.parent.is_dir():
        wrong = f"{path} is a directory" if path.is_dir() else f"{path.parent} is not a directory"
        raise InvalidInput(f"cannot write {path}: {wrong}")


def check_outputs(path: Path, outputs: Collection[str]) -> None:
    """Refuse a file that cannot hold these outputs, before a call is made for it.

    Raises:
        InvalidInput: it holds one only.
    """
    if path.suffix.lower() == ".npy" and len(outputs) != 1:
        raise InvalidInput(
            f"a .npy file holds one output, but there are {len(outputs)}: {', '.join(outputs)}",
            hint="name one by --outputs, or write an .npz file",
        )


def write(path: Path, answer: Prediction, spec: Signature) -> None:
    """Write the answer, whole or not at all; what was there before is replaced.

    Raises:
        InvalidInput: it cannot be written, or the file cannot hold it.
    """
    target = path.resolve()
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            _WRITERS[path.suffix.lower()](file, answer, spec)
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those of a new one."""
    with suppress(OSError):
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)  # there is no other way to ask
    os.umask(mask)
    return 0o666 & ~mask


def _npy(file: BinaryIO, answer: Prediction, _: Signature) -> None:
    ((name, array),) = answer.items()
    np.lib.format.write_array(file, _storable(name, array), allow_pickle=False)


def _npz(file: BinaryIO, answer: Prediction, _: Signature) -> None:
    # numpy.savez takes no array that is called "file".
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in answer.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, _storable(name, array), allow_pickle=False)


def _storable(name: str, array: Array) -> Array:
    """What .npy holds without pickles: text or bytes of one length in place of objects."""
    if array.dtype.kind != "O":
        return plain(array) if np.dtype(array.dtype.type).isbuiltin != 1 else array
    strings = array.ravel().tolist()
    if any(item.endswith(b"\0") for item in strings):
        raise InvalidInput(
            f"output {name!r} holds strings that end in a NUL, which .npy files drop",
            hint="write a .json file",
        )
    with suppress(UnicodeDecodeError):
        return np.array([item.decode() for item in strings], np.str_).reshape(array.shape)
    return np.array(strings, np.bytes_).reshape(array.shape)


def _json(file: BinaryIO, answer: Prediction, spec: Signature) -> None:
    file.write(to_json(answer, spec) + b"\n")


def _jsonl(file: BinaryIO, answer: Prediction, _: Signature) -> None:
    names = [orjson.dumps(name) for name in answer]
    for number in range(_count_rows(answer)):
        values = (json_values(array[number, ...]) for array in answer.values())
        fields = (name + b":" + value for name, value in zip(names, values, strict=True))
        file.write(b"{" + b",".join(fields) + b"}\n")


def _csv(file: BinaryIO, answer: Prediction, _: Signature) -> None:
    _count_rows(answer)
    columns = [column for name, array in answer.items() for column in _columns(name, array)]
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.writer(_Lines(text))
    writer.writerow(name for name, _ in columns)
    writer.writerows(zip(*(cells for _, cells in columns), strict=True))
    text.flush()
    text.detach()


class _Lines:
    r"""Ends rows in \n; csv itself quotes a lone \r only where rows end in \r\n."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> None:
        self._file.write(row.removesuffix("\r\n") + "\n")


def _columns(name: str, array: Array) -> Iterator[_Column]:
    if array.ndim > 2:
        yield name, (json_values(row).decode() for row in array)
    elif array.ndim == 2 and array.shape[1] != 1:
        for number in range(array.shape[1]):
            yield f"{name}.{number}", _cells(name, array[:, number])
    else:
        yield name, _cells(name, array.reshape(-1))


def _cells(name: str, array: Array) -> list[str]:
    if array.dtype.kind != "O":
        # As numpy prints them: as few digits as identify a number of this very dtype.
        return [str(number) for number in plain(array)]
    try:
        return [item.decode() for item in array.tolist()]
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"output {name!r} holds bytes that are not UTF-8, which a .csv file cannot",
            hint="write a .json or .jsonl file",
        ) from error


def _count_rows(answer: Mapping[str, Array]) -> int:
    counts = {array.shape[0] if array.ndim else -1 for array in answer.values()}
    count: int = next(iter(counts), -1)
    if len(counts) != 1 or count < 0:
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in answer.items())
        raise InvalidInput(
            f"the outputs have no rows in common: {shapes}", hint="write an .npz or .json file"
        )
    return count


_WRITERS: Final[Mapping[str, Callable[[BinaryIO, Prediction, Signature], None]]] = {
    ".npy": _npy, ".npz": _npz, ".json": _json, ".jsonl": _jsonl, ".csv": _csv,
}  # fmt: skip
