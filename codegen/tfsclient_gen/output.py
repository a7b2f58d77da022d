"""Generated files and the disk: write them, or compare them with what is there."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tfsclient.errors import InvalidInput, TFSError
from tfsclient.schema import from_json
from tfsclient_gen.render import HEADER, SHIPPED, template_names
from tfsclient_gen.target import LOCK_FILE

_HEAD_BYTES = 200  # the header stands on the first or, after a #! or <!DOCTYPE>, the second line


def write(files: Mapping[str, str], out: Path) -> None:
    """Write all files below ``out``, and remove generated ones that are no longer made.

    Every file is written beside its place first and then moved there, so that an interrupted run
    leaves no half file.  Only files that carry our header are ever removed.

    Raises:
        InvalidInput: ``out`` holds another model's client.
    """
    refuse_other_model(files, out)
    for path, text in files.items():
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".tfsclient-gen-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(temporary).chmod(0o755 if text.startswith("#!") else 0o644)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    for stray in _strays(files, out):
        stray.unlink()


def check(files: Mapping[str, str], out: Path) -> str:
    """A unified diff from what is in ``out`` to ``files``; "" when they are the same."""
    refuse_other_model(files, out)
    diffs = [_diff(path, _read(out / path), text) for path, text in sorted(files.items())]
    diffs += [_diff(str(p.relative_to(out)), _read(p), "") for p in _strays(files, out)]
    return "".join(diffs)


def _diff(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), path, f"{path} (new)"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _strays(files: Mapping[str, str], out: Path) -> Iterator[Path]:
    """Generated files in the folders we write to that this run did not make.

    A folder with a lock file per model (Python) is shared by models, so nothing there is a stray.
    """
    if LOCK_FILE not in files:
        return
    for folder in sorted({(out / path).parent for path in files}):
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if str(path.relative_to(out)) not in files and path.is_file() and _is_ours(path):
                yield path


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return HEADER.encode() in file.read(_HEAD_BYTES)


def refuse_other_model(files: Mapping[str, str], out: Path) -> None:
    """Raise InvalidInput if ``out`` holds another model's client."""
    for path, text in files.items():
        if not path.endswith(".lock.json") or not (out / path).is_file():
            continue
        ours = from_json(text).name
        try:
            theirs = from_json((out / path).read_bytes()).name
        except TFSError as error:
            raise InvalidInput(f"{out / path} is no schema of ours: {error}") from error
        if ours != theirs:
            raise InvalidInput(
                f"{out} holds the client of model {theirs!r}",
                model=ours,
                hint="choose another --out",
            )


def eject(out: Path) -> None:
    """Write the shipped templates below ``out``.

    Raises:
        InvalidInput: some of them are there already; nothing was written.
    """
    there = [name for name in template_names() if os.path.lexists(out / name)]
    if there:
        raise InvalidInput(
            f"{out} holds {there[0]} already, and nothing was written",
            hint="choose an empty folder",
        )
    write({name: SHIPPED.read(name) for name in template_names()}, out)
