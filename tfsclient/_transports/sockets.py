"""Sockets for HTTP under one deadline: name resolution, connecting, TLS, each read and write."""

from __future__ import annotations

# What getaddrinfo loads: a child forked in the midst of that would wait for it for ever.
import encodings.idna  # noqa: F401
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar

import httpcore

from tfsclient._calls.deadline import Deadline
from tfsclient._transports.ownership import OPENING

T = TypeVar("T")
_Address: TypeAlias = "tuple[Any, ...]"  # as getaddrinfo gives it

_under_way = threading.local()


@contextmanager
def within(deadline: Deadline) -> Iterator[None]:
    """Have all that this thread does with sockets end at a deadline."""
    _under_way.deadline = deadline
    try:
        yield
    finally:
        _under_way.deadline = None


def _left() -> float | None:
    """Seconds that this thread's call has left; None for no limit."""
    deadline: Deadline | None = getattr(_under_way, "deadline", None)
    if deadline is None:
        return None
    seconds = deadline.remaining()
    if seconds == 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return seconds


class Sockets(httpcore.NetworkBackend):
    """Opens connections whose every step ends at the deadline of the call under way.

    httpcore gives each step a timeout of its own, so that a server that sends a byte now and then
    can hold a call for ever; and it tries each address of a name with the whole of it.
    """

    def __init__(self) -> None:
        self._open: dict[_Stream, None] = {}

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of a name's addresses that answers; each gets its share of time."""
        del timeout, local_address, socket_options
        addresses = _resolve(host, port)
        error: OSError = OSError(f"{host} has no address")
        for number, (family, kind, protocol, _, address) in enumerate(addresses):
            left = _left()
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(None if left is None else left / (len(addresses) - number))
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as failed:
                connection.close()
                error = failed
                continue
            stream = _Stream(connection, self._forget)
            with OPENING:
                self._open[stream] = None
            return stream
        if isinstance(error, TimeoutError):
            raise httpcore.ConnectTimeout(str(error)) from error
        raise httpcore.ConnectError(str(error)) from error

    def abort(self) -> None:
        """End what other threads are waiting for."""
        with OPENING:
            streams = list(self._open)
        for stream in streams:
            stream.abort()

    def _forget(self, stream: _Stream) -> None:
        with OPENING:
            self._open.pop(stream, None)


def _resolve(host: str, port: int) -> list[tuple[Any, Any, int, str, _Address]]:
    """The addresses of a name; given up at the deadline, though the resolver cannot be stopped."""
    left = _left()
    result: list[Any] = []

    def ask() -> None:
        try:
            result.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            result.append(error)

    if left is None or _is_address(host):
        ask()
    else:
        thread = threading.Thread(target=ask, name="tfsclient-resolve", daemon=True)
        thread.start()
        thread.join(left)
    if not result:
        raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time")
    if isinstance(result[0], Exception):
        raise httpcore.ConnectError(str(result[0])) from result[0]
    addresses: list[tuple[Any, Any, int, str, _Address]] = result[0]
    return addresses


def _is_address(host: str) -> bool:
    with suppress(OSError):
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        return True
    return False


class _Stream(httpcore.NetworkStream):
    """A connection; ``timeout`` arguments are httpcore's own, the deadline is the thread's."""

    def __init__(self, connection: socket.socket, forget: Callable[[_Stream], None]) -> None:
        self._socket = connection
        self._forget = forget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at most ``max_bytes``; b"" at the end."""
        del timeout
        try:
            self._socket.settimeout(_left())
            return self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of a buffer."""
        del timeout
        rest = memoryview(buffer)
        try:
            while rest:
                self._socket.settimeout(_left())
                rest = rest[self._socket.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection under TLS; the handshake counts as connecting."""
        del timeout
        if isinstance(self._socket, ssl.SSLSocket):  # to a server behind a proxy that speaks TLS
            return _InnerTLS(self, ssl_context, server_hostname)
        try:
            self._socket.settimeout(_left())
            # Python's own deadline for a handshake is one for all of its reads and writes.
            secure = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError as error:
            self.close()
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, ValueError) as error:  # a ValueError is about the name
            self.close()
            raise httpcore.ConnectError(str(error)) from error
        self._socket = secure
        return self

    def abort(self) -> None:
        """Have whoever reads or writes see the end."""
        with suppress(OSError):
            # Not SSLSocket's own, which takes away what the other thread reads from.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._forget(self)
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks: whether the server closed an idle connection, and TLS's object."""
        if info == "is_readable":
            return _is_readable(self._socket)
        if info == "socket":
            return self._socket
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return None


def _is_readable(connection: socket.socket) -> bool:
    """Whether something is there to read, or the end."""
    number = connection.fileno()
    if number < 0:
        return True
    if not hasattr(select, "poll"):  # as on Windows
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


class _InnerTLS(httpcore.NetworkStream):
    """TLS to a server inside the TLS to a proxy, which Python's sockets cannot nest."""

    def __init__(
        self, outer: _Stream, context: ssl.SSLContext, server_hostname: str | None
    ) -> None:
        self._outer = outer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_hostname
        )
        try:
            self._run(self._tls.do_handshake)
        except (ssl.SSLError, httpcore.NetworkError) as error:
            outer.close()
            raise httpcore.ConnectError(str(error)) from error

    def _run(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._outer.write(self._outgoing.read())
                data = self._outer.read(1 << 16)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
                continue
            self._outer.write(self._outgoing.read())
            return result

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at most ``max_bytes``; b"" at the end."""
        del timeout
        try:
            return self._run(lambda: self._tls.read(max_bytes))
        except ssl.SSLError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of a buffer."""
        del timeout
        rest = memoryview(buffer)
        try:
            while rest:
                rest = rest[self._run(partial(self._tls.write, rest)) :]
        except ssl.SSLError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Close the connection."""
        self._outer.close()

    def get_extra_info(self, info: str) -> Any:
        """As for the connection below, but for the TLS object."""
        return self._tls if info == "ssl_object" else self._outer.get_extra_info(info)
