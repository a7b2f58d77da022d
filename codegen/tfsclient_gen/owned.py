"""What earlier runs wrote into a folder, by its lock file, and whether it still is as they did."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from tfsclient.errors import InvalidInput, TFSError
from tfsclient.schema import to_json
from tfsclient_gen import locks
from tfsclient_gen.generate import languages
from tfsclient_gen.locks import Lock
from tfsclient_gen.render import HEADER
from tfsclient_gen.target import LOCK_FILE

_TITLES: Final = {
    "python": "Python", "go": "Go", "java": "Java", "rust": "Rust", "js": "JavaScript",
    "ts": "TypeScript", "openapi": "OpenAPI",
}  # fmt: skip
# Where the lock file is of tfsclient 0.1.0, which named no language, these files tell it.
_MARKS: Final = {
    "go": "**/client.go", "js": "index.js", "ts": "index.ts", "curl": "*.sh",
    "openapi": "*openapi.json",
}  # fmt: skip
# Bytes of a file in which the header is looked for: it is on the first line, or on the second
# after a #! or <!DOCTYPE>.
_HEAD_BYTES: Final = 200


class Owned:
    """The files of a folder that earlier runs wrote with one lock file.

    Attributes:
        lock: what the lock file says; None if there is none.
    """

    def __init__(self, folder: Path, lock_file: str, files: Collection[str]) -> None:
        """Read the lock file of a folder.

        Args:
            folder: the folder, which need not exist.
            lock_file: the path of the lock file in it.
            files: the paths of the files that the run at hand makes.

        Raises:
            InvalidInput: the lock file cannot be read.
        """
        self._folder, self._lock_file, self._files = folder, lock_file, files
        self.lock = read_lock(folder, lock_file)

    def refuse_another_client(self, new: Lock, *, complete: bool) -> None:
        """Check that the folder holds no clients but those of the run.

        Args:
            new: the run's own lock file.
            complete: whether the run says which models there are, so that others may go.

        Raises:
            InvalidInput: it holds clients of another language, or of other models.
        """
        if self.lock is None:
            return
        language = self.lock.language or self._language_by_files(new) or new.language
        others = [] if complete else [name for name in self.lock.models if name not in new.models]
        if language == new.language and not others:
            return
        title, every = _TITLES.get(language or "", language), list(self.lock.models)
        hint = f"give another {'dir' if complete else '--out'}"
        if language == new.language and self._lock_file == LOCK_FILE:
            named = (f"--model {shlex.quote(name)}" for name in sorted({*every, *new.models}))
            hint += f", or name all models: {' '.join(named)}"
        clients = "client" if len(every) == 1 else "clients"
        raise InvalidInput(
            f"{self._folder} holds the {title} {clients} of {', '.join(map(repr, every))}; {hint}"
        )

    def _language_by_files(self, new: Lock) -> str | None:
        """The language whose client is there by the look of it, if it is not the run's own."""
        if self._lock_file != LOCK_FILE:
            return None
        marks = {name: sorted(self._folder.glob(mark)) for name, mark in _MARKS.items()}
        there = [name for name, paths in marks.items() if any(map(_has_header, paths))]
        return None if not there or new.language in there else there[0]

    def has(self, path: str) -> bool:
        """Whether the regular file there is one that an earlier run wrote, and as it wrote it."""
        if self.lock is None:
            return False
        if self.lock.language is None:  # it lists nothing: the header tells, this once
            beside = [path]
            if path == self._lock_file:
                beside = [p.name for p in self._folder.iterdir()] if self._folder.is_dir() else []
            return any(_has_header(self._folder / one) for one in beside)
        if path == self._lock_file:
            return not self.lock.edited
        return self.lock.owns(path, (self._folder / path).read_bytes())

    def whose(self, path: str) -> str:
        """What to say of a file that is not as an earlier run wrote it."""
        if self.lock is None:
            return f"exists, and there is no {self._lock_file} to say that tfsclient-gen wrote it"
        if self.lock.language is None:
            return "exists, and does not say that tfsclient-gen wrote it"
        if path == self._lock_file or path in self.lock.paths():
            return "was edited since it was generated"
        return "exists, and tfsclient-gen did not write it"

    def changes(self, new: Lock) -> str:
        """Which models are not as the lock file has them, in words; "" if all are."""
        old = {} if self.lock is None else self.lock.models
        told = [f"{name} is new" for name in new.models if name not in old]
        told += [f"{name} is no longer requested" for name in old if name not in new.models]
        both = [name for name in new.models if name in old]
        changed = (n for n in both if to_json(old[n], version=False) != to_json(new.models[n]))
        return ", ".join(sorted([*told, *(f"{name} has changed" for name in changed)]))

    def strays(self, listed: Collection[str]) -> Iterator[str]:
        """Files of earlier runs that are there, but not listed any more."""
        if self.lock is None:
            return
        every = self._listed_by_header() if self.lock.language is None else self.lock.paths()
        for path in every:
            if path not in listed and os.path.lexists(self._folder / path):
                yield path

    def _listed_by_header(self) -> Iterator[str]:
        """What a run of tfsclient 0.1.0 wrote, which listed nothing: files with its header.

        Where each model has a lock file (Python), other models' files are there, too.
        """
        if self._lock_file != LOCK_FILE:
            return
        paths = (self._folder / path for path in self._files)
        kinds = {path.suffix for path in paths} - {".md", ".json"}
        folders = {(self._folder / path).parent for path in self._files}
        for folder in sorted({self._folder, *folders}):
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                if path.suffix in kinds and _has_header(path):
                    yield path.relative_to(self._folder).as_posix()


def read_lock(folder: Path, lock_file: str) -> Lock | None:
    """What the lock file of a folder says; None if there is none.

    Raises:
        InvalidInput: it cannot be read.
    """
    path = folder / PurePosixPath(lock_file)
    if not path.is_file():
        return None
    try:
        lock = locks.read(path.read_bytes(), lock_file)
    except TFSError as error:
        raise InvalidInput(
            f"{path} is not a lock file that tfsclient-gen wrote: {error}",
            hint="restore it from version control, or remove it and the files of that "
            "client, and generate again",
        ) from error
    if lock.language is not None and lock.language not in languages():
        raise InvalidInput(
            f"{path}: its language {lock.language!r} is not one that this version of "
            "tfsclient-gen knows",
            hint="use the version that wrote it, or give another folder",
        )
    return lock


def names_in(path: str | None) -> dict[str, str]:
    """What the identifiers of models are made of that a lock file names; none in other files."""
    try:
        return dict(locks.read(Path(path or "").read_bytes(), "").names)
    except (OSError, TFSError):
        return {}


def _has_header(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return HEADER.encode() in file.read(_HEAD_BYTES)
