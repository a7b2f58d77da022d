"""Generated files and the disk: write them, or compare them with what is there.

A run owns what its lock file lists and what still is as it was written.  It writes over and removes
nothing else, and refuses before it writes anything.
"""

from __future__ import annotations

import difflib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from tfsclient.errors import InvalidInput
from tfsclient_gen import locks
from tfsclient_gen.owned import Owned
from tfsclient_gen.render import SHIPPED, template_names
from tfsclient_gen.target import LOCK_FILE

_TEMPORARY: Final = ".tfsclient-gen-"
_TOLD: Final = 8  # files that an error names


@dataclass(frozen=True, slots=True)
class Written:
    """What a run did.

    Attributes:
        written: the files it wrote, in its folder; those that were the same already are not there.
        removed: the files it removed: its own, no longer made.
        kept: files that are no longer made but were edited, so that they stay.
    """

    written: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])


class Output:
    """Generated files, and the folder they are for."""

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, str],
        *,
        complete: bool = False,
        lock_file: str = LOCK_FILE,
    ) -> None:
        """Take files for a folder that does not hold other clients.

        Args:
            folder: where the files go; it need not exist.
            files: path relative to the folder, to text; one of them is the lock file.  Without any,
                what an earlier run wrote is to be removed.
            complete: whether clients of other models in the folder are to be removed.
            lock_file: where there are no files, the lock file of those to remove.

        Raises:
            InvalidInput: the folder holds clients of another language or of other models, or a
                lock file that cannot be read.
        """
        self.folder = folder
        self.files = files
        self._lock_file = next((p for p in files if p.endswith(locks.SUFFIX)), lock_file)
        self._owned = Owned(folder, self._lock_file, files.keys())
        self._listed, self._changes = set(files), ""
        if files:
            new = locks.read(files[self._lock_file].encode(), self._lock_file)
            self._owned.refuse_another_client(new, complete=complete)
            self._listed |= set(new.files)  # what it lists beside `files` stays as it is
            self._changes = self._owned.changes(new)

    def paths(self) -> list[Path]:
        """Where the files go."""
        return [self.folder.absolute() / path for path in self.files]

    def refuse_what_is_not_ours(self) -> None:
        """Check that :meth:`write` would write over nothing but what an earlier run wrote.

        Raises:
            InvalidInput: it would; or something is in the way.
        """
        found = list(dict.fromkeys(self._in_the_way()))
        if not found:
            return
        more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        raise InvalidInput(
            f"nothing was written: {'; '.join(found[:_TOLD])}{more}",
            hint="move or remove what is in the way, or have the files written elsewhere",
        )

    def write(self) -> Written:
        """Write what is not there yet, and remove files of ours that are no longer made.

        Every file is written beside its place and then moved there.  The lock file comes first and
        lists what was and what will be; it comes last, too, so that whatever an interrupted run
        leaves is known as ours.

        Raises:
            InvalidInput: see :meth:`refuse_what_is_not_ours`; nothing was written.
        """
        self.refuse_what_is_not_ours()
        done = Written()
        todo = [path for path in sorted(self.files) if not self._is_there(path)]
        strays = sorted(self._owned.strays(self._listed), key=lambda path: path == self._lock_file)
        if not todo and not strays:
            return done
        lock, text = self.folder / self._lock_file, self.files.get(self._lock_file)
        if text is not None:
            under_way = locks.under_way(text, self._lock_file, self._hashes([*todo, *strays]))
            _write(lock, under_way)
        for path in todo:
            if path != self._lock_file:
                _write(self.folder / path, self.files[path])
                done.written.append(path)
        for path in strays:
            self._remove(path, done)
        if self._owned.lock is not None and self._owned.lock.before is not None:
            self._remove_temporary(done)  # that an interrupted run was writing
        if text is not None:
            _write(lock, text)
        if self._lock_file in todo:
            done.written.append(self._lock_file)
        return done

    def stale(self) -> dict[str, str]:
        """The files that are not as they would be written, and what is the matter with each."""
        found = {}
        for path in sorted(self.files):
            target = self.folder / path
            if self._is_there(path):
                continue
            if not os.path.lexists(target):
                found[path] = "is missing"
            elif self._blocked(path) is not None or self._same_text(path) or self._owned.has(path):
                why = self._changes if path == self._lock_file else ""
                found[path] = f"is stale: {why}" if why else "is stale"
            else:
                found[path] = self._owned.whose(path)
        return found | dict.fromkeys(self._owned.strays(self._listed), "is no longer generated")

    def diff(self) -> str:
        """A unified diff from what is in the folder to the files; "" when they are the same."""
        stale = self.stale()
        return "".join(_diff(self.folder / path, self.files.get(path, "")) for path in stale)

    # --- what is there -------------------------------------------------------------------------

    def _is_there(self, path: str) -> bool:
        """Whether a file is as it would be written."""
        target, text = self.folder / path, self.files[path]
        if self._blocked(path) is not None or not target.is_file():
            return False
        if text.startswith("#!") and os.name == "posix" and not target.stat().st_mode & 0o100:
            return False
        return self._same_text(path)

    def _same_text(self, path: str) -> bool:
        return locks.unix((self.folder / path).read_bytes()) == self.files[path].encode()

    def _blocked(self, path: str) -> str | None:
        """What keeps a file from being there: a link, or something that is not a file."""
        place = self.folder
        if os.path.lexists(place) and not place.is_dir():
            return f"{place} is not a directory"
        *parents, _ = PurePosixPath(path).parts
        for part in parents:
            place /= part
            if place.is_symlink():
                return f"{place} is a symbolic link"
            if os.path.lexists(place) and not place.is_dir():
                return f"{place} is not a directory"
        target = self.folder / path
        if target.is_symlink():
            return f"{target} is a symbolic link"
        if target.is_dir():
            return f"{target} is a directory, but a file is to be written there"
        if os.path.lexists(target) and not target.is_file():
            return f"{target} is not a regular file"
        return None

    def _in_the_way(self) -> Iterator[str]:
        folded: dict[str, str] = {}
        for path in sorted(self.files):
            other = folded.setdefault(path.casefold(), path)
            if other != path:
                yield f"{other} and {path} differ only in case"
        for path in sorted(self.files):
            target = self.folder / path
            if (blocked := self._blocked(path)) is not None:
                yield blocked
            elif self._is_there(path):
                continue
            elif not target.exists():
                if (why := _no_room(target.parent)) is not None:
                    yield why
            elif not self._owned.has(path) and not self._same_text(path):
                yield f"{target} {self._owned.whose(path)}"
            elif not target.stat().st_mode & 0o222:
                yield f"{target} is read-only"
            elif (why := _no_room(target.parent)) is not None:
                yield why

    def _hashes(self, paths: list[str]) -> dict[str, str]:
        """The hashes of those files that are there and ours."""
        ours = [
            path
            for path in paths
            if path != self._lock_file
            and self._blocked(path) is None
            and (self.folder / path).is_file()
            and self._owned.has(path)
        ]
        return {path: locks.digest((self.folder / path).read_bytes()) for path in ours}

    # --- removal -------------------------------------------------------------------------------

    def _remove(self, path: str, done: Written) -> None:
        target = self.folder / path
        if self._blocked(path) is not None or not target.is_file() or not self._owned.has(path):
            done.kept.append(path)
            return
        if any(_is_same_file(target, self.folder / new) for new in self.files):
            return  # it has a new name, of other case alone
        target.unlink()
        done.removed.append(path)
        for parent in PurePosixPath(path).parents[:-1]:
            try:
                (self.folder / parent).rmdir()
            except OSError:
                break  # it holds something else

    def _remove_temporary(self, done: Written) -> None:
        for folder in sorted({(self.folder / path).parent for path in self.files}):
            for path in sorted(folder.glob(f"{_TEMPORARY}*")) if folder.is_dir() else []:
                if path.is_file() and not path.is_symlink():
                    path.unlink()
                    done.removed.append(path.relative_to(self.folder).as_posix())


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
    for name in template_names():
        _write(folder / name, SHIPPED.read(name))


def counted(paths: Sequence[str]) -> str:
    """How many files, in words."""
    return "1 file" if len(paths) == 1 else f"{len(paths)} files"


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=_TEMPORARY)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).chmod(0o755 if text.startswith("#!") else 0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _no_room(folder: Path) -> str | None:
    """Why no file can be made in this folder, which need not exist; None if it can."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is not a directory"
    writable = os.access(folder, os.W_OK) and _mode(folder) & 0o222
    return None if writable else f"{folder} is read-only"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _is_same_file(one: Path, other: Path) -> bool:
    """Whether two names are one file, as on a disk that does not tell upper from lower case."""
    same_letters = str(one).casefold() == str(other).casefold()
    return same_letters and other.exists() and one.samefile(other)


def _diff(path: Path, after: str) -> str:
    """What is to change in a file; its folder is named, for a run may have several."""
    before, shown = _read(path), path.as_posix()
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), shown, f"{shown} (new)"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
