"""Bytes over HTTP: pooled connections, retries within the deadline."""

from __future__ import annotations

import asyncio
import gzip
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import tenacity

from tfsclient.calls import Call
from tfsclient.errors import (
    Cancelled,
    DeadlineExceeded,
    InvalidInput,
    TFSError,
    Unavailable,
    from_http_status,
)
from tfsclient.rest_json import loads
from tfsclient.transports.settings import MAX_ATTEMPTS, TLS_HINT, Settings

_MAX_INFLATED = 100 << 20  # bytes; TF Serving reads a larger gzip body as an empty one


class RestTransport:
    """Sends calls over pooled HTTP connections; safe to share between threads.

    A forked child gets connections of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._background: _Background | None = None
        self._pid = 0

    def send(self, call: Call[Any], timeout: float | None, headers: Mapping[str, str]) -> bytes:
        """Send a call and wait for the answer, trying again while the server is unavailable.

        Raises:
            TFSError: of the class that the HTTP status says.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        request = to_request(call, self._settings, headers)
        retrying = tenacity.Retrying(**retry_policy(call, self._settings, timeout))
        answer: bytes = retrying(self._attempt, call, request, deadline)
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
        with self._lock:
            self._forget_parent()
            if self._background is None:
                self._background = _Background(self._settings)
            background = self._background
        return background.start(call, timeout, headers, done)

    def close(self) -> None:
        """Close all connections that are ours."""
        with self._lock:
            if self._pid == os.getpid():
                if self._client is not None and self._settings.http_client is None:
                    self._client.close()
                if self._background is not None:
                    self._background.close()
            self._client, self._background, self._pid = None, None, 0

    def _http(self) -> httpx.Client:
        with self._lock:
            self._forget_parent()
            if self._client is not None:
                return self._client
            client: httpx.Client = self._settings.http_client or httpx.Client(
                **client_options(self._settings)
            )
            self._client = client
            return client

    def _forget_parent(self) -> None:
        """In a forked child, leave the parent's connections alone."""
        if self._pid != os.getpid():
            self._client, self._background, self._pid = None, None, os.getpid()

    def _attempt(self, call: Call[Any], request: dict[str, Any], deadline: float | None) -> bytes:
        try:
            # httpx has a timeout for each step; the deadline for all of them is kept here.
            with self._http().stream(**request, timeout=_left(deadline)) as response:
                chunks = []
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    _left(deadline)
        except (httpx.HTTPError, TimeoutError, RuntimeError) as error:
            raise to_error(error, self._settings, call) from error
        return to_answer(response, b"".join(chunks), call)


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


def to_error(error: Exception, settings: Settings, call: Call[Any]) -> TFSError:
    """The error for a call that got no answer."""
    target = settings.target
    where: dict[str, Any] = {"model": call.model, "signature": call.signature}
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return DeadlineExceeded(f"{target} did not answer in time", **where)
    if isinstance(error, RuntimeError):  # httpx says so when close() came in between
        return Cancelled(f"the client was closed: {error}", **where)
    if isinstance(error, httpx.RemoteProtocolError) and settings.credentials is None:
        return Unavailable(
            f"{target} cannot be reached: what answers is no HTTP server ({error})",
            hint=f"if {target} is TF Serving's gRPC port (usually 8500), write it without "
            "http://; its REST port is usually 8501",
            **where,
        )
    return Unavailable(
        f"{target} cannot be reached: {str(error) or type(error).__name__}",
        hint=None if settings.credentials is None else TLS_HINT,
        **where,
    )


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


class _Background:
    """An event loop on a thread of its own, for futures: only there a call can be cancelled."""

    def __init__(self, settings: Settings) -> None:
        from tfsclient.transports.rest_aio import AsyncRestTransport

        self._transport = AsyncRestTransport(settings)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="tfsclient", daemon=True).start()

    def start(
        self,
        call: Call[Any],
        timeout: float | None,
        headers: Mapping[str, str],
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        async def run() -> None:
            try:
                done(await self._transport.send(call, timeout, headers))
            except TFSError as error:
                done(error)
            except asyncio.CancelledError:
                done(Cancelled("the call was cancelled", model=call.model))
                raise

        return asyncio.run_coroutine_threadsafe(run(), self._loop).cancel

    def close(self) -> None:
        async def stop() -> None:
            current = asyncio.current_task()
            others = [task for task in asyncio.all_tasks() if task is not current]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._transport.close()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
