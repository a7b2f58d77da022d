"""What if: one value moved from here to there, and what the outputs do meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tfsclient._calls.request import PredictRequest
from tfsclient._cli.page import forms
from tfsclient._cli.page.calls import Asked, Calls, send
from tfsclient.errors import InvalidInput, shown
from tfsclient.results._forms import plain
from tfsclient.schema import Signature

_MOST_STEPS: Final = 61
_MOST_LINES: Final = 10
_MOST_OUTPUTS: Final = 4096  # elements that are watched
_AT_ONCE: Final = 4


async def sweep(calls: Calls, asked: Asked, change: Any) -> dict[str, Any]:
    """Call the model for each value of one element or feature.

    Args:
        calls: what makes the calls.
        asked: the form.
        change: ``{"input", "index": [0, 3]}`` or ``{"input", "row", "feature"}``, with "from",
            "to" and "steps".

    Returns:
        The values, and a line for each of the outputs that move most.

    Raises:
        InvalidInput: there is no such element, or the form does not fit.
        TFSError: a call failed.
    """
    xs = _values(change)
    signature, filled = await calls.fill(asked)
    server, turns = calls.servers.at(asked.number), asyncio.Semaphore(_AT_ONCE)

    async def at(x: float) -> dict[str, np.ndarray[Any, Any]]:
        async with turns:
            moved = _moved(filled, signature, change, x)
            # As a form of values that were read already.
            again = forms.again(asked.ref, signature, moved)
            return dict((await send(server, signature, again))[0])

    rounded = [round(x) if _is_integer(signature, change) else x for x in xs]
    xs = list(dict.fromkeys(rounded))
    tasks = [asyncio.create_task(at(x)) for x in xs]
    try:
        points = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return {"x": xs, "lines": _lines(points), "input": change.get("input")}


def _values(change: Any) -> list[float]:
    if not isinstance(change, Mapping):
        raise InvalidInput("say what is to change")
    low: Any = change.get("from")
    high: Any = change.get("to")
    steps: Any = change.get("steps", 21)
    numbers = all(type(n) in (int, float) and np.isfinite(n) for n in (low, high))
    if not numbers or type(steps) is not int or not 2 <= steps <= _MOST_STEPS or low == high:
        raise InvalidInput(
            f"from and to must be two numbers, and steps from 2 to {_MOST_STEPS}, not "
            f"{shown(low)}, {shown(high)} and {shown(steps)}"
        )
    return [float(x) for x in np.linspace(low, high, steps)]


def _is_integer(signature: Signature, change: Mapping[str, Any]) -> bool:
    feature = (signature.features or {}).get(str(change.get("feature")))
    spec = feature or signature.inputs.get(str(change.get("input")))
    return spec is not None and spec.dtype.kind == "int"


def _moved(
    filled: forms.Filled, signature: Signature, change: Mapping[str, Any], x: float
) -> dict[str, Any]:
    name, spec = change.get("input"), signature.inputs.get(str(change.get("input")))
    values = dict(filled.values)
    if spec is None or name not in values:
        raise InvalidInput(f"there is no input {shown(name)} to change")
    if change.get("feature") is not None:
        rows, number = forms.rows_of(filled, signature), change.get("row", 0)
        if rows is None or type(number) is not int or not 0 <= number < len(rows):
            raise InvalidInput(f"there is no Example {shown(number)} to change")
        changed = [dict(row) for row in rows]
        changed[number][str(change["feature"])] = x
        return {**values, spec.name: changed}
    request = filled.request
    if not isinstance(request, PredictRequest) or spec.dtype.kind not in ("float", "int"):
        raise InvalidInput(f"input {name!r} is {spec}, and only numbers can be moved")
    array = request.tensors[spec.name].array.copy()
    index = change.get("index")
    try:
        place = tuple(index or ())
        with np.errstate(over="ignore"):
            array[place] = x
    except (IndexError, TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"input {name!r} has no element {shown(index)}: {error}") from None
    if not np.isfinite(plain(array[place])).all():
        raise InvalidInput(f"input {name!r} is {spec.dtype}, which cannot hold {x:g}")
    return {**values, spec.name: array}


def _lines(points: Sequence[Mapping[str, np.ndarray[Any, Any]]]) -> list[dict[str, Any]]:
    """A line for each number of the outputs; those that move most, where there are many."""
    lines: list[dict[str, Any]] = []
    for name, first in points[0].items():
        arrays = [point[name] for point in points if name in point]
        if first.dtype.kind not in "fiuV" or len(arrays) < len(points) or not first.size:
            continue
        if any(array.shape != first.shape for array in arrays) or first.size > _MOST_OUTPUTS:
            continue
        table = np.stack([plain(array).reshape(-1) for array in arrays]).astype(np.float64)
        for column in range(table.shape[1]):
            index = list(map(int, np.unravel_index(column, first.shape)))
            ys = [float(y) if np.isfinite(y) else None for y in table[:, column]]
            known = [y for y in ys if y is not None]
            spread = max(known) - min(known) if known else 0.0
            lines.append({"output": name, "index": index, "y": ys, "spread": spread})
    if not lines:
        raise InvalidInput("none of the outputs are numbers whose shape stays the same")
    return sorted(lines, key=lambda line: -line["spread"])[:_MOST_LINES]
