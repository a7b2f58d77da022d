"""CSV and JSON lines: what a bad row is, and that nothing is read as what it is not."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.score.helpers import answer, letters, rows, twice
from tfsclient import InvalidInput
from tfsclient.score import score_files
from tfsclient.testing import FakeServer


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with FakeServer(twice()) as server:
        server.answer("twice", answer)
        yield server.grpc_target


CSV = """id,x,n,s,zip
0,0.5,1,"te,x
t",007
1,,1,a,008
2,abc,1,a,009
3,1e3,1,,010
4,1.5,2.5,a,011
5,1
6,-3,1,a,012
"""


def test_csv(target: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(CSV)
    score_files(target, "twice", tmp_path / "in.csv", tmp_path / "out", on_error="dead-letter")
    assert [(r["id"], r["y"], r["t"], r["zip"]) for r in rows(tmp_path / "out")] == [
        (0, 1.0, "te,x\nt", "007"), (3, 2000.0, "", "010"), (6, -6.0, "a", "012"),
    ]  # fmt: skip
    dead = {letter["id"]: letter for letter in letters(tmp_path / "out")}
    assert dead[2]["x"] == "abc"
    assert [dead[number]["error"] for number in (1, 2, 4, 5)] == [
        "row 1 (line 4): column 'x', which is input 'x', is null",
        "row 2 (line 5): column 'x' holds 'abc', not a number",
        "row 4 (line 7): column 'n' holds '2.5', not a whole number",
        "row 5 (line 8): has 2 cells, but the first line names 5",
    ]
    with pytest.raises(InvalidInput, match=r"in.csv: row 1 \(line 4\): column 'x'"):
        score_files(target, "twice", tmp_path / "in.csv", tmp_path / "stopped")
    assert [row["id"] for row in rows(tmp_path / "stopped")] == [0]


GOOD = {"x": 1.5, "n": 1, "s": "ü", "more": {"a": [1]}}
BAD: list[Any] = [
    {**GOOD, "x": None}, {**GOOD, "x": "abc"}, {**GOOD, "x": True}, {**GOOD, "n": 1.5},
    {"x": 1.0, "n": 1}, {**GOOD, "other": 1}, [1], "{",
]  # fmt: skip


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_json_lines(target: str, tmp_path: Path, form: str) -> None:
    lines = [GOOD, *BAD, {**GOOD, "x": "NaN"}]
    text = "\n".join(line if line == "{" else json.dumps(line) for line in lines)
    (tmp_path / "in.jsonl").write_text(text)
    out = tmp_path / "out"
    # "other" is in the first chunk, so it is a column.
    summary = score_files(
        target, "twice", tmp_path / "in.jsonl", out, on_error="dead-letter", format=form
    )
    assert (summary.rows, summary.errors) == (3, len(BAD) - 1)
    if form == "jsonl":
        found = [json.loads(line) for line in (out / "part-00000.jsonl").open()]
        assert found[0] == {**GOOD, "other": None, "y": 3.0, "t": "ü"}
        assert found[-1]["y"] == "NaN"
    if form == "csv":
        text = (out / "part-00000.csv").read_text()
        assert text.startswith('x,n,s,more,other,t,y\n1.5,1,ü,"{""a"":[1]}",,ü,3.0\n')


def test_the_first_file_says_what_columns_hold(target: str, tmp_path: Path) -> None:
    head = "id,x,n,s\n"
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text(head + "1,1,1,a\n2,2,1,a\n")
    (tmp_path / "in/b.csv").write_text(head + "x3,3,1,a\n4,4,1,a\n")
    out = tmp_path / "out"
    options: dict[str, Any] = {"on_error": "dead-letter", "limit": 4}
    score_files(target, "twice", tmp_path / "in", out, **options)
    assert [row["id"] for row in rows(out)] == [1, 2, 4]
    assert "column 'id' holds 'x3', not written as a whole number" in letters(out)[0]["error"]
    text = json.loads((out / "_manifest.json").read_text())
    (part,) = text["parts"]
    part.update(rows=2, errors=0, to=[1, 0])  # as if it had ended between the two
    pq.write_table(pq.read_table(out / part["name"]).slice(0, 2), out / part["name"])
    (out / "_manifest.json").write_text(json.dumps({**text, "state": "running"}))
    score_files(target, "twice", tmp_path / "in", out, resume=True, **options)
    assert [row["id"] for row in rows(out)] == [1, 2, 4]


def test_pipe(target: str) -> None:
    lines = "".join(json.dumps({**GOOD, "id": number}) + "\n" for number in range(50))
    command = [sys.executable, "-m", "tfsclient", "score", target, "twice", "-", "--out", "-"]
    done = subprocess.run(
        [*command, "--keep", "id", "--outputs", "y"],
        input=lines, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found == [{"id": number, "y": 3.0} for number in range(50)]
    assert done.stderr.startswith("50 rows in ")


def file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def scored(target: str, tmp_path: Path, **options: Any) -> list[dict[str, Any]]:
    """The rows of what is in the folder ``in``."""
    score_files(target, "twice", tmp_path / "in", tmp_path / "out", **options)
    return rows(tmp_path / "out")


def test_long_numbers_keep_their_digits(target: str, tmp_path: Path) -> None:
    ids = [
        ("1234567890123456789", "0.5", "18446744073709551615"),
        ("1234567890123456788", "9007199254740993", "1"),
    ]
    lines = [f"1,1,a,{','.join(row)}" for row in ids]
    file(tmp_path / "in/a.csv", "\n".join(["x,n,s,int64,float,uint64", *lines]))
    found = scored(target, tmp_path)
    assert [(str(r["int64"]), r["float"], r["uint64"]) for r in found] == ids


def test_a_number_is_not_read_as_another_later(target: str, tmp_path: Path) -> None:
    file(tmp_path / "in/a.csv", "x,n,s,zip,score\n1,1,a,10115,0.5\n")
    file(tmp_path / "in/b.csv", "x,n,s,zip,score\n2,2,b,00501,1\n3,3,c,501,1e3\n")
    assert [row["zip"] for row in scored(target, tmp_path, on_error="dead-letter")] == [10115, 501]
    (dead,) = letters(tmp_path / "out")
    assert dead["error"].startswith(f"{tmp_path}/in/b.csv: row 0 (line 2): column 'zip' holds '005")


def test_a_dead_letter_has_the_whole_text(target: str, tmp_path: Path) -> None:
    long = "b" * 400 + "END"
    file(tmp_path / "in/a.csv", "x,n,s,k\n1,1,a,1\n")
    text = f'2,2,b,{long}\n3,3,c,"d"{long}\n4,4,e,5,{long}\n5,5,{long}\udcff,6\n'
    (tmp_path / "in/b.csv").write_text("x,n,s,k\n" + text, errors="surrogateescape")
    assert len(scored(target, tmp_path, on_error="dead-letter")) == 1
    dead = letters(tmp_path / "out")
    assert [long in letter["error"] for letter in dead] == [True] * 4
    assert f"'3,3,c,\"d\"{long}'" in dead[1]["error"]
    with pytest.raises(InvalidInput, match=r"holds 'b+\.\.\.b+END'"):  # which people read
        score_files(target, "twice", tmp_path / "in", tmp_path / "stopped")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"x": 1, "x": 2, "n": 1, "s": "a:b"}', "has the key 'x' twice"),
        ('{"x" : 1, "n": 1, "s": "a", "\\u0078" : 1}', "has the key 'x' twice"),
        ('{"x": 1, "n": 1, "s": "a", "more": [{"y": 1, "y": 1}]}', "has the key 'y' twice"),
        (f'{{"x": 1, "n": 1, "s": "{"b" * 400}', "is not JSON"),
        (f'["{"b" * 400}"]', "is not an object"),
        ('{"x": 1, "n": 1, "s": "a\\":b", "more": [{"y": 1}, {"y": "http://"}]}', None),
    ],
)
def test_lines_of_json(target: str, tmp_path: Path, line: str, why: str | None) -> None:
    good = json.dumps({"x": 1, "n": 1, "s": "a", "more": []})
    file(tmp_path / "in/a.jsonl", f"{good}\n{line}\n")
    assert len(scored(target, tmp_path, on_error="dead-letter")) == (2 if why is None else 1)
    if why is not None:
        (dead,) = letters(tmp_path / "out")
        assert why in dead["error"]
        assert repr(line if line.startswith("{") else json.loads(line)) in dead["error"]


def test_the_first_file_decides_also_when_resumed(target: str, tmp_path: Path) -> None:
    file(tmp_path / "in/a.csv", "x,n,s,code\n1,1,a,A\n")
    file(tmp_path / "in/b.csv", "x,n,s,code\n2,2,b,1.50\noops,3,c,1\n4,4,d,7.0\n")
    with pytest.raises(InvalidInput, match=r"b.csv: row 1 .* holds 'oops'"):
        scored(target, tmp_path)
    resumed = scored(target, tmp_path, resume=True, on_error="dead-letter")
    assert [row["code"] for row in resumed] == ["A", "1.50", "7.0"]


@pytest.mark.parametrize(
    ("ending", "text"),
    [(".csv", "x,n,s\n1,1,a\n"), (".jsonl", '{"x": 1, "n": 1, "s": "a"}\n')],
)
def test_folders_name_columns_of_text_too(
    target: str, tmp_path: Path, ending: str, text: str
) -> None:
    for folder in ("day=1", "day=2", "day=Mon"):
        file(tmp_path / f"in/{folder}/part{ending}", text)
    file(tmp_path / f"in/day=3/part{ending}", "")  # as parts without rows are often written
    assert [row["day"] for row in scored(target, tmp_path)] == ["1", "2", "Mon"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "a.jsonl is empty"),
        ('[{"x": 1}]', "no line is an object with keys; the first is not an object"),
        ("{}", "no object has a key"),
    ],
)
def test_what_is_not_json_lines(target: str, tmp_path: Path, text: str, match: str) -> None:
    file(tmp_path / "in/a.jsonl", text)
    with pytest.raises(InvalidInput, match=match):
        scored(target, tmp_path)


def test_a_pipe_that_goes_on_after_a_bad_row(target: str) -> None:
    command = [sys.executable, "-m", "tfsclient", "score", target, "twice", "-", "--out", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as job:
        assert job.stdin is not None
        assert job.stderr is not None
        job.stdin.write("x,n,s\n" + "1,1,a\n" * 40_000 + "abc,1,a\n" + "1,1,a\n" * 40_000)
        job.stdin.flush()  # and is left open
        threading.Thread(target=job.stdout.read, daemon=True).start()  # type: ignore[union-attr]
        assert "row 40000 (line 40002): column 'x' holds 'abc'" in job.stderr.read()
        assert job.wait() == 2
