"""The flags of ``tfsclient serve``, and how its process ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from tests.conftest import eventually
from tfsclient import Client
from tfsclient.server.cli import serve
from tfsclient.testing._serve import free_ports

from .conftest import MODELS


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(serve, ["--version"])
    assert re.search(r"TensorFlow Library: \d+\.\d+", result.output)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--no_such_flag=1"], "--no_such_flag"),
        (["--mixed_precision=bfloat16"], "--mixed_precision of TF Serving is not honoured"),
        (["--use_alts_credentials"], "--use_alts_credentials of TF Serving is not honoured"),
        ([], "--model_base_path"),
        (["--model_base_path=/m", "--port=http"], "--port"),
        (["--model_base_path", "/m", "--enable_signature_method_name_check=maybe"], "maybe"),
        (["--model_base_path=/m", f"--port={'9' * 5000}"], "--port"),
        (["--model_base_path=/m", "--rest_api_port=70000"], "--rest_api_port"),
        (["--model_base_path=/m", f"--file_system_poll_wait_seconds={'9' * 11}"], "wait_seconds"),
        (["--model_base_path=/m", f"--load_retry_interval_micros={'9' * 4000}"], "interval_micros"),
        (["--model_base_path=s3://b", f"--grpc_channel_arguments=a={'9' * 5000}"], "local folders"),
        (["--model_config_file=/nowhere/at/all"], "/nowhere/at/all"),
        (["--model_base_path=/m", "--ssl_config_file=/no"], "Invalid protobuf file: '/no'"),
        (["--model_base_path=/m", "--monitoring_config_file=/no"], "Invalid protobuf file: '/no'"),
        (["--model_base_path=/m", "--batching_parameters_file=/no"], "without setting"),
    ],
)
def test_flags_that_cannot_be_are_refused_by_name(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(serve, arguments)
    assert result.exit_code != 0
    assert told in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host="], "the host is empty"),
        (["--host=[]"], "the host is empty"),
        (["--port=99999"], "99999"),
        (["--port=-1"], "-1"),
        (["--rest_api_port=-1"], "-1"),
        (["--port=0"], "nothing would listen"),
        (["--port=0", "--grpc_socket_path="], "nothing would listen"),
        (["--model_name="], "the name of a model is empty"),
        (["--grpc_socket_path=/nowhere/socket"], "/nowhere/socket: No such file or directory"),
    ],
)
def test_what_cannot_be_served_is_a_wrong_flag(arguments: list[str], told: str) -> None:
    # That nothing is said of the model shows that it comes later.
    result = CliRunner().invoke(serve, ["--model_base_path=s3://bucket/m", *arguments])
    assert result.exit_code == 2
    assert told in result.output


def test_a_model_without_a_name_in_a_config_file_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text(
        'model_config_list { config { base_path: "/m" model_platform: "tensorflow" } }'
    )
    (port,) = free_ports(1)
    result = CliRunner().invoke(serve, [f"--model_config_file={config}", f"--port={port}"])
    assert result.exit_code == 1
    assert "/m has no name" in result.output


def test_a_broken_config_file_is_told_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text("model_config_list {\n  config { nome: 'x' }\n}")
    result = CliRunner().invoke(serve, [f"--model_config_file={config}"])
    assert result.exit_code != 0
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig: 2:12" in result.output


def test_a_version_of_any_length_in_a_config_file_is_read_or_refused(tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text(
        'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow"'
        f" model_version_policy {{ specific {{ versions: {'9' * 5000} }} }} }} }}"
    )
    result = CliRunner().invoke(serve, [f"--model_config_file={config}"])
    assert result.exit_code == 1
    assert "Invalid protobuf file" in result.output


def test_the_tutorials_command_until_sigterm_with_a_running_call(tmp_path: Path) -> None:
    grpc_port, rest_port = free_ports(2)
    command = [
        *(sys.executable, "-m", "tfsclient.server", "--model_name", "slow"),
        *("--model_base_path", str(MODELS / "slow"), "--rest_api_enable_cors_support"),
        *(f"--port={grpc_port}", "--rest_api_port", str(rest_port)),
    ]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        url = f"http://localhost:{rest_port}/v1/models/slow"
        while process.poll() is None:
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        body = b'{"instances": [1.0]}'
        with Client(f"localhost:{grpc_port}") as client:
            assert client.predict("slow", [1.0], timeout=60).only().tolist() == [1.0]
        with ThreadPoolExecutor(1) as caller:
            with computing(process):
                call = caller.submit(
                    httpx.post, f"{url}:predict", content=iter([body]), timeout=120
                )
            process.send_signal(signal.SIGTERM)
            got = call.result()
        assert got.content == b'{\n    "predictions": [1.0\n    ]\n}'
        assert got.headers["Access-Control-Allow-Origin"] == "*"
        assert process.wait(60) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


@contextmanager
def computing(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Start a run in a process, and wait until it takes time there."""

    def seconds() -> float:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    before = seconds()
    yield
    eventually(lambda: seconds() > before + 0.2)


@contextmanager
def serving_slow(log: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A process that serves ``slow``, and where its REST is, once it is ready."""
    command = [sys.executable, "-m", "tfsclient.server", f"--model_base_path={MODELS / 'slow'}"]
    (port,) = free_ports(1)
    command += ["--model_name=slow", "--port=0", f"--rest_api_port={port}", *flags]
    with log.open("wb") as output, subprocess.Popen(command, stderr=output) as process:
        try:
            while "ready: " not in log.read_text() and process.poll() is None:
                time.sleep(0.05)
            yield process, f"http://localhost:{port}"
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    log = tmp_path / "log"
    body = {"signature_name": "steps", "inputs": {"x": [1.0], "steps": 10_000_000}}  # for hours
    with serving_slow(log) as (process, url), ThreadPoolExecutor(1) as caller:
        with computing(process):
            call = caller.submit(
                httpx.post, f"{url}/v1/models/slow:predict", json=body, timeout=120
            )
        process.send_signal(number)
        eventually(lambda: "stopping: " in log.read_text())
        assert process.poll() is None  # it waits for the call, for half a minute
        process.send_signal(number)
        assert process.wait(25) == 128 + number
        assert isinstance(call.exception(), httpx.TransportError)
    assert "Traceback" not in log.read_text()


def test_a_signal_ends_a_start_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "tfsclient.server", f"--model_base_path={tmp_path / 'later'}"]
    (port,) = free_ports(1)
    with log.open("wb") as output:
        process = subprocess.Popen([*command, f"--port={port}"], stderr=output)
        while "waiting for versions" not in log.read_text() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("level", [None, "0"])
def test_what_tensorflow_prints_at_start(
    tmp_path: Path, level: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if level is not None:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    log = tmp_path / "log"
    with serving_slow(log) as (process, url):
        process.terminate()
        assert process.wait(60) == 0
    lines = log.read_text().splitlines()
    ours = [line for line in lines if re.match(r"\d{4}-\d\d-\d\d [\d:]+,\d+ INFO ", line)]
    assert (lines == ours) == (level is None)
    assert any(line.endswith(f"INFO ready: REST {url} (slow: version 1)") for line in ours)


def test_without_tensorflow_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from tfsclient.server.cli import serve; serve(['--model_base_path=/m'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "pip install 'tfsclient[serve]'" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("flag", ["grpc_max_threads", "rest_api_num_threads"])
def test_there_must_be_a_thread(flag: str) -> None:
    result = CliRunner().invoke(serve, ["--model_base_path=/m", f"--{flag}=0"])
    assert result.exit_code == 2
    assert f"--{flag}" in result.output


def test_a_config_file_may_be_nested_as_deeply_as_it_likes(tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    inner = "{ variant_val { tensors " * 5000
    config.write_text(
        f"custom_model_config {{ [type.googleapis.com/tensorflow.TensorProto] {inner}"
    )
    result = CliRunner().invoke(serve, [f"--model_config_file={config}"])
    assert result.exit_code == 1
    assert "nested too deeply" in result.output
