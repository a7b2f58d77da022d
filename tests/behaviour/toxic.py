"""Servers on real sockets that answer wrongly, slowly or not at all."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import grpc

Behave: TypeAlias = Callable[[socket.socket], object]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ANSWER = b'{"outputs": [1.0]}'
_EACH = 0.2  # seconds between two bytes that drip


def read_request(connection: socket.socket) -> None:
    """Read a whole request: who hangs up on unread bytes resets the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        body += _some(connection)


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 16)
    if not data:
        raise ConnectionError("the client has gone")
    return data


def then(head: bytes, *, drip: bytes = b"") -> Behave:
    """Read a request, send a head at once and more byte by byte, and hang up."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        for byte in drip:
            connection.sendall(bytes([byte]))
            time.sleep(_EACH)

    return behave


def say_nothing(connection: socket.socket) -> None:
    """Until the client goes away, or the server."""
    while connection.recv(1 << 16):
        pass


def read_slowly(connection: socket.socket) -> None:
    for _ in range(100):
        connection.recv(1000)
        time.sleep(_EACH)


def length(body: bytes, *more: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"Content-Length: %d" % len(body), *more))
    return OK + head + b"\r\n" + body


BOMB = gzip.compress(bytes(16 << 20), 9)

# By what they do: how they behave, and the errors that may come of it.
HTTP: dict[str, tuple[Behave, str]] = {
    "drips its head": (then(b"", drip=length(ANSWER)), "DeadlineExceeded"),
    "drips a chunk extension": (
        then(OK + b"Transfer-Encoding: chunked\r\n\r\n12;a=", drip=b"x" * 100),
        "DeadlineExceeded",
    ),
    "drips a gzip name": (
        then(OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\3", drip=b"x" * 100),
        "DeadlineExceeded",
    ),
    "drips its body": (
        then(OK + b"Content-Length: 99\r\n\r\n", drip=b" " * 99),
        "DeadlineExceeded",
    ),
    "continues for ever": (
        then(b"", drip=b"HTTP/1.1 100 Continue\r\n\r\n" * 9),
        "DeadlineExceeded",
    ),
    "is a black hole": (say_nothing, "DeadlineExceeded"),
    "reads slowly": (read_slowly, "DeadlineExceeded"),
    "hangs up at once": (lambda connection: None, "Unavailable"),
    "hangs up in its head": (then(OK[:20]), "Unavailable"),
    "hangs up in its body": (then(OK + b"Content-Length: 99\r\n\r\n{"), "Unavailable"),
    "speaks HTTP/2": (then(b"\0\0\x12\x04\0\0\0\0\0"), "Unavailable"),
    "speaks TLS": (then(b"\x15\x03\x01\0\x02\x02\x46"), "Unavailable"),
    "sends a huge header": (then(OK + b"X: " + b"a" * 200_000 + b"\r\n\r\n"), "Unavailable"),
    "sends a length below 0": (then(OK + b"Content-Length: -5\r\n\r\n"), "Unavailable"),
    "sends two lengths": (then(length(ANSWER, b"Content-Length: 5")), "Unavailable"),
    "sends HTML": (then(length(b"<html>hello</html>")), "DecodeError"),
    "sends nothing": (then(length(b"")), "DecodeError"),
    "sends another answer": (then(length(b'{"predictions": 1}')), "DecodeError"),
    "sends a number that is none": (then(length(b'{"outputs": [[01]]}')), "DecodeError"),
    "sends broken gzip": (then(length(b"abcd", b"Content-Encoding: gzip")), "DecodeError"),
    "sends half a gzip": (then(length(BOMB[:99], b"Content-Encoding: gzip")), "DecodeError"),
    "sends a gzip bomb": (then(length(BOMB, b"Content-Encoding: gzip")), "DecodeError"),
    "sends what was not asked for": (then(length(b"x", b"Content-Encoding: br")), "DecodeError"),
    "redirects": (
        then(
            b"HTTP/1.1 308 Permanent Redirect\r\nContent-Length: 0\r\n"
            b"Location: https://elsewhere.example/v1/models/m:predict\r\n\r\n"
        ),
        "Unknown",
    ),
    "fails with no words": (
        then(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 15\r\n\r\n{"error": null}'),
        "InvalidArgument",
    ),
    "redirects to nowhere": (
        then(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
        "Unknown",
    ),
    "has no content": (then(b"HTTP/1.1 204 No Content\r\n\r\n"), "Unknown"),
}


@contextmanager
def http_server(behave: Behave) -> Iterator[str]:
    """The address of a server that behaves so on each connection."""
    open_: list[socket.socket] = []

    def run(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            behave(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                open_.append(connection)
                threading.Thread(target=run, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
    for connection in open_:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


Answer: TypeAlias = Callable[[grpc.ServicerContext], Any]


def abort(code: grpc.StatusCode, details: str) -> Answer:
    return lambda context: context.abort(code, details)


def never_answer(context: grpc.ServicerContext) -> bytes:
    over = threading.Event()
    if context.add_callback(over.set):
        over.wait(60)
    return b""


GRPC: dict[str, tuple[Answer | None, str]] = {
    "sends an empty message": (lambda context: b"", "DecodeError"),
    "sends garbage": (lambda context: b"\xff\xff\xff", "DecodeError"),
    "sends a message cut short": (lambda context: b"\x0a\x30abc", "DecodeError"),
    "says that its rank is unknown": (
        lambda context: b"\n\x11\n\1y\x12\x0c\x08\1\x12\2\x18\1*\4\0\0\x80?",
        "DecodeError",
    ),
    "sends nothing but groups": (lambda context: b"\x7b\x7c" * 100_000, "DecodeError"),
    "sends no message": (None, "Internal"),
    "is a black hole": (never_answer, "DeadlineExceeded"),
    "is out of memory": (abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "OOM"), "ResourceExhausted"),
    "has no thread": (abort(grpc.StatusCode.RESOURCE_EXHAUSTED, ""), "DeadlineExceeded"),
    "fails": (abort(grpc.StatusCode.INTERNAL, "x"), "Internal"),
    "denies": (abort(grpc.StatusCode.PERMISSION_DENIED, "x"), "PermissionDenied"),
}


# Of these, what tells of no versions when a status is asked for.
EMPTY = ("sends an empty message", "sends nothing but groups", "says that its rank is unknown")


@contextmanager
def grpc_server(answer: Answer | None) -> Iterator[str]:
    """The address of a gRPC server that answers every call so; None sends no message at all."""

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, handler_call_details: Any) -> Any:
            if answer is None:
                return grpc.unary_stream_rpc_method_handler(lambda request, context: iter(()))
            return grpc.unary_unary_rpc_method_handler(lambda request, context: answer(context))

    server = grpc.server(ThreadPoolExecutor(8), handlers=(Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0).wait()
