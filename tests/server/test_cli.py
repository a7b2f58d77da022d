"""The flags of ``tfsclient serve``, and how its process ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

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


def test_a_broken_config_file_is_told_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    config.write_text("model_config_list {\n  config { nome: 'x' }\n}")
    result = CliRunner().invoke(serve, [f"--model_config_file={config}"])
    assert result.exit_code != 0
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig: 2:12" in result.output


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
        with httpx.stream("POST", f"{url}:predict", content=_then_terminate(body, process)) as got:
            assert got.read() == b'{\n    "predictions": [1.0\n    ]\n}'
            assert got.headers["Access-Control-Allow-Origin"] == "*"
        assert process.wait(30) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def _then_terminate(body: bytes, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    yield body
    threading.Timer(0.2, process.send_signal, [signal.SIGTERM]).start()  # while the call runs


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
