"""What a connection to the REST port may do, beyond what was recorded."""

from __future__ import annotations

import gzip
import socket
from http.client import HTTPResponse

import httpx
import pytest

from tfsclient.testing import RunningServer

BODY = b'{"instances": [1.0]}'
ANSWER = b'{\n    "predictions": [1.5\n    ]\n}'
HEAD = b"POST /v1/models/linear:predict HTTP/1.1\r\nHost: x\r\n"


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection(("localhost", int(server.rest_target.rsplit(":", 1)[1])), 30)


def answer(connection: socket.socket) -> tuple[HTTPResponse, bytes]:
    response = HTTPResponse(connection)
    response.begin()
    return response, response.read()


def test_a_connection_serves_many_requests(zoo: RunningServer) -> None:
    with connect(zoo) as connection:
        for _ in range(3):
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
            response, body = answer(connection)
            assert (response.status, body) == (200, ANSWER)
            assert response.headers["Content-Type"] == "application/json"


def test_a_client_that_asks_is_told_to_continue(zoo: RunningServer) -> None:
    with connect(zoo) as connection:
        length = b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(BODY)
        connection.sendall(HEAD + length)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY)
        assert answer(connection)[1] == ANSWER


def test_http_1_0_is_served_and_closed(zoo: RunningServer) -> None:
    with connect(zoo) as connection:
        connection.sendall(b"GET /v1/models/linear HTTP/1.0\r\n\r\n")
        response, body = answer(connection)
        assert response.status == 200
        assert b"AVAILABLE" in body
        assert connection.recv(1) == b""


def test_a_body_may_come_in_chunks_and_packed(zoo: RunningServer) -> None:
    url = f"{zoo.rest_target}/v1/models/linear:predict"
    packed = gzip.compress(BODY)
    response = httpx.post(url, content=iter([packed]), headers={"Content-Encoding": "gzip"})
    assert response.content == ANSWER


@pytest.mark.parametrize("request_bytes", [b"\r\n\r\n", b"\x16\x03\x01\x00", b"GET\r\n\r\n"])
def test_what_is_no_http_gets_a_page(zoo: RunningServer, request_bytes: bytes) -> None:
    with connect(zoo) as connection:
        connection.sendall(request_bytes + b"\r\n\r\n")
        assert answer(connection)[0].status == 400


def test_a_bomb_counts_as_no_body(zoo: RunningServer) -> None:
    response = httpx.post(
        f"{zoo.rest_target}/v1/models/linear:predict",
        content=gzip.compress(b" " * ((100 << 20) + 1), compresslevel=1),
        headers={"Content-Encoding": "gzip"},
    )
    assert (response.status_code, "document is empty" in response.text) == (400, True)
