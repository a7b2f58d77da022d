"""Which files a job reads, in which order, and how it knows them again."""

from __future__ import annotations

import bz2
import fnmatch
import glob
import gzip
import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final
from urllib.parse import unquote

from tfsclient.errors import InvalidInput, counted
from tfsclient.score._arrow import FAILURES, FileSystem, fs, pa, why

STDIN: Final = "-"

_KINDS: Final = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".json": "jsonl", ".npy": "npy", ".npz": "npz", ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord", ".png": "pictures", ".jpg": "pictures", ".jpeg": "pictures",
    ".gif": "pictures", ".bmp": "pictures", ".webp": "pictures", ".tif": "pictures",
    ".tiff": "pictures", ".avif": "pictures",
}  # fmt: skip
_COMPRESSED: Final = (".gz", ".bz2", ".zst", ".lz4")
_STREAMED: Final = ("csv", "jsonl", "tfrecord")  # which may be compressed
_SHARD: Final = re.compile(r"-\d+-of-\d+$")  # as TensorFlow names the parts of a data set
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_CELL: Final = re.compile(rf"{_URI.pattern}|file:/")  # the latter is how Spark writes a path
_HADOOP: Final = ("s3a://", "s3n://")  # its names for what all others call s3://
_QUERY: Final = re.compile(r"\?\w+=.*", re.DOTALL)  # options of a file system, at a URI's end
_SECRET: Final = re.compile(r"(?<=://)[^/@]*:[^/@]*@")
_WILD: Final = re.compile(r"[*?\[]")
_PATIENCE: Final = 30  # seconds until Google's library gives up; by itself it takes many minutes


@dataclass(frozen=True)
class File:
    """A file.

    Attributes:
        name: what errors call it, and what a picture's row says: what the user wrote, or the path
            where that was a URI.
        path: where its file system has it.
        size: in bytes.
        mtime: when it was changed, in nanoseconds; None where that is not known.
    """

    name: str
    path: str
    size: int
    mtime: int | None


@dataclass(frozen=True)
class Source:
    """What one reader reads: a file, or all pictures.

    Attributes:
        kind: "parquet", "csv", "jsonl", "npy", "npz", "tfrecord", "pictures" or "stdin".
        files: one; for pictures any number.
        system: the file system that has them.
        partition: what the names of its folders say, as in ``year=2026``.
    """

    kind: str
    files: tuple[File, ...]
    system: FileSystem
    partition: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """What errors call it."""
        one = self.files[0].name
        return one if self.kind != "pictures" else counted(len(self.files), "picture")

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(file.size for file in self.files)

    def is_remote(self) -> bool:
        """Whether its files are not on this machine."""
        return self.system is not None and not isinstance(self.system, fs.LocalFileSystem)

    def read(self, name: str) -> bytes:
        """One of its files.

        Raises:
            InvalidInput: it cannot be read.
        """
        try:
            with self.system.open_input_stream(name, compression=None) as stream:
                data: bytes = stream.read()
        except FAILURES as error:
            raise InvalidInput(f"cannot read {name}: {why(error)}") from error
        return data

    def fingerprint(self) -> dict[str, Any]:
        """What changes when the files do."""
        if self.kind == "stdin":
            return {"path": STDIN}
        if self.kind != "pictures":
            (file,) = self.files
            return {"path": file.path, "size": file.size, "mtime": file.mtime}
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.path}\0{file.size}\0{file.mtime}\n".encode("utf-8", "replace"))
        return {"path": self.name, "size": self.size, "digest": digest.hexdigest()}


def find_sources(inputs: Sequence[str], out: str | None = None) -> list[Source]:
    """The files that inputs stand for: files, folders, globs, ``-``; in the order of their names.

    Args:
        inputs: what was given.
        out: the job's own folder, which is passed over where it lies in one of those.

    Raises:
        InvalidInput: there are none, they are of several kinds, or of one that is not known.
    """
    if STDIN in inputs:
        if len(inputs) > 1:
            raise InvalidInput("standard input (-) goes with no other input")
        return [Source("stdin", (File("standard input", STDIN, 0, None),), None)]
    sources: list[Source] = []
    empty: list[Source] = []
    pictures: list[tuple[FileSystem, File]] = []
    for given in inputs:
        try:
            for system, file, root in _expand(given, out):
                if (kind := _kind(file, system)) == "pictures":
                    pictures.append((system, file))
                else:
                    source = Source(kind, (file,), system, _partition(file, root))
                    # As parts of nothing are written: without even a line of names.  What was
                    # named may be a pipe, of which no size is known.
                    nothing = not file.size and kind in ("csv", "jsonl") and file.name != given
                    (empty if nothing else sources).append(source)
        except FAILURES as error:
            raise InvalidInput(f"cannot read {public(given)}: {why(error)}") from error
    if pictures:
        files = tuple(file for _, file in pictures)
        sources.append(Source("pictures", files, pictures[0][0]))
    if not sources:
        sources = empty
    _level_partitions(sources)
    kinds = {source.kind: source.name for source in sources}
    if len(kinds) > 1:
        listed = [
            name if kind == "pictures" else f"{name} ({kind})"
            for kind, name in list(kinds.items())[:2]
        ]
        raise InvalidInput(
            f"the inputs are of several kinds: {' and '.join(listed)}",
            hint="score one kind at a time; a glob in quotes, as in 'data/*.csv', selects",
        )
    return sources


def _level_partitions(sources: Sequence[Source]) -> None:
    """Have a folder's value be text in all files where it is in one."""
    texts = {n for one in sources for n, value in one.partition.items() if isinstance(value, str)}
    for source in sources:
        for name in texts & source.partition.keys():
            if source.partition[name] is not None:
                source.partition[name] = str(source.partition[name])


def split_query(uri: str) -> tuple[str, str]:
    """A URI without the options at its end, and those."""
    found = _QUERY.search(uri)
    return (uri, "") if found is None else (uri[: found.start()], found[0])


def public(given: str) -> str:
    """A path or URI as errors may show it: without a secret."""
    return _SECRET.sub("", split_query(given)[0]) if _URI.match(given) else given


def open_system(given: str) -> tuple[FileSystem, str]:
    """The file system that has this path or URI, and what that calls it.

    Raises:
        OSError, pyarrow.ArrowException: there is none.
    """
    if _URI.match(given):
        if given.startswith(("gs://", "gcs://")) and "retry_limit_seconds=" not in given:
            mark = "&" if _QUERY.search(given) else "?"
            given = f"{given}{mark}retry_limit_seconds={_PATIENCE}"
        system, path = fs.FileSystem.from_uri(given)
        return system, path
    return fs.LocalFileSystem(), os.path.abspath(given)


def read_uri(cell: str) -> bytes | None:
    """The file that a cell names by a URI; None if it is no URI.

    Raises:
        InvalidInput: it cannot be read.
    """
    if not _CELL.match(cell):
        return None
    uri = f"s3://{cell[len(_HADOOP[0]) :]}" if cell.startswith(_HADOOP) else cell
    if not _URI.match(uri):
        uri = f"file://{uri.removeprefix('file:')}"
    try:
        system, path = open_system(uri)
        with system.open_input_stream(path, compression=None) as stream:
            data: bytes = stream.read()
    except (*FAILURES, ValueError) as error:
        raise InvalidInput(f"cannot read {public(cell)}: {why(error)}") from error
    return data


class _Whole(io.RawIOBase):
    """A file that must not end before it has as many bytes as it had when the job began."""

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._size = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._file.readinto(buffer)
        if not count and len(buffer) and self._file.tell() < self._size:
            raise OSError(
                f"it had {self._size} bytes when the job began, and ends after {self._file.tell()}"
            )
        return count


def open_stream(source: Source) -> tuple[BinaryIO, Callable[[], int]]:
    """A file's bytes, unpacked if its name says that they are packed.

    What is packed and cut short is read up to there: Python's own modules do that to the last byte,
    pyarrow to the last few thousand.

    Returns:
        The bytes, and what tells how many of the file's own were read.
    """
    (file,) = source.files
    plain = source.system.open_input_file(file.path)
    name = file.path.lower()
    stream: Any = io.BufferedReader(_Whole(plain, file.size), 1 << 20)
    if name.endswith(".gz"):
        stream = gzip.GzipFile(fileobj=stream, mode="rb")
    elif name.endswith(".bz2"):
        stream = bz2.BZ2File(stream)
    elif name.endswith(_COMPRESSED):
        packed = pa.CompressedInputStream(plain, pa.Codec.detect(file.path).name)
        stream = io.BufferedReader(packed, 1 << 12)
    return stream, plain.tell


def _expand(given: str, out: str | None) -> Iterator[tuple[FileSystem, File, str | None]]:
    """The files that an input stands for, each with the folder that it was found in, if any."""
    local = not _URI.match(given)
    name, query = (given, "") if local else split_query(given)
    if _WILD.search(name) and not (local and os.path.exists(name)):
        yield from _glob(name, query, local, out)
        return
    system, path = open_system(given)
    given = public(name)
    info = system.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        raise InvalidInput(f"{given} does not exist")
    if info.type != fs.FileType.Directory:
        yield system, _file(info, given if local else info.path), None
        return
    is_own = _within(path, out, local)
    if local:
        _refuse_broken_links(given, is_own)
    found = [
        one
        for one in _list(system, path)
        if not _hidden(one.path[len(path) :]) and not is_own(one.path)
    ]
    if not found:
        raise InvalidInput(f"{given} has no files in it")
    for one in found:
        name = given.rstrip("/") + one.path[len(path) :] if local else one.path
        yield system, _file(one, name), path


def _glob(
    given: str, query: str, local: bool, out: str | None
) -> Iterator[tuple[FileSystem, File, None]]:
    if local:
        system = fs.LocalFileSystem()
        base = os.path.abspath(os.path.dirname(_WILD.split(given)[0]))
        names = sorted(glob.glob(given, recursive=True))
        for name in names:
            _refuse_broken_link(name)
        names = [name for name in names if os.path.isfile(name)]
        found = [(system.get_file_info(os.path.abspath(name)), name) for name in names]
    else:
        system, base = open_system(_WILD.split(given)[0].rpartition("/")[0] + query)
        pattern = base + given[len(given[: _WILD.search(given).start()].rpartition("/")[0]) :]  # type: ignore[union-attr]
        listed = [one for one in _list(system, base) if fnmatch.fnmatchcase(one.path, pattern)]
        found = [(one, one.path) for one in listed]
    is_own = _within(base, out, local)
    found = [(info, name) for info, name in found if not is_own(info.path)]
    if not found:
        raise InvalidInput(f"no file matches {public(given)}")
    for info, name in found:
        yield system, _file(info, name), None


def _within(folder: str, out: str | None, local: bool) -> Callable[[str], bool]:
    """Which files of a folder a job writes itself: those of its own folder inside it."""
    if out in (None, STDIN) or local == bool(_URI.match(out)):
        return lambda path: False
    real: Callable[[str], str] = os.path.realpath if local else str
    own = real(out) if local else open_system(out)[1].rstrip("/")
    start = real(folder).rstrip("/") + "/"
    if not own.startswith(start):
        return lambda path: False
    own = f"{folder.rstrip('/')}/{own[len(start) :]}/"
    return lambda path: path.startswith(own)


def _refuse_broken_links(folder: str, is_own: Callable[[str], bool]) -> None:
    """Refuse what pyarrow leaves out of its list of a folder."""
    for at, _, names in os.walk(folder):
        for path in (os.path.join(at, name) for name in names):
            if not _hidden(path[len(folder) :]) and not is_own(os.path.abspath(path)):
                _refuse_broken_link(path)


def _refuse_broken_link(path: str) -> None:
    if os.path.islink(path) and not os.path.exists(path):
        raise InvalidInput(f"{path} is a link to {os.readlink(path)}, which does not exist")


def _list(system: FileSystem, path: str) -> list[Any]:
    infos = system.get_file_info(fs.FileSelector(path, recursive=True))
    return sorted((i for i in infos if i.type == fs.FileType.File), key=lambda info: info.path)


def _hidden(path: str) -> bool:
    """Whether data sets pass over a file: ``_SUCCESS``, a manifest, ``.crc``."""
    return any(part.startswith(("_", ".")) for part in path.split("/"))


def _file(info: Any, name: str) -> File:
    return File(name, info.path, info.size or 0, info.mtime_ns)


def _kind(file: File, system: FileSystem) -> str:
    stem = _SHARD.sub("", file.path.lower())
    packed = stem.endswith(_COMPRESSED)
    kind = _KINDS.get(os.path.splitext(os.path.splitext(stem)[0] if packed else stem)[1])
    if packed and kind not in _STREAMED:
        kind = None
    if kind is None and _starts_as_parquet(file, system):
        kind = "parquet"
    if kind is None:
        raise InvalidInput(
            f"{file.name} is of no known kind: a name ends in {' '.join(_KINDS)}; .csv, .jsonl and "
            ".tfrecord may end in .gz, too"
        )
    return kind


def _starts_as_parquet(file: File, system: FileSystem) -> bool:
    with system.open_input_stream(file.path, compression=None) as stream:
        return bool(stream.read(4) == b"PAR1")


def _partition(file: File, root: str | None) -> dict[str, Any]:
    """What the folders between say, as Hive writes it; whole numbers are numbers."""
    found: dict[str, Any] = {}
    for part in file.path[len(root or "") :].split("/")[:-1] if root is not None else ():
        name, equals, text = map(unquote, part.partition("="))
        if equals:
            value = None if text == "__HIVE_DEFAULT_PARTITION__" else text
            found[name] = int(text) if re.fullmatch(r"0|-?[1-9][0-9]{0,17}", text) else value
    return found
