"""Columns as inputs, and the pace of calls; no server."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tfsclient import InvalidInput, Signature, TensorSpec
from tfsclient.score._columns import Columns
from tfsclient.score._files import File, Source
from tfsclient.score._pace import Pace

Shape = tuple[int, ...]


def columns(dtype: str, shape: Shape, values: Any, *, kind: str = "parquet") -> Any:
    """What becomes of a column x for an input x."""
    spec = Signature("s", {"x": TensorSpec("x", dtype, shape)}, {})
    source = Source(kind, (File("data/in", "data/in", 0, None),), None)
    batch = pa.RecordBatch.from_arrays([pa.array(values)], ["x"])
    mapped = Columns(spec, ["x"], {}, source)
    mapped.check(batch.schema)
    return mapped.inputs(batch)["x"]


@pytest.mark.parametrize(
    ("dtype", "shape", "values", "want"),
    [
        ("float32", (-1,), [1.0, 2.0], [1.0, 2.0]),
        ("float32", (-1,), [1, 2], [1, 2]),
        ("float32", (-1, 1), [1.0, 2.0], [[1.0], [2.0]]),
        ("float32", (-1,), [[1.0], [2.0]], [1.0, 2.0]),
        ("float32", (-1, 2, 2), [[1.0, 2.0, 3.0, 4.0]], [[[1.0, 2.0], [3.0, 4.0]]]),
        ("float32", (-1, 2, -1), [[1.0, 2.0, 3.0, 4.0]], [[[1.0, 2.0], [3.0, 4.0]]]),
        ("float32", (-1, 4), [[[1, 2], [3, 4]]], [[[1, 2], [3, 4]]]),  # for predict to refuse
        ("string", (-1,), ["a", "b"], [b"a", b"b"]),
        ("string", (-1, 1), ["a", "b"], [[b"a"], [b"b"]]),
        ("float32", (), [1.0], 1.0),
        ("float32", (1, 2), [[1.0, 2.0]], [[1.0, 2.0]]),
        ("float32", (2, 2), [[1.0, 2.0, 3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]),
    ],
)
def test_shapes(dtype: str, shape: Shape, values: Any, want: Any) -> None:
    assert np.asarray(columns(dtype, shape, values)).tolist() == want


@pytest.mark.parametrize(
    ("dtype", "shape", "values"),
    [("int64", (-1,), [1.5]), ("float32", (-1,), ["1.5"]), ("bool", (-1,), [1])],
)
def test_types_that_never_fit(dtype: str, shape: Shape, values: Any) -> None:
    with pytest.raises(InvalidInput, match=r"column 'x' holds \w+, but input 'x' wants"):
        columns(dtype, shape, values)


def run(pace: Pace, rounds: int, seconds: Any, *, at: float = 0.0) -> float:
    """Answer so many rounds of calls, each of which takes that long."""
    for _ in range(rounds):
        batch, calls, epoch = pace.batch, pace.calls, pace.epoch
        took = seconds(batch, calls)
        for _ in range(calls):
            at += took / calls
            pace.answered(epoch, batch, took, at)
    return at


def test_the_pace_grows_while_it_helps() -> None:
    pace = Pace(None, None, 0.0)
    run(pace, 60, lambda batch, calls: 0.005)  # however much there is in a call
    assert pace.batch > 4000
    pace = Pace(None, None, 0.0)
    run(pace, 60, lambda batch, calls: calls * batch * 0.001)  # it is the rows that cost
    assert pace.batch <= 128
    assert pace.calls <= 8


def test_trouble_slows_down_and_is_got_over() -> None:
    pace = Pace(None, None, 0.0)
    now = run(pace, 200, lambda batch, calls: 0.005)
    before = pace.calls
    pauses = []
    for _ in range(8):
        pace.trouble(pace.epoch, now, smaller=False)
        pauses.append(pace.paused_until - now)
        now = pace.paused_until
    assert pace.calls == 1
    assert pauses[0] < 0.2
    assert 1 < pauses[-1] < 3
    calls = pace.calls
    pace.trouble(pace.epoch - 1, now, smaller=False)  # sent before: the same trouble
    assert pace.calls == calls
    run(pace, 500, lambda batch, calls: 0.005, at=now)
    assert pace.calls >= min(before, 2)
