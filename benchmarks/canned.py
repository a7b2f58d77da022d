"""A server that answers every request with the same bytes, as cheaply as Python can.

Ratios between clients must not drown in the server's own time, and grpcio's Python server takes
longer over a small call than any client here.  So this speaks just enough HTTP/2 to answer unary
gRPC calls of a client that behaves, and just enough HTTP/1.1 for JSON.  One port, one answer.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from benchmarks.cases import CASES
from benchmarks.messages import answer

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _WINDOW = 0, 1, 3, 4, 6, 8
_ACK = _END_STREAM = 1
_END_HEADERS = 4
_MAX_WINDOW = (1 << 31) - 1
_PREFACE_SIZE = 24

# HPACK: index 8 is ":status: 200", name 31 is "content-type"; trailers are new, unindexed names.
_STATUS: Final = b"\x88\x0f\x10\x10application/grpc"
_TRAILERS: Final = b"\x00\x0bgrpc-status\x010"


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">BHBBI", 0, len(payload), kind, flags, stream) + payload


class _Grpc:
    """One connection; runs on a thread of its own."""

    def __init__(self, connection: socket.socket, answer: bytes) -> None:
        self._socket = connection
        self._message = memoryview(b"\0" + len(answer).to_bytes(4, "big") + answer)
        self._waiting: deque[tuple[int, int]] = deque()  # stream, and how much of it was sent
        self._window = 65_535  # of the connection; streams have theirs
        self._stream_window = 65_535
        self._windows: dict[int, int] = {}
        self._max_frame = 16_384

    def run(self, read: Callable[[int], bytes]) -> None:
        read(_PREFACE_SIZE)
        self._socket.sendall(
            _frame(_SETTINGS, 0, 0, struct.pack(">HIHI", 4, _MAX_WINDOW, 5, 1 << 20))
            + _frame(_WINDOW, 0, 0, struct.pack(">I", _MAX_WINDOW - 65_535))
        )
        unacknowledged = 0
        while head := read(9):
            size = int.from_bytes(head[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            payload = read(size)
            if kind in (_DATA, _HEADERS):
                unacknowledged += size if kind == _DATA else 0  # windows are of data alone
                if flags & _END_STREAM:
                    self._windows.setdefault(stream, self._stream_window)
                    self._waiting.append((stream, 0))
                    self._send()
            elif kind == _WINDOW:
                self._widen(stream, int.from_bytes(payload, "big"))
                self._send()
            elif kind == _PING and not flags & _ACK:
                self._socket.sendall(_frame(_PING, _ACK, 0, payload))
            elif kind == _SETTINGS and not flags & _ACK:
                for setting, value in struct.iter_unpack(">HI", payload):
                    if setting == 4:
                        change = value - self._stream_window
                        self._stream_window = value
                        self._windows = {s: w + change for s, w in self._windows.items()}
                    elif setting == 5:
                        self._max_frame = value
                self._socket.sendall(_frame(_SETTINGS, _ACK, 0, b""))
            elif kind == _RESET:
                self._windows.pop(stream, None)
                self._waiting = deque(item for item in self._waiting if item[0] != stream)
            if unacknowledged > 1 << 28:
                self._socket.sendall(_frame(_WINDOW, 0, 0, struct.pack(">I", unacknowledged)))
                unacknowledged = 0

    def _widen(self, stream: int, size: int) -> None:
        if stream == 0:
            self._window += size
        else:
            # A window may be widened before the request has ended.
            self._windows[stream] = self._windows.get(stream, self._stream_window) + size

    def _send(self) -> None:
        """Send what the windows allow."""
        while self._waiting:
            stream, sent = self._waiting[0]
            room = min(self._window, self._windows[stream], len(self._message) - sent)
            if room <= 0:
                return
            parts: list[bytes | memoryview] = []
            if sent == 0:
                parts.append(_frame(_HEADERS, _END_HEADERS, stream, _STATUS))
            self._window -= room
            self._windows[stream] -= room
            while room > 0:
                size = min(room, self._max_frame)
                parts.append(size.to_bytes(3, "big") + struct.pack(">BBI", _DATA, 0, stream))
                parts.append(self._message[sent : sent + size])
                sent += size
                room -= size
            if sent == len(self._message):
                parts.append(_frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, _TRAILERS))
                self._waiting.popleft()
                del self._windows[stream]
            else:
                self._waiting[0] = (stream, sent)
            small = len(self._message) < 1 << 16
            for part in [b"".join(parts)] if small else parts:
                self._socket.sendall(part)


def _grpc(connection: socket.socket, stream: Any, answer: bytes) -> None:
    _Grpc(connection, answer).run(stream.read)


def _http(connection: socket.socket, stream: Any, answer: bytes) -> None:
    response = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer)
    )
    while stream.readline():
        size = 0
        while (line := stream.readline().lower()) not in (b"\r\n", b""):
            if line.startswith(b"content-length:"):
                size = int(line[15:])
        stream.read(size)
        connection.sendall(response)


def _accept(
    listener: socket.socket, speak: Callable[[socket.socket, Any, bytes], None], answer: bytes
) -> None:
    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb", 1 << 20) as stream:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(OSError):  # the client is gone
                speak(connection, stream, answer)

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def main(*cases: str) -> None:
    """Serve each case on a port of its own; print the ports, and go on until our input closes."""
    ports = {}
    for name in cases:
        protocol, message = answer(CASES[name])
        listener = socket.create_server(("127.0.0.1", 0))
        speak = _http if protocol == "rest" else _grpc
        threading.Thread(target=_accept, args=(listener, speak, message), daemon=True).start()
        ports[name] = listener.getsockname()[1]
    print(json.dumps(ports), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
