"""Lock files: the schemas that clients were made from, and the hashes of the files a run wrote.

The lock file of one model is a schema like any other; readers of schemas pass over what is added
here.  That of several has a list of schemas.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

import orjson

from tfsclient.errors import InvalidInput
from tfsclient.schema import Model, all_from_json, to_json

SUFFIX: Final = ".lock.json"

_LANGUAGE, _FILES, _BEFORE, _NAMES, _MODELS = "language", "files", "before", "names", "models"
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Lock:
    """What a lock file says.

    Attributes:
        models: the models, by name.
        language: the language of the client; None in a lock file of tfsclient 0.1.0.
        files: the hashes of the files that the run wrote, by path.
        names: what their identifiers are made of, where that is not the model's own name.
        before: if the run was interrupted, the hashes of the files that it was about to replace
            or to remove; else None.
        edited: whether the lock file itself is not as it was written.
    """

    models: Mapping[str, Model]
    language: str | None
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    before: Mapping[str, str] | None = None
    edited: bool = False

    def owns(self, path: str, data: bytes) -> bool:
        """Whether a run wrote these bytes there."""
        return digest(data) in (self.files.get(path), (self.before or {}).get(path))

    def paths(self) -> list[str]:
        """Every file that the run wrote, or may have."""
        return sorted({*self.files, *(self.before or {})})


def digest(data: bytes) -> str:
    """The hash of a file; one with Windows' line endings, as git makes them, has the same."""
    return f"sha256:{hashlib.sha256(unix(data)).hexdigest()}"


def unix(data: bytes) -> bytes:
    """The same text with line endings as we write them: git may have made them Windows'."""
    return data.replace(b"\r\n", b"\n")


def hashes(files: Mapping[str, str]) -> dict[str, str]:
    """The hashes of files, by path."""
    return {path: digest(text.encode()) for path, text in files.items()}


def write(
    models: Sequence[Model],
    language: str,
    path: str,
    files: Mapping[str, str],
    names: Mapping[str, str] | None = None,
) -> str:
    """The text of the lock file at ``path`` of clients whose files have these hashes."""
    every = [orjson.loads(to_json(model, version=False)) for model in models]
    every.sort(key=lambda schema: schema["model"])
    number = every[0]["format"]
    added = {
        _LANGUAGE: language,
        **({_NAMES: dict(sorted(names.items()))} if names else {}),
        _FILES: dict(sorted(files.items())),
    }
    if len(every) > 1:
        for schema in every:
            del schema["format"]
        return _sealed({"format": number, **added, _MODELS: every}, path)
    first = {"format": number, "model": every[0].pop("model")}
    return _sealed({**first, **added, **every[0]}, path)


def under_way(text: str, path: str, before: Mapping[str, str]) -> str:
    """The lock file while a run is under way: files may be as they were, or as they will be."""
    data = orjson.loads(text)
    data[_BEFORE] = dict(sorted(before.items()))
    return _sealed(data, path)


def _sealed(data: dict[str, Any], path: str) -> str:
    """The text, with the hash of the text without that hash among those of the files."""
    data[_FILES] = dict(sorted({**data[_FILES], path: ""}.items()))
    data[_FILES][path] = digest(_dumps(data))
    return _dumps(data).decode()


def _dumps(data: dict[str, Any]) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read(text: bytes, path: str) -> Lock:
    """What the lock file at ``path`` says.

    Raises:
        InvalidInput: it is not a lock file.
    """
    models = {model.name: model for model in all_from_json(text)}
    data: dict[str, Any] = orjson.loads(text)
    language = data.get(_LANGUAGE)
    if language is None and _FILES not in data:
        return Lock(models, None)
    if not isinstance(language, str):
        raise InvalidInput(f"language must be a string, not {language!r}")
    files = _hashes(data, _FILES)
    before = _hashes(data, _BEFORE) if _BEFORE in data else None
    edited = _is_edited(text, data, path)
    return Lock(models, language, files, _names(data), before, edited)


def _names(data: Mapping[str, Any]) -> dict[str, str]:
    names = data.get(_NAMES, {})
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise InvalidInput(f"{_NAMES} must be a JSON object of strings")
    return names


def _is_edited(text: bytes, data: dict[str, Any], path: str) -> bool:
    own = data[_FILES].get(path)
    if own is None or _dumps(data).splitlines() != text.splitlines():
        return True
    return bool(digest(_dumps({**data, _FILES: {**data[_FILES], path: ""}})) != own)


def _hashes(data: dict[str, Any], member: str) -> dict[str, str]:
    hashes = data.get(member, {})
    if not isinstance(hashes, dict):
        raise InvalidInput(f"{member} must be a JSON object")
    for path, one in hashes.items():
        if not isinstance(one, str) or not _HASH.fullmatch(one):
            raise InvalidInput(f"{member}[{path!r}] is not a SHA-256 hash")
        # What it lists may be removed: nothing outside of its folder.
        parts = path.split("/")
        if PurePosixPath(path).is_absolute() or not {"", ".", ".."}.isdisjoint(parts):
            raise InvalidInput(f"{member}[{path!r}] is not the path of a file in this folder")
        if re.search(r"[\\:\x00-\x1f]", path):
            raise InvalidInput(f"{member}[{path!r}] is not the path of a file in this folder")
    return hashes
