"""Other servers: real ones, each in an environment of its own, and what records requests."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT, missing
from tfsclient import Model, Signature, TensorSpec
from tfsclient.dtypes import DType

PROGRAMS = Path(__file__).parent / "programs"


def model(inputs: dict[str, str], outputs: dict[str, str], name: str = "serving_default") -> Model:
    """A model of vectors, by the dtypes of its inputs and outputs."""
    specs = [
        {name: TensorSpec(name, DType(dtype), (-1,)) for name, dtype in some.items()}
        for some in (inputs, outputs)
    ]
    signature = Signature(name, specs[0], specs[1], "tensorflow/serving/predict")
    return Model("model", None, {name: signature})


HALF = model({"x": "float32"}, {"y": "float32"})
SUMS = model({"a": "int64", "b": "int64", "name": "string"}, {"sum": "int64", "name": "string"})


class Received(NamedTuple):
    """A request as it arrived; names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


# Gives a status and a body for a request.
Answer = Callable[[Received], tuple[int, bytes]]


class Recorder:
    """An HTTP server on loopback that keeps what it is asked, and answers by a function."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.location = ""  # of redirects
        self.requests: list[Received] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.command, self.path, headers, body)
                recorder.requests.append(received)
                status, answer = recorder.answer(received)
                self.send_response(status)
                if recorder.location:
                    self.send_header("location", recorder.location)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        serve = partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def recorder() -> Iterator[Callable[[Answer], Recorder]]:
    """Starts recorders, and stops them."""
    started: list[Recorder] = []

    def start(answer: Answer) -> Recorder:
        started.append(Recorder(answer))
        return started[-1]

    yield start
    for one in started:
        one.close()


def environment(name: str, *requirements: str) -> Path:
    """The Python of an environment that has these packages, made once."""
    place = ROOT / ".cache" / "servers" / name
    python, done = place / "bin" / "python", place / "requirements.txt"
    wanted = "\n".join(requirements)
    if not done.exists() or done.read_text("utf-8") != wanted:
        made: list[list[str | Path]] = [
            [sys.executable, "-m", "venv", "--clear", place],
            [python, "-m", "pip", "install", "--quiet", *requirements],
        ]
        for command in made:
            if subprocess.run(command, check=False).returncode:
                missing(wanted)
        done.write_text(wanted, "utf-8")
    return python


@contextmanager
def running(python: Path, program: str, *arguments: str) -> Iterator[str]:
    """A program of a server that prints its port; gives its host and port."""
    command: list[str | Path] = [python, PROGRAMS / program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()
