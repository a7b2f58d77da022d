"""What a server or a folder holds: ``inspect``, ``status``, ``wait`` and ``reload``."""

from __future__ import annotations

from pathlib import Path

import click

from tfsclient import schema
from tfsclient._cli.main import EXIT_NO, exit_codes, visible
from tfsclient._cli.options import read_saved_model, tags_option
from tfsclient._client.sync import Client


@click.command()
@click.argument("source")
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="The schema as JSON instead of a table.")
@click.option("--version", type=click.IntRange(0), help="This version of the model.")
@click.option("--label", help="Of a server's model: the version with this label.")
@tags_option
def inspect(
    source: str,
    model: str | None,
    as_json: bool,
    version: int | None,
    label: str | None,
    tags: str | None,
) -> None:
    """Show the signatures of MODEL on the server SOURCE, or of the SavedModel in folder SOURCE.

    Only a folder shows which features the Examples of a signature have.

    Example: tfsclient inspect models/digits
    """
    with exit_codes():
        if Path(source).is_dir():
            if label is not None:
                raise click.UsageError(
                    "a folder has no labels: --version picks one of its versions"
                )
            found = read_saved_model(source, model, tags, version)
        elif tags is not None:
            raise click.UsageError("--tags can only be used with a SavedModel folder")
        elif model is None:
            raise click.UsageError(f"{source} is not a folder, so name a MODEL on that server")
        else:
            with Client(source) as client:
                found = client.metadata(model, version=version, label=label)
    if as_json:
        click.echo(schema.to_json(found), nl=False)
    else:
        click.echo(str(found))


@click.command()
@click.argument("target")
@click.argument("model")
@click.option("--version", type=click.IntRange(0), help="Only this version.")
def status(target: str, model: str, version: int | None) -> None:
    """Show the states of MODEL on the server TARGET; exit 1 if no version is available.

    Example: tfsclient status http://localhost:8501 digits
    """
    with exit_codes(), Client(target) as client:
        states = client.status(model, version=version)
    click.echo(str(states))
    if not any(state.available for state in states):
        raise click.exceptions.Exit(EXIT_NO)


@click.command()
@click.argument("target")
@click.argument("model")
@click.option("--version", type=click.IntRange(0), help="Wait for this version.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait.")
def wait(target: str, model: str, version: int | None, timeout: float) -> None:
    """Wait until MODEL on the server TARGET answers requests.

    Example: tfsclient wait localhost:8500 digits --timeout 30
    """
    with exit_codes(), Client(target) as client:
        ready = client.wait_until_ready(model, version=version, timeout=timeout)
    click.echo(f"{model} version {ready.version} is ready")


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("target")
@click.argument("config_file", type=_FILE)
@click.option("--running", type=_FILE, help="What the server has now; CONFIG_FILE changes it.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and send nothing.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds the models may load.")
def reload(
    target: str, config_file: Path, running: Path | None, dry_run: bool, timeout: float
) -> None:
    """Have the server TARGET serve the models of CONFIG_FILE; over gRPC only.

    A reload replaces the whole list of models: one that is left out is unloaded.  With --running,
    CONFIG_FILE need only hold the models that change, and the changes are shown.  Files are what
    --model_config_file of TensorFlow Serving reads.

    Example: tfsclient reload localhost:8500 new.config --running models.config --dry-run
    """
    with exit_codes(), Client(target) as client:
        changes = client.reload_config(
            config_file, running=running, dry_run=dry_run, timeout=timeout
        )
    for change in changes:
        click.echo(visible(change))
    if running is None:
        click.echo("Every model that is not listed here is unloaded.")
    elif not changes:
        click.echo("Nothing changes.")
    if dry_run:
        click.echo("Nothing was sent.")
