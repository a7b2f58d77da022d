"""``tfsclient score``: what it prints, its exit codes, and what it says of mistakes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.score.helpers import answer, table, twice, write
from tests.score.test_trouble import Picky
from tfsclient import Model, Signature, TensorSpec
from tfsclient._cli.main import main
from tfsclient.testing import FakeServer


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(twice()) as running:
        running.answer("twice", answer)
        yield running


def run(server: FakeServer, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["score", server.grpc_target, "twice", *map(str, arguments)])


def test_summary(server: FakeServer, tmp_path: Path) -> None:
    path, out = write(tmp_path / "in.parquet", table(50)), tmp_path / "out"
    done = run(server, path, "--out", out, "--keep", "id,x", "--outputs", "y", "--limit", 20)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith("20 rows in ")
    done = run(server, path, "--out", tmp_path / "json", "--json")
    assert json.loads(done.stdout)["rows"] == 50


def test_a_job_that_is_refused_leaves_no_folder(server: FakeServer, tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", table(1))
    for wrong in (("--outputs", "nix"), ("--map", "nix=x"), ("--keep", "nix")):
        assert run(server, path, "--out", tmp_path / "new" / "out", *wrong).exit_code == 2
        assert not (tmp_path / "new").exists(), wrong


def test_the_rate_is_not_waited_for_after_the_last_row(server: FakeServer, tmp_path: Path) -> None:
    path = write(tmp_path / "in.parquet", table(1))
    done = run(server, path, "--out", tmp_path / "out", "--rate", "0.01", "--json")
    assert json.loads(done.stdout)["seconds"] < 50


def test_exit_codes(server: FakeServer, tmp_path: Path) -> None:
    server.answer("twice", Picky(3, 5))
    path = write(tmp_path / "in.parquet", table(50))
    done = run(server, path, "--out", tmp_path / "stop")
    assert done.exit_code == 4
    assert "in.parquet: row 3: no such n" in done.stderr
    assert "hint: --on-error dead-letter sets such rows aside" in done.stderr
    done = run(server, path, "--out", tmp_path / "aside", "--on-error", "dead-letter")
    assert done.exit_code == 1
    assert f"2 failed: see {tmp_path}/aside/_errors" in done.stderr
    few = ("--on-error", "dead-letter", "--max-errors", "1")
    done = run(server, path, "--out", tmp_path / "few", *few)
    assert done.exit_code == 1
    assert "2 of 6 rows failed, more than --max-errors 1" in done.stderr
    server.answer("twice", answer)
    assert run(server, tmp_path / "nowhere", "--out", tmp_path / "o").exit_code == 2
    done = CliRunner().invoke(
        main,
        ["score", "localhost:1", "m", str(path), "--out", str(tmp_path / "o"), "--timeout", "1"],
    )
    assert done.exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--map", "x"], "'x' is not of the form INPUT=COLUMN"),
        (["--batch", "0"], "'0' is not auto or a number from 1"),
        (["--max-errors", "5"], "--max-errors is for --on-error dead-letter"),
        (["--rate", "nan"], "'nan' is not a finite number"),
        (["--rate", "0"], "is not in the range x>0"),
        (["--on-error", "dead-letter", "--max-errors", "nan%"], "not 'nan%'"),
        (["--timeout", "nan"], "timeout must be"),
        (["--version", "1", "--latest"], "give one of --version, --label and --latest"),
        (["--out", "-", "--resume"], "cannot be resumed"),
        (["--out", "-", "--json"], "--json is for a folder"),
        (["--map", "x=z"], "there is no column 'z' for input 'x'"),
    ],
)
def test_mistakes(server: FakeServer, tmp_path: Path, arguments: list[str], text: str) -> None:
    path = write(tmp_path / "in.parquet", table(5))
    out = [] if "--out" in arguments else ["--out", str(tmp_path / "out")]
    done = run(server, path, *arguments, *out)
    assert done.exit_code == 2
    assert text in done.stderr


def test_without_pyarrow(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from tfsclient._cli.main import main\n"
        f"main(['score', 'localhost:1', 'm', {str(tmp_path)!r}, '--out', 'out'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'tfsclient[score]'" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="has no SIGTERM")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_before_the_server_answers(tmp_path: Path, number: int, code: int) -> None:
    path = write(tmp_path / "in.parquet", table(1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        target = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run = [sys.executable, "-m", "tfsclient", "score", target, "m", str(path), "--out", "-"]
        process = subprocess.Popen(run, stderr=subprocess.PIPE, text=True)
        with process, silent.accept()[0] as connection:
            connection.recv(1)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (code, "interrupted\n")


def test_meaning(tmp_path: Path) -> None:
    from PIL import Image as Pictures

    inputs = {"images": TensorSpec("images", "float32", (-1, 2, 2))}
    signature = Signature("serving_default", inputs, {"ink": TensorSpec("ink", "float32", (-1,))})
    (tmp_path / "scans").mkdir()
    Pictures.new("L", (2, 2), 255).save(tmp_path / "scans/white.png")
    (tmp_path / "meaning.toml").write_text(
        'format = 1\n[signatures.serving_default.inputs.images]\nkind = "image"\n'
        'range = [0.0, 1.0]\ncolour = "gray"\nlayout = "HW"\n'
    )
    with FakeServer(Model("scans", 1, {"serving_default": signature})) as server:
        server.answer("scans", lambda inputs: {"ink": inputs["images"].mean(axis=(1, 2))})
        found = []
        for given in ([], ["--meaning", str(tmp_path / "meaning.toml")]):
            command = ["score", server.grpc_target, "scans", str(tmp_path / "scans"), "--out", "-"]
            done = CliRunner().invoke(main, [*command, *given])
            found.append(json.loads(done.stdout)["ink"])
        command[-1] = str(tmp_path / "out")
        assert CliRunner().invoke(main, [*command, *given]).exit_code == 0
        done = CliRunner().invoke(main, [*command, "--resume"])
    assert found == [255.0, 1.0]
    assert done.exit_code == 2
    assert "holds the output of another job: its meaning was" in done.stderr
