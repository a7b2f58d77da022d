"""Jobs that end early, in any way, and go on: each row is written once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.score.helpers import answer, check, manifest, rows, table, twice, write
from tfsclient import InvalidInput
from tfsclient.score import score_files
from tfsclient.testing import FakeServer


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with FakeServer(twice()) as server:
        server.answer("twice", answer)
        yield server.grpc_target


class Gate:
    """Answers for the first rows, and for others once it is open: till then a job goes on."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def __call__(self, inputs: Any) -> dict[str, Any]:
        if max(inputs["n"]) >= 2000:
            self.open.wait(60)
        return answer(inputs)


@pytest.fixture
def gated() -> Iterator[tuple[str, Gate]]:
    gate = Gate()
    with FakeServer(twice()) as server:
        server.answer("twice", gate)
        yield server.grpc_target, gate
        gate.open.set()


def command(target: str, path: Path, out: Path, *more: str) -> list[str]:
    run = [sys.executable, "-m", "tfsclient", "score", target, "twice"]
    return [*run, str(path), "--out", str(out), "--resume", "--batch", "64", *more]


def start(target: str, path: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """A job that has written something, and entered it in the manifest."""

    def parts() -> int:
        return len(manifest(out)["parts"]) if (out / "_manifest.json").exists() else 0

    before = parts()
    job = subprocess.Popen(command(target, path, out, *more), stderr=subprocess.PIPE, text=True)
    while parts() <= before and job.poll() is None:
        time.sleep(0.02)
    return job


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_signals(gated: tuple[str, Gate], tmp_path: Path, number: signal.Signals) -> None:
    target, gate = gated
    path, out = write(tmp_path / "in.parquet", table(6000)), tmp_path / "out"
    job = start(target, path, out, "--rate", "1500")
    job.send_signal(number)
    gate.open.set()
    _, news = job.communicate()
    codes = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
    assert job.returncode == codes[number], news
    written = sum(part["rows"] for part in manifest(out)["parts"])
    assert 0 < written < 6000
    done = subprocess.run(command(target, path, out, "--json"), capture_output=True, check=True)
    summary = json.loads(done.stdout)
    assert (summary["earlier"], summary["rows"]) == (written, 6000 - written)
    check(rows(out), 6000)


def test_what_is_not_in_the_manifest_is_done_again(target: str, tmp_path: Path) -> None:
    path, out = write(tmp_path / "in.parquet", table(300)), tmp_path / "out"
    score_files(target, "twice", path, out)
    text = manifest(out)
    # As after a kill between the part's renaming and the manifest's.
    (out / "_manifest.json").write_text(json.dumps({**text, "state": "running", "parts": []}))
    (out / "part-00001.parquet.open").write_bytes(b"PAR1")
    score_files(target, "twice", path, out, resume=True)
    check(rows(out), 300)
    assert sorted(os.listdir(out)) == ["_manifest.json", "part-00000.parquet"]
    again = score_files(target, "twice", path, out, resume=True)
    assert (again.rows, again.earlier, again.complete) == (0, 300, True)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"keep": ["id"]}, "another job: its keep was all"),
        ({"outputs": ["y"]}, "its outputs was not given"),
        ({"limit": 10}, "its limit was not given"),
        ({"resume": False}, "holds a job's output already"),
    ],
)
def test_other_options(target: str, tmp_path: Path, changed: dict[str, Any], text: str) -> None:
    path, out = write(tmp_path / "in.parquet", table(50)), tmp_path / "out"
    score_files(target, "twice", path, out)
    with pytest.raises(InvalidInput, match=text):
        score_files(target, "twice", path, out, **{"resume": True, **changed})
    check(rows(out), 50)


def test_other_input(target: str, tmp_path: Path) -> None:
    path, out = write(tmp_path / "in.parquet", table(50)), tmp_path / "out"
    score_files(target, "twice", path, out)
    write(path, table(51))
    with pytest.raises(InvalidInput, match=r"in.parquet has changed since the job began"):
        score_files(target, "twice", path, out, resume=True)
    check(rows(out), 50)
    with pytest.raises(InvalidInput, match="is not empty, and is not a job's output"):
        score_files(target, "twice", path, tmp_path)


@pytest.mark.parametrize("given", ["in", "in/**/*.parquet"])
def test_an_output_inside_the_input(
    target: str, tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in/a.parquet", table(50))
    out = tmp_path / "in/out"
    for _ in range(2):
        score_files(target, "twice", given, "in/out", resume=True)
        (out / "part-00001.parquet.open").write_bytes(b"PAR1")  # as a kill leaves it
        text = manifest(out)
        (out / "_manifest.json").write_text(json.dumps({**text, "state": "running"}))
    score_files(target, "twice", given, "in/out", resume=True)
    check(rows(out), 50)
    with pytest.raises(InvalidInput, match=r"in/out/part-00000\.parquet"):  # of another job
        score_files(target, "twice", given, "in/other", outputs=["y"])


def test_two_at_once(gated: tuple[str, Gate], tmp_path: Path) -> None:
    target, gate = gated
    path, out = write(tmp_path / "in.parquet", table(9000)), tmp_path / "out"
    job = start(target, path, out)
    with pytest.raises(InvalidInput, match="another job is writing"):
        score_files(target, "twice", path, out, resume=True)
    gate.open.set()
    assert job.wait() == 0
    check(rows(out), 9000)


def test_no_room(target: str, tmp_path: Path) -> None:
    """No file may be larger than 16 kB, which to a program is as a disk that is full."""
    path, out = write(tmp_path / "in.parquet", table(20_000)), tmp_path / "out"
    run = command(target, path, out, "--rate", "2000", "--concurrency", "1")
    limited = ["bash", "-c", 'ulimit -f 16; exec "$@"', "bash", *run]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"cannot write to {out}: File too large" in done.stderr
    written = rows(out) if (out / "_manifest.json").exists() else []
    check(written, len(written))
    assert not list(out.glob("*.open"))
    subprocess.run(command(target, path, out), check=True)
    check(rows(out), 20_000)


@pytest.mark.slow
def test_ten_kills(target: str, tmp_path: Path) -> None:
    path, out = write(tmp_path / "in.parquet", table(100_000)), tmp_path / "out"
    for _ in range(10):
        job = start(target, path, out, "--rate", "20000")
        time.sleep(random.random())
        job.kill()
        job.communicate()
    subprocess.run(command(target, path, out), check=True)
    check(rows(out), 100_000)
