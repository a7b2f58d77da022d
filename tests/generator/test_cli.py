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
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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
    assert run("schema", *folder, "--out", "-").stdout_bytes == schema.read_bytes()

    def made(*source: str | Path) -> dict[str, bytes]:
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        result = run("--lang", "all", *source, "--out", out)
        assert result.exit_code == 0, result.output
        return tree(out)

    # Only a SavedModel's graph tells the features of Examples.
    with_graph = [
        folder,
        ("--saved-model", ZOO / "half_plus_two" / "1"),
        ("--schema", schema),
    ]
    without = [
        ("--server", zoo.grpc, *model),
        ("--server", zoo.rest, *model),
        ("--server", zoo.grpc, *model, "--label", "stable"),
        ("--server", zoo.rest, *model, "--version", "1"),
        ("--metadata", rest, *model),
        ("--metadata", grpc, *model),
    ]
    for sources in (with_graph, without):
        first, *others = [made(*source) for source in sources]
        assert first
        for other in others:
            assert {path for path in first | other if first.get(path) != other.get(path)} == set()


def test_check_says_what_is_stale(tmp_path: Path) -> None:
    command = ("--lang", "python", "--saved-model", ZOO / "linear", "--out", tmp_path)
    assert run(*command, "--check").exit_code == 1
    assert run(*command).exit_code == 0
    assert run(*command, "--check").exit_code == 0
    (tmp_path / "linear.py").write_text("edited\n")
    stale = run(*command, "--check")
    assert stale.exit_code == 1
    assert f"{tmp_path / 'linear.py'} was edited since it was generated\n" in stale.output
    assert "-edited" not in stale.output
    assert "-edited" in run(*command, "--check", "--diff").output
    assert run(*command).exit_code == 2
    assert (tmp_path / "linear.py").read_text() == "edited\n"


def test_what_cannot_be_called_is_told_and_left_out(tmp_path: Path) -> None:
    result = run("--lang", "curl", "--saved-model", ZOO / "dtypes", "--out", tmp_path)
    assert result.exit_code == 0
    for tensor in ("input 'bfloat16'", "input 'float16'", "output 'bfloat16'", "output 'float16'"):
        assert f"curl: signature 'all' left out: {tensor} is" in result.output
    assert "use gRPC" in result.output


def test_nothing_is_written_where_one_language_cannot_be(tmp_path: Path) -> None:
    js = tmp_path / "js"
    assert run("--lang", "js", "--saved-model", ZOO / "linear", "--out", js).exit_code == 0
    result = run("--lang", "all", "--saved-model", ZOO / "bert", "--out", tmp_path)
    assert result.exit_code == 2
    assert "linear" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["js"]


def test_drift_tells_by_verdict_and_exits_by_the_worst(zoo: Zoo, tmp_path: Path) -> None:
    assert run("--lang", "go", "--saved-model", ZOO / "linear", "--out", tmp_path).exit_code == 0
    lock = ("--lock", tmp_path / "tfsclient.lock.json")
    same = run("drift", *lock, "--server", zoo.rest)  # the model's name is the lock file's
    assert (same.exit_code, same.output) == (0, "no difference\n")
    narrower = ("--saved-model", ZOO / "linear_fixed")
    breaking = run("drift", *lock, *narrower)
    assert breaking.exit_code == 1
    assert breaking.output == (
        "breaking:\n"
        "  signature 'serving_default', input 'x': its shape was [-1], is [2]\n"
        "compatible:\n"
        "  signature 'serving_default', output 'y': its shape was [-1], is [2]\n"
    )
    told = json.loads(run("drift", *lock, *narrower, "--json").output)
    assert [each["verdict"] for each in told] == ["breaking", "compatible"]
    assert run("drift", *lock, "--server", "localhost:9").exit_code == 3
    assert run("drift", *lock).exit_code == 2
    assert run("drift", "--lock", "/nowhere", *narrower).exit_code == 2


def test_what_cannot_be_compared_does_not_fail(zoo: Zoo, tmp_path: Path) -> None:
    lock = tmp_path / "estimator.schema.json"
    assert run("schema", "--saved-model", ZOO / "estimator", "--out", lock).exit_code == 0
    result = run("drift", "--lock", lock, "--server", zoo.grpc)
    assert result.exit_code == 0
    assert result.output.startswith("not comparable:\n")


def test_what_was_written_and_removed_is_told(tmp_path: Path) -> None:
    out = tmp_path / "g"
    command = ("--lang", "go", "--saved-model", ZOO / "linear", "--out", out)
    assert run(*command).exit_code == 0
    made = len(tree(out))
    again = tmp_path / "h"
    assert f"wrote {made} files to {again}\n" in run(*command[:-1], again).output
    assert f"{out} is up to date\n" in run(*command).output
    gone = run(*command, "--no-go-mod", "--go-module", "example.com/m")
    assert gone.exit_code == 0
    assert f"removed {out / 'go.mod'}\n" in gone.output
    assert f"removed {out / 'go.sum'}\n" in gone.output
    before = tree(out)
    other = run("--lang", "curl", *command[2:])
    assert other.exit_code == 2
    assert f"{out} holds the Go client of 'linear'; give another --out" in other.output
    assert tree(out) == before


@pytest.mark.parametrize(
    "option", ["--label", "--out", "--server", "--schema", "--timeout", "--tags"]
)
def test_an_option_given_twice_is_refused(option: str, tmp_path: Path) -> None:
    command = ("--lang", "go", option, "1", option, "2")
    result = run(*command)
    assert result.exit_code == 2
    assert f"{option} is given more than once" in result.output
    result = run("schema", option, "1", option, "2")
    assert result.exit_code == 2
    assert f"{option} is given more than once" in result.output


def test_a_model_of_which_nothing_can_be_called_is_refused(tmp_path: Path) -> None:
    half: dict[str, Any] = {"dtype": "float16", "shape": []}
    sparse: dict[str, Any] = {"dtype": "float32", "shape": [-1], "encoding": "coo_sparse"}
    cases: list[tuple[str, dict[str, dict[str, Any]], tuple[str, ...], str]] = [
        ("none", {}, ("go", "all"), "it has no signatures"),
        (
            "sparse",
            {"s": {"inputs": {"x": sparse}}},
            ("python", "all"),
            "input 'x' is a SparseTensor",
        ),
        ("half", {"s": {"inputs": {"x": half}}}, ("curl",), "input 'x' is float16"),
    ]
    for name, signatures, langs, words in cases:
        for signature in signatures.values():
            signature |= {"method": "", "outputs": {"y": half}}
        schema = tmp_path / f"{name}.json"
        schema.write_text(json.dumps({"format": 1, "model": name, "signatures": signatures}))
        for lang in langs:
            out = tmp_path / f"{name}-{lang}"
            result = run("--lang", lang, "--schema", schema, "--out", out)
            assert result.exit_code == 2
            assert words in result.output
            assert ("tf.saved_model.save" in result.output) is (name != "half")
            assert not out.exists()
    out = tmp_path / "half-all"
    result = run("--lang", "all", "--schema", schema, "--out", out)
    assert result.exit_code == 0
    assert "curl: left out: none of its signatures can be called" in result.output
    assert {path.name for path in out.iterdir()} == {"python", "go", "java", "rust", "js", "ts"}


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
        (("--lang", "go", "--out", "x", "--model", "", "--server", "h:1"), "--model is empty"),
        (("schema", "--model", "", "--saved-model", str(ZOO / "linear")), "--model is empty"),
        (("--lang", "go", "--out", "", "--saved-model", str(ZOO / "linear")), "'--out': it is em"),
        (("eject", ""), "'DIR': it is empty"),
        (("schema", "--saved-model", str(ZOO / "linear"), "--out", "/no/x"), "/no/x: No such file"),
        (("--lang", "go", "schema"), "before 'schema'"),
        (("--out", "x", "drift"), "before 'drift'"),
        (("--lang", "go", "--out", "x", "--templates", "/nowhere"), "/nowhere"),
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
    for seed, locale in (("1", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
                         ("2", {"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"})):  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "tfsclient_gen", "--lang", "all", "--out", tmp_path / seed,
             "--saved-model", ZOO / "awkward"],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, **locale},
        )  # fmt: skip
    assert tree(tmp_path / "1") == tree(tmp_path / "2")


def test_a_terminal_may_lack_letters(tmp_path: Path) -> None:
    output = {"y": {"dtype": "bool", "shape": []}}
    for name, signatures in (
        ("old.json", {"中文": {"method": "", "inputs": {}, "outputs": output}}),
        ("new.json", {}),
    ):
        schema = {"format": 1, "model": "m", "signatures": signatures}
        (tmp_path / name).write_text(json.dumps(schema), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tfsclient_gen", "drift", "--lock", "old.json",
         "--schema", "new.json"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert b"signature '\\u4e2d\\u6587': gone" in done.stdout


@pytest.mark.parametrize("name", ["中", "..", "_", "ü", "a/b"])
@pytest.mark.parametrize("lang", ["python", "go", "java", "rust", "js", "curl", "openapi"])
def test_a_name_that_is_not_an_identifier_is_told(lang: str, name: str, tmp_path: Path) -> None:
    command = ("--lang", lang, "--saved-model", ZOO / "linear", "--out", tmp_path)
    result = run(*command, "--model", name)
    assert result.exit_code == 0
    what = {"go": "package", "java": "package", "curl": "script", "openapi": "file"}.get(
        lang, "module"
    )
    ident = {"ü": "u", "a/b": "ab" if lang in ("go", "java") else "a_b"}.get(name, "model")
    assert f"{lang}: the {what} of {name!r} is {ident}" in result.stderr
    assert any(ident in path for path in tree(tmp_path))


def test_a_plain_name_is_not_worth_a_word(tmp_path: Path) -> None:
    for name in ("half_plus_two", "HalfPlusTwo"):
        folder = ("--saved-model", ZOO / "half_plus_two", "--model", name)
        assert (
            f" of {name!r} is "
            not in run("--lang", "all", *folder, "--out", tmp_path / name).stderr
        )


def test_a_path_through_a_file_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("")
    out = tmp_path / "j" / "k"
    result = run("--lang", "curl", "--saved-model", ZOO / "linear", "--out", out)
    assert result.exit_code == 2
    assert f"nothing was written: {tmp_path / 'j'} is not a directory\n" in result.stderr


def test_a_lock_of_an_unknown_language_is_left_alone(tmp_path: Path) -> None:
    command = ("--lang", "curl", "--saved-model", ZOO / "linear", "--out", tmp_path)
    assert run(*command).exit_code == 0
    lock = tmp_path / "tfsclient.lock.json"
    lock.write_text(lock.read_text().replace('"curl"', '"cobol"'))
    before = tree(tmp_path)
    result = run(*command)
    assert result.exit_code == 2
    assert "language 'cobol' is not one that this version of tfsclient-gen knows" in result.stderr
    lock.write_text("[]")
    assert "it must be a JSON object, not []" in run(*command).stderr
    assert tree(tmp_path).keys() == before.keys()


def test_flaws_of_a_folder_are_told(tmp_path: Path) -> None:
    command = ("--lang", "curl", "--out", tmp_path / "out", "--saved-model")
    result = run(*command, ZOO / "wrong_tag")
    assert "read its only graph, tagged " in result.stderr
    assert "warning: its graph is tagged " in result.stderr
