"""``tfsclient export``: from a trained model to one that is pleasant to call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from tfsclient._cli.main import EXIT_NO, exit_codes, missing_extra, print_error, visible
from tfsclient._cli.options import NamedPath
from tfsclient.export import Differs
from tfsclient.export import export as export_model

_SIZE: Final = re.compile(r"([1-9]\d{0,5})x([1-9]\d{0,5})")


def _size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is not a size: write HEIGHTxWIDTH, as in 28x28")
    return int(found[1]), int(found[2])


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a range: write LOW,HIGH, as in 0,1") from None
    return low, high


@click.command()
@click.argument("source", type=NamedPath())
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=NamedPath(),
    help="The model's folder; the next version is written into it.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=TENSOR",
    help="What to call an input of the source; may be repeated.  A checkpoint and a graph need it.",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="NAME=TENSOR",
    help="The same for an output.",
)
@click.option(
    "--pictures",
    type=click.Choice(["png", "base64"]),
    help="Take pictures as files, too: as bytes (png, or any other format that TensorFlow decodes) "
    "or as web-safe base64 text.",
)
@click.option(
    "--input-size",
    type=_size,
    metavar="HEIGHTxWIDTH",
    help="The size that pictures are resized to.",
)
@click.option(
    "--range",
    "value_range",
    type=_range,
    metavar="LOW,HIGH",
    help="What black and white become; by default 0,255 for integers and for models that rescale "
    "it themselves, else 0,1.",
)
@click.option("--examples", is_flag=True, help="Take serialized tf.Examples, too.")
@click.option(
    "--labels",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The names of the classes, one a line: the answer has the best one as `label`.",
)
@click.option("--dry-run", is_flag=True, help="Show the signatures; write nothing to DIR.")
@click.option("--trust", is_flag=True, help="Run code that is in a Keras file (Lambda layers).")
def export(
    source: Path,
    out: Path,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    **options: Any,
) -> None:
    """Make a SavedModel that is pleasant to call of the trained model SOURCE.

    SOURCE is a .keras or .h5 file, a SavedModel of Keras or any other, a TensorFlow 1 checkpoint,
    or a frozen graph (.pb).  The result is loaded, called and equal to the source before it becomes
    a version; else DIR is as it was.

    Example: tfsclient export mnist.keras --out models/mnist --pictures png --labels digits.txt
    """
    given = _pairs("--input", inputs), _pairs("--output", outputs)
    with exit_codes():
        try:
            with _without_chatter():
                done = export_model(source, out, inputs=given[0], outputs=given[1], **options)
        except Differs as error:
            print_error(error)
            raise click.exceptions.Exit(EXIT_NO) from error
    for note in done.notes:
        click.echo(visible(note), err=True)
    click.echo(str(done.model))
    wrote = "nothing is written" if done.folder is None else f"wrote {done.folder}"
    click.echo(visible(wrote), err=True)


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep what TensorFlow tells when it starts from standard error."""
    try:
        from tfsclient.server.process import without_chatter
    except ImportError as error:
        raise missing_extra("serve", "export", error) from error
    with without_chatter():
        yield


def _pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, _, tensor = text.partition("=")
        if not name or not tensor:
            raise click.UsageError(f"{option} {text}: write NAME=TENSOR, as in {option} image=x:0")
        if name in found:
            raise click.UsageError(f"{option} {name} is given twice")
        found[name] = tensor
    return found
