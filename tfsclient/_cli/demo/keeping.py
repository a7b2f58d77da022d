"""What ``tfsclient demo --keep`` leaves: a model to serve and pictures to send to it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from tfsclient._cli.demo import digits
from tfsclient.errors import InvalidInput

MODEL = Path("models") / "digits"
PICTURE = "scan.png"
PICTURES = "scans"


def make_folder(folder: str) -> None:
    """Make the folder, before anything slow happens, and see whether it can be written.

    Raises:
        InvalidInput: the name is empty, or there can be no such folder, or it cannot be written.
    """
    if not folder:
        raise InvalidInput("--keep: the name of the folder is empty")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise InvalidInput(f"--keep cannot write into {folder}: not a directory") from None
    except OSError as error:
        raise InvalidInput(f"--keep cannot write into {folder}: {error.strerror}") from error


def write(folder: Path, held_out: digits.Scans) -> None:
    """Draw the pictures beside the model: the first scan, and one of each digit."""
    (folder / PICTURE).write_bytes(digits.to_png(held_out.images[0]))
    (folder / PICTURES).mkdir()
    for digit in range(10):
        first = held_out.images[np.flatnonzero(held_out.truth == digit)[0]]
        (folder / PICTURES / f"{digit}.png").write_bytes(digits.to_png(first))


def keep(made: Path, folder: Path) -> None:
    """Copy the model and the pictures of ``made`` into ``folder``, all of them or none.

    Training is repeatable, so what an earlier run left is the same and stays as it is.

    Raises:
        InvalidInput: a file with other content is there already, or ``folder`` cannot be written.
    """
    sources = [path for path in sorted(made.rglob("*")) if path.is_file()]
    copies = {folder / path.relative_to(made): path.read_bytes() for path in sources}
    try:
        missing = {path: content for path, content in copies.items() if not _same(path, content)}
        for path, content in missing.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
    except OSError as error:
        raise InvalidInput(f"--keep cannot write {error.filename}: {error.strerror}") from error


def _same(path: Path, content: bytes) -> bool:
    """Whether the file is there; one with other content is not ours to overwrite."""
    there = next((p for p in (path, *path.parents) if p.exists() or p.is_symlink()), path)
    if there != path and there.is_dir():
        return False
    if there == path and path.is_file() and path.read_bytes() == content:
        return True
    raise InvalidInput(
        f"--keep would overwrite {there}, which is not what the demo writes: "
        "move it away, or choose another folder"
    )
