"""``tfsclient reload``: other models for a running server."""

from __future__ import annotations

from pathlib import Path

import click

from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.main import exit_codes, visible
from tfsclient.errors import InvalidInput
from tfsclient.model_config import plan_reload

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("target")
@click.argument("config_file", type=_FILE)
@click.option("--running", type=_FILE, help="What the server has now; CONFIG_FILE changes it.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and send nothing.")
@click.option("--allow-empty", is_flag=True, help="Send a list without models: all are unloaded.")
@connection_options(about="Seconds the models may load.")
def reload(
    target: str,
    config_file: Path,
    running: Path | None,
    dry_run: bool,
    allow_empty: bool,
    connection: Connection,
) -> None:
    """Have the server TARGET serve the models of CONFIG_FILE; over gRPC only.

    A reload replaces the whole list of models: one that is left out is unloaded.  With --running,
    CONFIG_FILE need only hold the models that change, and the changes are shown.  Files are what
    --model_config_file of TensorFlow Serving reads; all that stands in them is sent.

    Example: tfsclient reload localhost:8500 new.config --running models.config --dry-run
    """
    with exit_codes(), connection.client(target) as client:
        wanted, changes = plan_reload(config_file, running)
        if not (wanted.models or allow_empty):
            raise InvalidInput(
                f"{config_file} lists no models, which unloads every model of the server",
                hint="if that is meant, add --allow-empty",
            )
        client.reload_config(wanted, dry_run=dry_run, timeout=connection.timeout)
    for change in changes:
        click.echo(visible(change))
    if running is None:
        click.echo("Every model that is not listed here is unloaded.")
    elif not changes:
        click.echo("Nothing changes.")
    if dry_run:
        click.echo("Nothing was sent.")
