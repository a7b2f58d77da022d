"""What takes minutes: a million rows, memory, servers that restart, versions that come and go."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tests.conftest import ZOO, Zoo
from tests.score.helpers import answer, letters, rows, table, twice, write
from tests.score.test_trouble import Picky
from tfsclient import Client
from tfsclient.errors import NotFound, Unavailable
from tfsclient.score import score_files
from tfsclient.testing import FakeServer
from tfsclient.testing._serve import free_ports

pytestmark = pytest.mark.slow


def write_many(path: Path, count: int) -> Path:
    """Rows of three inputs, one of them text, as a file of many row groups."""
    writer = None
    for first in range(0, count, 1 << 17):
        numbers = np.arange(first, min(count, first + (1 << 17)))
        text = pa.array(numbers).cast(pa.string())
        part = pa.table({"id": numbers, "x": numbers.astype(np.float32), "n": numbers, "s": text})
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    assert writer is not None
    writer.close()
    return path


SERVER = """
import time
from tests.score.helpers import answer, twice
from tfsclient.testing import FakeServer
def slow(inputs):
    time.sleep(0.005)
    return answer(inputs)
with FakeServer(twice()) as server:
    server.answer("twice", slow)
    print(server.grpc_target, flush=True)
    while True:
        time.sleep(1)
        server.calls and server._calls.clear()
"""


@pytest.fixture(scope="module")
def slow_server() -> Iterator[str]:
    """A server in a process of its own, whose model takes 5 ms a batch."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.kill()
    server.wait()


def peak(target: str, path: Path, out: Path) -> int:
    """Score in a process of its own; the most memory that it had, in kB."""
    program = (  # ru_maxrss would be that of the process which it was forked from
        "import re, sys; from tfsclient.score import score_files; "
        "score_files(sys.argv[1], 'twice', sys.argv[2], sys.argv[3]); "
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    )
    command = [sys.executable, "-c", program, target, str(path), str(out)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it is looked up in /proc")
def test_memory_does_not_grow_with_the_rows(slow_server: str, tmp_path: Path) -> None:
    one = peak(slow_server, write_many(tmp_path / "1.parquet", 10**6), tmp_path / "one")
    got = ds.dataset(tmp_path / "one").to_table()
    assert np.array_equal(got["id"], np.arange(10**6))
    assert np.array_equal(got["y"], 2 * got["x"].to_numpy())
    assert got["t"].equals(got["s"])
    ten = peak(slow_server, write_many(tmp_path / "10.parquet", 10**7), tmp_path / "ten")
    assert ten < 1.2 * one
    assert ds.dataset(tmp_path / "ten").count_rows() == 10**7


def test_a_hundred_bad_rows(tmp_path: Path) -> None:
    columns = table(100_000)
    refused, nulls = set(range(500, 100_000, 2000)), set(range(700, 100_000, 2000))
    for number in nulls:
        columns["s"][number] = None
    path, picky = write(tmp_path / "in.parquet", columns), Picky(*refused)
    with FakeServer(twice()) as server:
        server.answer("twice", picky)
        score_files(server.grpc_target, "twice", path, tmp_path / "out", on_error="dead-letter")
    assert len(rows(tmp_path / "out")) == 99_900
    assert {letter["id"] for letter in letters(tmp_path / "out")} == refused | nulls
    assert picky.rows - 99_950 <= len(refused) * 2 * picky.largest


class Server:
    """A real server in a process, on ports that it keeps."""

    def __init__(self, base: Path) -> None:
        ports = free_ports(2)
        self.target = f"localhost:{ports[0]}"
        self._command = [
            sys.executable, "-m", "tfsclient.server", f"--port={ports[0]}",
            f"--rest_api_port={ports[1]}", "--model_name=half_plus_two",
            f"--model_base_path={base}", "--file_system_poll_wait_seconds=1",
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        with Client(self.target) as client:
            client.wait_until_ready("half_plus_two", timeout=120)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def serve(tmp_path: Path) -> Iterator[Server]:
    shutil.copytree(ZOO / "half_plus_two/1", tmp_path / "model/1")
    server = Server(tmp_path / "model")
    try:
        yield server
    finally:
        server.kill()


def score_during(server: Server, tmp_path: Path, trouble: Any) -> list[dict[str, Any]]:
    xs = np.arange(40_000, dtype=np.float32)
    path = write(tmp_path / "in.parquet", {"x": xs})
    thread = threading.Timer(2, trouble)
    thread.start()
    score_files(server.target, "half_plus_two", path, tmp_path / "out", rate=8000, timeout=5.0)
    thread.join()
    found = rows(tmp_path / "out")
    assert [row["x"] for row in found] == xs.tolist()
    return found


def test_a_server_that_restarts(tmp_path: Path) -> None:
    with serve(tmp_path) as server:

        def restart() -> None:
            server.kill()
            time.sleep(5)
            server.start()

        found = score_during(server, tmp_path, restart)
    assert all(row["y"] == [row["x"] / 2 + 2] for row in found)


def test_a_server_that_hangs_for_a_while(tmp_path: Path) -> None:
    with serve(tmp_path) as server:

        def hang() -> None:
            server.signal(signal.SIGSTOP)
            time.sleep(30)
            server.signal(signal.SIGCONT)

        score_during(server, tmp_path, hang)


def test_another_version_in_the_middle(tmp_path: Path) -> None:
    """The old one is unloaded then, by default: the job says so, and mixes nothing."""
    with serve(tmp_path) as server:
        copy = tmp_path / "2"
        shutil.copytree(ZOO / "half_plus_two/2", copy)
        with pytest.raises(NotFound) as caught:
            score_during(server, tmp_path, lambda: os.rename(copy, tmp_path / "model/2"))
        assert "version 1, which the job is pinned to" in str(caught.value)
    assert all(row["y"] == [row["x"] / 2 + 2] for row in rows(tmp_path / "out"))


def test_two_thousand_pictures(zoo: Zoo, tmp_path: Path) -> None:
    from PIL import Image as Pictures

    (tmp_path / "scans").mkdir()
    for number in range(2000):
        pixels = np.full((28, 28), number % 256, np.uint8)
        Pictures.fromarray(pixels).save(tmp_path / f"scans/{number:04}.png")
    score_files(zoo.grpc, "raw_png", tmp_path / "scans", tmp_path / "out", outputs=["label"])
    found = rows(tmp_path / "out")
    assert [Path(row["path"]).name for row in found] == [f"{n:04}.png" for n in range(2000)]
    assert all(isinstance(row["label"], str) for row in found)


def test_refused_for_half_a_minute(tmp_path: Path) -> None:
    times: list[float] = []

    def busy(inputs: Any) -> dict[str, Any]:
        times.append(time.monotonic() - begun)
        if 2 < times[-1] < 32:
            raise Unavailable("all batch threads are busy")
        return answer(inputs)

    begun = time.monotonic()
    with FakeServer(twice()) as server:
        server.answer("twice", busy)
        path = write(tmp_path / "in.parquet", table(100_000))
        summary = score_files(server.grpc_target, "twice", path, tmp_path / "out", rate=20_000)
    assert (summary.rows, summary.errors) == (100_000, 0)
    assert sum(3 < at < 32 for at in times) < 60
