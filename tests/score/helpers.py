"""What the tests of scoring share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from tfsclient import Model, Signature, TensorSpec


def write(path: Path, columns: dict[str, Any]) -> Path:
    """A Parquet file of these columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def rows(out: Path) -> list[dict[str, Any]]:
    """What a job wrote, as its manifest says, in order."""
    parts = [part for part in manifest(out)["parts"] if part["rows"]]
    tables = [pq.read_table(out / part["name"]) for part in parts]
    assert [table.num_rows for table in tables] == [part["rows"] for part in parts]
    assert {path.name for path in out.glob("part-*")} == {part["name"] for part in parts}
    found: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist() if tables else []
    return found


def letters(out: Path) -> list[dict[str, Any]]:
    """The dead letters."""
    found: list[dict[str, Any]] = ds.dataset(out / "_errors").to_table().to_pylist()
    return found


def manifest(out: Path) -> dict[str, Any]:
    """What the manifest says."""
    found: dict[str, Any] = json.loads((out / "_manifest.json").read_text())
    return found


def twice() -> Model:
    """A model of a fake server: y is meant to be 2 x, for three inputs, one of them text."""
    specs = {
        "x": TensorSpec("x", "float32", (-1,)),
        "n": TensorSpec("n", "int64", (-1,)),
        "s": TensorSpec("s", "string", (-1,)),
    }
    outputs = {"y": TensorSpec("y", "float32", (-1,)), "t": TensorSpec("t", "string", (-1,))}
    return Model("twice", 1, {"serving_default": Signature("serving_default", specs, outputs)})


def answer(inputs: Any) -> dict[str, Any]:
    """What it answers."""
    return {"y": 2 * inputs["x"], "t": inputs["s"]}


def table(count: int) -> dict[str, Any]:
    """Rows for it."""
    return {
        "id": list(range(count)),
        "x": pa.array(range(count), pa.float32()),
        "n": list(range(count)),
        "s": [f"row {number}" for number in range(count)],
    }


def check(found: list[dict[str, Any]], count: int) -> None:
    """Each row is there once, in order, with its own answer."""
    assert [row["id"] for row in found] == list(range(count))
    assert all(row["y"] == 2 * row["id"] and row["t"] == row["s"] for row in found)
