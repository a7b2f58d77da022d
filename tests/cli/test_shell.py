"""The command as a shell sees it: exit codes, help, completion, and where output goes."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tfsclient_gen.cli import main as generator

from tests.conftest import ZOO, eventually
from tests.docs.test_names import check
from tfsclient._cli.explanations import EXPLANATIONS
from tfsclient._cli.main import main
from tfsclient._client import discovery
from tfsclient._inputs import prepare
from tfsclient._transports import grpc, settings
from tfsclient.errors import REDEPLOYED, USE_GRPC, Code, Hint, TFSError
from tfsclient.schema._reasons import NO_SIGNATURES, WHICH_SIGNATURE
from tfsclient.testing import FakeServer

NOWHERE = "localhost:1"
COMMANDS = [
    "inspect", "predict", "status", "wait", "doctor", "bench", "compare", "explain", "reload",
    "warmup",
]  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[FakeServer]:
    with FakeServer(ZOO / "linear") as server:
        yield server


@pytest.fixture
def server(running: FakeServer) -> FakeServer:
    running.reset()
    return running


@pytest.fixture(params=["grpc", "rest"])
def target(request: pytest.FixtureRequest, server: FakeServer) -> str:
    return server.grpc_target if request.param == "grpc" else server.rest_target


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def generate(*arguments: object) -> Result:
    return CliRunner().invoke(generator, list(map(str, arguments)))


def wait_in_vain(*arguments: object, told: str = "NOT_FOUND") -> Result:
    """Wait for a second: again, if the machine did not let it be told what is to be told."""
    for _ in range(10):
        result = run("wait", *arguments, "--timeout", "1")
        if told in result.stderr:
            break
    return result


# Exit codes.


@pytest.mark.parametrize("code", [c for c in Code if c is not Code.OK])
def test_what_a_server_answers_is_not_bad_usage(
    server: FakeServer, target: str, code: Code
) -> None:
    server.fail(code, method="GetModelMetadata", times=99)
    wanted = 3 if code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED) else 4
    seconds = "1" if wanted == 3 else "30"
    assert run("inspect", target, "linear", "--timeout", seconds).exit_code == wanted
    command = ["schema", "--server", target, "--model", "linear", "--timeout", seconds]
    assert generate(*command).exit_code == wanted


def test_each_exit_code(server: FakeServer, target: str, tmp_path: Path) -> None:
    assert run("status", target, "linear").exit_code == 0
    assert wait_in_vain(target, "other").exit_code == 1
    assert run("predict", target, "linear", "--input", "y=1").exit_code == 2
    assert run("statsu").exit_code == 2
    assert run("predict", target, "linear", "--inptu", "1").exit_code == 2
    for nowhere in (NOWHERE, f"http://{NOWHERE}"):
        assert run("wait", nowhere, "linear", "--timeout", "1").exit_code == 3
        assert run("inspect", nowhere, "linear", "--timeout", "1").exit_code == 3
    server.delay(30)
    assert run("status", target, "linear", "--timeout", "0.3").exit_code == 3
    server.reset()
    assert run("status", target, "other").exit_code == 4
    lock = tmp_path / "tfsclient.lock.json"
    made = ["--lang", "curl", "--saved-model", ZOO / "linear", "--out", tmp_path]
    assert generate(*made, "--check").exit_code == 1
    assert generate(*made).exit_code == 0
    assert generate("drift", "--lock", lock, "--saved-model", ZOO / "linear_fixed").exit_code == 1
    drift = ["drift", "--lock", lock, "--model", "linear", "--server"]
    assert generate(*drift, target).exit_code == 0
    assert generate(*drift, "not a target").exit_code == 2
    assert generate(*drift, NOWHERE, "--timeout", "1").exit_code == 3
    assert generate(*drift, target, "--version", "7").exit_code == 4


@pytest.mark.parametrize("target", ["http://localhost:1"])
def test_what_rest_cannot_do_is_usage(target: str, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text("model_config_list {}")
    refused = run("reload", target, config, "--allow-empty")
    assert refused.exit_code == 2
    assert "see: tfsclient explain use_grpc" in refused.stderr


def test_help_says_what_exit_codes_mean() -> None:
    shown = [run("--help"), *(run(command, "--help") for command in COMMANDS)]
    made = [generate("--help"), *(generate(name, "--help") for name in ("schema", "drift"))]
    for result in (*shown, *made):
        codes = re.findall(r"^    (\d)  \w", result.output, re.MULTILINE)
        assert codes == ["0", "1", "2", "3", "4"], result.output
        assert max(map(len, result.output.splitlines())) <= 80


def test_output_that_nobody_reads_is_not_the_answer_no(server: FakeServer) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "tfsclient", "status", server.grpc_target, "linear"],
        stdout=write, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_interrupted_command_says_so(server: FakeServer) -> None:
    server.delay(600)
    command = [sys.executable, "-m", "tfsclient", "status", server.grpc_target, "linear"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        eventually(lambda: bool(server.calls))
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert process.returncode == 130


# What is misspelt.


@pytest.mark.parametrize(
    ("arguments", "near"),
    [(["staus"], "'status'"), (["predcit"], "'predict'"),
     (["status", "t", "m", "--tokn", "x"], "--token"),
     (["explain", "UNAVAILBLE"], "UNAVAILABLE"), (["explain", "too-bsy"], "too_busy")],
)  # fmt: skip
def test_the_closest_is_named(arguments: list[str], near: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert any(
        words in result.stderr for words in ("Did you mean", "did you mean", "Possible options")
    )
    assert near in result.stderr
    assert "'schema'" in generate("shcema").output
    assert "mean" not in run("zzzzzzzz").stderr


# Explanations.


def _subclasses(kind: type[TFSError]) -> Iterator[type[TFSError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def test_nothing_is_left_unexplained() -> None:
    keys = [one.key for one in EXPLANATIONS]
    assert len(set(keys)) == len(keys)
    assert {code.value for code in Code if code is not Code.OK} <= set(keys)
    coded = {Code.OK}
    for kind in _subclasses(TFSError):
        if kind.__module__ == TFSError.__module__:
            coded.add(kind.code or Code.OK)
            assert run("explain", kind.__name__).exit_code == 0, kind
    modules = (discovery, prepare, grpc, settings)
    hints = [value for module in modules for value in vars(module).values()]
    for hint in [*hints, REDEPLOYED, USE_GRPC, NO_SIGNATURES, WHICH_SIGNATURE]:
        if isinstance(hint, Hint):
            assert hint.key in keys
    source = Path(settings.__file__).parents[1]
    written = {
        key
        for path in source.rglob("*.py")
        for key in re.findall(r'\bHint\(\s*"(\w+)"', path.read_text("utf-8"))
    }
    assert written <= set(keys)


@pytest.mark.parametrize("one", EXPLANATIONS, ids=lambda one: one.key)
def test_an_explanation_can_be_read_and_followed(one: object) -> None:
    (found,) = (each for each in EXPLANATIONS if each is one)
    assert max(map(len, found.text.splitlines())) <= 84
    commands = re.findall(r"^    +(tfsclient(?:-gen)? [a-z].+)$", found.text, re.MULTILINE)
    for code in [*re.findall(r"`([^`\n]+)`", found.text), *commands]:
        if "explain" not in code:
            check(code)
    for key in re.findall(r"tfsclient\s+explain\s+(\w+)", found.text):
        assert run("explain", key).exit_code == 0
    assert run("explain", found.key).stdout == f"{found.key}: {found.title}\n\n{found.text}"


def test_explanations_are_found_by_any_spelling() -> None:
    wanted = run("explain", "DEADLINE_EXCEEDED").stdout
    for spelling in ("deadline_exceeded", "deadline-exceeded", "DeadlineExceeded", "504", "4"):
        assert run("explain", spelling).stdout == wanted
    for unknown in ("0", "17", "200", "999", "9" * 5000, "", "\x1b[2J"):
        assert run("explain", unknown).exit_code == 2
    assert json.loads(run("explain", "tls", "--json").stdout)["key"] == "tls"
    listed = run("explain").stdout.splitlines()
    assert max(map(len, listed)) <= 80
    begun = [line.split()[0] for line in listed if not line.startswith(" ")]
    assert begun == [one.key for one in EXPLANATIONS]


# Waiting.


def test_waiting_tells_the_real_reason(server: FakeServer) -> None:
    grpc_as_rest, rest_as_grpc = f"http://{server.grpc_target}", server.rest_target[7:]
    for target, reason in {
        NOWHERE: f"nothing listens on {NOWHERE} yet: connection refused\n",
        f"http://{NOWHERE}": f"nothing listens on http://{NOWHERE} yet: connection refused\n",
        rest_as_grpc: f"write http://{rest_as_grpc}",
        grpc_as_rest: "write it without http://",
    }.items():
        result = wait_in_vain(target, "linear", told=reason)
        assert result.exit_code == 3
        assert reason in result.stderr
        assert re.search("not ready after 1 s: (UNAVAILABLE: |nothing listens)", result.stderr)
        assert "Deadline Exceeded" not in result.stderr


def test_news_go_to_standard_error(target: str) -> None:
    late = wait_in_vain(target, "other")
    assert (late.exit_code, late.stdout) == (1, "")
    news, *_ = late.stderr.splitlines()
    assert news == "model 'other': NOT_FOUND: Could not find any versions of model other"
    ready = run("wait", target, "linear", "--json")
    assert json.loads(ready.stdout) == {
        "version": 1, "state": "AVAILABLE", "error_code": "OK", "error_message": "",
    }  # fmt: skip
    assert json.loads(run("status", target, "linear", "--json").stdout) == [
        json.loads(ready.stdout)
    ]


def test_labels(tmp_path: Path) -> None:
    config = (
        'model_config_list { config { name: "linear" base_path: "/linear" model_platform: '
        '"tensorflow" %s } }'
    )
    label = tmp_path / "models.config"
    label.write_text(config % 'version_labels { key: "stable" value: 1 }')
    with FakeServer(ZOO / "linear") as server:
        targets = (server.grpc_target, server.rest_target)
        for target in targets:
            assert run("status", target, "linear", "--label", "stable").exit_code == 4
            late = wait_in_vain(target, "linear", "--label", "stable", told="stable")
            assert late.exit_code == 1
            assert "stable" in late.stderr
        assert run("reload", server.grpc_target, label).exit_code == 0
        for target in targets:
            shown = run("status", target, "linear", "--label", "stable", "--json")
            assert [state["version"] for state in json.loads(shown.stdout)] == [1]
            ready = run("wait", target, "linear", "--label", "stable")
            assert ready.stdout == "linear version 1 is ready\n"
            both = run("wait", target, "linear", "--label", "stable", "--version", "1")
            assert both.exit_code == 2


# Reloading.


def test_an_empty_list_wants_a_word_of_its_own(tmp_path: Path) -> None:
    empty, nothing = tmp_path / "empty.config", tmp_path / "nothing.config"
    empty.write_text("model_config_list {}")
    nothing.write_text("")
    with FakeServer(ZOO / "linear") as server:
        refused = run("reload", server.grpc_target, nothing, "--allow-empty")
        assert refused.exit_code == 2
        assert "has no model_config_list" in refused.stderr
        assert "--allow-empty" in run("reload", server.grpc_target, empty).stderr
        assert run("reload", server.grpc_target, empty, "--dry-run").exit_code == 2
        dry = run("reload", server.grpc_target, empty, "--dry-run", "--allow-empty")
        assert dry.exit_code == 0
        assert run("status", server.grpc_target, "linear").exit_code == 0
        assert run("reload", server.grpc_target, empty, "--allow-empty").exit_code == 0
        eventually(lambda: run("status", server.grpc_target, "linear").exit_code == 1)


# Terminals and completion.


def test_nothing_is_coloured_and_nothing_wraps(server: FakeServer) -> None:
    for arguments in (
        ["status", server.grpc_target, "linear"],
        ["status", NOWHERE, "m"],
        ["--help"],
    ):
        for environment in ({}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}):
            master, slave = pty.openpty()
            command = [sys.executable, "-m", "tfsclient", *arguments]
            with subprocess.Popen(
                command, stdout=slave, stderr=slave, stdin=slave, env=os.environ | environment
            ) as process:
                process.wait(60)
            os.close(slave)
            shown = os.read(master, 1 << 16)
            os.close(master)
            assert shown
            assert b"\x1b" not in shown


def test_bash_completes_commands_and_options() -> None:
    def completed(line: str) -> list[str]:
        words = line.split(" ")
        environment = {
            "_TFSCLIENT_COMPLETE": "bash_complete", "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }  # fmt: skip
        code = "from tfsclient._cli.main import main; main(prog_name='tfsclient')"
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | environment,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [each.partition(",")[2] for each in done.stdout.split()]

    assert {"status", "serve"} <= set(completed("tfsclient s"))
    assert completed("tfsclient expl") == ["explain"]
    assert {"--token", "--token-file"} <= set(completed("tfsclient status t m --tok"))
