"""Version folders: which comes next, and how one appears all at once."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tfsclient.errors import InvalidInput
from tfsclient.sources._versions import version_number

_LARGEST: Final = (1 << 63) - 1
_TRIES: Final = 100


def check_folder(out: Path) -> None:
    """Refuse a folder that cannot be a model's.

    Raises:
        InvalidInput: it is a version of one.
    """
    if any((out / f"saved_model.{kind}").exists() for kind in ("pb", "pbtxt", "cpb")):
        raise InvalidInput(
            f"{out} is itself a SavedModel, so it cannot hold versions of one",
            hint="--out is the model's folder, in which each version gets a folder of its own",
        )


@contextmanager
def workplace(out: Path) -> Iterator[Path]:
    """A folder beside the versions, whose name no server takes for one; gone in the end.

    Raises:
        InvalidInput: nothing can be written to ``out``.
    """
    made = [each for each in (out, *out.parents) if not each.exists()]
    half = out / f".export-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        try:
            half.mkdir(parents=True)  # not mkdtemp: servers run as other users
        except OSError as error:
            raise InvalidInput(f"cannot write to {out}: {error.strerror or error}") from error
        yield half
    finally:
        shutil.rmtree(half, ignore_errors=True)
        for each in made:
            with suppress(OSError):  # it holds a version now
                each.rmdir()


def publish(half: Path, out: Path) -> Path:
    """Make a folder the next version; other exports may do so at the same time.

    Raises:
        InvalidInput: there is no next version, or the folder cannot be renamed.
    """
    for _ in range(_TRIES):
        folder = out / str(next_version(out))
        try:
            half.rename(folder)
        except FileExistsError:
            continue
        except OSError as error:
            if folder.exists():  # somebody was faster
                continue
            raise InvalidInput(f"cannot write {folder}: {error.strerror or error}") from error
        return folder
    raise InvalidInput(f"{out}: others write versions faster than this export")


def next_version(out: Path) -> int:
    """The number after the highest that is there; 1 for the first."""
    names = [child.name for child in out.iterdir()] if out.is_dir() else []
    highest = max([0, *(number for name in names if (number := version_number(name)) is not None)])
    if highest == _LARGEST:
        raise InvalidInput(f"{out} holds version {highest}, after which there is none")
    return highest + 1
