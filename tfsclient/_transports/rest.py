"""Bytes over HTTP: pooled connections, retries within the deadline."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._calls.headers import Sent
from tfsclient._transports.attempts import attempts
from tfsclient._transports.http import (
    LIMITS,
    Body,
    check_http_client,
    proxy_of,
    tls_context,
    to_answer,
    to_arguments,
    to_error,
)
from tfsclient._transports.ownership import OPENING, process
from tfsclient._transports.settings import Settings
from tfsclient._transports.sockets import Sockets, within
from tfsclient.dtypes import LOADING
from tfsclient.errors import InvalidInput, TFSError

if TYPE_CHECKING:
    from tfsclient._transports.background import Background


class RestTransport:
    """Sends calls over pooled HTTP connections; safe to share between threads.

    A forked child gets connections of its own.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.http_client is not None:
            check_http_client(settings.http_client, "Client")
        self._settings = settings
        self._opened: _Opened | None = None

    def send(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Send a call and wait for the answer, trying again while the server is unavailable.

        Raises:
            TFSError: of the class that the HTTP status says.
        """
        arguments = to_arguments(request, self._settings, headers)
        deadline.left()
        opened = self._open()
        attempt = partial(self._attempt, opened, request, arguments, deadline)
        return attempts(attempt, request, self._settings, deadline, opened.sleep)

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Sent,
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        """Send a call and return; ``done`` gets the answer or the error, on another thread.

        Returns:
            A function that cancels the call and closes its connection.
        """
        if self._settings.http_client is not None:
            raise InvalidInput(
                "futures over REST need the client's own connections: "
                "leave http_client out, or use AsyncClient with one of its kind"
            )
        with LOADING:  # with asyncio, which calls that are waited for do without
            from tfsclient._transports.background import Background

        with OPENING:  # so that close() cannot come between and lose the call
            opened = self._open()
            if opened.background is None:
                opened.background = Background(self._settings)
            return opened.background.start(request, deadline, headers, done)

    def close(self) -> None:
        """Close all connections that are ours; calls under way end with Cancelled."""
        with OPENING:
            opened, self._opened = self._opened, None
        if opened is not None and opened.pid == process():
            opened.close()

    def _open(self) -> _Opened:
        opened = self._opened
        if opened is None or opened.pid != process():
            with OPENING:
                opened = self._opened
                if opened is None or opened.pid != process():
                    opened = self._opened = _Opened(self._settings)
        return opened

    def _attempt(
        self, opened: _Opened, request: Request, arguments: dict[str, Any], deadline: Deadline
    ) -> bytes:
        try:
            with (
                within(deadline),
                opened.client.stream(**arguments, timeout=_seconds(deadline)) as response,
            ):
                if response.is_stream_consumed:  # a hook of the user's has read it
                    whole = response.content
                else:
                    body = Body(response, self._settings.target)
                    for part in response.iter_raw():
                        body.add(part)
                        _seconds(deadline)
                    whole = body.whole()
        except Exception as error:
            closed = opened.closed.is_set() or opened.client.is_closed
            raise to_error(error, self._settings, request, closed=closed) from error
        return to_answer(response, whole, self._settings, request)


def _seconds(deadline: Deadline) -> float | None:
    """Seconds until the deadline; TimeoutError once it has passed."""
    seconds = deadline.remaining()
    if seconds == 0:
        raise TimeoutError
    return seconds


class _Opened:
    """One process's connections; those that are ours are closed with it."""

    def __init__(self, settings: Settings) -> None:
        self.pid = process()
        self.background: Background | None = None
        self.closed = threading.Event()
        self._sockets = Sockets()
        self._own = settings.http_client is None
        self.client: httpx.Client = settings.http_client or httpx.Client(
            transport=_Transport(settings, self._sockets), trust_env=False
        )
        if self._own:
            weakref.finalize(self, _close_ours, self.client, self.pid)

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts, but no longer than until the client is closed."""
        self.closed.wait(seconds)

    def close(self) -> None:
        """Close what is ours, and end the calls under way."""
        self.closed.set()
        self._sockets.abort()
        if self._own:
            self.client.close()
        if self.background is not None:
            self.background.close()


class _Transport(httpx.HTTPTransport):
    """httpx's own transport over our sockets, which it does not let one choose.

    It must be httpx's: OpenTelemetry and others hook that class.
    """

    def __init__(self, settings: Settings, sockets: Sockets) -> None:
        proxy = proxy_of(settings)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls_context(settings),
            proxy=None if proxy is None else _httpcore_proxy(proxy),
            max_connections=LIMITS.max_connections,
            max_keepalive_connections=LIMITS.max_keepalive_connections,
            keepalive_expiry=LIMITS.keepalive_expiry,
            network_backend=sockets,
        )


def _httpcore_proxy(proxy: httpx.Proxy) -> httpcore.Proxy:
    url = proxy.url
    return httpcore.Proxy(
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/"),
        auth=proxy.raw_auth,
        headers=proxy.headers.raw,
        ssl_context=proxy.ssl_context,
    )


def _close_ours(client: httpx.Client, pid: int) -> None:
    if pid == process():  # a forked child leaves its parent's alone
        client.close()
