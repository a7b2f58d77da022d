"""``tfsclient bench`` on sockets: that what measures is wired to what calls."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.conftest import ZOO
from tfsclient import (
    InvalidArgument,
    Model,
    Signature,
    TensorSpec,
    Unavailable,
    build_predict,
    sources,
    warmup,
)
from tfsclient._cli.main import main
from tfsclient.testing import FakeServer

WIDE = Signature(
    "serving_default",
    {"x": TensorSpec("x", "float32", (-1, 500_000))},
    {"y": TensorSpec("y", "float32", (-1,))},
)


@pytest.fixture(scope="module")
def running() -> Iterator[FakeServer]:
    with FakeServer(ZOO / "linear", ZOO / "strings") as server:
        yield server


@pytest.fixture
def fake(running: FakeServer) -> FakeServer:
    running.reset()
    return running


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["bench", *map(str, arguments)], input=stdin)


def quick(target: str, *arguments: object) -> Result:
    return run(target, "linear", "--seconds", "0.4", "--warmup", "0.1", *arguments)


def busy(fake: FakeServer, target: str, *arguments: object) -> Result:
    """A quick run of some calls: another one, if the machine left no time for them."""
    for _ in range(10):
        fake.reset()
        result = quick(target, *arguments)
        if len(sent(fake)) > 5:
            break
    return result


def sent(fake: FakeServer) -> list[list[float]]:
    """The values of ``x`` in the calls so far."""
    return [call.inputs["x"].tolist() for call in fake.calls if call.method == "Predict"]


def test_both_transports_with_files(fake: FakeServer, tmp_path: Path) -> None:
    both = f"{fake.grpc_target},{fake.rest_target}"
    files = "--json", tmp_path / "a.json", "--html", tmp_path / "a.html"
    result = quick(both, "--transports", "grpc,rest", "--rate", "50", "--batch", "1,3", *files)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("linear, serving_default\n  x  float32 [1] of zeros\n")
    read = json.loads((tmp_path / "a.json").read_text())
    seen = [(one["transport"], one["batch"], one["errors"]) for one in read["runs"]]
    assert seen == [("grpc", 1, {}), ("grpc", 3, {}), ("rest", 1, {}), ("rest", 3, {})]
    for one in read["runs"]:
        assert one["answered"] == one["calls"] > 0
        times = one["mean_seconds"]
        assert min(times["encode"], times["wait"], times["decode"]) > 0
    assert {len(values) for values in sent(fake)} == {1, 3}
    assert "<svg" in (tmp_path / "a.html").read_text()


def test_rows_of_a_file_are_sent_in_turn(fake: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("1\n2\n3\n")
    assert busy(fake, fake.grpc_target, "--data", tmp_path / "rows.jsonl").exit_code == 0
    assert sent(fake)[1:5] == [[1.0], [2.0], [3.0], [1.0]]
    batched = busy(fake, fake.grpc_target, "--data", tmp_path / "rows.jsonl", "--batch", "2")
    assert batched.exit_code == 0
    assert sent(fake)[1:4] == [[1.0, 2.0], [3.0, 1.0], [1.0, 2.0]]
    assert "  and 1 more request, in turn" in batched.stdout


def test_recorded_calls_are_sent_again(fake: FakeServer, tmp_path: Path) -> None:
    spec = sources.from_saved_model(ZOO / "linear").signature("serving_default")
    requests = [build_predict("another", {"x": [n, n]}, signature=spec) for n in (4.0, 5.0)]
    (tmp_path / "1").mkdir()
    warmup.write(tmp_path / "1", requests)
    file = tmp_path / "1" / warmup.FILE
    for target in (fake.grpc_target, fake.rest_target):
        result = busy(fake, target, "--data", file)
        assert result.exit_code == 0, result.output
        assert sent(fake)[1:4] == [[4.0, 4.0], [5.0, 5.0], [4.0, 4.0]]
    assert "--batch" in quick(fake.grpc_target, "--data", file, "--batch", "2").stderr
    file.write_bytes(b"nonsense that is no TFRecord")
    broken = quick(fake.grpc_target, "--data", file)
    assert (broken.exit_code, "does not hold recorded calls" in broken.stderr) == (2, True)


def test_errors_by_code_and_what_to_fail_by(fake: FakeServer) -> None:
    calls = 0

    def answer(inputs: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        if calls % 4 == 0:
            raise Unavailable("busy")
        return {"y": inputs["x"]}

    fake.answer("linear", answer)
    result = quick(fake.grpc_target)
    assert result.exit_code == 1
    assert re.search(r"UNAVAILABLE \d+ times, first: \S+: busy\n", result.stdout)
    for limits, code in {"errors>50%": 0, "errors>0.1%": 1, "p50>1us": 1, "p50>30s": 0}.items():
        calls = 0  # so that the first call, which connects, is answered
        judged = quick(fake.grpc_target, "--rate", "100", "--fail-if", limits)
        assert judged.exit_code == code, judged.output


def test_a_limit_that_cannot_be_kept(fake: FakeServer) -> None:
    result = quick(fake.grpc_target, "--slo", "p50=1us", "--seconds", "0.2", "--warmup", "0")
    assert result.exit_code == 1
    assert "p50=0.001ms, grpc: no rate holds" in result.stdout


def test_one_server_against_another(fake: FakeServer) -> None:
    result = quick(fake.grpc_target, "--against", fake.rest_target, "--rate", "50")
    assert result.exit_code == 0, result.output
    assert f"{fake.rest_target} against {fake.grpc_target}, 50/s:" in result.stdout
    assert {call.entrypoint for call in fake.calls} == {"GRPC", "REST"}


def test_json_on_standard_output_stands_there_alone(fake: FakeServer) -> None:
    result = quick(fake.grpc_target, "--rate", "50", "--json", "-")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["runs"][0]["calls"] > 0
    assert "answers/s" in result.stderr


def test_files_are_as_they_were_where_nothing_was_measured(
    fake: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "old.json").write_text("old")
    (tmp_path / "link.html").symlink_to("none.html")
    files = "--json", tmp_path / "old.json", "--html", tmp_path / "link.html"
    assert quick(fake.grpc_target, "-i", "nonsense", *files).exit_code == 2
    assert (tmp_path / "old.json").read_text() == "old"
    assert [one.name for one in sorted(tmp_path.iterdir())] == ["link.html", "old.json"]


def test_a_batch_that_is_too_large_is_refused_before_anything_is_measured(
    fake: FakeServer, tmp_path: Path
) -> None:
    def answer(inputs: Mapping[str, Any]) -> dict[str, Any]:
        if len(inputs["x"]) > 8:
            raise InvalidArgument("Task size 16 is larger than maximum input batch size 8")
        return {"y": inputs["x"]}

    fake.answer("linear", answer)
    result = quick(fake.grpc_target, "--batch", "1,16,8")
    assert result.exit_code == 4
    assert "this was a call of 16 rows: give a smaller --batch" in result.stderr
    assert [len(values) for values in sent(fake)] == [1, 8, 16]
    np.save(tmp_path / "wide.npy", np.zeros(1_000_000, np.float32).reshape(2, -1))
    with FakeServer(Model("wide", 1, {"serving_default": WIDE})) as server:
        wide = server.grpc_target, "wide", "--data", tmp_path / "wide.npy"
        result = run(*wide, "--batch", "100000")
        assert {call.method for call in server.calls} == {"GetModelMetadata"}
    assert result.exit_code == 2
    assert "a call would have 200 GB" in result.stderr


@pytest.mark.slow
def test_several_processes(fake: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    result = quick(fake.grpc_target, "--rate", "50", "--processes", "2", "--json", file)
    assert result.exit_code == 0, result.output
    (one,) = json.loads(file.read_text())["runs"]
    assert len(one["sender"]["cpu"]) == 2
    assert one["calls"] > 5


@pytest.mark.parametrize(
    "more", ["", "--against", pytest.param("--processes", marks=pytest.mark.slow)]
)
def test_an_interrupt_prints_what_there_is(fake: FakeServer, more: str) -> None:
    command = [sys.executable, "-m", "tfsclient", "bench", fake.grpc_target, "linear"]
    command += {"--against": [more, fake.rest_target], "--processes": [more, "2"]}.get(more, [])
    with subprocess.Popen(
        [*command, "--rate", "50", "--seconds", "6000", "--warmup", "0"],
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while len(sent(fake)) < 10 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            printed, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "p50" in printed
    assert "interrupted" in printed
    # The other server was called once, to see that it answers: its turn of ten minutes is not had.
    calls = [call.entrypoint for call in fake.calls if call.method == "Predict"]
    assert calls.count("REST") == (more == "--against")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rate", "1", "--concurrency", "1"], "give one of"),
        (["--rate", "0"], "'0' is not a number over 0"),
        (["--concurrency", "1,x"], "'x' is not a whole number"),
        (["--batch", "2,2"], "has a number twice"),
        (["--slo", "p99>5ms"], "is not of the form p99=50ms"),
        (["--fail-if", "p99"], "is not of the form p99>50ms"),
        (["--against", "localhost:1", "--slo", "p99=1s"], "--against cannot be used with --slo"),
        (["--transports", "grpc,http"], "'http' is not grpc or rest"),
        (["--json", "/no/such/folder/a.json"], "is not a directory"),
        (["--html", "a" * 300], "File name too long"),
        (["--json", "a.json", "--html", "./a.json"], "--json and --html are both a.json"),
        (["--json", "-", "--html", "-"], "--json and --html are both -"),
        (["--batch", "1,1000000000"], "up to 1000000"),
        (["--data", "/no/such/file.csv"], "/no/such/file.csv"),
        (["-i", "x=1", "--data", "a.csv"], "give --input or --data"),
        (["-i", "x=1", "--data", "recorded"], "give --input or --data"),
        (["-i", "x=[]", "--batch", "2"], "has no rows"),
        (["--seconds", "nan"], "'nan' is not a finite number"),
        (["--warmup", "inf"], "'inf' is not a finite number"),
    ],
)
def test_what_makes_no_sense_is_said(fake: FakeServer, arguments: list[str], words: str) -> None:
    result = quick(fake.grpc_target, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_load_of_which_nothing_was_measured_is_no_success(fake: FakeServer) -> None:
    fake.delay(0.5, method="Predict")  # the only call begins in the warm-up, if not late
    for limits, told in {
        (): "no call was begun while it was measured",
        ("--fail-if", "errors>0%"): "no verdict",
    }.items():
        for _ in range(10):
            none = "--seconds", "0.1", "--warmup", "0.1", *limits
            result = run(fake.grpc_target, "linear", *none)
            if result.exit_code != 0:
                break
        assert result.exit_code == 1
        assert told in result.stdout


def test_a_server_that_is_not_there() -> None:
    assert run("localhost:1", "linear", "--timeout", "1").exit_code == 3


@pytest.mark.slow
def test_a_server_of_fifty_milliseconds(fake: FakeServer, tmp_path: Path) -> None:
    fake.delay(0.05, method="Predict")
    file = tmp_path / "a.json"
    load = "--rate", "20", "--arrivals", "even", "--seconds", "5", "--json", str(file)
    assert run(fake.grpc_target, "linear", *load).exit_code == 0
    (one,) = json.loads(file.read_text())["runs"]
    assert one["latency_seconds"]["p50"] == pytest.approx(0.05, rel=0.15)
    assert one["answers_per_second"] == pytest.approx(20, rel=0.15)
