"""What a server or a folder holds: ``inspect``, ``status``, ``wait`` and ``reload``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

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
@connection_options()
def status(target: str, model: str, version: int | None, connection: Connection) -> None:
    """Show the states of MODEL on the server TARGET; exit 1 if no version is available.

    Example: tfsclient status http://localhost:8501 digits
    """
    with exit_codes(), connection.client(target) as client:
        states = client.status(model, version=version)
    for state in states:
        message = visible(state.error_message)
        click.echo(f"{state.version}\t{visible(state.state)}\t{state.error_code}\t{message}")
    if not any(state.available for state in states):
        raise click.exceptions.Exit(EXIT_NO)


@click.command()
@click.argument("target")
@click.argument("model")
@click.option("--version", type=click.IntRange(0), help="Wait for this version.")
@connection_options(about="Seconds to wait.")
def wait(target: str, model: str, version: int | None, connection: Connection) -> None:
    """Wait until MODEL on the server TARGET answers requests.

    Example: tfsclient wait localhost:8500 digits --timeout 30
    """
    with exit_codes(), connection.client(target) as client:
        ready = client.wait_until_ready(model, version=version, timeout=connection.timeout)
    click.echo(f"{model} version {ready.version} is ready")


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("target")
@click.argument("config_file", type=_FILE)
@click.option("--running", type=_FILE, help="What the server has now; CONFIG_FILE changes it.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and send nothing.")
@connection_options(about="Seconds the models may load.")
def reload(
    target: str,
    config_file: Path,
    running: Path | None,
    dry_run: bool,
    connection: Connection,
) -> None:
    """Have the server TARGET serve the models of CONFIG_FILE; over gRPC only.

    A reload replaces the whole list of models: one that is left out is unloaded.  With --running,
    CONFIG_FILE need only hold the models that change, and the changes are shown.  Files are what
    --model_config_file of TensorFlow Serving reads.

    Example: tfsclient reload localhost:8500 new.config --running models.config --dry-run
    """
    with exit_codes(), connection.client(target) as client:
        changes = client.reload_config(
            config_file, running=running, dry_run=dry_run, timeout=connection.timeout
        )
    for change in changes:
        click.echo(visible(change))
    if running is None:
        click.echo("Every model that is not listed here is unloaded.")
    elif not changes:
        click.echo("Nothing changes.")
    if dry_run:
        click.echo("Nothing was sent.")
