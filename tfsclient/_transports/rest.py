"""Bytes over HTTP: pooled connections, retries within the deadline."""

from __future__ import annotations

import gzip
import os
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import tenacity

from tfsclient._calls.call import Call
from tfsclient._codec.rest_json import loads
from tfsclient._transports.background import Background
from tfsclient._transports.ownership import OPENING
from tfsclient._transports.settings import MAX_ATTEMPTS, TLS_HINT, Settings, check_headers
from tfsclient.errors import (
    Cancelled,
    DeadlineExceeded,
    DecodeError,
    InvalidInput,
    TFSError,
    Unavailable,
    from_http_status,
)

_MAX_INFLATED = 100 << 20  # bytes; TF Serving reads a larger gzip body as an empty one


class RestTransport:
    """Sends calls over pooled HTTP connections; safe to share between threads.

    A forked child gets connections of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: _Opened | None = None

    def send(self, call: Call[Any], timeout: float | None, headers: Mapping[str, str]) -> bytes:
        """Send a call and wait for the answer, trying again while the server is unavailable.

        Raises:
            TFSError: of the class that the HTTP status says.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        request = to_request(call, self._settings, headers)
        retrying = tenacity.Retrying(**retry_policy(call, self._settings, timeout))
        answer: bytes = retrying(self._attempt, self._open().client, call, request, deadline)
        return answer

    def start(
        self,
        call: Call[Any],
        timeout: float | None,
        headers: Mapping[str, str],
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
        check_headers(headers)
        with OPENING:  # so that close() cannot come between and lose the call
            opened = self._open()
            if opened.background is None:
                opened.background = Background(self._settings)
            return opened.background.start(call, timeout, headers, done)

    def close(self) -> None:
        """Close all connections that are ours; futures under way are cancelled."""
        with OPENING:
            opened, self._opened = self._opened, None
        if opened is not None and opened.pid == os.getpid():
            if self._settings.http_client is None:
                opened.client.close()
            if opened.background is not None:
                opened.background.close()

    def _open(self) -> _Opened:
        opened = self._opened
        if opened is None or opened.pid != os.getpid():
            with OPENING:
                opened = self._opened
                if opened is None or opened.pid != os.getpid():
                    opened = self._opened = _Opened(self._settings)
        return opened

    def _attempt(
        self,
        client: httpx.Client,
        call: Call[Any],
        request: dict[str, Any],
        deadline: float | None,
    ) -> bytes:
        try:
            # httpx has a timeout for each step; the deadline for all of them is kept here.
            with client.stream(**request, timeout=_left(deadline)) as response:
                chunks = []
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    _left(deadline)
        except FAILURES as error:
            raise to_error(error, self._settings, call, closed=client.is_closed) from error
        return to_answer(response, b"".join(chunks), call)


class _Opened:
    """One process's connections; those that are ours are closed with it."""

    def __init__(self, settings: Settings) -> None:
        self.pid = os.getpid()
        self.background: Background | None = None
        self.client: httpx.Client = settings.http_client or httpx.Client(**client_options(settings))
        if settings.http_client is None:
            weakref.finalize(self, _close_ours, self.client, self.pid)


def _close_ours(client: httpx.Client, pid: int) -> None:
    if pid == os.getpid():  # a forked child leaves its parent's alone
        client.close()


def _left(deadline: float | None) -> float | None:
    """Seconds until the deadline; TimeoutError once it has passed."""
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def client_options(settings: Settings) -> dict[str, Any]:
    """What httpx's clients are made with."""
    tls = settings.credentials
    return {
        "verify": True if tls is None else tls.ssl_context(),
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=64),
        "follow_redirects": False,
    }


def to_request(call: Call[Any], settings: Settings, headers: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of ``httpx.stream`` for a call."""
    check_headers(headers)
    body = call.body
    sent = dict(headers)
    if body is not None:
        sent = {"content-type": "application/json"} | sent
        if settings.compression and len(body) <= _MAX_INFLATED:
            body = gzip.compress(body, compresslevel=1)
            sent["content-encoding"] = "gzip"
    request: dict[str, Any] = {
        "method": "GET" if body is None else "POST",
        "url": settings.target.address + call.path,
        "content": body,
        "headers": sent,
    }
    tls = settings.credentials
    if tls is not None and tls.server_name is not None:
        request["extensions"] = {"sni_hostname": tls.server_name}
    return request


def retry_policy(call: Call[Any], settings: Settings, timeout: float | None) -> dict[str, Any]:
    """The arguments of tenacity's drivers: on Unavailable, with backoff and jitter."""
    stop: Any = tenacity.stop_after_attempt(MAX_ATTEMPTS if call.safe else settings.retries + 1)
    if timeout is not None:
        stop = stop | tenacity.stop_before_delay(timeout)
    return {
        "retry": tenacity.retry_if_exception_type(Unavailable),
        "wait": tenacity.wait_random_exponential(multiplier=0.1, max=2),
        "stop": stop,
        "reraise": True,
    }


# What httpx raises; RuntimeError says that close() came in between.
FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, UnicodeError, TimeoutError, RuntimeError)


def to_error(
    error: Exception, settings: Settings, call: Call[Any], *, closed: bool = False
) -> TFSError:
    """The error for a call that got no answer."""
    target = settings.target
    where: dict[str, Any] = {"model": call.model, "signature": call.signature}
    reason = str(error) or type(error).__name__
    if closed or isinstance(error, RuntimeError):
        return Cancelled(f"the client was closed: {reason}", **where)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return DeadlineExceeded(f"{target} did not answer in time", **where)
    if isinstance(error, httpx.DecodingError):
        return DecodeError(f"{target} answered with a broken compression: {reason}", **where)
    if isinstance(
        error,
        httpx.InvalidURL | UnicodeError | httpx.UnsupportedProtocol | httpx.LocalProtocolError,
    ):
        return InvalidInput(f"{target} cannot be asked this way: {reason}", **where)
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        text = f"{target} cannot be reached: {reason}"
    else:
        text = f"{target} gave no HTTP answer: {reason}"
    hint = None
    if settings.credentials is not None:
        hint = TLS_HINT
    elif isinstance(error, httpx.RemoteProtocolError):
        hint = (
            f"if {target} is TF Serving's gRPC port (usually 8500), write it without http://; "
            "its REST port is usually 8501"
        )
    return Unavailable(text, hint=hint, **where)


def to_answer(response: httpx.Response, body: bytes, call: Call[Any]) -> bytes:
    """The body of a good answer.

    Raises:
        TFSError: the answer is an error.
    """
    if response.status_code == httpx.codes.OK:
        return body
    raise from_http_status(
        response.status_code,
        _reason(body, response),
        model=call.model,
        signature=call.signature,
    )


def _reason(body: bytes, response: httpx.Response) -> str:
    """TF Serving's own error text where there is one; a gateway may answer anything."""
    try:
        answer = loads(body)
    except TFSError:
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("error"), str) and answer["error"]:
        error: str = answer["error"]
        return error
    text = body[:500].decode("utf-8", "replace").strip()
    return f"HTTP {response.status_code} {response.reason_phrase}" + (f": {text}" if text else "")
