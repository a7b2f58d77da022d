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


def get(zoo: RunningServer, path: str, lines: bytes = b"") -> tuple[int, bytes]:
    with connect(zoo) as connection:
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (path.encode(), lines))
        response, body = answer(connection)
        return response.status, body


@pytest.mark.parametrize("resource", ["", "/metadata"])
def test_versions_of_any_length(zoo: RunningServer, resource: str) -> None:
    versions = "/v1/models/linear/versions/"
    for digits in ("9" * 19, "1" + "0" * 19, "1" * 5000, "0" * 5000 + "9" * 30):
        assert get(zoo, versions + digits + resource) == (400, b"")
    assert get(zoo, versions + "0" * 5000 + "1" + resource)[0] == 200
    largest = str((1 << 63) - 1)
    status, body = get(zoo, versions + "0" * 5000 + largest + resource)
    assert (status, largest in body.decode()) == (404, True)
    response = httpx.post(f"{zoo.rest_target}{versions}{'1' * 5000}:predict", content=BODY)
    assert (response.status_code, response.content) == (400, b"")


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("%ff", 404, b"Could not find any versions of model \xff"),
        ("%ff/metadata", 404, b"Servable not found for request: Latest(\xff)"),
        ("%ED%A0%80", 404, b"Could not find any versions of model \xed\xa0\x80"),
        ("linear/labels/%ff", 200, b""),
        ("linear/labels/%ff/metadata", 400, b"Unrecognized servable version label: \xff"),
        ("linear%00", 404, rb"Could not find any versions of model linear\u0000"),
        ("%00/metadata", 404, rb"Servable not found for request: Latest(\u0000)"),
    ],
)
def test_names_may_be_any_bytes(zoo: RunningServer, path: str, status: int, error: bytes) -> None:
    got = get(zoo, f"/v1/models/{path}")
    assert got[0] == status
    if error:
        assert got[1] == b'{\n    "error": "%s"\n}' % error


def test_calls_may_have_any_names(zoo: RunningServer) -> None:
    url = f"{zoo.rest_target}/v1/models"
    for verb, body in (
        ("predict", BODY.replace(b"{", rb'{"signature_name": "\udc80\u0000", ')),
        (
            "classify",
            rb'{"signature_name": "\udc80\u0000", "examples": [{"\ude00\u0000": "\udc80"}]}',
        ),
    ):
        for name, status in (("%ff", 404), ("linear/labels/%ff", 400), ("linear", 400)):
            response = httpx.post(f"{url}/{name}:{verb}", content=body)
            assert response.status_code == status, response.content


@pytest.mark.parametrize("path", ["a" * 5_000_000, "%41" * 1_000_000, "m?" + "?" * 5_000_000])
def test_paths_of_any_length(zoo: RunningServer, path: str) -> None:
    status, body = get(zoo, f"/v1/models/{path}")
    assert status == 404
    assert body.startswith(b'{\n    "error": "Could not find any versions of model ')


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://user@host:1/v1/models/linear", 200),
        ("//\\/v1/models/linear", 200),
        ("/v1/models/linear?%41#", 404),
        ("/v1/models/linear##", 400),
        ("/v1/models/linear%4", 400),
        ("/v1/models/linear%zz", 400),
        ("/v1/models/lin|ear", 400),
        ("/v1/models/lin[ear", 400),
    ],
)
def test_targets(zoo: RunningServer, target: str, status: int) -> None:
    assert get(zoo, target)[0] == status


def test_lengths_of_any_length(zoo: RunningServer) -> None:
    status, body = get(zoo, "/v1/models/linear", b"Content-Length: " + b"1" * 5000 + b"\r\n")
    assert (status, body[:6]) == (400, b"<HTML>")


def test_a_bomb_counts_as_no_body(zoo: RunningServer) -> None:
    response = httpx.post(
        f"{zoo.rest_target}/v1/models/linear:predict",
        content=gzip.compress(b" " * ((100 << 20) + 1), compresslevel=1),
        headers={"Content-Encoding": "gzip"},
    )
    assert (response.status_code, "document is empty" in response.text) == (400, True)
