"""``tfsclient warmup``: requests for a server to replay before it makes a version available."""

from __future__ import annotations

from pathlib import Path

import click

from tfsclient import sources, warmup_file
from tfsclient.cli import exit_codes
from tfsclient.commands.given import read_inputs
from tfsclient.commands.options import input_option, signature_option
from tfsclient.errors import InvalidInput
from tfsclient.request import build_predict
from tfsclient.schema import Model

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", metavar="SAVED_MODEL_DIR", type=_FOLDER)
@input_option
@signature_option
@click.option(
    "--count",
    default=1,
    show_default=True,
    type=click.IntRange(1, warmup_file.MAX_RECORDS),
    help="How often the request is replayed.",
)
@click.option("--append", is_flag=True, help="Keep the requests that are there already.")
def warmup(
    folder: Path, inputs: tuple[str, ...], signature: str | None, count: int, append: bool
) -> None:
    """Put a warm-up request into the SavedModel in SAVED_MODEL_DIR.

    TensorFlow Serving replays it each time it loads that version, so that the first caller does
    not wait; a version whose warm-up fails does not load.  Inputs are given as for predict.

    Example: tfsclient warmup models/digits/3 --input images=@seven.png
    """
    with exit_codes():
        model = sources.from_saved_model(folder)
        spec = model.signature(signature)
        request = build_predict(model.name, read_inputs(inputs, spec), signature=spec)
        version = _version_folder(folder, model)
        total = warmup_file.write(version, [request] * count, append=append)
    click.echo(f"{version / warmup_file.FILE}: {total} records")


def _version_folder(folder: Path, model: Model) -> Path:
    """The folder that the model was read from: this one, or that of its highest version."""
    if list(folder.glob("saved_model.*")):
        return folder
    for child in folder.iterdir():
        if child.name.isdecimal() and int(child.name) == model.version:
            return child
    raise InvalidInput(f"{folder} changed while it was read")
