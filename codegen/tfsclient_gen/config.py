"""``tfsclient-gen.toml``: the models, languages and folders of a repository."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from tfsclient.errors import InvalidInput
from tfsclient_gen.generate import languages
from tfsclient_gen.loading import Source
from tfsclient_gen.target import Options

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

FILE: Final = "tfsclient-gen.toml"

_SOURCES: Final = ("server", "saved_model", "schema", "metadata")
_MODEL_KEYS: Final = frozenset({*_SOURCES, "name", "version", "label", "tags", "meaning"})
_OUT_KEYS: Final = frozenset(
    [
        "lang",
        "dir",
        "models",
        "module",
        "go_mod",
        "npm_name",
        "java_package",
        "rust_crate",
        "transport",
        "templates",
    ]
)
# Which key of a model needs which source, and which key of an out which languages.
_NEEDS: Final = {"version": "server", "label": "server", "tags": "saved_model"}
_FOR: Final = {
    "module": {"go"},
    "go_mod": {"go"},
    "npm_name": {"js", "ts"},
    "java_package": {"java"},
    "rust_crate": {"rust"},
}
_TRANSPORTS: Final = ("any", "rest")

T = TypeVar("T")
_TYPES: Final[dict[type, str]] = {str: "text", int: "an integer", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Out:
    """A folder of clients in one language.

    Attributes:
        language: the language.
        folder: where the files go.
        models: the names of its models.
        listed: whether the file names those, as opposed to all.
        options: what else the file says about the output.
    """

    language: str
    folder: Path
    models: tuple[str, ...]
    listed: bool
    options: Options


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says.

    Attributes:
        path: the file.
        models: where each model comes from, by its name on the server.
        outs: the folders.
    """

    path: Path
    models: Mapping[str, Source] = field(default_factory=dict[str, Source])
    outs: tuple[Out, ...] = ()


def read(path: Path) -> Config:
    """Read a configuration file; paths in it are relative to its folder.

    Raises:
        InvalidInput: it cannot be read or used; the error names the file and the key.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"cannot read {path}: {reason}") from error
    try:
        return _config(path, _Table("", tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path}: {error}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error.details}", hint=error.hint) from error


class _Table:
    """A table of the file, and where it is."""

    def __init__(self, where: str, values: Any) -> None:
        if not isinstance(values, dict):
            raise InvalidInput(f"{where} must be a table")
        self.where, self.values = where, values

    def place(self, key: str) -> str:
        shown = key if key.replace("_", "").replace("-", "").isalnum() else repr(key)
        return f"{self.where}.{shown}" if self.where else shown

    def only(self, keys: Collection[str]) -> None:
        for key in self.values:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                more = f"; did you mean {near[0]}?" if near else ""
                raise InvalidInput(f"{self.place(key)} is not a key that tfsclient-gen knows{more}")

    def get(self, key: str, kind: type[T]) -> T | None:
        value = self.values.get(key)
        if value is not None and type(value) is not kind:
            raise InvalidInput(f"{self.place(key)} must be {_TYPES[kind]}, not {value!r}")
        if value == "":
            raise InvalidInput(f"{self.place(key)} is empty")
        return value

    def need(self, key: str) -> str:
        value = self.get(key, str)
        if value is None:
            raise InvalidInput(f"{self.where} has no {key}")
        return value

    def choice(self, key: str, choices: Collection[str]) -> str | None:
        value = self.get(key, str)
        if value is not None and value not in choices:
            raise InvalidInput(f"{self.place(key)} must be one of {', '.join(choices)}")
        return value


def _config(path: Path, root: _Table) -> Config:
    root.only(["models", "out"])
    tables = _Table("models", root.values.get("models", {}))
    entries = {name: _Table(tables.place(name), value) for name, value in tables.values.items()}
    if "" in entries:
        raise InvalidInput("models has a model without a name")
    if not entries:
        raise InvalidInput("it has no models: add [models.NAME] with server or saved_model")
    folder = path.parent
    models = {name: _source(entry, folder) for name, entry in entries.items()}
    named = {name: entry.get("name", str) for name, entry in entries.items()}
    names = {model: name for model, name in named.items() if name is not None}
    _refuse_twins(entries, names)
    listed = root.values.get("out", [])
    if not isinstance(listed, list):
        raise InvalidInput("out must be a list of tables: write [[out]]")
    if not listed:
        raise InvalidInput("it has no [[out]]: add one with lang and dir")
    outs = [_out(_Table(f"out[{i}]", one), folder, models, names) for i, one in enumerate(listed)]
    _refuse_one_folder_of_two(outs)
    return Config(path, models, tuple(outs))


def _refuse_twins(entries: Mapping[str, _Table], names: Mapping[str, str]) -> None:
    taken: dict[str, _Table] = {}
    for model, entry in entries.items():
        name = names.get(model, model)
        if name in taken:
            raise InvalidInput(f"{taken[name].where} and {entry.where} are both called {name!r}")
        taken[name] = entry


def _source(entry: _Table, folder: Path) -> Source:
    entry.only(_MODEL_KEYS)
    given = [key for key in _SOURCES if key in entry.values]
    if len(given) != 1:
        has = " and ".join(given) or "no source"
        raise InvalidInput(f"{entry.where} has {has}; give it one of {', '.join(_SOURCES)}")
    for key, needed in _NEEDS.items():
        if key in entry.values and needed not in entry.values:
            raise InvalidInput(f"{entry.place(key)} can only be used with {needed}")
    version, label = entry.get("version", int), entry.get("label", str)
    if version is not None and version < 0:
        raise InvalidInput(f"{entry.place('version')} is negative")
    if version is not None and label is not None:
        raise InvalidInput(f"{entry.where} has version and label; give one of them")
    paths = {key: entry.get(key, str) for key in (*_SOURCES[1:], "meaning")}
    found = {key: str(folder / text) for key, text in paths.items() if text is not None}
    server, tags = entry.get("server", str), entry.get("tags", str)
    return Source(server, version=version, label=label, tags=tags, **found)


def _out(table: _Table, folder: Path, models: Collection[str], names: Mapping[str, str]) -> Out:
    table.only(_OUT_KEYS)
    if "lang" not in table.values:
        raise InvalidInput(f"{table.where} has no lang")
    language = table.choice("lang", languages()) or ""
    for key, meant in _FOR.items():
        if key in table.values and language not in meant:
            raise InvalidInput(f"{table.place(key)} is for {' and '.join(sorted(meant))} only")
    listed = table.values.get("models")
    templates = table.get("templates", str)
    options = Options(
        transport=table.choice("transport", _TRANSPORTS) or "any",
        go_module=table.get("module", str),
        go_mod=table.get("go_mod", bool) is not False,
        npm_name=table.get("npm_name", str),
        java_package=table.get("java_package", str),
        rust_crate=table.get("rust_crate", str),
        names=names,
        templates=None if templates is None else folder / templates,
    )
    if options.templates is not None and not options.templates.is_dir():
        raise InvalidInput(f"{table.place('templates')}: {options.templates} is not a directory")
    if not options.go_mod and options.go_module is None:
        raise InvalidInput(f"{table.where} has go_mod = false, so it needs module: its import path")
    return Out(
        language=language,
        folder=folder / table.need("dir"),
        models=tuple(models if listed is None else _listed(table, listed, models)),
        listed=listed is not None,
        options=options,
    )


def _listed(table: _Table, listed: Any, models: Collection[str]) -> list[str]:
    place = table.place("models")
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise InvalidInput(f"{place} must be a list of names")
    if not listed:
        raise InvalidInput(f"{place} is empty: leave it out to have all models")
    for name in listed:
        if name not in models:
            near = difflib.get_close_matches(name, models, 1)
            more = f"; did you mean {near[0]!r}?" if near else ""
            raise InvalidInput(f"{place} names {name!r}, which is not among [models]{more}")
        if listed.count(name) > 1:
            raise InvalidInput(f"{place} names {name!r} twice")
    return listed


def _refuse_one_folder_of_two(outs: Collection[Out]) -> None:
    taken: dict[Path, int] = {}
    for i, out in enumerate(outs):
        other = taken.setdefault(out.folder.resolve(), i)
        if other != i:
            raise InvalidInput(f"out[{other}].dir and out[{i}].dir are one folder, {out.folder}")
