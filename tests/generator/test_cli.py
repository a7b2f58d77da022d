"""The command: sources, exit codes, and what it leaves behind."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tfsclient_gen.cli import main

from tests.conftest import CONFORMANCE, ZOO, Zoo


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, args)))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): _without_features(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _without_features(path: Path) -> bytes:
    """A file's bytes, less what only a SavedModel's graph tells: the features of Examples."""
    data = path.read_bytes()
    if not path.name.endswith(".lock.json"):
        return data
    schema = json.loads(data)
    for signature in schema["signatures"].values():
        signature.pop("example_input", None)
        signature.pop("features", None)
    return json.dumps(schema).encode()


def recorded_metadata(kind: str) -> dict[str, Any]:
    for text in (CONFORMANCE / "transcripts" / f"{kind}.jsonl").read_text("utf-8").splitlines():
        line: dict[str, Any] = json.loads(text)
        about = line["path"] if kind == "rest" else line.get("request_text") or ""
        if (
            "etadata" in line.get("path", line["method"])
            and "half_plus_two" in about
            and (line.get("status") == 200 or line.get("code") == "OK")
        ):
            return line
    raise AssertionError("no such recording")


def test_every_source_gives_the_same_bytes(zoo: Zoo, tmp_path: Path) -> None:
    rest, grpc = tmp_path / "metadata.json", tmp_path / "metadata.pb"
    rest.write_text(recorded_metadata("rest")["response_body"], "utf-8")
    grpc.write_bytes(base64.b64decode(recorded_metadata("grpc")["response_b64"]))
    schema = tmp_path / "schema.json"
    model = ("--model", "half_plus_two")
    folder = ("--saved-model", ZOO / "half_plus_two")
    assert run("schema", *folder, "--out", schema).exit_code == 0
    sources = {
        "folder": folder,
        "version": ("--saved-model", ZOO / "half_plus_two" / "1"),
        "grpc": ("--server", zoo.grpc, *model),
        "rest": ("--server", zoo.rest, *model),
        "label": ("--server", zoo.grpc, *model, "--label", "stable"),
        "json": ("--metadata", rest, *model),
        "protobuf": ("--metadata", grpc, *model),
        "schema": ("--schema", schema),
    }
    trees = {}
    for name, source in sources.items():
        result = run("--lang", "all", *source, "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
        trees[name] = tree(tmp_path / name)
    assert all(made == trees["folder"] for made in trees.values()), {
        name: [path for path in made if made[path] != trees["folder"].get(path)]
        for name, made in trees.items()
    }


def test_check_says_what_is_stale(tmp_path: Path) -> None:
    command = ("--lang", "python", "--saved-model", ZOO / "linear", "--out", tmp_path)
    assert run(*command, "--check").exit_code == 1
    assert run(*command).exit_code == 0
    assert run(*command, "--check").exit_code == 0
    (tmp_path / "linear.py").write_text("edited\n")
    stale = run(*command, "--check")
    assert stale.exit_code == 1
    assert "-edited" in stale.output
    assert (tmp_path / "linear.py").read_text() == "edited\n"


def test_what_cannot_be_called_is_told_and_left_out(tmp_path: Path) -> None:
    result = run("--lang", "js", "--saved-model", ZOO / "dtypes", "--out", tmp_path)
    assert result.exit_code == 0
    assert "js: signature 'id_float16' left out" in result.output
    assert "use gRPC" in result.output


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "--lang"),
        (("--lang", "go"), "--out"),
        (("--lang", "cobol", "--out", "x"), "cobol"),
        (("--lang", "go", "--out", "x"), "one source"),
        (("--lang", "go", "--out", "x", "--server", "localhost:1"), "--model"),
        (("--lang", "go", "--out", "x", "--saved-model", "/nowhere"), "/nowhere"),
        (("--lang", "go", "--out", "x", "--schema", "/nowhere.json"), "/nowhere.json"),
        (("--lang", "go", "--out", "x", "--saved-model", str(ZOO / "broken")), "broken"),
        (("--lang", "go", "schema"), "before 'schema'"),
    ],
)
def test_usage_errors_exit_with_2(args: tuple[str, ...], words: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert words in result.output


def test_a_server_that_is_not_there_exits_with_3(tmp_path: Path) -> None:
    result = run("--lang", "go", "--server", "localhost:9", "--model", "m", "--out", tmp_path / "o")
    assert result.exit_code == 3
    assert "localhost:9" in result.output
    assert not (tmp_path / "o").exists()


def test_neither_hash_seed_nor_locale_changes_a_byte(tmp_path: Path) -> None:
    for seed, locale in (("1", "C"), ("2", "C.UTF-8")):
        subprocess.run(
            [sys.executable, "-m", "tfsclient_gen", "--lang", "all", "--out", tmp_path / seed,
             "--saved-model", ZOO / "awkward"],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale},
        )  # fmt: skip
    assert tree(tmp_path / "1") == tree(tmp_path / "2")
