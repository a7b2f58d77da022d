"""What a server or a folder holds: ``inspect`` and ``status``."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from tfsclient import schema
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import EXIT_NO, exit_codes
from tfsclient._cli.options import (
    meaning_option,
    meanings,
    read_meaning,
    read_saved_model,
    tags_option,
)
from tfsclient.errors import InvalidInput


@click.command()
@click.argument("source")
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="The schema as JSON instead of a table.")
@click.option("--version", type=click.IntRange(0), help="This version of the model.")
@click.option("--label", help="Of a server's model: the version with this label.")
@tags_option
@meaning_option
@connection_options()
def inspect(
    source: str,
    model: str | None,
    as_json: bool,
    version: int | None,
    label: str | None,
    tags: str | None,
    meaning: str | None,
    connection: Connection,
) -> None:
    """Show the signatures of MODEL on the server SOURCE, or of the SavedModel in folder SOURCE.

    Only a folder shows which features the Examples of a signature have, and may have a file
    assets.extra/meaning.toml, of which no server tells.

    Example: tfsclient inspect models/digits
    """
    with exit_codes():
        if Path(source).is_dir():
            connection.refuse("a server")
            if label is not None:
                raise click.UsageError(
                    "a folder has no labels: --version picks one of its versions"
                )
            found = read_saved_model(source, model, tags, version, read_meaning(meaning))
        elif _is_path(source):
            there = Path(source).exists()
            raise InvalidInput(f"{source} {'is not a folder' if there else 'does not exist'}")
        elif tags is not None:
            raise click.UsageError("--tags can only be used with a SavedModel folder")
        elif model is None:
            raise click.UsageError(f"{source} is not a folder, so name a MODEL on that server")
        else:
            with connection.client(source, meanings=meanings(model, meaning)) as client:
                found = client.metadata(model, version=version, label=label)
    if as_json:
        click.echo(schema.to_json(found), nl=False)
    else:
        click.echo(str(found))


def _is_path(source: str) -> bool:
    """Whether it can only be meant for a folder: servers with a / have a : before it."""
    first, slash, _ = source.partition("/")
    return (bool(slash) and ":" not in first) or source in (".", "..")


@click.command()
@click.argument("target")
@click.argument("model")
@click.option("--version", type=click.IntRange(0), help="Only this version.")
@click.option("--label", help="Only the version with this label.")
@click.option("--json", "as_json", is_flag=True, help="The states as a JSON list.")
@connection_options()
def status(
    target: str,
    model: str,
    version: int | None,
    label: str | None,
    as_json: bool,
    connection: Connection,
) -> None:
    """Show the states of MODEL on the server TARGET; exit 1 if no version is available.

    Example: tfsclient status http://localhost:8501 digits
    """
    with exit_codes(), connection.client(target) as client:
        states = client.status(model, version=version, label=label)
    if as_json:
        click.echo(orjson.dumps(states))
    else:
        click.echo(str(states))
    if not any(state.available for state in states):
        raise click.exceptions.Exit(EXIT_NO)
