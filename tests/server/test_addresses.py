"""Where a server listens, and what it says of that."""

from __future__ import annotations

import dataclasses
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from tfsclient import Client
from tfsclient.errors import InvalidInput
from tfsclient.server import addresses
from tfsclient.server.app import Server
from tfsclient.server.cli import serve as command
from tfsclient.testing import FakeServer, serve
from tfsclient.testing._serve import free_ports

from .calls import LINEAR, QUICK
from .conftest import MODELS

HAS_IPV6 = addresses._has_ipv6()


def port_of(target: str) -> int:
    return int(target.rpartition(":")[2])


def answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture(scope="module")
def other_address() -> str:
    """An address of this machine that is not a loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # which sends nothing
        except OSError:
            pytest.skip("this machine has no network")
        return str(probe.getsockname()[0])


KINDS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "FakeServer": lambda: FakeServer(MODELS / "linear"),
    "Server": lambda: Server(LINEAR, QUICK),
    "serve": lambda: serve(LINEAR),
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_this_machine_reaches_a_server(kind: str, other_address: str) -> None:
    with KINDS[kind]() as server:
        for target in (server.grpc_target, server.rest_target):
            assert answers("127.0.0.1", port_of(target))
            assert answers("::1", port_of(target)) or not HAS_IPV6
            assert not answers(other_address, port_of(target))


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_every_interface_if_asked(host: str, other_address: str) -> None:
    with Server(LINEAR, dataclasses.replace(QUICK, host=host)) as server:
        for target in (server.grpc_target, server.rest_target):
            assert target.rpartition(":")[0].endswith("localhost")
            for address in ("127.0.0.1", other_address, *(["::1"] if HAS_IPV6 else [])):
                assert answers(address, port_of(target))


def test_one_address(other_address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "tfsclient.server"):
        server = Server(LINEAR, dataclasses.replace(QUICK, host=other_address))
        with server, Client(server.grpc_target) as client:
            assert client.predict("linear", [1.0]).only().tolist() == [1.5]
            assert httpx.get(f"{server.rest_target}/v1/models/linear").status_code == 200
            assert not answers("127.0.0.1", port_of(server.rest_target))
    assert f"serving gRPC on {other_address}:{server.port}" in caplog.text
    assert f"serving REST on {other_address}:{server.rest_port}" in caplog.text


@contextmanager
def without_ipv6(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    class Socket(socket.socket):
        def __init__(self, family: int = -1, *args: Any, **kwargs: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", Socket)
        yield


@pytest.mark.parametrize("host", ["localhost", "::", "0.0.0.0"])
def test_a_machine_without_ipv6(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with without_ipv6(monkeypatch):
        reserved = addresses.reserve(host, 0, "REST", "--rest_api_port")
    expected = "127.0.0.1" if host == "localhost" else "0.0.0.0"
    assert reserved.addresses == [f"{expected}:{reserved.port}"]
    reserved.close()


@pytest.mark.parametrize("host", ["nobody.invalid", "192.0.2.1", "a b", "1.2.3.4.5"])
def test_a_host_that_is_not_this_machine(host: str) -> None:
    with pytest.raises(InvalidInput, match=f"host '{host}'"):
        Server(LINEAR, dataclasses.replace(QUICK, host=host)).start()
    result = CliRunner().invoke(command, ["--model_base_path=/m", f"--host={host}"])
    assert result.exit_code == 2
    assert f"host '{host}'" in result.output


@pytest.mark.parametrize("flag", ["port", "rest_api_port"])
@pytest.mark.parametrize("busy", ["127.0.0.1", *(["::1"] if HAS_IPV6 else [])])
def test_a_busy_port_is_found_before_anything_is_loaded(flag: str, busy: str) -> None:
    family = socket.AF_INET6 if ":" in busy else socket.AF_INET
    with socket.socket(family) as other:
        other.bind((busy, 0))
        other.listen()
        port = other.getsockname()[1]
        # There is no such model: that it is not complained about shows what comes first.
        flags = ["--port=0", f"--{flag}={port}", "--model_base_path=s3://bucket/m"]
        result = CliRunner().invoke(command, flags)
    assert result.exit_code == 1
    assert f"cannot listen on port {port} of {busy}: Address already in use" in result.output
    assert f"--{flag}" in result.output


def test_a_port_is_refused_while_models_load() -> None:
    reserved = addresses.reserve("localhost", 0, "gRPC", "--port")
    assert not answers("127.0.0.1", reserved.port)
    reserved.close()


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_what_is_not_a_port(port: int) -> None:
    with pytest.raises(InvalidInput, match=f"cannot listen on port {port}: ports are 0 to 65535"):
        addresses.reserve("localhost", port, "gRPC", "--port")


def test_free_ports_are_none_that_systems_hand_out() -> None:
    """Between their choice and their use, a server's start takes seconds."""
    ports = free_ports(100)
    assert len(set(ports)) == 100
    assert max(ports) < 32768
    assert free_ports(0) == []
