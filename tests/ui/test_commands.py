"""``tfsclient ui`` and ``tfsclient serve --ui_port``: processes, addresses, exit codes."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import httpx
import pytest
from click.testing import CliRunner

from tests.conftest import ZOO, Zoo, eventually
from tfsclient import AsyncClient, CallInfo, Cancelled, Model, Signature, TensorSpec
from tfsclient._cli.main import main
from tfsclient.testing import FakeServer
from tfsclient.testing._serve import free_ports

if TYPE_CHECKING:
    from tfsclient._cli.page.page import Page

ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/\?token=([\w-]+)")


@contextmanager
def running(*arguments: object, err: bool = False) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tfsclient", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def address_in(stream: IO[str] | None) -> tuple[str, str]:
    assert stream is not None
    for line in stream:
        if found := ADDRESS.search(line):
            return found[1], found[2]
    raise AssertionError("no address was printed")


def test_it_prints_its_address_and_ends_well(zoo: Zoo) -> None:
    targets = [zoo.grpc, zoo.rest, "http://me:secret@other:1"]
    with running("ui", *targets, "--port", 0, "--no-open", "--model", "linear") as page:
        origin, token = address_in(page.stdout)
        with httpx.Client(trust_env=False, headers={"x-tfsclient-token": token}) as client:
            start = client.get(f"{origin}/api/start").json()
            assert start["models"] == ["linear"]
            # What code calls: the REST target that was given, and no password.
            assert [one["rest"] for one in start["targets"]] == [*[zoo.rest] * 2, "http://other:1"]
            assert [one["target"] for one in start["targets"]] == [*targets[:2], "http://other:1"]
            assert client.get(f"{origin}/?token={token}").status_code == 200
            assert client.get(origin).status_code == 200  # by the cookie
        page.send_signal(signal.SIGINT)
        assert page.wait(60) == 0


@pytest.mark.parametrize(
    ("others", "rest"),
    [
        (["http://localhost:9001/base/"], "http://localhost:9001/base"),
        (["https://127.0.0.1:9001"], "https://127.0.0.1:9001"),
        (["http://other:9001"], None),
        (["http://other:9001", "http://[::1]:9001"], "http://[::1]:9001"),
        (["http://localhost:9001", "http://localhost:9002"], None),
        (["http://localhost:9001", "localhost:9000"], None),  # whose is it?
        (["localhost:9000"], None),
    ],
)
def test_a_rest_target_on_the_same_host_is_the_servers(others: list[str], rest: str | None) -> None:
    from tfsclient._cli.page.servers import rest_beside

    assert rest_beside("localhost:8500", ["localhost:8500", *others]) == rest


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("models.x:8500", "models.x"),
        ("unix:/run/tf.sock", "localhost"),
        ("ipv4:10.0.0.1:8500,10.0.0.2:8500", "10.0.0.1"),
        ("ipv6:[2001:db8::7]:8500", "[2001:db8::7]"),
        ("ipv6:2001:db8::7", "[2001:db8::7]"),
        ("dns:models.x:8500", "models.x"),
        ("dns://8.8.8.8/models.x:8500", "models.x"),
    ],
)
def test_rest_is_guessed_on_the_host_of_every_kind_of_target(target: str, host: str) -> None:
    from tfsclient._cli.page.servers import Server

    guess = Server(target, None).rest_guess  # type: ignore[arg-type]
    assert guess == f"http://{host}:8501"


def test_a_port_that_is_taken_and_targets_that_cannot_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["ui", "localhost:1", "--port", str(port), "--no-open"])
    assert result.exit_code == 3
    assert "cannot listen" in result.stderr
    assert CliRunner().invoke(main, ["ui", "http://a b", "--no-open"]).exit_code == 2
    assert CliRunner().invoke(main, ["ui"]).exit_code == 2
    unnamed = CliRunner().invoke(main, ["ui", "localhost:1", "--model", "", "--no-open"])
    assert (unnamed.exit_code, "name" in unnamed.stderr) == (2, True)


@pytest.mark.slow
def test_serve_shows_its_own_models() -> None:
    grpc, port = free_ports(2)
    with running(
        "serve", "--model_name=est", f"--model_base_path={ZOO / 'estimator'}", f"--port={grpc}",
        f"--ui_port={port}",
    ) as serving:  # fmt: skip
        origin, token = address_in(serving.stderr)
        with httpx.Client(trust_env=False, headers={"x-tfsclient-token": token}) as client:
            assert client.get(f"{origin}/api/start").json()["models"] == ["est"]
            described = client.post(f"{origin}/api/model", json={"model": "est"}).json()
        features = [s["inputs"][0]["features"] for s in described["signatures"]]
        assert any(features)  # as the SavedModel tells them
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(60) == 0


def test_a_call_that_nobody_waits_for_is_cancelled() -> None:
    from tfsclient._cli.page.page import Page
    from tfsclient._cli.page.servers import Server, Servers

    x = TensorSpec("x", "float32", (-1,))
    signature = Signature("serving_default", {"x": x}, {"y": replace(x, name="y")})
    go, arrived, over, infos = *(threading.Event() for _ in range(3)), list[CallInfo]()

    def stall(inputs: Mapping[str, Any]) -> dict[str, Any]:
        arrived.set()
        go.wait(60)
        return {"y": inputs["x"]}

    def hear(info: CallInfo) -> None:
        infos.append(info)
        if info.error is not None:
            over.set()

    form = {
        "model": "m",
        "signature": "serving_default",
        "inputs": {"x": {"mode": "json", "text": "[1]"}},
    }
    with FakeServer(Model("m", 1, {"serving_default": signature})) as server, Page() as page:
        server.answer("m", stall)
        client = AsyncClient(server.grpc_target, on_call=hear)
        page.start(Servers([Server(server.grpc_target, client)], list, lambda _: None))
        headers = {"x-tfsclient-token": page.token}
        with httpx.Client(trust_env=False, headers=headers) as asking:
            assert asking.get(f"{page.origin}/api/start").status_code == 200

            def is_left() -> bool:
                with pytest.raises(httpx.ReadTimeout):
                    asking.post(f"{page.origin}/api/call", json=form, timeout=1)
                return arrived.is_set()

            eventually(is_left)
        assert over.wait(60)
        go.set()
    assert isinstance(infos[-1].error, Cancelled)


@pytest.fixture
def page() -> Iterator[Page]:
    from tfsclient._cli.page.page import Page
    from tfsclient._cli.page.servers import Servers

    with Page() as found:
        found.start(Servers([], list, lambda _: None))
        yield found


def connected(page: Page, said: str = "GET / HTTP/1.1\r\n") -> socket.socket:
    """A connection on which this was said, of a request that does not end."""
    one = socket.create_connection(("127.0.0.1", page.port), timeout=30)
    one.sendall(said.encode())
    return one


def test_connections_that_say_nothing_keep_nobody_out(page: Page) -> None:
    silent = [connected(page, "" if n % 2 else "GET / HTTP/1.1\r\n") for n in range(150)]
    with httpx.Client(trust_env=False, timeout=60) as client:
        for _ in range(3):
            answer = client.get(page.address)
            assert answer.status_code == 200, answer.text
    for one in silent:
        one.close()


def test_what_does_not_come_is_not_waited_for(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfsclient._cli.page.connections._SECONDS", 0.3)
    monkeypatch.setattr("tfsclient._cli.page.guard._SLOWEST", 0.3)
    with connected(page) as silent:
        assert silent.recv(1) == b""
    head = (
        f"POST /api/call HTTP/1.1\r\nhost: localhost\r\nx-tfsclient-token: {page.token}\r\n"
        "content-type: application/json\r\ncontent-length: 99\r\n\r\n{"
    )
    with connected(page, head) as slow, slow.makefile("rb") as answer:
        assert answer.readline().startswith(b"HTTP/1.1 408")


def test_without_the_extra_the_pip_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tfsclient._cli.page")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = CliRunner().invoke(main, ["ui", "localhost:1", "--no-open"])
    assert result.exit_code == 2
    assert "pip install 'tfsclient[ui]'" in result.stderr
