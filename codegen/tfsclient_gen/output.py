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

# Bytes of a file in which the header is looked for: it is on the first line, or on the second
# after a #! or <!DOCTYPE>.
_HEAD_BYTES = 200


class Output:
    """Generated files, and the folder they are for."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        """Take files for a folder that does not hold another model's client.

        Args:
            folder: where the files go; it need not exist.
            files: path relative to the folder, to text.

        Raises:
            InvalidInput: the folder holds another model's client.
        """
        self.folder = folder
        self.files = files
        self._refuse_other_model()

    def write(self) -> None:
        """Write all files, and remove generated ones that are no longer made.

        Every file is written beside its place first and then moved there, so that an interrupted
        run leaves no half-written file.  Only files that carry our header are ever removed.
        """
        for path, text in self.files.items():
            _write(self.folder / path, text)
        for stray in self._strays():
            stray.unlink()

    def diff(self) -> str:
        """A unified diff from what is in the folder to the files; "" when they are the same."""
        diffs = [
            _diff(path, _read(self.folder / path), text)
            for path, text in sorted(self.files.items())
        ]
        diffs += [_diff(str(p.relative_to(self.folder)), _read(p), "") for p in self._strays()]
        return "".join(diffs)

    def _strays(self) -> Iterator[Path]:
        """Generated files in the folders we write to that this run did not make.

        A folder with a lock file per model (Python) is shared by models, so nothing there is a
        stray.
        """
        if LOCK_FILE not in self.files:
            return
        for folder in sorted({(self.folder / path).parent for path in self.files}):
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                made = str(path.relative_to(self.folder)) in self.files
                if not made and path.is_file() and _is_ours(path):
                    yield path

    def _refuse_other_model(self) -> None:
        for path, text in self.files.items():
            if not path.endswith(".lock.json") or not (self.folder / path).is_file():
                continue
            ours = from_json(text).name
            try:
                theirs = from_json((self.folder / path).read_bytes()).name
            except TFSError as error:
                raise InvalidInput(
                    f"{self.folder / path} is not a schema that tfsclient-gen wrote: {error}"
                ) from error
            if ours != theirs:
                raise InvalidInput(
                    f"{self.folder} holds the client of model {theirs!r}",
                    model=ours,
                    hint="choose another --out",
                )


def eject(folder: Path) -> None:
    """Write the shipped templates into a folder.

    Raises:
        InvalidInput: some of them are there already; nothing was written.
    """
    there = [name for name in template_names() if os.path.lexists(folder / name)]
    if there:
        raise InvalidInput(
            f"{folder} already holds {there[0]}; nothing was written",
            hint="choose an empty folder",
        )
    Output(folder, {name: SHIPPED.read(name) for name in template_names()}).write()


def _write(target: Path, text: str) -> None:
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


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return HEADER.encode() in file.read(_HEAD_BYTES)
