"""``tfsclient compare``: what two answers differ in, and who is asked."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.conftest import ZOO, Zoo
from tfsclient._cli.load.differences import Difference, differences
from tfsclient._cli.main import main
from tfsclient.testing import FakeServer

NAN, INF = math.nan, math.inf


def one(left: Any, right: Any, tolerance: float = 0.0, dtype: Any = np.float32) -> Difference:
    (found,) = differences({"y": np.array(left, dtype)}, {"y": np.array(right, dtype)}, tolerance)
    return found


def test_numbers() -> None:
    found = one([[1, 2], [3, 4], [5, 6]], [[1, 2.5], [3, 4], [7, 5]])
    assert (found.largest, found.rows, found.same) == (2.0, [0, 2], False)
    assert found.apart == [0.5, 2.0]
    assert found.argmax == pytest.approx(2 / 3)
    assert one([1, 2], [1, 2.5], 0.5).same
    assert not one([1, 2], [1, 2.5], 0.49).same
    assert one([[1, 2], [2, 1]], [[2, 1], [2, 1]], 5.0).argmax == 0.5  # within the tolerance, too


def test_nan_is_the_same_as_nan_and_nothing_else() -> None:
    assert one([NAN, INF, -INF], [NAN, INF, -INF]).same
    for left, right in ((NAN, 1.0), (INF, 1.0), (INF, -INF), (INF, NAN)):
        found = one([0, left], [0, right], 1e30)
        assert found.rows == [1]
        assert math.isnan(found.largest)
        assert math.isnan(found.apart[0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_integers_do_not_overflow(dtype: Any) -> None:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    found = one([low, high], [high, high], dtype=dtype)
    assert found.rows == [0]
    assert found.largest == pytest.approx(float(high) - float(low))
    assert one([high - 1], [high], dtype=dtype).largest == 1


def test_other_dtypes() -> None:
    assert one([1 + 1j], [1 - 1j], dtype=np.complex64).largest == 2
    assert one([True], [False], dtype=np.bool_).largest == 1
    assert one([1.0], [1.5], dtype=ml_dtypes.bfloat16).largest == 0.5
    words = one([b"a", b"b"], [b"a", b"c"], 1.0, dtype=object)
    assert (words.rows, words.argmax) == ([1], None)
    assert one(2.0, 3.0).rows == [0]  # of one number
    assert one([], []).same


def test_what_cannot_be_compared() -> None:
    assert "shape [1], [2]" in one([1], [1, 2]).why
    found = differences({"a": np.zeros(1), "b": np.zeros(1)}, {"b": np.zeros(1, int)}, 0.0)
    assert [each.why for each in found] == ["only the left", "dtype float64, int64"]
    assert not any(each.same for each in found)


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)], input=stdin)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(f"[{number}]" for number in range(40)))
    return path


def test_versions_labels_models_and_transports(zoo: Zoo, rows: Path) -> None:
    versions = "--left", "version:1", "--right", "version:2", "--data", rows
    differ = run(zoo.grpc, "half_plus_two", *versions)
    assert differ.exit_code == 1, differ.output
    assert "left   version:1, version 1\nright  version:2, version 2\n" in differ.stdout
    assert "40 of 40" in differ.stdout
    assert "and 30 more" in differ.stdout
    read = json.loads(run(zoo.rest, "half_plus_two", *versions, "--json").stdout)
    largest = read["outputs"]["y"]["largest_difference"]
    assert (read["format"], read["rows"], read["same"]) == (1, 40, False)
    assert read["outputs"]["y"]["rows_that_differ"] == list(range(40))
    assert max(read["outputs"]["y"]["row_differences"]) == largest
    assert run(zoo.grpc, "half_plus_two", *versions, "--tolerance", largest).exit_code == 0
    assert run(zoo.grpc, "half_plus_two", *versions, "--tolerance", largest * 0.99).exit_code == 1
    same = [
        ("--left", "label:stable", "--right", "version:1"),
        ("--right", zoo.rest),
        ("--left", "label:canary"),
        ("--left", "version:1", "--right", "model:half_specific"),
    ]
    for sides in same:
        result = run(zoo.grpc, "half_plus_two", *sides, "--data", rows)
        assert result.exit_code == 0, result.output
        assert result.stdout.endswith("\nthe same\n")


def test_examples_of_an_input_that_takes_them(zoo: Zoo, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": "x", "b": 0.5}\n{"a": "y", "b": 1.5}\n')
    sides = zoo.grpc, "estimator", "--right", zoo.rest, "--signature", "predict", "--data"
    unnamed = run(*sides, file)
    assert (unnamed.exit_code, f"write examples=@{file} for it" in unnamed.stderr) == (2, True)
    named = run(*sides, f"examples=@{file}")
    assert named.exit_code == 0, named.output


def test_two_servers_whose_answers_differ_in_a_row() -> None:
    with FakeServer(ZOO / "linear") as one, FakeServer(ZOO / "linear") as other:
        one.answer("linear", {"y": np.array([1.0, NAN, 3.0, 4.0], np.float32)})
        other.answer("linear", {"y": np.array([1.25, NAN, 3.5, 4.0], np.float32)})
        sides = one.grpc_target, "linear", "--right", other.rest_target, "--data", "-"
        result = run(*sides, stdin="[1, 2, 3, 4]")
        assert result.exit_code == 1
        assert "0.5      2 of 4" in result.stdout
        assert result.stdout.endswith(
            "rows that differ by more than 1e-05, the largest difference first:\n"
            "row  output  difference\n2    y       0.5\n0    y       0.25\n"
        )
        within = run(*sides, "--tolerance", "0.5", stdin="[1, 2, 3, 4]")
        assert (within.exit_code, within.stdout[-21:]) == (0, "the same, within 0.5\n"), (
            within.stdout
        )
        other.answer("linear", {"y": np.array([INF, NAN, 3.0, 4.0], np.float32)})
        told = run(*sides, stdin="[1, 2, 3, 4]").stdout
        assert told.endswith("rows that differ:\nrow  output  difference\n0    y       NaN\n")


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ([], "give --left or --right"),
        (["--left", "version:x"], "a version is a number"),
        (["--left", "label:"], "a name follows"),
        (["--left", "version:1", "--right", "version:1"], "are the same"),
        (["--left", "nonsense"], "host:port"),
    ],
)
def test_what_makes_no_sense_is_said(sides: list[str], words: str, rows: Path) -> None:
    result = run("localhost:1", "linear", *sides, "--data", rows)
    assert result.exit_code == 2
    assert words in result.stderr


def test_no_rows_are_not_the_same(tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros(0, np.float32))
    with FakeServer(ZOO / "linear") as one:
        sides = one.grpc_target, "linear", "--left", one.rest_target
        result = run(*sides, "--data", tmp_path / "none.npy")
    assert result.exit_code == 2
    assert "has no rows" in result.stderr


def test_a_tolerance_is_a_number() -> None:
    result = run(
        "localhost:1", "linear", "--left", "version:1", "--data", "-", "--tolerance", "nan"
    )
    assert result.exit_code == 2
    assert "'nan' is not a finite number" in result.stderr
