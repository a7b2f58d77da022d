"""A small HTTP/1.1 server that treats requests as libevent's does, which TF Serving builds on."""

from __future__ import annotations

import http
import logging
import re
import socket
import socketserver
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any

import h11

from tfsclient.errors import Unavailable
from tfsclient.server.rest.routes import Answer

_log = logging.getLogger("tfsclient.server")

Handle = Callable[[str, str, Mapping[str, str], bytes], "Answer | None"]

_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
# The scheme and the authority before the path, if there are such; and what a URI must not contain
# after them, by RFC 3986.
_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//[^/?#]*")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?#%]|%(?![0-9A-Fa-f]{2})|#.*#")
_IDLE_SECONDS = 50
_POLL_SECONDS = 0.05  # how long a stop goes unnoticed
_MAX_HEAD = 64 << 20  # bytes of a request's head: h11 wants a limit where libevent has none
_MAX_INFLATED = 100 << 20
_READ = 1 << 18


class HttpServer(socketserver.ThreadingTCPServer):
    """Serves requests, each connection on a thread of its own.

    Args:
        port: the port; 0 takes a free one.
        handle: answers a request: method, path, headers, inflated body; None is a 404.
        max_requests: how many requests may be handled at a time.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, handle: Handle, *, max_requests: int) -> None:
        self._handle = handle
        self._slots = threading.Semaphore(max_requests)
        self._idle = threading.Condition()
        self._running = 0  # requests that have been read and not yet answered
        self._closing = False
        self.address_family = socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET
        try:
            super().__init__(("", port), _Connection)
        except OSError as error:
            raise Unavailable(f"REST cannot listen on port {port}: {error.strerror}") from error
        self._thread = threading.Thread(
            target=self.serve_forever, args=[_POLL_SECONDS], name="rest", daemon=True
        )

    def server_bind(self) -> None:
        """Bind to all addresses, of both families where there are two."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    @property
    def port(self) -> int:
        """The port being listened on."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Take requests from now on."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Take no more connections, and let running requests finish for ``grace`` seconds."""
        self._closing = True
        self.shutdown()
        self.server_close()
        with self._idle:
            self._idle.wait_for(lambda: not self._running, grace)

    def respond(self, request: h11.Request, body: bytes) -> tuple[Answer, bool]:
        """The answer to a request, and whether the connection has to be closed after it."""
        with self._idle:
            self._running += 1
        with self._slots:
            answer = self._answer(request, body)
        if answer.content_type == "text/html":
            return answer, True
        return answer, self._closing

    def responded(self) -> None:
        """A request's answer has been sent, or cannot be."""
        with self._idle:
            self._running -= 1
            self._idle.notify_all()

    def _answer(self, request: h11.Request, body: bytes) -> Answer:
        method = request.method.decode("ascii")
        if method not in _METHODS:
            return html_answer(501)
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in request.headers}
        if headers.get("expect", "100-continue").lower() != "100-continue":
            return html_answer(417)
        target = request.target.decode("latin-1")
        authority = _AUTHORITY.match(target)
        path = target[authority.end() :] if authority else target
        if _FORBIDDEN.search(path):
            return html_answer(400)
        if "gzip" in headers.get("content-encoding", ""):
            body = inflate(body)
        return self._handle(method, path, headers, body) or html_answer(404)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong with a connection, unless it is only that the peer is gone."""
        _log.debug("connection from %s failed", client_address, exc_info=True)


class _Connection(socketserver.BaseRequestHandler):
    request: socket.socket

    def handle(self) -> None:
        assert isinstance(self.server, HttpServer)
        self._server = self.server
        self.request.settimeout(_IDLE_SECONDS)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        try:
            while self._exchange(connection):
                connection.start_next_cycle()
        except TimeoutError:
            return

    def _exchange(self, connection: h11.Connection) -> bool:
        """Serve one request; whether another may follow on this connection."""
        try:
            read = self._read(connection)
        except (h11.RemoteProtocolError, ValueError):  # the latter for a length of 5000 digits
            self._send(connection, html_answer(400), close=True)
            return False
        if read is None:
            return False
        try:
            answer, close = self._server.respond(*read)
            self._send(connection, answer, close=close, head=read[0].method == b"HEAD")
        finally:
            self._server.responded()
        return not close and connection.our_state is h11.DONE

    def _read(self, connection: h11.Connection) -> tuple[h11.Request, bytes] | None:
        """A whole request; None if the peer has no more."""
        request: h11.Request | None = None
        body: list[bytes] = []
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self.request.sendall(connection.send(go_on) or b"")
                connection.receive_data(self.request.recv(_READ))
            elif isinstance(event, h11.Request):
                if not event.http_version.startswith(b"1."):
                    raise h11.RemoteProtocolError("not HTTP/1")
                request = event
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                return request, b"".join(body)
            else:
                return None

    def _send(
        self, connection: h11.Connection, answer: Answer, *, close: bool, head: bool = False
    ) -> None:
        headers = [
            ("Content-Type", answer.content_type),
            *answer.headers,
            ("Date", formatdate(time.time(), usegmt=True)),
            ("Content-Length", str(len(answer.body))),
            *([("Connection", "close")] if close else []),
        ]
        response = h11.Response(
            status_code=answer.status, headers=headers, reason=_reason(answer.status).encode()
        )
        data = connection.send(response) or b""
        if not head:
            data += connection.send(h11.Data(data=answer.body)) or b""
        self.request.sendall(data + (connection.send(h11.EndOfMessage()) or b""))


def html_answer(status: int) -> Answer:
    """The page that libevent answers with when a request does not reach a handler."""
    reason = _reason(status)
    page = (
        f"<HTML><HEAD>\n<TITLE>{status} {reason}</TITLE>\n</HEAD><BODY>\n<H1>{reason}</H1>\n"
        "</BODY></HTML>\n"
    )
    return Answer(status, page.encode(), "text/html")


def _reason(status: int) -> str:
    # libevent knows neither of these.
    return "Client Error" if status in (429, 499) else http.HTTPStatus(status).phrase


def inflate(body: bytes) -> bytes:
    """A gzip body's content; empty if it is not one whole member, or larger than 100 MiB."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        content = inflater.decompress(body, _MAX_INFLATED + 1)
    except zlib.error:
        return b""
    whole = inflater.eof and not inflater.unused_data and len(content) <= _MAX_INFLATED
    return content if whole else b""
