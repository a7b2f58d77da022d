"""Rows through a pipe: they flow as they come, and stay what they are."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.score.helpers import answer, table, twice, write
from tfsclient import Client, InvalidInput
from tfsclient._cli.main import main
from tfsclient.score import score_files
from tfsclient.testing import FakeServer


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with FakeServer(twice()) as server:
        server.answer("twice", answer)
        yield server.grpc_target


@contextmanager
def job(target: str) -> Iterator[Callable[[str], dict[str, Any]]]:
    """What answers a line that is written to the job, before another one comes."""
    run = [sys.executable, "-m", "tfsclient", "score", target, "twice", "-", "--out", "-"]
    run += ["--on-error", "dead-letter"]
    pipe = subprocess.PIPE
    with subprocess.Popen(run, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(line: str) -> dict[str, Any]:
            process.stdin.write(line + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            found: dict[str, Any] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            return found

        yield ask
        process.stdin.close()
        assert process.wait() in (0, 1)


def test_rows_flow_and_need_not_be_alike(target: str) -> None:
    row = {"x": 1.5, "n": 2**63 - 1, "s": "ü"}
    said = {"t": "ü", "y": 3.0}
    with job(target) as ask:
        assert ask(json.dumps({"id": 1, **row})) == {"id": 1, **row, **said}
        assert ask(json.dumps({"id": "b", **row})) == {"id": "b", **row, **said}
        more = {"id": 2**70, **row, "more": {"a": [1]}}
        assert ask(json.dumps(more)) == {**more, **said}
        assert "'x', is null" in ask(json.dumps({**more, "x": None}))["error"]
        assert ask(json.dumps(row)) == {"id": None, **row, "more": None, **said}


def piped(target: str, text: str, *more: str) -> list[dict[str, Any]]:
    """What becomes of standard input."""
    run = ["score", target, "twice", "-", "--out", "-", "--on-error", "dead-letter", *more]
    done = CliRunner().invoke(main, run, input=text)
    assert done.exit_code in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_rows_of_csv(target: str) -> None:
    cells = ["12", "007", "1.5", "", '"a\nb"', "1e3", "123456789012345678901"]
    found = piped(target, "id,x,n,s\n" + "".join(f"{cell},0.5,1,a\n" for cell in cells))
    assert [row["id"] for row in found] == [12, "007", 1.5, "", "a\nb", "1e3", cells[-1]]
    assert found[0] == {"id": 12, "x": 0.5, "n": 1, "s": "a", "t": "a", "y": 1.0}


def test_keys_that_are_not_kept_may_come_late(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfsclient.score._text.ROWS", 1)
    lines = [{"x": 1, "n": 1, "s": "a"}, {"x": 1, "n": 2, "s": "a", "z": 1}]
    found = piped(target, "\n".join(map(json.dumps, lines)), "--keep", "n", "--outputs", "y")
    assert found == [{"n": 1, "y": 2.0}, {"n": 2, "y": 2.0}]


def test_an_input_that_first_rows_leave_out_is_not_passed_over(
    target: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("tfsclient.score._text.ROWS", 1)
    lines = b'{"x": 1, "s": "a"}\n{"x": 1, "s": "a", "n": 5}\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    model = twice()
    optional = replace(model.signature(), defaults=frozenset({"n"}))
    given = {"twice": replace(model, signatures={"serving_default": optional})}
    with Client(target, schemas=given) as client:
        score_files(client, "twice", "-", "-", keep="x", on_error="dead-letter")
    _, second = map(json.loads, capsysbinary.readouterr().out.splitlines())
    assert "has the key 'n', which the first rows do not have" in second["error"]


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that can close them")
@pytest.mark.parametrize(
    ("closing", "more"),
    [
        ("output takes no bytes here: name a folder instead of '-'", ">&-"),
        ("input is closed", "<&-"),
    ],
)
def test_what_is_closed(target: str, tmp_path: Path, closing: str, more: str) -> None:
    source = str(write(tmp_path / "in.parquet", table(1))) if more == ">&-" else "-"
    run = [sys.executable, "-m", "tfsclient", "score", target, "twice", source, "--out", "-"]
    shell = ["sh", "-c", f'"$@" {more}', "sh"]
    ended = subprocess.run([*shell, *run], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, f"error: standard {closing}\n")


def test_dead_letters_stand_among_the_rows(target: str) -> None:
    lines = [f"{n},{'' if n % 3 else n},1,a" for n in range(50)]
    found = piped(target, "\n".join(["id,x,n,s", *lines]))
    assert [row["id"] for row in found] == list(range(50))
    assert all(("error" in row) == (row["id"] % 3 > 0) for row in found)


def test_where_there_are_no_standard_streams_of_bytes(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"x": [1, 2], "n": 1}')
    with (
        redirect_stdout(io.StringIO()),  # as in a notebook
        pytest.raises(InvalidInput, match="name a folder instead"),
    ):
        score_files(target, "twice", rows, "-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InvalidInput, match="standard input is closed"):
        score_files(target, "twice", "-", tmp_path / "out")
