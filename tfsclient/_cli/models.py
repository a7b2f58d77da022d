"""What a server or a folder holds: ``inspect`` and ``status``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from tfsclient import schema
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import EXIT_NO, exit_codes, visible
from tfsclient._cli.options import read_saved_model, tags_option
from tfsclient.schema import FeatureSpec, Model, Signature

_SHOWN = 4  # elements of a feature's default


@click.command()
@click.argument("source")
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="The schema as JSON instead of a table.")
@click.option("--version", type=click.IntRange(0), help="Of a server's model: this version.")
@click.option("--label", help="Of a server's model: the version with this label.")
@tags_option
@connection_options()
def inspect(
    source: str,
    model: str | None,
    as_json: bool,
    version: int | None,
    label: str | None,
    tags: str | None,
    connection: Connection,
) -> None:
    """Show the signatures of MODEL on the server SOURCE, or of the SavedModel in folder SOURCE.

    Only a folder shows which features the Examples of a signature have.

    Example: tfsclient inspect models/digits
    """
    with exit_codes():
        if Path(source).is_dir():
            connection.refuse("a server")
            found = read_saved_model(source, model, tags)
        elif tags is not None:
            raise click.UsageError("--tags can only be used with a SavedModel folder")
        elif model is None:
            raise click.UsageError(f"{source} is not a folder, so name a MODEL on that server")
        else:
            with connection.client(source) as client:
                found = client.metadata(model, version=version, label=label)
    if as_json:
        click.echo(schema.to_json(found), nl=False)
    else:
        _print_signatures(found)


def _print_signatures(model: Model) -> None:
    version = "" if model.version is None else f", version {model.version}"
    click.echo(visible(model.name) + version)
    rows = [("signature", "method", "", "tensor", "dtype", "shape", "note")]
    for name, signature in model.signatures.items():
        first = (visible(name) or "(empty)", signature.method.removeprefix("tensorflow/serving/"))
        note = signature.why_unusable or ""
        for way, tensor, dtype, shape, own_note in _tensors(signature):
            rows.append((*first, way, tensor, dtype, shape, note or own_note))
            first, note = ("", ""), ""
        if first[0]:
            rows.append((*first, "", "", "", "", note))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (visible(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _tensors(signature: Signature) -> Iterator[tuple[str, str, str, str, str]]:
    """The last five cells of the rows of a signature."""
    for way, specs in (("in", signature.inputs), ("out", signature.outputs)):
        for spec in specs.values():
            shape = "any" if spec.shape is None else str(list(spec.shape))
            default = "has a default" if way == "in" and spec.name in signature.defaults else ""
            yield way, visible(spec.name), spec.dtype, shape, default
            if way == "in" and spec.name == signature.example_input:
                for feature in (signature.features or {}).values():
                    dtype, _, rest = str(feature).partition(" ")
                    yield "feature", visible(feature.name), dtype, rest, _default(feature)


def _default(feature: FeatureSpec) -> str:
    if feature.default is None:
        return ""
    shown = ", ".join(map(repr, feature.default[:_SHOWN]))
    more = ", ..." if len(feature.default) > _SHOWN else ""
    return f"default {shown}{more}"


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
        for state in states:
            message = visible(state.error_message)
            click.echo(f"{state.version}\t{visible(state.state)}\t{state.error_code}\t{message}")
    if not any(state.available for state in states):
        raise click.exceptions.Exit(EXIT_NO)
