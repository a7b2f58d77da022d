"""``tfsclient warmup``: requests for a server to replay before it makes a version available."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import numpy as np

from tfsclient import warmup as warmup_files
from tfsclient._calls.request import (
    ExamplesRequest,
    PredictRequest,
    build_classify,
    build_predict,
    build_regress,
)
from tfsclient._cli.inputs import Given
from tfsclient._cli.main import exit_codes
from tfsclient._cli.options import (
    input_option,
    meaning_option,
    read_meaning,
    read_saved_model,
    signature_option,
    tags_option,
)
from tfsclient._inputs.example import features_of
from tfsclient._inputs.samples import sample_inputs
from tfsclient.errors import InvalidInput, counted
from tfsclient.schema import CLASSIFY, REGRESS, Model, Signature
from tfsclient.sources._versions import version_number

_METHODS: Final = {"classify": CLASSIFY, "regress": REGRESS}  # what take Examples
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", metavar="SAVED_MODEL_DIR", type=_FOLDER)
@input_option
@signature_option
@tags_option
@meaning_option
@click.option(
    "--method",
    default="predict",
    show_default=True,
    type=click.Choice(["predict", *_METHODS]),
    help="The call to replay; for classify and regress, inputs are tf.Examples.",
)
@click.option(
    "--count",
    default=1,
    show_default=True,
    type=click.IntRange(1, warmup_files.MAX_RECORDS),
    help="How often the request is replayed.",
)
@click.option("--append", is_flag=True, help="Keep the requests that are there already.")
def warmup(
    folder: Path,
    inputs: tuple[str, ...],
    signature: str | None,
    tags: str | None,
    meaning: str | None,
    method: str,
    count: int,
    append: bool,
) -> None:
    """Put a warm-up request into the SavedModel in SAVED_MODEL_DIR.

    TensorFlow Serving replays it each time it loads that version, so that the first caller does
    not wait; a version whose warm-up fails does not load.  Inputs are given as for predict, and
    Examples as JSON objects of their features.  Without any --input, the examples in the model's
    meaning.toml are the requests.

    Example: tfsclient warmup models/digits/3 --input images=@seven.png
    """
    with exit_codes():
        model = read_saved_model(folder, None, tags, meaning=read_meaning(meaning))
        given = Given(inputs)
        spec = model.signature(signature or given.signature_name)
        if inputs or not spec.samples:
            values = [given.inputs(spec)]
        else:
            values = [sample_inputs(sample) for sample in spec.samples]
        requests = [build_predict(model.name, each, signature=spec) for each in values]
        calls = [_call(request, spec, method) for request in requests]
        version = _version_folder(folder, model)
        total = warmup_files.write(version, calls * count, append=append)
    click.echo(f"{version / warmup_files.FILE}: {counted(total, 'record')}")


def _call(
    request: PredictRequest, spec: Signature, method: str
) -> PredictRequest | ExamplesRequest:
    """The call of this method; for classify and regress with the Examples of the request."""
    if method not in _METHODS:
        return request
    # The signature's own method name is not asked, for TF2 writes every one as predict's.
    if replace(spec, method=_METHODS[method]).kind != method:
        outputs = "'outputs'" if method == "regress" else "'classes', 'scores' or both"
        raise InvalidInput(
            f"a signature to {method} with takes strings named 'inputs' and gives {outputs}; this "
            f"one takes {sorted(spec.inputs)} and gives {sorted(spec.outputs)}",
            model=request.ref.name,
            signature=spec.name,
        )
    if not request.tensors:
        raise InvalidInput(f"give the Examples to {method}", model=request.ref.name)
    (given,) = request.tensors.values()
    examples = np.atleast_1d(given.array).tolist()
    for number, example in enumerate(examples):
        try:
            features_of(example)
        except InvalidInput as error:
            raise InvalidInput(
                f"example {number}: {error.details}", model=request.ref.name
            ) from error
    build = build_regress if method == "regress" else build_classify
    return build(request.ref.name, examples, signature=spec.name)


def _version_folder(folder: Path, model: Model) -> Path:
    """The folder that the model was read from: this one, or that of its highest version."""
    if list(folder.glob("saved_model.*")):
        return folder
    for child in folder.iterdir():
        if version_number(child.name) == model.version:
            return child
    raise InvalidInput(f"{folder} changed while it was read")
