"""``tfsclient doctor``: each thing that goes wrong is told with its remedy."""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from tests.behaviour.test_tls import Authority, TLSProxy
from tests.conftest import ZOO, Zoo
from tfsclient import Client, TFSError
from tfsclient._cli.main import main
from tfsclient._cli.probe import address_of, proxy_of
from tfsclient._transports.target import parse
from tfsclient.testing import FakeServer


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfsclient._cli.probe._SECONDS", 30.0)


def doctor(*arguments: str) -> Result:
    """What it prints, with the lines joined again that were wrapped."""
    result = CliRunner().invoke(main, ["doctor", *arguments])
    assert all(len(line) <= 80 for line in result.stdout.splitlines()), result.stdout
    result.stdout_bytes = result.stdout_bytes.replace(b"\n" + b" " * 9, b" ")
    result.output_bytes = result.stdout_bytes + result.stderr_bytes
    return result


def problem(result: Result, code: int) -> tuple[str, str]:
    """The only problem, which ends the examination, and its remedy."""
    assert result.exit_code == code, result.output
    *before, found, remedy = result.output.splitlines()
    assert all(line.startswith(("ok ", "note ")) for line in before), result.output
    assert found.startswith("problem  ")
    assert remedy.startswith("remedy   ")
    return found, remedy


def test_all_is_well(zoo: Zoo) -> None:
    for target in (zoo.grpc, zoo.rest, f"dns:///{zoo.grpc}", f"grpc://{zoo.grpc}"):
        result = doctor(target, "linear")
        assert result.exit_code == 0, result.output
        assert "problem" not in result.output
        assert "version 1 is available" in result.output
        assert "'serving_default' can be called over gRPC and REST" in result.output
        assert "a round trip takes" in result.output
        assert "as TensorFlow Serving does" in doctor(target).output


def test_ports_and_schemes_that_are_mixed_up(zoo: Zoo) -> None:
    grpc_as_rest = zoo.rest.removeprefix("http://")
    for target, remedy in {
        grpc_as_rest: f"write {zoo.rest},",
        f"http://{zoo.grpc}": f"write {zoo.grpc},",
        f"grpcs://{zoo.grpc}": f"write {zoo.grpc},",
        f"https://{grpc_as_rest}": f"write {zoo.rest},",
        f"grpcs://{grpc_as_rest}": f"write {zoo.rest},",
        f"https://{zoo.grpc}": f"write {zoo.grpc},",
    }.items():
        found, told = problem(doctor(target, "linear"), 1)
        assert f"but {target} means" in found
        assert remedy in told


def test_tls_that_is_not_asked_for_or_not_trusted(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Authority(tmp_path, "ours")
    for scheme, plain, alpn in (("grpcs", zoo.grpc, "h2"), ("https", zoo.rest, "http/1.1")):
        port = int(plain.rpartition(":")[2])
        proxy = TLSProxy(port, ours.issue("server"), ours.cert, alpn=alpn)
        bare = f"localhost:{proxy.port}" if scheme == "grpcs" else f"http://localhost:{proxy.port}"
        found, remedy = problem(doctor(bare), 1)
        assert "speaks TLS" in found
        assert f"write {scheme}://localhost:{proxy.port}" in remedy
        found, remedy = problem(doctor(f"{scheme}://localhost:{proxy.port}"), 1)
        assert "not trusted: " in found
        with monkeypatch.context() as trusted:
            trusted.setenv("SSL_CERT_FILE", str(ours.cert))
            trusted.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(ours.cert))
            result = doctor(f"{scheme}://localhost:{proxy.port}")
            assert "its certificate is trusted" in result.output
            found, remedy = problem(result, 3)
            assert "requires a client certificate" in found
            assert "--cert, with its --key" in remedy
            theirs = Authority(tmp_path, "theirs").issue("client")
            pair = ["--cert", str(theirs.cert), "--key", str(theirs.key)]
            found, _ = problem(doctor(f"{scheme}://localhost:{proxy.port}", *pair), 3)
            assert "does not accept our certificate" in found
        proxy.close()


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))  # and does not listen
        port = taken.getsockname()[1]
        for target in (f"localhost:{port}", f"http://localhost:{port}"):
            found, remedy = problem(doctor(target), 3)
            assert "nothing listens" in found
            assert "8500" in remedy
    assert "has no address" in problem(doctor("nowhere.invalid:8500"), 3)[0]
    assert doctor("unix:///no/such/socket").exit_code == 3
    assert doctor("not a target").exit_code == 2


class _AnyWebServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_somebody_else_there() -> None:
    with http.server.ThreadingHTTPServer(("localhost", 0), _AnyWebServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found, _ = problem(doctor(f"http://localhost:{server.server_address[1]}"), 1)
        server.shutdown()
    assert "is not TensorFlow Serving" in found
    with socket.create_server(("localhost", 0)) as mute:

        def greet() -> None:
            while True:
                try:
                    connection, _ = mute.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"220 mail.example.org ESMTP\r\n")

        threading.Thread(target=greet, daemon=True).start()
        found, _ = problem(doctor(f"localhost:{mute.getsockname()[1]}"), 1)
    assert "neither gRPC nor HTTP" in found


def test_a_port_that_says_nothing() -> None:
    with socket.create_server(("localhost", 0)) as mute:
        begin = time.monotonic()
        target = f"localhost:{mute.getsockname()[1]}"
        found, remedy = problem(doctor(target, "--timeout", "0.2"), 3)
    assert time.monotonic() - begin < 10  # `patience` is 30
    assert "it says nothing" in found
    assert "port-forward" in remedy


@pytest.fixture(scope="module")
def fake() -> Iterator[SimpleNamespace]:
    """A server on which "gone" did not load."""
    with FakeServer(ZOO / "linear", ZOO / "dtypes") as server:
        with Client(server.grpc_target) as client:
            paths = {name: f"/{name}" for name in ("linear", "gone")}
            with pytest.raises(TFSError):
                client.reload_config(paths)
        yield SimpleNamespace(grpc=server.grpc_target, rest=server.rest_target)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_models_that_do_not_answer(fake: SimpleNamespace, transport: str) -> None:
    target = getattr(fake, transport)
    found, remedy = problem(doctor(target, "Linear"), 1)
    assert "does not know the model 'Linear'" in found
    assert "case matters" in remedy
    result = doctor(target, "gone")
    assert result.exit_code == 1
    assert "problem  version 1 did not load: NOT_FOUND: " in result.output
    assert "problem  no version is available" in result.output


def test_signatures_that_rest_cannot_carry(zoo: Zoo) -> None:
    result = doctor(zoo.rest, "dtypes")
    assert result.exit_code == 0
    assert "note     signature 'id_bfloat16' can be called over gRPC only" in result.output
    assert "ok       signature 'id_bfloat16' can be called" in doctor(zoo.grpc, "dtypes").output


def test_proxies_are_told(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    for target, name in ((zoo.grpc, "grpc_proxy"), (zoo.rest, "http_proxy")):
        with monkeypatch.context() as proxied:
            proxied.setenv(name, "http://localhost:1")
            result = doctor(target)
            assert f"note     the environment sends calls through a proxy: {name}" in result.output
            assert "no_proxy" in problem(result, 3)[1]
            proxied.setenv("no_proxy", "example.org,localhost")
            assert doctor(target).exit_code == 0


@pytest.mark.parametrize(
    ("target", "environment", "used"),
    [
        ("h:1", {"https_proxy": "http://p:1", "http_proxy": "http://q:1"}, "https_proxy=http://p:1"),
        ("h:1", {"HTTPS_PROXY": "http://p:1"}, None),  # gRPC looks for lower case only
        ("h:1", {"grpc_proxy": "", "http_proxy": "http://p:1"}, None),
        ("h:1", {"http_proxy": "http://p:1", "no_grpc_proxy": "", "no_proxy": "h"}, None),
        ("h:1", {"http_proxy": "http://p:1", "no_proxy": "*"}, None),
        ("10.1.2.3:1", {"http_proxy": "http://p:1", "no_proxy": "x, 10.0.0.0/8"}, None),
        ("unix:/tmp/s", {"http_proxy": "http://p:1"}, None),
        ("https://h", {"http_proxy": "http://p:1"}, None),
        ("https://h", {"ALL_PROXY": "http://p:1"}, "ALL_PROXY=http://p:1"),
        ("http://a.h", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "h"}, None),
    ],
)  # fmt: skip
def test_which_proxy_is_used(
    monkeypatch: pytest.MonkeyPatch, target: str, environment: dict[str, str], used: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(parse(target)) == used


@pytest.mark.parametrize(
    ("target", "address"),
    [("h:1", "h:1"), ("[::1]:1", "[::1]:1"), ("https://h", "h:443"), ("http://h/x/", "h:80"),
     ("dns:///h:1", "h:1"), ("dns://8.8.8.8/h:1", "h:1"), ("ipv4:1.2.3.4:5", "1.2.3.4:5"),
     ("unix:/tmp/s", "None"), ("xds:///h", "None")],
)  # fmt: skip
def test_where_a_target_is(target: str, address: str) -> None:
    assert str(address_of(parse(target))) == address
