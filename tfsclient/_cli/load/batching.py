"""TF Serving's batching file, from a search over batch sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfsclient._cli.load.search import Found
from tfsclient._cli.load.units import milliseconds
from tfsclient.schema._tables import wrap

_WORTH = 1.1  # times the rows a second, for which batching is worth waiting


@dataclass(frozen=True, slots=True)
class Advice:
    """What a search says about batching.

    Attributes:
        batch: the batch size that carries the most rows.
        rows: rows a second that it carries within the limit.
        reason: why, for people.
        file: a file for ``--batching_parameters_file``; None where batching does not pay.
    """

    batch: int
    rows: float
    reason: str
    file: str | None


def advise(found: Mapping[int, Found]) -> Advice | None:
    """The batch size that carries the most rows, and how a server makes batches of it by itself.

    Args:
        found: what the search came to, by batch size.

    Returns:
        None where no batch size keeps the limit.
    """
    carried = {size: one.best.rate * size for size, one in found.items() if one.best is not None}
    if not carried:
        return None
    best = max(carried, key=lambda size: carried[size])
    least = min(found)
    rows, limit = carried[best], found[best].limit
    trial = found[best].best
    assert trial is not None
    took = trial.summary.latency(limit.percent)
    if best == least or rows < _WORTH * carried.get(least, 0.0):
        reason = (
            f"{carried.get(least, rows):.0f} rows/s in batches of {least} is as good as it gets: "
            "batching in the server would only add waiting."
        )
        return Advice(least, carried.get(least, rows), reason, None)
    alone = carried.get(least)
    gain = f"{rows / alone:.1f} times" if alone else "more than"
    spare = max(limit.seconds - took, 0.0)
    fills = best / rows  # seconds until a batch is full, at the rate that was found
    timeout = max(min(fills, spare), 0.0)
    why_timeout = (
        f"at {rows:.0f} rows/s a batch of {best} is full after {milliseconds(fills)} ms"
        if fills <= spare
        else f"p{limit.percent:g} of a batch of {best} is {milliseconds(took)} ms, which leaves "
        f"{milliseconds(spare)} ms of the {limit.seconds * 1e3:.6g} ms to wait"
    )
    reason = (
        f"batches of {best} carry {rows:.0f} rows/s within {limit}, {gain} what batches of {least} "
        f"do; {why_timeout}."
    )
    lines = [
        *(f"# {line.rstrip()}" for line in wrap(reason, 74)),
        f"max_batch_size {{ value: {best} }}",
        f"batch_timeout_micros {{ value: {round(timeout * 1e6)} }}",
    ]
    return Advice(best, rows, reason, "\n".join(lines) + "\n")
