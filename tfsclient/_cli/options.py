"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tfsclient import meaning, sources
from tfsclient._tables import visible
from tfsclient.meaning import Meaning
from tfsclient.schema import Model

F = TypeVar("F", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """A ``FloatRange`` that refuses NaN, which no comparison does, and infinity."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number that was given."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class NamedPath(click.Path):
    """A path; an empty one would be this folder, and comes from a variable that is not set."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """The path that was given."""
        if value == "":
            self.fail("it is empty", param, ctx)
        return super().convert(value, param, ctx)


def input_option(command: F) -> F:
    """``--input``, given as ``inputs``; :mod:`tfsclient._cli.inputs` reads it."""
    return click.option(
        "--input",
        "-i",
        "inputs",
        multiple=True,
        metavar="[NAME=]VALUE|[NAME=]@FILE",
        help="An input; may be repeated.  A signature with one input needs no NAME.",
    )(command)


def signature_option(command: F) -> F:
    """``--signature``."""
    return click.option(
        "--signature", help="The signature to call; else serving_default, or the only one."
    )(command)


def version_options(command: F) -> F:
    """``--version`` and ``--label``."""
    version = click.option("--version", type=click.IntRange(0), help="Call this version.")
    label = click.option("--label", help="Call the version with this label.")
    return version(label(command))


def tags_option(command: F) -> F:
    """``--tags``."""
    return click.option(
        "--tags",
        metavar="TAG,...",
        help="Of a SavedModel folder: the tags of the graph to read; by default its only one, or "
        "else `serve`.",
    )(command)


def meaning_option(command: F) -> F:
    """``--meaning``."""
    return click.option(
        "--meaning",
        metavar="FILE",
        help="What signatures cannot say: a file meaning.toml, in place of a folder's own.",
    )(command)


def read_meaning(file: str | None) -> Meaning | None:
    """What ``--meaning`` names."""
    return None if file is None else meaning.read(file)


def meanings(model: str, file: str | None) -> dict[str, Meaning] | None:
    """What ``--meaning`` names, as a client takes it."""
    return None if file is None else {model: meaning.read(file)}


def read_saved_model(
    folder: str | Path,
    name: str | None,
    tags: str | None,
    version: int | None = None,
    meaning: Meaning | None = None,
) -> Model:
    """The model in a folder; standard error says what is wrong with it, and which graph it is."""
    model = sources.from_saved_model(folder, name, tags=tags, version=version, meaning=meaning)
    if tags is None and model.tags not in (None, ("serve",)):
        tagged = f"tagged {','.join(model.tags)}" if model.tags else "which has no tags"
        click.echo(f"{folder}: read its only graph, {tagged}", err=True)
    for flaw in sources.find_flaws(folder, tags=tags, version=version):
        click.echo(visible(f"warning: {flaw}"), err=True)
    return model


def read_signatures(path: Path) -> Model:
    """The model of a SavedModel folder, or of a file that holds its schema."""
    return read_saved_model(path, None, None) if path.is_dir() else sources.from_file(path)
