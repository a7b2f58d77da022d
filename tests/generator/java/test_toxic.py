"""Whatever a server does, calls of generated Java end in time, in an error, and leave nothing."""

from __future__ import annotations

import gzip
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.behaviour import toxic
from tests.conftest import tool
from tests.generator.java.clients import BRIEF, run
from tests.generator.java.fixtures import Clients
from tfsclient import errors

pytestmark = [pytest.mark.language("java"), pytest.mark.slow]
pytest_plugins = ["tests.generator.java.fixtures"]


def test_calls_end_in_time_with_the_right_error(java_clients: Clients, tmp_path: Path) -> None:
    told = []
    with ExitStack() as running:
        servers = [
            (name, running.enter_context(toxic.http_server(behave)), wanted)
            for name, (behave, wanted) in toxic.HTTP.items()
        ] + [
            (name, running.enter_context(toxic.grpc_server(answer)), wanted)
            for name, (answer, wanted) in toxic.GRPC.items()
        ]
        for name, target, wanted in servers:
            codes = "INTERNAL" if wanted == "DecodeError" else str(getattr(errors, wanted)("").code)
            if name == "sends a huge header":  # which Java may take, and no body follows it
                codes += " INTERNAL"
            told.append(f"{name}\t{target}\t{codes}\n")
        (tmp_path / "toxic.txt").write_text("".join(told), "utf-8")
        assert java_clients.program("program.Toxic", tmp_path / "toxic.txt") == ""


def test_no_answer_fills_the_memory(java_clients: Clients, tmp_path: Path) -> None:
    def never_end(connection: socket.socket) -> None:
        toxic.then(toxic.OK + b"Transfer-Encoding: chunked\r\n\r\n")(connection)
        while True:
            connection.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")

    bomb = toxic.length(gzip.compress(bytes(200 << 20), 1), b"Content-Encoding: gzip")
    with toxic.http_server(never_end) as endless, toxic.http_server(toxic.then(bomb)) as small:
        told = "".join(f"fills it\t{target}\tRESOURCE_EXHAUSTED\n" for target in (endless, small))
        (tmp_path / "toxic.txt").write_text(told, "utf-8")
        command = (tool("java"), *BRIEF, "-Xmx128m", "-cp", java_clients.paths, "program.Toxic")
        assert run(*command, tmp_path / "toxic.txt", cwd=tmp_path) == ""
