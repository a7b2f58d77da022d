"""``tfsclient classify`` and ``tfsclient regress``: rows of features, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import numpy as np
import orjson

from tfsclient import _tables
from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.inputs import Given
from tfsclient._cli.main import exit_codes, visible
from tfsclient._cli.options import version_options
from tfsclient._client.sync import Client
from tfsclient._codec.inference import Task
from tfsclient.errors import InvalidArgument, InvalidInput, NotFound, Unimplemented, did_you_mean
from tfsclient.results import Classes, Float32s
from tfsclient.results._json import json_values
from tfsclient.schema import DEFAULT_SIGNATURE, Model, Signature


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What both commands take."""
    options: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
        click.argument("target"),
        click.argument("model"),
        click.option(
            "--input",
            "-i",
            "rows",
            required=True,
            metavar="ROWS",
            help="@FILE or JSON: a row of features for each Example.",
        ),
        click.option(
            "--signature",
            help="The signature to call; else serving_default, or the only one for this call.",
        ),
        version_options,
        connection_options(),
        click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_options
def classify(
    target: str,
    model: str,
    rows: str,
    signature: str | None,
    version: int | None,
    label: str | None,
    connection: Connection,
    as_json: bool,
) -> None:
    """Have MODEL on the server TARGET classify Examples; print their labels and scores.

    ROWS are @FILE, JSON, or - for standard input.  JSON is a list of objects, such as
    [{"age": 3, "city": "Oslo"}], or a body of TensorFlow Serving's, {"examples": ..., "context":
    ...}; a .jsonl file holds an object a line.  A .csv file begins with a line of the features'
    names, and an empty cell leaves one out unless the column is text.

    3 is an integer, and a feature that the model parses as a float is written 3.0.

    With --json, "results" holds a list of {"label", "score"} for each Example; NaN and the
    infinities are the strings "NaN", "Infinity" and "-Infinity".

    Example: tfsclient classify localhost:8500 people --input @rows.csv
    """
    with exit_codes(), connection.client(target) as client:
        found = _call(client, "classify", model, rows, signature, version, label)
    if as_json:
        results = b",".join(map(_classes_to_json, found))
        click.echo(_document(model, b"[" + results + b"]"))
    else:
        click.echo("\n".join(_tables.table([("example", "label", "score"), *_class_rows(found)])))


@click.command()
@_options
def regress(
    target: str,
    model: str,
    rows: str,
    signature: str | None,
    version: int | None,
    label: str | None,
    connection: Connection,
    as_json: bool,
) -> None:
    """Have MODEL on the server TARGET give a number for each Example.

    ROWS are given as for classify.  With --json, "results" holds a number for each Example; NaN and
    the infinities are the strings "NaN", "Infinity" and "-Infinity".

    Example: tfsclient regress localhost:8500 prices --input @rows.csv
    """
    with exit_codes(), connection.client(target) as client:
        found: Float32s = _call(client, "regress", model, rows, signature, version, label)
    if as_json:
        click.echo(_document(model, json_values(found)))
    else:
        values = ((str(number), str(value)) for number, value in enumerate(found))
        click.echo("\n".join(_tables.table([("example", "value"), *values])))


def _call(
    client: Client,
    task: Task,
    model: str,
    rows: str,
    signature: str | None,
    version: int | None,
    label: str | None,
) -> Any:
    given = Given([rows])
    signature = signature or given.signature_name
    examples, context = given.examples(signature or "")
    try:
        known = client.metadata(model, version=version, label=label)
    except (NotFound, Unimplemented):  # some stand-ins have none: the call itself will say more
        pass
    else:
        signature = _pick(known, task, signature)
    method = client.classify if task == "classify" else client.regress
    try:
        return method(model, examples, context, signature=signature, version=version, label=label)
    except InvalidArgument as error:
        # TensorFlow's words: Key: x.  Data types don't match.  Data type: int64 but expected type:
        if error.hint is None and "Data types don't match" in error.details:
            error.hint = "in rows of features 3 is an integer and 3.0 is a float"
        raise


def _pick(model: Model, task: Task, name: str | None) -> str:
    """The signature to call.

    Raises:
        InvalidInput: there is none of this name, or it is for another call.
    """
    fitting = [one for one, signature in model.signatures.items() if _fits(signature, task)]
    if name is None and DEFAULT_SIGNATURE not in fitting and len(fitting) == 1:
        return fitting[0]
    wanted = DEFAULT_SIGNATURE if name is None else name
    if wanted in fitting:
        return wanted
    spec = model.signatures.get(wanted)
    if spec is not None:
        wrong = f"signature {wanted!r} is a {spec.kind} signature"
    else:
        wrong = f"there is no signature {wanted!r}{did_you_mean(wanted, fitting)}"
    others = f"{task} signatures: {', '.join(map(repr, fitting))}"
    raise InvalidInput(
        f"{wrong}; {others if fitting else f'the model has no {task} signature'}",
        model=model.name,
        hint="--signature says which" if fitting else "`tfsclient predict` may call the others",
    )


def _fits(signature: Signature, task: Task) -> bool:
    """Whether TF Serving takes a signature for this call: it looks at names, not at methods."""
    outputs = set(signature.outputs)
    if task == "regress":
        names_fit = outputs == {"outputs"}
    else:
        names_fit = len(outputs) <= 2 and bool(outputs & {"classes", "scores"})
    return list(signature.inputs) == ["inputs"] and names_fit


def _class_rows(found: Classes) -> Iterator[tuple[str, ...]]:
    for number, classes in enumerate(found):
        for label, score in classes:
            yield str(number), visible(label), str(np.float32(score))


def _classes_to_json(classes: Sequence[tuple[str, float]]) -> bytes:
    members = (
        b'{"label":'
        + json_values(_string(label))
        + b',"score":'
        + json_values(np.array(score, np.float32))
        + b"}"
        for label, score in classes
    )
    return b"[" + b",".join(members) + b"]"


def _string(label: str) -> Any:
    """A label as the server sent it: it need not be UTF-8."""
    array = np.empty((), object)
    array[()] = label.encode("utf-8", "surrogateescape")
    return array


def _document(model: str, results: bytes) -> bytes:
    return orjson.dumps({"model": model})[:-1] + b',"results":' + results + b"}"
