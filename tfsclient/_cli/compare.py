"""``tfsclient compare``: two versions, labels, models or servers on the same data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click
import orjson

from tfsclient._cli.connection import Connection, connection_options
from tfsclient._cli.inputs import Given
from tfsclient._cli.load.differences import Difference, differences, rows_of
from tfsclient._cli.load.record import strict
from tfsclient._cli.load_data import given_text
from tfsclient._cli.main import EXIT_NO, exit_codes
from tfsclient._cli.options import FiniteRange, signature_option
from tfsclient._codec.model_ref import ModelRef
from tfsclient._tables import table, visible, wrap
from tfsclient._transports.target import parse
from tfsclient.errors import InvalidInput
from tfsclient.results import Prediction

FORMAT = 1  # of the JSON
_AT_ONCE = 32  # rows of a call
_MOST_ROWS = 10  # whose numbers are printed


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: a server and what of it."""

    target: str
    ref: ModelRef
    typed: str

    def __str__(self) -> str:
        return self.typed


def _side(option: str, text: str | None, target: str, model: str) -> _Side:
    """What ``--left`` or ``--right`` says.

    Raises:
        InvalidInput: it is neither version:N, label:L, model:M nor a target.
    """
    if text is None:
        return _Side(target, ModelRef(model), f"the latest of {parse(target)}")
    kind, _, value = text.partition(":")
    if kind == "version":
        if not value.isdecimal():
            raise InvalidInput(f"{option} {text!r}: a version is a number, as in version:3")
        return _Side(target, ModelRef(model, int(value)), text)
    if kind in ("label", "model"):
        if not value:
            raise InvalidInput(f"{option} {text!r}: a name follows, as in {kind}:stable")
        ref = ModelRef(model, label=value) if kind == "label" else ModelRef(value)
        return _Side(target, ref, text)
    return _Side(text, ModelRef(model), str(parse(text)))


@click.command()
@click.argument("target")
@click.argument("model")
@click.option(
    "--left",
    metavar="SIDE",
    help="version:3, label:stable, model:NAME, or another TARGET.  [default: the latest of TARGET]",
)
@click.option("--right", metavar="SIDE", help="As --left.")
@click.option(
    "--data",
    required=True,
    metavar="FILE",
    help="Rows: .jsonl, .csv, .json, .npy, .npz, or - for standard input; and x=@FILE where they "
    "are of the input x.",
)
@signature_option
@click.option(
    "--tolerance",
    type=FiniteRange(0),
    default=1e-5,
    show_default=True,
    help="How far apart two numbers may be.",
)
@connection_options(signatures=True)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def compare(
    target: str,
    model: str,
    left: str | None,
    right: str | None,
    data: str,
    signature: str | None,
    tolerance: float,
    connection: Connection,
    as_json: bool,
) -> None:
    """Compare two versions, labels, models or servers on the same rows; exit 1 if they differ.

    Shown are, for each output, the largest difference, the rows that differ by more than
    --tolerance and by how much, and in how many rows the largest element stands at the same place.
    NaN is the same as NaN.  A TARGET over REST beside one over gRPC compares the transports.

    Example: tfsclient compare localhost:8500 digits --left version:1 --right version:2 --data
    rows.jsonl
    """
    if left is None and right is None:
        raise click.UsageError("give --left or --right: what to compare with the latest of TARGET")
    with exit_codes():
        sides = _side("--left", left, target, model), _side("--right", right, target, model)
        if (sides[0].target, sides[0].ref) == (sides[1].target, sides[1].ref):
            raise InvalidInput("--left and --right are the same")
        given = Given((given_text(data),))
        answers = [_ask(connection, side, given, signature) for side in sides]
    found = differences(answers[0], answers[1], tolerance)
    if as_json:
        click.echo(_to_json(sides, answers, tolerance, found))
    else:
        click.echo("\n".join(_lines(sides, answers, tolerance, found)))
    if not all(difference.same for difference in found):
        raise click.exceptions.Exit(EXIT_NO)


def _ask(connection: Connection, side: _Side, given: Given, name: str | None) -> Prediction:
    """What one side answers to all rows."""
    ref = side.ref
    with connection.client(side.target) as client:
        spec = client.signature(
            ref.name, name or given.signature_name, version=ref.version, label=ref.label
        )
        request = client.build_predict(
            ref.name, given.inputs(spec), signature=spec, version=ref.version, label=ref.label
        )
        inputs = {name: tensor.array for name, tensor in request.tensors.items()}
        if rows_of(inputs) == 0:
            raise InvalidInput("--data has no rows, and nothing is no proof of being the same")
        size = _AT_ONCE if (rows_of(inputs) or 0) > _AT_ONCE else None
        (answer,) = client.predict_batches(
            ref.name,
            [inputs],
            batch_size=size,
            signature=spec,
            version=ref.version,
            label=ref.label,
        )
        return answer


def _version(answer: Prediction) -> str:
    return "" if answer.version is None else f", version {answer.version}"


def _lines(
    sides: tuple[_Side, _Side],
    answers: list[Prediction],
    tolerance: float,
    found: list[Difference],
) -> list[str]:
    lines = [
        visible(f"{word}  {side}{_version(answer)}")
        for word, side, answer in zip(("left ", "right"), sides, answers, strict=True)
    ]
    rows = [["output", "largest", "rows that differ", "same argmax"]]
    count = rows_of(answers[0])
    for one in found:
        differ = one.why or f"{len(one.rows)}{'' if count is None else f' of {count}'}"
        argmax = "" if one.argmax is None else f"{one.argmax:.4%}".replace(".0000", "")
        largest = "" if one.why else _number(one.largest)
        rows.append([visible(one.name), largest, differ, argmax])
    lines += ["", *table(rows)]
    if any(one.rows for one in found):
        lines += ["", *_different(found, tolerance)]
    elif all(one.same for one in found):
        exactly = not any(one.largest for one in found)
        lines += ["", "the same" if exactly else f"the same, within {tolerance:g}"]
    return lines


def _different(found: list[Difference], tolerance: float) -> Iterator[str]:
    """The rows that differ, those that differ the most first."""
    apart = [
        (-math.inf if math.isnan(by) else -by, row, one.name, by)
        for one in found
        for row, by in zip(one.rows, one.apart, strict=True)
    ]
    apart.sort(key=lambda each: each[:2])
    if any(not math.isnan(by) for *_, by in apart):
        by_more = f" by more than {tolerance:g}, the largest difference first"
    else:
        by_more = ""  # strings, say
    yield from wrap(f"rows that differ{by_more}:")
    rows = [[str(row), visible(name), _number(by)] for _, row, name, by in apart[:_MOST_ROWS]]
    yield from table([["row", "output", "difference"], *rows])
    if len(apart) > _MOST_ROWS:
        yield f"and {len(apart) - _MOST_ROWS} more, which --json lists"


def _number(difference: float) -> str:
    """A difference; NaN where there is none to tell, as of strings."""
    return f"{difference:.6g}".replace("nan", "NaN")


def _to_json(
    sides: tuple[_Side, _Side],
    answers: list[Prediction],
    tolerance: float,
    found: list[Difference],
) -> bytes:
    def side(which: int) -> dict[str, Any]:
        ref = sides[which].ref
        return {
            "target": str(parse(sides[which].target)),
            "model": ref.name,
            "label": ref.label,
            "version": ref.version if answers[which].version is None else answers[which].version,
        }

    outputs = {
        one.name: {
            "same": one.same,
            "largest_difference": None if one.why else one.largest,
            "rows_that_differ": one.rows,
            "row_differences": one.apart,
            "argmax_agreement": one.argmax,
            "why": one.why or None,
        }
        for one in found
    }
    whole = {
        "format": FORMAT,
        "left": side(0),
        "right": side(1),
        "rows": rows_of(answers[0]),
        "tolerance": tolerance,
        "same": all(one.same for one in found),
        "outputs": outputs,
    }
    return orjson.dumps(strict(whole))
