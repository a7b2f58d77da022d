"""``tfsclient predict``: a call of a model, and its answer for people, as JSON or in a file."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import click

from tfsclient._cli import answers, outfile
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.inputs import Given
from tfsclient._cli.main import exit_codes, visible
from tfsclient._cli.options import (
    input_option,
    meaning_option,
    meanings,
    signature_option,
    version_options,
)
from tfsclient._inputs.image import Image
from tfsclient._inputs.prepare import Inputs
from tfsclient.errors import InvalidInput
from tfsclient.results._forms import NO_LABELS
from tfsclient.schema import Signature


def _scale(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """A number, or one divided by another."""
    if value is None:
        return None
    try:
        scale = float(Fraction(value))
    except ArithmeticError:  # 1/0, 1e999
        scale = math.inf
    except ValueError:
        try:
            scale = float(value)  # nan, inf
        except ValueError:
            raise click.BadParameter(f"{value!r} is not a number, such as 0.5 or 1/255") from None
    if not scale or not math.isfinite(scale):
        raise click.BadParameter(f"{value!r} must be finite and not 0")
    return scale


@click.command()
@click.argument("target")
@click.argument("model")
@input_option
@signature_option
@version_options
@click.option("--outputs", "outputs", multiple=True, metavar="NAME,...", help="Only these outputs.")
@click.option(
    "--scale",
    callback=_scale,
    metavar="S",
    help="Multiply the values of pictures, which are 0 to 255, by this; 1/255 makes them 0 to 1.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the answer to this .npy (one output), .npz, .json, .jsonl or .csv file (a row of "
    "the batch a line) instead of printing it.",
)
@meaning_option
@click.option(
    "--top",
    type=click.IntRange(1),
    metavar="N",
    help="Of outputs whose labels --meaning tells, the N likeliest classes with their scores.",
)
@connection_options(signatures=True)
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
def predict(
    target: str,
    model: str,
    inputs: tuple[str, ...],
    signature: str | None,
    version: int | None,
    label: str | None,
    outputs: tuple[str, ...],
    scale: float | None,
    out: Path | None,
    meaning: str | None,
    top: int | None,
    connection: Connection,
    as_json: bool,
) -> None:
    """Call MODEL on the server TARGET and print its outputs.

    VALUE is JSON, such as 3.5 or [[1, 2], [3, 4]].  For a string input it is the text itself;
    there only what starts with a quote or a bracket is tried as JSON first, so "@text" in JSON's
    quotes is a text that starts with @.  Objects {"b64": "..."} in JSON are bytes.

    FILE is JSON (.json), a row a line (.jsonl, or .csv after a line of names), arrays (.npy, .npz),
    a picture (.png .jpg .gif .bmp .webp .tiff .avif), or, for a string input, any other file, sent
    as it is.  NAME=@FILE takes the column or array NAME of a .csv, .jsonl or .npz file.

    Without a NAME, VALUE and FILE may hold all inputs: as rows (.jsonl, .csv, a list of objects),
    as columns (.npz, one object), or as a body of TensorFlow Serving's, {"instances": ...} or
    {"inputs": ...}.

    VALUE - and FILE - are standard input, which may hold any of these; -.csv, -.jsonl and so on say
    what it holds, and -.bin that it is a string.

    In JSON that is printed or written, NaN and the infinities are the strings "NaN", "Infinity" and
    "-Infinity", and a string that is not UTF-8 is {"b64": "..."}.  Such JSON can be given, too.

    Example: tfsclient predict localhost:8500 digits --input images=@seven.png
    """
    with exit_codes(), connection.client(target, meanings=meanings(model, meaning)) as client:
        given = Given(inputs, scale=scale)
        if out is not None and top is not None:
            raise click.UsageError("--top is for an answer that is printed, not for --out")
        if out is not None:
            outfile.check_path(out)
        spec = client.signature(
            model, signature or given.signature_name, version=version, label=label
        )
        wanted = _split_outputs(outputs, spec)
        if out is not None:
            outfile.check_outputs(out, wanted or spec.fetchable().outputs)
        if top is not None and spec.labels is None:
            raise InvalidInput("--top needs the labels of an output", hint=NO_LABELS)
        values = given.inputs(spec)
        _check_pictures(values, spec, scale)
        _tell_of_files(inputs)
        answer = client.predict(
            model, values, signature=spec, version=version, label=label, outputs=wanted
        )
        if out is not None:
            outfile.write(out, answer, spec)
            click.echo(f"wrote {visible(str(out))}", err=True)
        tops = {} if top is None else answers.tops(answer, spec, top)
    if as_json:
        click.echo(answers.to_json(answer, spec, tops))
    elif out is None:
        click.echo(answers.for_people(answer, spec, tops))


def _split_outputs(texts: Sequence[str], spec: Signature) -> list[str] | None:
    """The outputs to ask for; None for all."""
    names = [
        name for text in texts for name in ([text] if text in spec.outputs else text.split(","))
    ]
    return list(dict.fromkeys(names)) or None


def _check_pictures(values: Inputs, spec: Signature, scale: float | None) -> None:
    named = values if isinstance(values, dict) else {}
    pictures = [name for name, value in named.items() if isinstance(value, Image)]
    if scale is not None and not pictures:
        raise InvalidInput("--scale is for pictures, and no input is one")
    for name in pictures:
        told = spec.inputs[name].meaning
        is_told = told is not None and told.kind == "image"
        if scale is None and not is_told and spec.inputs[name].dtype.kind == "float":
            click.echo(
                visible(
                    f"note: a picture for {name!r} becomes values 0 to 255; if the model wants "
                    "0 to 1, add --scale 1/255, or say so in a file for --meaning"
                ),
                err=True,
            )


def _tell_of_files(texts: Sequence[str]) -> None:
    """Say so where the name of a file is sent as the text for a string input."""
    for text in texts:
        value = text.partition("=")[2] or text
        if not value.startswith("@") and os.path.isfile(value):
            click.echo(
                visible(f"note: {value!r} is taken as text; the file itself is @{value}"), err=True
            )
