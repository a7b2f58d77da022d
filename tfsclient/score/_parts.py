"""The output folder: part files, dead letters, and the manifest that says which of them count.

    part-00000.parquet            rows, in the order of the input
    _errors/part-00000.parquet    rows that could not be scored, with the column `error`
    _manifest.json                what the job is, what it reads, and the parts so far

A part is written under another name, renamed, and then entered in the manifest, which is replaced
as a whole.  What the manifest does not list does not exist: a job that goes on removes it and does
those rows again.  So each row is in the output once, however the job before ended.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import orjson

from tfsclient.errors import InvalidInput, counted
from tfsclient.score._arrow import FAILURES, RecordBatch, Schema, fs, pa, pq, why
from tfsclient.score._files import open_system, public
from tfsclient.score._options import Options
from tfsclient.score._writers import WRITERS, Writer

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_FORMAT: Final = 1
_MANIFEST: Final = "_manifest.json"
_ERRORS: Final = "_errors"
_OPEN: Final = ".open"  # ends the names of files that are being written
_ROWS: Final = 1 << 19  # of a part
_SOONEST, _LATEST = 0.5, 60.0  # seconds after which a part is finished
_SHARE: Final = 0.1  # of the time that the job has taken: later parts are larger
_GO_ON: Final = "what is listed in the manifest is kept, and resume=True goes on from there"


class _Part:
    """A file being written."""

    def __init__(self, folder: Folder, name: str, schema: Schema) -> None:
        self._folder, self._name = folder, name
        self.rows = 0
        self._file = folder.system.open_output_stream(folder.path(name + _OPEN))
        self._writer: Writer = WRITERS[folder.format](self._file, schema, folder.about)

    def write(self, batch: RecordBatch) -> None:
        self._writer.write(batch)
        self.rows += batch.num_rows

    def finish(self) -> None:
        self._writer.finish()
        self._file.close()
        self._folder.rename(self._name + _OPEN, self._name)

    def discard(self) -> None:
        self._writer.discard()
        with suppress(Exception):
            self._file.close()
        with suppress(*FAILURES):
            self._folder.system.delete_file(self._folder.path(self._name + _OPEN))


class Folder:
    """An output folder.

    Args:
        options: the job's.
        sources: the fingerprints of what it reads.
        meaning: that of what is said of the model's inputs.

    Attributes:
        position: the source and the row in it that come next.
        rows: how many rows are in finished parts.
        errors: how many dead letters there are.
        rows_before, errors_before: the same, when the job began or went on.
        parts: how many there are.
        version: the model's version that the job began with.
        schema: of the rows.
        complete: whether the job was done before.

    Raises:
        InvalidInput: the folder cannot be used for this job.
    """

    def __init__(
        self, options: Options, sources: Sequence[Mapping[str, Any]], meaning: str | None = None
    ) -> None:
        self.format = options.format
        self.about: dict[str, str] = {"model": options.model}
        self._name = public(options.out)
        self._part: _Part | None = None
        self._letters: _Part | None = None
        self._since = self._began = time.monotonic()
        self._lock: int | None = None
        try:
            self.system, self._root = open_system(options.out)
            self._local = isinstance(self.system, fs.LocalFileSystem)
            self._manifest = self._begin(
                {**options.shape(), "meaning": meaning}, list(sources), resume=options.resume
            )
            self.rows_before, self.errors_before = self.rows, self.errors
        except FAILURES as error:
            self.close()
            raise self._cannot_write(error) from error
        except BaseException:
            self.close()
            raise

    # What the manifest says.

    @property
    def position(self) -> tuple[int, int]:
        """The source, and the row in it, that come after the finished parts."""
        source, row = self._manifest["parts"][-1]["to"] if self._manifest["parts"] else (0, 0)
        return source, row

    @property
    def rows(self) -> int:
        """How many rows the finished parts have, without dead letters."""
        return sum(part["rows"] for part in self._manifest["parts"])

    @property
    def errors(self) -> int:
        """How many dead letters there are."""
        return sum(part["errors"] for part in self._manifest["parts"])

    @property
    def parts(self) -> int:
        """How many parts are finished."""
        return len(self._manifest["parts"])

    @property
    def complete(self) -> bool:
        """Whether the job is done."""
        return bool(self._manifest["state"] == "complete")

    @property
    def version(self) -> int | None:
        """The version that the job is pinned to."""
        version: int | None = self._manifest["version"]
        return version

    @property
    def schema(self) -> Schema | None:
        """Of the rows that were written."""
        text = self._manifest["schema"]
        return None if text is None else pa.ipc.read_schema(pa.BufferReader(base64.b64decode(text)))

    def pin(self, version: int | None, signature: str) -> None:
        """Note what the job runs; only now does it leave anything in the folder.

        Raises:
            InvalidInput: the manifest cannot be written.
        """
        self.about = {**self.about, "signature": signature}
        if version is not None:
            self.about["version"] = str(version)
        if self._manifest["signature"] is None:
            self._manifest.update(version=version, signature=signature)
            try:
                if not self._exists:
                    self._make()
                self._save()
            except FAILURES as error:
                raise self._cannot_write(error) from error

    # Rows.

    def write(self, batch: RecordBatch) -> None:
        """Write rows that come next.

        Raises:
            InvalidInput: they cannot be written.
        """
        if self._part is None and self._letters is None:
            self._since = time.monotonic()
        try:
            if self._part is None:
                self._part = _Part(self, self._next(), batch.schema)
            self._part.write(batch)
        except FAILURES as error:
            raise self._cannot_write(error) from error

    def bury(self, batch: RecordBatch) -> None:
        """Write dead letters.

        Raises:
            InvalidInput: they cannot be written.
        """
        if self._part is None and self._letters is None:
            self._since = time.monotonic()
        try:
            if self._letters is None:
                self.system.create_dir(self.path(_ERRORS))
                self._letters = _Part(self, f"{_ERRORS}/{self._next()}", batch.schema)
            self._letters.write(batch)
        except FAILURES as error:
            raise self._cannot_write(error) from error

    def is_due(self) -> bool:
        """Whether the part has become large or old enough."""
        if self._part is None and self._letters is None:
            return False
        now = time.monotonic()
        rows = sum(part.rows for part in (self._part, self._letters) if part is not None)
        limit = min(_LATEST, max(_SOONEST, _SHARE * (now - self._began)))
        return rows >= _ROWS or now - self._since >= limit

    def commit(self, position: tuple[int, int], schema: Schema | None) -> None:
        """Finish the part, which ends before this position.

        Raises:
            InvalidInput: it cannot be written.
        """
        if self._part is None and self._letters is None:
            return
        name = self._next()
        part: dict[str, Any] = {"name": name, "from": list(self.position), "to": list(position)}
        try:
            for key, file in (("errors", self._letters), ("rows", self._part)):
                part[key] = 0 if file is None else file.rows
                if file is not None:
                    file.finish()
            self._part = self._letters = None
            if schema is not None:
                text = base64.b64encode(schema.serialize()).decode()
                self._manifest["uneven"] |= self._manifest["schema"] not in (None, text)
                self._manifest["schema"] = text
            self._manifest["parts"].append(part)
            self._save()
        except FAILURES as error:
            raise self._cannot_write(error) from error

    def finish(self) -> None:
        """Note that the job is done, when all parts have one schema.

        Raises:
            InvalidInput: a part or the manifest cannot be written.
        """
        try:
            if self._manifest["uneven"] and self.format == "parquet":
                self._level()
            self._manifest.update(state="complete", uneven=False)
            self._save()
        except FAILURES as error:
            raise self._cannot_write(error) from error

    def _level(self) -> None:
        """Give the parts that were written before a column changed its type the later one."""
        for name in [part["name"] for part in self._manifest["parts"] if part["rows"]]:
            with self.system.open_input_file(self.path(name)) as source:
                file = pq.ParquetFile(source)
                if file.schema_arrow.equals(self.schema):
                    continue
                self._part = _Part(self, name, self.schema)
                for batch in file.iter_batches():
                    self._part.write(batch.cast(self.schema))
            self._part.finish()
            self._part = None

    def close(self) -> None:
        """Give up what is not finished."""
        self._discard()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def path(self, name: str) -> str:
        """Where the file system has a file of the folder."""
        return f"{self._root}/{name}"

    def rename(self, old: str, new: str) -> None:
        """Give a file its name, once it is on disk."""
        if self._local:
            with open(self.path(old), "rb+") as file:
                os.fsync(file.fileno())
        self.system.move(self.path(old), self.path(new))

    # Beginnings.

    def _begin(
        self, options: Mapping[str, Any], sources: list[Mapping[str, Any]], *, resume: bool
    ) -> dict[str, Any]:
        info = self.system.get_file_info(self._root)
        if info.type == fs.FileType.File:
            raise InvalidInput(f"{self._name} is a file, and the parts go to a folder")
        self._exists = info.type != fs.FileType.NotFound
        if self._exists:
            self._take_lock()
        found = self._files() if self._exists else []
        job: dict[str, Any] = {"options": options, "inputs": sources}
        if _MANIFEST in found:
            manifest = self._read()
            if resume:
                self._check_same(manifest, job)
            elif manifest["parts"] or manifest["state"] == "complete":
                raise InvalidInput(
                    f"{self._name} holds a job's output already",
                    hint="resume=True goes on with it; else name another folder",
                )
            self._clean(found, manifest)
            if resume:
                return manifest
        elif others := [name for name in found if not name.endswith(_OPEN)]:
            raise InvalidInput(
                f"{self._name} is not empty, and is not a job's output: it holds {others[0]}",
                hint="name a folder that is empty or does not exist",
            )
        return {
            "format": _FORMAT, "state": "running", **job, "version": None, "signature": None,
            "schema": None, "uneven": False, "parts": [],
        }  # fmt: skip

    def _make(self) -> None:
        """Make the folder, unless another job was faster."""
        self.system.create_dir(self._root)
        self._take_lock()
        if self._files():
            raise InvalidInput(f"another job writes to {self._name} since this one began")

    def _take_lock(self) -> None:
        """Keep other jobs out for as long as this one lives."""
        if not self._local or fcntl is None:
            return
        self._lock = os.open(self._root, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput(f"another job is writing to {self._name}") from None
        except OSError:
            pass  # a file system without locks

    def _files(self) -> list[str]:
        infos = self.system.get_file_info(fs.FileSelector(self._root, recursive=True))
        files = [info.path for info in infos if info.type == fs.FileType.File]
        return sorted(path[len(self._root) :].lstrip("/") for path in files)

    def _read(self) -> dict[str, Any]:
        with self.system.open_input_stream(self.path(_MANIFEST)) as file:
            text = file.read()
        try:
            manifest: dict[str, Any] = orjson.loads(text)
            if manifest["format"] == _FORMAT and manifest["options"] and manifest["inputs"]:
                return manifest
        except (orjson.JSONDecodeError, KeyError, TypeError):
            pass
        raise InvalidInput(
            f"{self._name}/{_MANIFEST} is not a manifest that this version of tfsclient can read"
        )

    def _check_same(self, manifest: dict[str, Any], job: dict[str, Any]) -> None:
        for name, value in job["options"].items():
            if (before := manifest["options"].get(name)) != value:
                raise InvalidInput(
                    f"{self._name} holds the output of another job: its {name} was "
                    f"{_told(before)}, and is {_told(value)} now",
                    hint="resume with the same options, or name another folder",
                )
        before = manifest["inputs"]
        for one, other in zip(before, job["inputs"], strict=False):
            if one != other:
                same = one["path"] == other["path"]
                raise InvalidInput(
                    f"the input {other['path']} has changed since the job began: its rows would "
                    "not go with those that are written"
                    if same
                    else f"the job began with {one['path']}, where {other['path']} stands now",
                    hint="name another folder for the new input",
                )
        if len(before) != len(job["inputs"]):
            raise InvalidInput(
                f"the job began with {counted(len(before), 'input')}, and now there "
                f"{'is' if len(job['inputs']) == 1 else 'are'} {len(job['inputs'])}",
                hint="name another folder for the new inputs",
            )

    def _clean(self, found: list[str], manifest: dict[str, Any]) -> None:
        """Remove what an earlier run did not finish."""
        listed = {part["name"] for part in manifest["parts"]}
        for name in found:
            if name.rpartition("/")[2] not in {*listed, _MANIFEST}:
                if not name.removeprefix(f"{_ERRORS}/").startswith(("part-", _MANIFEST)):
                    raise InvalidInput(f"{self._name} holds {name}, which is not of this job")
                self.system.delete_file(self.path(name))
        names = set(found)
        for part in manifest["parts"]:
            if part["rows"] and part["name"] not in names:
                raise InvalidInput(f"{self._name}/{part['name']} is missing: it was written before")

    def _next(self) -> str:
        return f"part-{self.parts:05d}.{self.format}"

    def _save(self) -> None:
        with self.system.open_output_stream(self.path(_MANIFEST + _OPEN)) as file:
            file.write(orjson.dumps(self._manifest, option=orjson.OPT_INDENT_2))
        self.rename(_MANIFEST + _OPEN, _MANIFEST)

    def _discard(self) -> None:
        for part in (self._part, self._letters):
            if part is not None:
                part.discard()
        self._part = self._letters = None

    def _cannot_write(self, error: BaseException) -> InvalidInput:
        """What to say; the part is given up, and the job does its rows again when it goes on."""
        self._discard()
        manifest = getattr(self, "_manifest", None)
        hint = _GO_ON if manifest is not None and manifest["parts"] else None
        return InvalidInput(f"cannot write to {self._name}: {why(error)}", hint=hint)


def _told(option: Any) -> str:
    """What an option was given as."""
    if isinstance(option, list):
        return ",".join(map(str, option)) or "none"
    return "not given" if option is None else str(option)
