"""Rows a second and peak memory of score_files: python benchmarks/score.py [ROWS].

Beside it a loop by hand over predict_batches, which reads and writes the same Parquet, with the
best of some batches and concurrencies, found by trying them all.  The server is a FakeServer in a
process of its own, whose model sleeps 5 ms a batch: a SavedModel's graph cannot.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfsclient import Client, Model, Signature, TensorSpec
from tfsclient.score import score_files
from tfsclient.testing import FakeServer

SECONDS = 0.005  # that the model takes for a batch
BATCHES = (4096, 16384)
CONCURRENCIES = (2, 4, 8)
NAMES = ("x", "n", "s")


def schema() -> Model:
    """Three inputs, one of them text."""
    kinds = zip(NAMES, ("float32", "int64", "string"), strict=True)
    inputs = {name: TensorSpec(name, kind, (-1,)) for name, kind in kinds}
    outputs = {"y": TensorSpec("y", "float32", (-1,)), "t": TensorSpec("t", "string", (-1,))}
    return Model("twice", 1, {"serving_default": Signature("serving_default", inputs, outputs)})


def serve() -> None:
    """Be the server."""

    def answer(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
        time.sleep(SECONDS)
        return {"y": 2 * inputs["x"], "t": inputs["s"]}

    with FakeServer(schema()) as server:
        server.answer("twice", answer)
        print(server.grpc_target, flush=True)
        sys.stdin.read()


def by_hand(target: str, path: str, out: str, batch: int, concurrency: int) -> None:
    """The loop that one would write."""
    kept = []

    def batches():
        for rows in pq.ParquetFile(path).iter_batches(batch):
            kept.append(rows)
            yield {name: rows.column(name) for name in NAMES}

    with Client(target) as client:
        writer = None
        for answer in client.predict_batches("twice", batches(), concurrency=concurrency):
            rows = kept.pop(0)
            for name, values in answer.items():
                rows = rows.append_column(
                    name, pa.array(values.tolist() if name == "t" else values)
                )
            writer = writer or pq.ParquetWriter(out, rows.schema)
            writer.write_batch(rows)
        if writer is not None:
            writer.close()


def measured(*arguments: object) -> tuple[float, float]:
    """Run one of the two in a process of its own; its seconds, and its peak memory in MB."""
    command = [sys.executable, __file__, *map(str, arguments)]
    seconds, peak = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return seconds, peak


def run(kind: str, target: str, path: str, out: str, *numbers: str) -> None:
    """Be the process that is measured."""
    start = time.perf_counter()
    if kind == "score":
        score_files(target, "twice", path, out)
    else:
        by_hand(target, path, out, *map(int, numbers))
    seconds = time.perf_counter() - start
    # ru_maxrss would be that of the process which this one was forked from.
    peak = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    print(json.dumps((seconds, int(peak[1]) / 1024 if peak else 0)))


def write_rows(path: Path, count: int) -> None:
    """The input."""
    writer = None
    for first in range(0, count, 1 << 17):
        numbers = np.arange(first, min(count, first + (1 << 17)))
        columns = {"id": numbers, "x": numbers.astype(np.float32), "n": numbers}
        rows = pa.table({**columns, "s": pa.array(numbers).cast(pa.string())})
        writer = writer or pq.ParquetWriter(path, rows.schema)
        writer.write_table(rows)
    if writer is not None:
        writer.close()


def main(rows: int) -> None:
    """Score, and run the loop in every way; three times by turns; print the best of each."""
    server = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    target = server.stdout.readline().decode().strip()
    best: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.parquet")
        write_rows(path, rows)
        for turn in range(3):
            ways = [("score",)]
            ways += [("hand", batch, calls) for batch in BATCHES for calls in CONCURRENCIES]
            for kind, *numbers in ways:
                out = Path(folder, f"{kind}-{turn}-{'-'.join(map(str, numbers))}")
                found = measured(kind, target, path, out, *numbers)
                name = " ".join(map(str, (kind, *numbers)))
                best[name] = min(found, best.get(name, found))
    server.terminate()
    server.wait()
    for name, (seconds, peak) in sorted(best.items(), key=lambda item: item[1]):
        print(f"{name:16} {rows / seconds:10,.0f} rows/s  {peak:6.0f} MB")
    hand = min(seconds for name, (seconds, _) in best.items() if name != "score")
    print(f"score has {hand / best['score'][0]:.2f} of the best loop's rate")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif len(sys.argv) > 2:
        run(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
