"""Rows as tf.Examples: 3 is an integer to an Example, and a float to many a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.conftest import ZOO, Zoo
from tests.score.helpers import letters, rows, write
from tfsclient import Client, sources
from tfsclient.score import score_files

OPTIONS: dict[str, Any] = {"signature": "regress_x_to_y", "on_error": "dead-letter"}
NUMBERS = ["1", "2", "", str(2**24 + 1)]


def csv(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("x,n\n" + "".join(f"{x},{n}\n" for n, x in enumerate(NUMBERS)))
    return path


def json_lines(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    found = [{"x": json.loads(x), "n": n} if x else {"n": n} for n, x in enumerate(NUMBERS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


def parquet(tmp_path: Path) -> Path:
    numbers = pa.array([1, 2, None, 2**24 + 1], pa.int64())
    return write(tmp_path / "in.parquet", {"x": numbers, "n": list(range(4))})


@pytest.mark.parametrize("make", [csv, json_lines, parquet])
@pytest.mark.parametrize("known", [False, True])
def test_whole_numbers_for_a_feature_of_floats(
    zoo: Zoo, tmp_path: Path, make: Any, known: bool
) -> None:
    schemas = {"half_plus_two": sources.from_saved_model(ZOO / "half_plus_two")} if known else None
    with Client(zoo.grpc, schemas=schemas, retries=0) as client:
        score_files(client, "half_plus_two", make(tmp_path), tmp_path / "out", **OPTIONS)
    answered = {row["n"]: row["outputs"] for row in rows(tmp_path / "out")}
    assert (answered[0], answered[1]) == ([3.5], [4.0])
    dead = {letter["n"]: letter["error"] for letter in letters(tmp_path / "out")}
    assert answered.keys() | dead.keys() == {0, 1, 2, 3}
    assert "holds 16777217, which float32 cannot hold exactly" in dead[3]


def test_a_cell_that_is_text_leaves_the_others_numbers(zoo: Zoo, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("x\n1\nabc\n2.5\n")
    score_files(zoo.grpc, "half_plus_two", tmp_path / "in.csv", tmp_path / "out", **OPTIONS)
    assert [row["outputs"] for row in rows(tmp_path / "out")] == [[3.5], [4.25]]
    assert "holds 'abc', which is neither a number" in letters(tmp_path / "out")[0]["error"]


def test_a_feature_of_floats_is_one_whatever_the_first_rows_hold(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfsclient.score._text.ROWS", 2)
    (tmp_path / "in.csv").write_text("x\n1\n2\n2.5\n")
    schemas = {"half_plus_two": sources.from_saved_model(ZOO / "half_plus_two")}
    with Client(zoo.grpc, schemas=schemas, retries=0) as client:
        score_files(client, "half_plus_two", tmp_path / "in.csv", tmp_path / "out", **OPTIONS)
    assert [row["outputs"] for row in rows(tmp_path / "out")] == [[3.5], [4.0], [4.25]]
