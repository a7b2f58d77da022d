"""``tfsclient-gen build``: all clients that a configuration file names, at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tfsclient.errors import InvalidInput, TFSError
from tfsclient.schema import Model
from tfsclient_gen import locks
from tfsclient_gen.config import Config, Out
from tfsclient_gen.generate import Generated, NothingToCall, languages, make, refuse_empty
from tfsclient_gen.loading import Reader
from tfsclient_gen.output import Output
from tfsclient_gen.owned import read_lock
from tfsclient_gen.reporting import tell
from tfsclient_gen.target import LOCK_FILE


@dataclass(frozen=True, slots=True)
class Build:
    """What a configuration file asks for.

    Attributes:
        outputs: the files of each folder.
        generated: the clients, each with the folder that it is for.
        failed: models that could not be read, with the reasons; their clients are those of the
            lock file.
    """

    outputs: list[Output] = field(default_factory=list[Output])
    generated: list[tuple[Out, Generated]] = field(default_factory=list[tuple[Out, Generated]])
    failed: dict[str, TFSError] = field(default_factory=dict[str, TFSError])


def build(config: Config, reader: Reader) -> Build:
    """Read every model once and make all files; nothing is written.

    Raises:
        InvalidInput: a folder cannot be used, or a language cannot call a model that it is to have.
    """
    made = Build()
    found: dict[str, Model] = {}
    for name in sorted({name for out in config.outs for name in out.models}):
        try:
            found[name] = reader.read(config.models[name], name)
        except TFSError as error:
            made.failed[name] = error
    for i, out in enumerate(config.outs):
        models = {name: found[name] for name in out.models if name in found}
        try:
            models = dict(_callable(out, models))
            if languages()[out.language].lock_file is None:
                _together(made, out, models)
            else:
                _apart(made, out, models)
        except InvalidInput as error:
            error.details = f"{config.path}: out[{i}]: {error.details}"
            raise
    return made


def _callable(out: Out, models: Mapping[str, Model]) -> Iterator[tuple[str, Model]]:
    """The models that the language can call; one that the file does not list is left out else."""
    for name, model in models.items():
        try:
            refuse_empty(model, out.language, out.options)
        except NothingToCall as error:
            if out.listed:
                raise
            tell(f"{out.folder}: {name} is left out: {error.details}")
        else:
            yield name, model


def _together(made: Build, out: Out, models: Mapping[str, Model]) -> None:
    """The files of an out whose clients share a lock file."""
    old = read_lock(out.folder, LOCK_FILE)
    failed = [name for name in out.models if name in made.failed]
    held = {} if old is None else {n: old.models[n] for n in failed if n in old.models}
    every = {**models, **held}
    if not every:
        return
    names = {**out.options.names, **{n: old.names.get(n, n) for n in held if old is not None}}
    options = replace(out.options, names=names)
    (generated,) = make(list(every.values()), out.language, options)
    made.outputs.append(Output(out.folder, generated.files(), complete=True))
    made.generated.append((out, generated))


def _apart(made: Build, out: Out, models: Mapping[str, Model]) -> None:
    """The files of an out where each client has its own lock file."""
    every = make(list(models.values()), out.language, out.options)
    for generated in every:
        made.outputs.append(Output(out.folder, generated.files(), complete=True))
        made.generated.append((out, generated))
    wanted = {generated.lock_file for generated in every}
    for lock_file, model in _locks(out.folder, out.language):
        if lock_file in wanted and model in made.failed:
            raise InvalidInput(
                f"{out.folder / lock_file} is of {model!r}, which could not be read",
                model=model,
            ) from made.failed[model]
        if lock_file not in wanted and model not in made.failed:
            made.outputs.append(Output(out.folder, {}, lock_file=lock_file))


def _locks(folder: Path, language: str) -> Iterator[tuple[str, str]]:
    """The lock files of clients in this language, and the model of each."""
    for path in sorted(folder.glob(f"*{locks.SUFFIX}")) if folder.is_dir() else []:
        try:
            lock = read_lock(folder, path.name)
        except InvalidInput:
            continue  # it is not ours
        if lock is not None and lock.language == language:
            yield path.name, next(iter(lock.models))
