"""The ``tfsclient`` command as it is typed: what it prints, and its exit codes."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import CONFORMANCE, ZOO, Zoo, eventually
from tfsclient import Client, InvalidInput
from tfsclient._cli.inputs import Given
from tfsclient._cli.main import main
from tfsclient._inputs.example import serialize
from tfsclient.dtypes import DType
from tfsclient.schema import Signature, TensorSpec
from tfsclient.testing import FakeServer

THREE = CONFORMANCE / "data" / "digit_3.png"
NOWHERE = "localhost:1"
COMMANDS = [
    "inspect", "predict", "status", "wait", "doctor", "bench", "compare", "reload", "warmup",
]  # fmt: skip


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), input=stdin)


def outputs(*arguments: object, stdin: str | None = None) -> dict[str, Any]:
    """The values that ``predict --json`` prints, by name."""
    result = run("predict", *arguments, "--json", stdin=stdin)
    assert result.exit_code == 0, result.output
    return {name: one["values"] for name, one in json.loads(result.stdout)["outputs"].items()}


@pytest.fixture(params=["grpc", "rest"])
def target(request: pytest.FixtureRequest, zoo: Zoo) -> str:
    return zoo.grpc if request.param == "grpc" else zoo.rest


@pytest.fixture(scope="module")
def running() -> Iterator[FakeServer]:
    with FakeServer(ZOO / "linear", ZOO / "strings") as server:
        yield server


@pytest.fixture
def fake(running: FakeServer) -> FakeServer:
    running.reset()
    return running


def test_help_is_light_and_lists_every_command() -> None:
    code = (
        "import sys\nfrom tfsclient._cli.main import main\n"
        "try:\n    main(['--help'])\nfinally:\n"
        "    print([m for m in ('grpc', 'httpx', 'google.protobuf', 'jinja2') if m in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    listed = re.findall(r"^  (\w+)  +\S.*\.$", printed, re.MULTILINE)
    assert {*COMMANDS, "serve", "demo"} <= set(listed)
    assert printed.endswith("[]\n")


@pytest.mark.parametrize("command", [["serve", "-h"], ["inspect", str(ZOO / "linear")]])
def test_what_an_installation_for_rest_lacks_is_told(command: list[str]) -> None:
    code = (
        "import sys\nsys.modules['google.protobuf'] = sys.modules['grpc'] = None\n"
        f"from tfsclient._cli.main import main\nmain({command!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: gRPC, SavedModel folders and protobuf's messages need")
    assert done.stderr.endswith("pip install grpcio protobuf\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: tfsclient {command} " in result.output


# Inputs.


def test_values_and_files(target: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([1.0, 2.0]))
    np.savez(tmp_path / "x.npz", x=np.array([1.0, 2.0]))
    (tmp_path / "x.json").write_text("[1, 2]")
    (tmp_path / "rows.json").write_text('[{"x": 1}, {"x": 2}]')
    (tmp_path / "columns.json").write_text('{"x": [1, 2]}')
    names = ["x=@x.npy", "@x.npy", "@x.npz", "x=@x.json", "@rows.json", "@columns.json"]
    files = [name.replace("@", f"@{tmp_path}/") for name in names]
    for text in ["[1, 2]", "x=[1, 2]", "x=[1.0, 2e0]", '{"x": [1, 2]}', *files]:
        assert outputs(target, "linear", "--input", text) == {"y": [1.5, 4.5]}, text
    assert outputs(target, "linear", "--input", "x=@-", stdin="[1, 2]") == {"y": [1.5, 4.5]}
    (nan, infinite) = outputs(target, "linear", "-i", "[NaN, -Infinity]")["y"]
    assert (nan, infinite) == ("NaN", "-Infinity")


def test_strings_and_pictures(target: str, tmp_path: Path) -> None:
    (tmp_path / "text.bin").write_bytes(b"from a file")
    texts = {
        "hello": "hello",
        "4": "4",
        "a=true": "true",
        "a=b=c": "b=c",
        "a=[1": "[1",
        'a="@home"': "@home",
        '{"b64": "aGk="}': "hi",
        f"@{tmp_path}/text.bin": "from a file",
    }
    for text, sent in texts.items():
        found = outputs(target, "strings", "--signature", "test_concat", "-i", text)
        assert found["concat"].endswith(sent), text  # after what the model keeps
    for text in [f"@{THREE}", f"image_bytes=@{THREE}"]:
        found = outputs(target, "raw_png", "-i", text, "--outputs", "label,scores")
        assert found.keys() == {"label", "scores"}
        assert found["label"] == ["three"]


def test_rows_become_examples_where_those_are_wanted(target: str, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('[{"x": [2.0]}, {"x": [4.0]}]')
    (tmp_path / "one.bin").write_bytes(serialize({"x": 2.0}))
    call = [target, "half_plus_two", "--signature", "regress_x_to_y", "--input"]
    assert outputs(*call, f"@{tmp_path}/rows.json") == {"outputs": [[4.0], [5.0]]}
    assert outputs(*call, f"inputs=@{tmp_path}/rows.json") == {"outputs": [[4.0], [5.0]]}
    assert outputs(*call, '{"x": [2.0]}') == {"outputs": [[4.0]]}
    assert outputs(*call, f"@{tmp_path}/one.bin") == {"outputs": [[4.0]]}


def one_input(dtype: str, name: str = "x", shape: tuple[int, ...] = ()) -> Signature:
    spec = TensorSpec(name, DType(dtype), shape)
    return Signature("s", {name: spec}, {"y": spec})


@given(st.text().filter(lambda text: not text.lstrip().startswith(('"', "[", "{", "@"))))
def test_text_for_a_string_input_is_taken_as_it_is(text: str) -> None:
    if "\0" in text or any(0xD800 <= ord(c) < 0xE000 for c in text):
        return  # no command line can hold it
    read: Any = Given([f"a=b={text}"]).inputs(one_input("string", "a=b"))
    assert read["a=b"][()] == text.encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter("b64".__ne__), inner),
)


@given(json_values)
def test_json_means_itself(value: Any) -> None:
    read = Given([f"x={json.dumps(value)}"]).inputs(one_input("int32"))
    assert repr(read) == repr({"x": value})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-i", "y=1"], "did you mean 'x'"),
        (["-i", "x=abc"], "'abc' is not"),
        (["-i", "x=[1"], "'[1' is not"),
        (["-i", "x=3"], "has shape ()"),
        (["-i", "x=[1]", "-i", "x=[2]"], "given twice"),
        (["-i", "[1]", "-i", "x=[2]"], "must be the only one"),
        (["-i", "x=[1e400]"], "too large"),
        (["-i", 'x={"a": 1, "a": 2}'], "twice"),
        (["-i", 'x={"b64": "%"}'], "base64"),
        (["-i", "x=@/nowhere.npy"], "cannot read /nowhere.npy"),
        (["-i", "x=@/nowhere"], "cannot read /nowhere"),
        (["-i", f"x=@{__file__}"], "does not end in .json, .jsonl, .csv, .npy,"),
        (["-i", f"@{__file__}z.npz"], "cannot read"),
        (["-i", "x=[1]", "--outputs", "z"], "no output 'z'"),
        (["-i", "x=[1]", "--signature", "z"], "no signature 'z'"),
        (["-i", "x=[1]", "--version", "1", "--label", "stable"], "not both"),
        (["-i", "x=[1]", "--timeout", "0"], "timeout"),
        ([], "input 'x' is missing"),
    ],
)
def test_what_cannot_be_sent_is_told_with_2(
    fake: FakeServer, arguments: list[str], told: str
) -> None:
    result = run("predict", fake.grpc_target, "linear", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert not [call for call in fake.calls if call.method == "Predict"]


def test_advice_is_what_can_be_typed(zoo: Zoo) -> None:
    advice = {
        ("linear", "-i", "x=3"): None,
        ("linear", "-i", "y=[3]"): None,
        ("composite", "-i", "[1]"): "write --input NAME=VALUE for each",
        ("dtypes", "-i", "[1]"): "--signature says which",
        ("linear", "-i", "x=abc"): "a file is written as @FILE",
    }
    for (model, *arguments), hint in advice.items():
        result = run("predict", zoo.grpc, model, *arguments)
        assert (result.exit_code, result.stdout) == (2, ""), result.output
        told = result.stderr.partition("hint: ")[2].partition("\n")[0]
        assert told.strip() == (hint or ""), result.stderr
    secure = run("status", f"grpcs://{NOWHERE}", "linear")
    assert "hint: if TLS is what failed: --ca says whom to trust" in secure.stderr


def test_files_that_lie_are_told(fake: FakeServer, tmp_path: Path) -> None:
    np.save(tmp_path / "pickle.npy", np.array([print], object), allow_pickle=True)
    whole = (tmp_path / "whole.npy", np.zeros(100))
    np.save(*whole)
    (tmp_path / "cut.npy").write_bytes(whole[0].read_bytes()[:-8])
    (tmp_path / "no.npz").write_bytes(b"PK")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "no.png").write_bytes(b"GIF, not PNG")
    for name in ("pickle.npy", "cut.npy", "no.npz", "deep.json", "no.png"):
        result = run("predict", fake.grpc_target, "linear", "--input", f"@{tmp_path / name}")
        assert result.exit_code == 2, name
        assert "error: " in result.stderr


@pytest.mark.parametrize("command", ["predict", "bench", "status", "inspect"])
def test_a_server_that_cannot_be_reached_is_told_with_3(command: str) -> None:
    for target in (NOWHERE, f"http://{NOWHERE}"):
        result = run(command, target, "m")
        assert result.exit_code == 3
        assert "error: UNAVAILABLE: " in result.stderr
        assert NOWHERE in result.stderr


# Answers.


def test_people_see_names_dtypes_shapes_and_some_values(target: str) -> None:
    result = run("predict", target, "big", "--signature", "ramp", "--input", "100000")
    assert "ramp  float32 [100000]\n[0.0000e+00, " in result.stdout
    assert len(result.stdout) < 500
    assert len(outputs(target, "big", "--signature", "ramp", "--input", "100000")["ramp"]) == 100000
    shown = run("predict", target, "raw_png", "--input", f"@{THREE}").stdout
    assert 'label  string [1]\n["three"]' in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [("bfloat16", 0.5), ("float16", -2.0), ("float8_e5m2", 0.5), ("int4", -8),
     ("uint64", 2**64 - 1), ("qint8", 3), ("bool", True), ("float64", 1e-300),
     ("string", {"b64": "/w=="}), ("string", "é")],
)  # fmt: skip
def test_every_dtype_comes_back_in_json(zoo: Zoo, name: str, value: object) -> None:
    text = f"x={json.dumps([value, value])}"
    result = run("predict", zoo.grpc, "dtypes", "--signature", f"id_{name}", "-i", text, "--json")
    ((_, found),) = json.loads(result.stdout)["outputs"].items()
    assert found == {"dtype": name, "shape": [2], "values": [value, value]}


def test_complex_numbers_are_pairs_in_json(zoo: Zoo, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([1 - 2j], np.complex64))
    call = ["dtypes", "--signature", "id_complex64", "--input", f"@{tmp_path}/x.npy"]
    assert list(outputs(zoo.grpc, *call).values()) == [[[1.0, -2.0]]]
    result = run("predict", zoo.rest, *call)
    assert result.exit_code == 2
    assert "UNIMPLEMENTED" in result.stderr


def test_a_server_does_not_steer_the_terminal(fake: FakeServer) -> None:
    def refuse(_: Mapping[str, Any]) -> dict[str, Any]:
        raise InvalidInput("\x1b[2Jgone")

    fake.answer("linear", refuse)
    assert "\\x1b[2Jgone" in run("predict", fake.grpc_target, "linear", "-i", "[1]").stderr
    secret = base64.b64encode(b"\x1b[2J").decode()
    fake.answer("strings", lambda inputs: {"concat": inputs["a"]}, signature="test_concat")
    call = ["strings", "--signature", "test_concat", "-i", f'{{"b64": "{secret}"}}']
    assert '"\\x1b[2J"' in run("predict", fake.grpc_target, *call).stdout


def test_features_are_shown(zoo: Zoo) -> None:
    shown = re.sub(" +", " ", run("inspect", ZOO / "feature_spec").stdout)
    assert " feature f_required float32 [1] required\n" in shown
    assert " feature i_fixed int64 [3] default 7, 8, 9\n" in shown
    assert " feature s_var string sparse\n" in shown
    assert "feature" not in run("inspect", zoo.grpc, "feature_spec").stdout.partition("\n")[2]


def test_inspect_and_status_print_what_the_library_prints(target: str) -> None:
    with Client(target) as client:
        assert run("inspect", target, "dtypes").stdout == f"{client.metadata('dtypes')}\n"
        assert (
            run("status", target, "half_plus_two").stdout == f"{client.status('half_plus_two')}\n"
        )


def test_a_version_of_a_folder_is_that_folder() -> None:
    folder = ZOO / "half_plus_two"
    for number in (1, 2):
        assert run("inspect", folder, "--version", number).stdout.startswith(
            f"half_plus_two version {number}\n"
        )
    refused = {
        (folder, "--version", 7): "does not hold version 7; it holds 1, 2",
        (folder / "1", "--version", 2): "is version 1, so it is not version 2",
        (folder, "--label", "stable"): "a folder has no labels",
    }
    for arguments, words in refused.items():
        result = run("inspect", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr


# Measuring and changing a server.


def test_bench_measures(target: str) -> None:
    result = run("bench", target, "linear", "--seconds", "0.2", "--warmup", "0")
    assert result.exit_code == 0, result.output
    assert "x  float32 [1] of zeros" in result.stdout
    assert re.search(r"calls +answers/s +p50 +p90 +p99 +max +errors\n1 at a time ", result.stdout)
    assert re.search(r"encode +wait +decode +lag +CPU\n1 at a time ", result.stdout)
    refused = run("bench", target, "raw_png", "--seconds", "0.2")  # an empty string is no picture
    assert refused.exit_code == 4
    assert "--input gives real inputs" in refused.stderr
    short = "--seconds", "0.2", "--warmup", "0"
    own = run("bench", target, "raw_png", *short, "--input", f"@{THREE}")
    assert own.exit_code == 0


def test_reload_shows_and_sends_changes(tmp_path: Path) -> None:
    running, change = tmp_path / "running.config", tmp_path / "change.config"
    with FakeServer(ZOO / "linear", ZOO / "strings") as server:
        running.write_text(_config("linear", "strings"))
        change.write_text(_config("linear"))
        dry = run("reload", server.grpc_target, change, "--dry-run")
        assert dry.stdout.splitlines()[0] == "+ linear: /linear"
        assert dry.stdout.endswith("Nothing was sent.\n")
        assert run("status", server.grpc_target, "strings").exit_code == 0
        same = run("reload", server.grpc_target, change, "--running", running)
        assert (same.exit_code, same.stdout) == (0, "Nothing changes.\n")
        done = run("reload", server.grpc_target, change)
        assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "+ linear: /linear")
        # It is unloaded after the server has answered.
        eventually(lambda: run("status", server.grpc_target, "strings").exit_code == 1)
        assert run("wait", server.grpc_target, "linear", "--timeout", "30").exit_code == 0
        assert run("reload", server.rest_target, change).exit_code == 2
        change.write_text("nonsense")
        assert (
            "change.config is not a ModelServerConfig"
            in run("reload", server.grpc_target, change).stderr
        )
    assert run("reload", NOWHERE, running, "--timeout", "1").exit_code == 3
    assert run("reload", NOWHERE, "/no/file").exit_code == 2


def _config(*names: str) -> str:
    models = (
        f'config {{ name: "{name}" base_path: "/{name}" model_platform: "tensorflow" '
        "model_version_policy { all {} } }"
        for name in names
    )
    return f"model_config_list {{ {' '.join(models)} }}"
