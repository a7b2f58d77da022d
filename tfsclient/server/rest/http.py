"""A small HTTP/1.1 server that treats requests as libevent's does, which TF Serving builds on."""

from __future__ import annotations

import http
import logging
import re
import selectors
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from email.utils import formatdate
from enum import Enum

import h11

from tfsclient.server.rest.routes import Answer

_log = logging.getLogger("tfsclient.server")

Handle = Callable[[str, str, Mapping[str, str], bytes], "Answer | None"]

_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
# The scheme and the authority before the path, if there are such; and what a URI must not contain
# after them, by RFC 3986.
_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//[^/?#]*")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?#%]|%(?![0-9A-Fa-f]{2})|#.*#")
_BACKLOG = 128  # connections that wait to be accepted
_IDLE_SECONDS = 50
_POLL_SECONDS = 0.05  # how long a stop may go unnoticed
_STALLED_SECONDS = 1.0  # without progress, after which a stop gives up on sending an answer
_MAX_HEAD = 64 << 20  # bytes of a request's head: h11 wants a limit where libevent has none
_MAX_INFLATED = 100 << 20
_READ = 1 << 18


class HttpServer:
    """Serves requests, each connection on a thread of its own.

    Args:
        sockets: where to listen: sockets that are bound; they are closed by ``stop``.
        handle: answers a request: method, path, headers, inflated body; None is a 404.
        max_requests: how many requests may be handled at a time; more wait.
    """

    def __init__(
        self, sockets: Sequence[socket.socket], handle: Handle, *, max_requests: int
    ) -> None:
        self._sockets = sockets
        self._handle = handle
        self._places = threading.Semaphore(max_requests)
        self._changed = threading.Condition()  # guards what follows, and the connections' phases
        self._connections: set[_Connection] = set()
        self._stopping = False
        self._stopped: set[_Connection] = set()  # those that were open at the stop
        self._thread = threading.Thread(target=self._accept, name="rest", daemon=True)

    def start(self) -> None:
        """Take requests from now on.

        Raises:
            OSError: another program has begun to listen there.
        """
        for each in self._sockets:
            each.listen(_BACKLOG)
            each.setblocking(False)
        self._thread.start()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in self._sockets:
                selector.register(each, selectors.EVENT_READ, each)
            while not self._stopping:
                for ready, _ in selector.select(_POLL_SECONDS):
                    listening: socket.socket = ready.data
                    try:
                        connected, address = listening.accept()
                    except OSError:  # the client has gone already, or there are too many files
                        continue
                    try:
                        self._serve(connected)
                    except RuntimeError:  # there are as many threads as there can be
                        _log.warning("a connection from %s was dropped", address, exc_info=True)

    def _serve(self, connected: socket.socket) -> None:
        connection = _Connection(self, connected)
        with self._changed:
            if self._stopping:
                connected.close()
                return
            self._connections.add(connection)
        try:
            connection.thread.start()
        except RuntimeError:
            self.closed(connection)
            raise

    # --- stopping ------------------------------------------------------------------------------

    def stop(self, grace: float) -> None:
        """Take no more requests, give those being answered ``grace`` seconds, hang up.

        A request that has not arrived as a whole is not waited for, nor is a client that does not
        read its answer.
        """
        deadline = time.monotonic() + grace
        with self._changed:
            self._stopping = True
            self._stopped |= self._connections
            for connection in self._connections:
                if connection.phase is _Phase.READING:
                    connection.hang_up()
        if self._thread.ident is not None:
            self._thread.join()
        for each in self._sockets:
            each.close()
        with self._changed:
            while self._busy() and (left := deadline - time.monotonic()) > 0:
                sent = {c: c.sends for c in self._connections if c.phase is _Phase.SENDING}
                self._changed.wait_for(lambda: not self._busy(), min(left, _STALLED_SECONDS))
                for connection in self._connections & sent.keys():
                    if connection.sends == sent[connection]:
                        connection.hang_up()
            for connection in self._connections:
                connection.hang_up()

    def _busy(self) -> bool:
        return any(connection.phase is not _Phase.READING for connection in self._connections)

    def join(self, seconds: float) -> bool:
        """Wait for the threads of a server that has stopped.

        Returns:
            Whether all of them have ended: a request that is still handled keeps its thread.
        """
        deadline = time.monotonic() + seconds
        threads = [connection.thread for connection in self._stopped]
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    # --- what connections ask ------------------------------------------------------------------

    def enter(self, connection: _Connection, phase: _Phase) -> None:
        """Let a connection go on to its next phase.

        Raises:
            _HungUp: it may not, as the server is stopping.
        """
        with self._changed:
            if connection.hung_up or (
                self._stopping and (phase, connection.phase) != (_Phase.SENDING, _Phase.ANSWERING)
            ):
                raise _HungUp
            connection.phase = phase
            self._changed.notify_all()

    def closed(self, connection: _Connection) -> None:
        """Close a connection's socket."""
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_WR)
        connection.socket.close()

    def respond(
        self, connection: _Connection, request: h11.Request, body: bytes
    ) -> tuple[Answer, bool]:
        """The answer to a request, and whether the connection has to be closed after it."""
        with self._places:
            if connection.hung_up:
                raise _HungUp
            answer = self._answer(request, body)
        if answer.content_type == "text/html":
            return answer, True
        return answer, self._stopping

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


class _HungUp(Exception):
    """The server has ended this connection."""


class _Phase(Enum):
    """What happens on a connection."""

    READING = "reading"  # a request, or waiting for one
    ANSWERING = "answering"
    SENDING = "sending"


class _Connection:
    """A connection and its thread.

    Attributes:
        socket: the connection.
        thread: what serves it, not started yet.
        phase: what happens on it.
        hung_up: whether the server has ended it.
        sends: how often a part of an answer was taken over by the system.
    """

    def __init__(self, server: HttpServer, connected: socket.socket) -> None:
        self._server = server
        self.socket = connected
        self.phase = _Phase.READING
        self.hung_up = False
        self.sends = 0
        self.thread = threading.Thread(target=self._serve, name="rest-connection", daemon=True)

    def hang_up(self) -> None:
        """End the connection, from another thread, which then meets an error in what it does."""
        self.hung_up = True
        with suppress(OSError):  # the client has gone already
            self.socket.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        try:
            self.socket.settimeout(_IDLE_SECONDS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
            while self._exchange(connection):
                connection.start_next_cycle()
                self._server.enter(self, _Phase.READING)
        except (OSError, _HungUp):  # the client, or the server, had enough
            return
        except Exception:  # noqa: BLE001 (one connection's failure; the server goes on)
            _log.exception("a connection failed")
        finally:
            self._server.closed(self)

    def _exchange(self, connection: h11.Connection) -> bool:
        """Serve one request; whether another may follow on this connection."""
        try:
            read = self._read(connection)
        except (h11.RemoteProtocolError, ValueError):  # the latter for a length of 5000 digits
            self._send(connection, html_answer(400), close=True)
            return False
        if read is None:
            return False
        self._server.enter(self, _Phase.ANSWERING)
        answer, close = self._server.respond(self, *read)
        self._server.enter(self, _Phase.SENDING)
        self._send(connection, answer, close=close, head=read[0].method == b"HEAD")
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
                    self.socket.sendall(connection.send(go_on) or b"")
                connection.receive_data(self.socket.recv(_READ))
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
        unsent = memoryview(data + (connection.send(h11.EndOfMessage()) or b""))
        while unsent:
            unsent = unsent[self.socket.send(unsent) :]
            self.sends += 1


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
