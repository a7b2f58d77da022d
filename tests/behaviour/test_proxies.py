"""HTTP proxies: named by the environment, or by the user's own http_client."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import Zoo
from tfsclient import AsyncClient, Client, Unavailable


class Proxy(ThreadingHTTPServer):
    """Forwards requests and tunnels, and remembers which."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_POST(self) -> None:
        self.server.seen.append(f"{self.command} {self.path}")
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        upstream = http.client.HTTPConnection(url.netloc)
        upstream.request(self.command, url.path, body, dict(self.headers))
        answer = upstream.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        upstream.close()

    def do_GET(self) -> None:
        self.do_POST()

    def do_CONNECT(self) -> None:
        self.server.seen.append(f"CONNECT {self.path}")
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()

            def pump(source: socket.socket, sink: socket.socket) -> None:
                with suppress(OSError):
                    while data := source.recv(1 << 16):
                        sink.sendall(data)
                    sink.shutdown(socket.SHUT_WR)

            back = threading.Thread(target=pump, args=(upstream, self.connection))
            back.start()
            pump(self.connection, upstream)
            back.join()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Proxy() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def expected(target: str) -> str:
    if target.startswith("http://"):
        return f"POST {target}/v1/models/linear:predict"
    return f"CONNECT {target}"


def predict(make_client: Callable[..., Any], target: str, **options: Any) -> None:
    with make_client(target, **options) as client:
        assert client.predict("linear", [2.0]).only() == [4.5]


def test_a_proxy_of_the_environment_is_used_even_for_localhost(
    target: str, make_client: Callable[..., Any], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    predict(make_client, target)
    assert expected(target) in proxy.seen


def test_hosts_in_no_proxy_are_talked_to_directly(
    target: str, make_client: Callable[..., Any], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "example.org,localhost")
    predict(make_client, target)
    assert proxy.seen == []


def test_grpc_has_a_proxy_of_its_own(
    zoo: Zoo, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("grpc_proxy", proxy.url)
    predict(Client, zoo.rest)
    assert proxy.seen == []
    predict(Client, zoo.grpc)
    assert proxy.seen == [expected(zoo.grpc)]


def test_a_proxy_of_the_users_own_http_client(zoo: Zoo, proxy: Proxy) -> None:
    with httpx.Client(proxy=proxy.url) as own:
        predict(Client, zoo.rest, http_client=own)
        assert not own.is_closed
    assert proxy.seen.count(expected(zoo.rest)) == 1

    async def run() -> None:
        async with httpx.AsyncClient(proxy=proxy.url) as own:
            async with AsyncClient(zoo.rest, http_client=own) as client:
                assert (await client.predict("linear", [2.0])).only() == [4.5]
            assert not own.is_closed

    asyncio.run(run())
    assert proxy.seen.count(expected(zoo.rest)) == 2


@pytest.mark.usefixtures("proxy")  # which clears the environment
def test_a_proxy_that_is_not_there_is_unavailable(
    target: str, make_client: Callable[..., Any], dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://localhost:{dead_port}")
    with make_client(target, retries=0) as client, pytest.raises(Unavailable, match=target):
        client.predict("linear", [2.0])
