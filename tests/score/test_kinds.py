"""Values of every kind, as inputs and as answers: exact, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.score.helpers import letters, rows, write
from tfsclient import Client, InvalidArgument, InvalidInput, Model, Signature, TensorSpec
from tfsclient.score import score_files
from tfsclient.testing import FakeServer


def model(dtype: str) -> Model:
    """It gives back what it takes."""
    v, y = (TensorSpec(name, dtype, (-1,)) for name in ("v", "y"))
    return Model("same", 1, {"serving_default": Signature("serving_default", {"v": v}, {"y": y})})


@contextmanager
def same(dtype: str) -> Iterator[str]:
    with FakeServer(model(dtype)) as server:
        server.answer("same", lambda inputs: {"y": inputs["v"]})
        yield server.grpc_target


def scored(dtype: str, path: Path, **options: Any) -> list[Any]:
    """What the model answers for each good row."""
    with same(dtype) as target:
        out = path.parent / "out"
        score_files(target, "same", path, out, on_error="dead-letter", keep=[], **options)
    return [row["y"] for row in rows(out)]


def csv(tmp_path: Path, cells: list[str]) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["id,v", *(f"0,{cell}" for cell in cells)]))
    return path


def json_lines(tmp_path: Path, cells: list[str]) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f'{{"id": 0, "v": {cell}}}\n' for cell in cells))
    return path


@pytest.mark.parametrize("make", [csv, json_lines])
def test_whole_numbers_to_the_last(tmp_path: Path, make: Callable[..., Path]) -> None:
    cells = ["0", str(2**64 - 1), str(2**64), "-1", "1.5"]
    assert scored("uint64", make(tmp_path, cells)) == [0, 2**64 - 1]
    errors = [letter["error"] for letter in letters(tmp_path / "out")]
    assert "not in the range of uint64" in errors[0]


@pytest.mark.parametrize("make", [csv, json_lines])
@pytest.mark.parametrize(
    ("dtype", "digits"), [("float16", 11), ("bfloat16", 8), ("float32", 24), ("float64", 53)]
)
def test_whole_numbers_that_a_float_cannot_hold(
    tmp_path: Path, make: Callable[..., Path], dtype: str, digits: int
) -> None:
    lost = [2**digits + 1, -(2**digits) - 1, 10**400]
    cells = [str(2**digits), "0.1", f"{2**digits}.01", *map(str, lost)]
    assert len(scored(dtype, make(tmp_path, cells))) == 3  # with a point they are rounded, as ever
    errors = [letter["error"] for letter in letters(tmp_path / "out")]
    assert len(errors) == len(lost)
    assert all("cannot hold exactly" in error for error in errors[:2])


@pytest.mark.parametrize("path", ["in.jsonl", "in.csv", "in.parquet"])
def test_whole_numbers_beside_others_in_a_row(tmp_path: Path, path: str) -> None:
    numbers = [[0.5, 1], [0.5, 2**24 + 1]]
    if path == "in.parquet":
        halves, whole = zip(*numbers, strict=True)
        write(tmp_path / path, {"v.0": halves, "v.1": pa.array(whole, pa.int64())})
    else:
        make, quote = (json_lines, "") if path == "in.jsonl" else (csv, '"')
        make(tmp_path, [f"{quote}{json.dumps(pair)}{quote}" for pair in numbers])
    v, y = (TensorSpec(name, "float32", (-1, 2)) for name in ("v", "y"))
    signature = Signature("serving_default", {"v": v}, {"y": y})
    with FakeServer(Model("same", 1, {signature.name: signature})) as server:
        server.answer("same", lambda inputs: {"y": inputs["v"]})
        options: Any = {"on_error": "dead-letter", "keep": []}
        score_files(server.grpc_target, "same", tmp_path / path, tmp_path / "out", **options)
    assert [row["y"] for row in rows(tmp_path / "out")] == [[0.5, 1.0]]
    assert "16777217" in letters(tmp_path / "out")[0]["error"]


def test_how_a_number_is_written(tmp_path: Path) -> None:
    assert scored("int64", csv(tmp_path, ["+5", "-5", "+x"])) == [5, -5]
    assert "holds '+x', not a whole number" in letters(tmp_path / "out")[0]["error"]


def test_text_is_no_number(tmp_path: Path) -> None:
    assert scored("int64", json_lines(tmp_path, ["1", '"5"', str(2**63)])) == [1]
    text, beyond = (letter["error"] for letter in letters(tmp_path / "out"))
    assert text.endswith("column 'v' holds the text '5', not a whole number")
    assert beyond.endswith("not in the range of int64")


@pytest.mark.parametrize("make", [csv, json_lines])
def test_no_number_becomes_infinite(tmp_path: Path, make: Callable[..., Path]) -> None:
    cells = ["1", "1e999", "inf" if make is csv else "Infinity"]
    assert scored("float64", make(tmp_path, cells)) == [1.0, np.inf]
    (dead,) = letters(tmp_path / "out")
    assert "1e999" in dead["error"]


def test_json_as_python_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"v": float("nan"), "id": 10**30, "w": [float("inf")]}) + "\n")
    with same("float32") as target:
        score_files(target, "same", path, tmp_path / "out", format="jsonl")
    text = (tmp_path / "out/part-00000.jsonl").read_text()
    assert json.loads(text) == {"v": "NaN", "id": 10**30, "w": ["Infinity"], "y": "NaN"}


@pytest.mark.parametrize("kind", [pa.string_view(), pa.binary_view(), pa.large_string()])
def test_text_of_other_types(tmp_path: Path, kind: Any) -> None:
    path = write(tmp_path / "in.parquet", {"v": pa.array(["a\0b", None, "ü"]).cast(kind)})
    assert scored("string", path) == ["a\0b", "ü"]
    assert "is null" in letters(tmp_path / "out")[0]["error"]


def test_columns_of_one_name(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["v", "v"])
    pq.write_table(table, tmp_path / "in.parquet")
    with pytest.raises(InvalidInput, match="has two columns that are called 'v'"):
        scored("float64", tmp_path / "in.parquet")


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_times_that_python_has_not(tmp_path: Path, form: str) -> None:
    when = pa.array([1], pa.timestamp("ns"))
    path = write(tmp_path / "in.parquet", {"when": when, "v": [1.0]})
    with same("float64") as target:
        score_files(target, "same", path, tmp_path / "out", format=form)
    assert "1970-01-01 00:00:00.000000001" in (tmp_path / f"out/part-00000.{form}").read_text()


# What is not UTF-8, from the 40th row on.
BYTES = [b"a"] * 40 + [b"\xff", b"c"]


def test_bytes_among_text_in_parquet(tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", {"v": BYTES})
    assert scored("string", path, batch=20, concurrency=1) == BYTES
    assert len(list((tmp_path / "out").glob("part*"))) > 1  # the first of which was text


def test_bytes_among_text_in_text(tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", {"v": BYTES})
    for form, coded in (("jsonl", '{"y":{"b64":"/w=="}}'), ("csv", '"{""b64"":""/w==""}"')):
        with same("string") as target:
            out = tmp_path / form
            score_files(target, "same", path, out, keep=[], format=form, batch=20)
        text = "".join(part.read_text() for part in sorted(out.glob("part*")))
        assert [line for line in text.splitlines() if line != "y"][40] == coded


@pytest.mark.parametrize("knows", [True, False])
def test_given_signatures(tmp_path: Path, knows: bool) -> None:
    path = write(tmp_path / "in.parquet", {"v": [1.0, 2.0]})
    given = {"same": model("float64")}
    with FakeServer(model("string")) as server, Client(server.grpc_target, schemas=given) as client:
        server.answer("same", lambda inputs: {"y": inputs["v"]})
        if not knows:
            server.fail("UNIMPLEMENTED", method="GetModelMetadata", times=None)
        with pytest.raises(InvalidArgument, match="string but double"):  # as it was given
            score_files(client, "same", path, tmp_path / "out")
        version = json.loads((tmp_path / "out/_manifest.json").read_text())["version"]
    assert version == (1 if knows else None)
