"""Models read from where the command line or a configuration file says that they are."""

from __future__ import annotations

import copy
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import click

from tfsclient import Client, sources
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import unreachable
from tfsclient._cli.options import meaning_option, read_meaning, read_saved_model
from tfsclient.errors import TFSError
from tfsclient.meaning import attach
from tfsclient.schema import Model

_SOURCE_OPTIONS = [
    click.option("--server", metavar="TARGET", help="A running server, e.g. localhost:8500."),
    click.option("--saved-model", metavar="DIR", help="A SavedModel folder, or its parent."),
    click.option("--metadata", metavar="FILE", help="A saved metadata answer (JSON or protobuf)."),
    click.option("--schema", metavar="FILE", help="A schema, as `tfsclient-gen schema` writes it."),
    click.option(
        "--model",
        "models",
        metavar="NAME",
        multiple=True,
        help="The model's name; by default the source's. Several times with --server, and with the "
        "lock file of several models.",
    ),
    click.option(
        "--tags", metavar="TAG,...", help="With --saved-model: the tags of the graph to read."
    ),
    meaning_option,
    click.option("--version", type=click.IntRange(0), help="With --server: this version."),
    click.option("--label", help="With --server: the version with this label."),
    connection_options(timeout=30.0, about="Seconds to wait for --server."),
]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the schema of a model comes from; just one of the first four is given.

    Attributes:
        server: a server's target.
        saved_model: a SavedModel folder, or its parent.
        schema: a file that holds a schema, or a lock file.
        metadata: a file that holds a metadata answer.
        version: with a server, the version.
        label: with a server, the version's label.
        tags: with a SavedModel, the tags of the graph to read.
        meaning: a file that says what signatures cannot.
    """

    server: str | None = None
    saved_model: str | None = None
    schema: str | None = None
    metadata: str | None = None
    version: int | None = None
    label: str | None = None
    tags: str | None = None
    meaning: str | None = None


class Reader:
    """Reads models; those of one server are asked for over one connection."""

    def __init__(self, connection: Connection) -> None:
        """Read with these settings of connections."""
        self._connection = connection
        self._clients: dict[str, Client] = {}
        self._down: dict[str, TFSError] = {}
        self._open = ExitStack()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def read(self, source: Source, name: str | None) -> Model:
        """The model called ``name``, or if that is None what the source calls it.

        Raises:
            TFSError: it cannot be read, or its meaning does not fit it.
        """
        meaning = read_meaning(source.meaning)
        if source.saved_model is not None:
            return read_saved_model(source.saved_model, name, source.tags, meaning=meaning)
        found = self._read(source, name)
        return found if meaning is None else attach(meaning, found)

    def _read(self, source: Source, name: str | None) -> Model:
        if source.server is not None:
            return self._ask(source.server, source, name or "")
        loaded = sources.from_file(source.metadata or source.schema or "", name)
        return loaded if name is None else replace(loaded, name=name)

    def _ask(self, server: str, source: Source, name: str) -> Model:
        if server in self._down:  # it is not waited for again
            error = copy.copy(self._down[server])
            error.model = name
            raise error
        try:
            client = self._client(server)
            found = client.metadata(name, version=source.version, label=source.label)
        except TFSError as error:
            if unreachable(error):
                self._down[server] = error
            raise
        return replace(found, name=name)

    def _client(self, server: str) -> Client:
        if server not in self._clients:
            self._clients[server] = self._open.enter_context(self._connection.client(server))
        return self._clients[server]


def source_options(command: Any) -> Any:
    """Give a command the options that say where models are, as :func:`load` takes them."""
    for option in reversed(_SOURCE_OPTIONS):
        command = option(command)
    return command


def load(models: tuple[str, ...], connection: Connection, **given: Any) -> list[Model]:
    """The models that the source options name; exactly one source must be given.

    Raises:
        TFSError: one of them cannot be read.
    """
    source = _source(models, connection, **given)
    if source.schema is not None and not models and source.meaning is None:
        return sources.all_from_file(source.schema)
    with Reader(connection) as reader:
        return [reader.read(source, name) for name in models or (None,)]


def load_each(
    models: tuple[str, ...], connection: Connection, **given: Any
) -> tuple[dict[str, Model], dict[str, TFSError]]:
    """:func:`load` by name, and beside them the errors of those that cannot be read."""
    source = _source(models, connection, **given)
    found: dict[str, Model] = {}
    failed: dict[str, TFSError] = {}
    with Reader(connection) as reader:
        for name in models:
            try:
                found[name] = reader.read(source, name)
            except TFSError as error:
                failed[name] = error
    return found, failed


def _source(
    models: tuple[str, ...],
    connection: Connection,
    *,
    server: str | None,
    saved_model: str | None,
    metadata: str | None,
    schema: str | None,
    version: int | None,
    label: str | None,
    tags: str | None,
    meaning: str | None,
) -> Source:
    given = {"--server": server, "--saved-model": saved_model, "--metadata": metadata}
    if sum(source is not None for source in (*given.values(), schema)) != 1:
        raise click.UsageError("give one source: --server, --saved-model, --metadata or --schema")
    if server is None and (version is not None or label is not None):
        raise click.UsageError("--version and --label can only be used with --server")
    if saved_model is None and tags is not None:
        raise click.UsageError("--tags can only be used with --saved-model")
    if server is None:
        connection.refuse("--server")
    elif not models:
        raise click.UsageError("--server needs --model: a server does not list its models")
    if "" in models:
        raise click.UsageError("--model is empty")
    if twice := [name for name, count in Counter(models).items() if count > 1]:
        raise click.UsageError(f"--model {twice[0]} is given twice")
    if len(models) > 1:
        for option in ("--saved-model", "--metadata"):
            if given[option] is not None:
                raise click.UsageError(
                    f"{option} holds one model: for several, list them in tfsclient-gen.toml and "
                    f"run `tfsclient-gen build`"
                )
        if version is not None or label is not None:
            raise click.UsageError("--version and --label are for one model: give --model once")
        if meaning is not None:
            raise click.UsageError("--meaning is for one model: give --model once")
    return Source(server, saved_model, schema, metadata, version, label, tags, meaning)
