"""Bytes over HTTP: one httpx client, retries within the deadline."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx
import tenacity

from tfsclient.calls import Call
from tfsclient.errors import (
    Cancelled,
    DeadlineExceeded,
    TFSError,
    Unavailable,
    from_http_status,
)
from tfsclient.rest_json import loads
from tfsclient.target import Target

_MAX_ATTEMPTS = 5  # for calls that change nothing; what gRPC's own limit is


class RestTransport:
    """Sends calls over pooled HTTP connections; safe to share between threads.

    A forked child gets connections of its own.
    """

    def __init__(self, target: Target, *, retries: int) -> None:
        self._target = target
        self._retries = retries
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._pid = 0

    def send(self, call: Call[Any], timeout: float | None, headers: Mapping[str, str]) -> Any:
        """Send ``call`` and decode its answer, trying again while the server is unavailable.

        Raises:
            TFSError: of the class that the HTTP status says.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        attempts = _MAX_ATTEMPTS if call.safe else self._retries + 1
        stop: Any = tenacity.stop_after_attempt(attempts)
        if timeout is not None:
            stop = stop | tenacity.stop_before_delay(timeout)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
            stop=stop,
            reraise=True,
        )
        return call.decode(retrying(self._attempt, call, deadline, headers))

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._client is not None and self._pid == os.getpid():
                self._client.close()
            self._client, self._pid = None, 0

    def _http(self) -> httpx.Client:
        with self._lock:
            if self._client is None or self._pid != os.getpid():
                self._client = httpx.Client(
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=64)
                )
                self._pid = os.getpid()
            return self._client

    def _attempt(
        self, call: Call[Any], deadline: float | None, headers: Mapping[str, str]
    ) -> bytes:
        request_headers = {"content-type": "application/json", **headers} if call.body else headers
        try:
            # httpx has a timeout for each step; the deadline for all of them is kept here.
            with self._http().stream(
                "GET" if call.body is None else "POST",
                self._target.address + call.path,
                content=call.body,
                headers=request_headers,
                timeout=_left(deadline),
            ) as response:
                chunks = []
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    _left(deadline)
                body = b"".join(chunks)
        except httpx.TimeoutException as error:
            raise self._late(call) from error
        except httpx.RemoteProtocolError as error:
            raise self._unavailable(
                call,
                f"what answers is no HTTP server ({error})",
                f"if {self._target} is TF Serving's gRPC port (usually 8500), write it without "
                "http://; its REST port is usually 8501",
            ) from error
        except httpx.TransportError as error:
            raise self._unavailable(call, str(error) or type(error).__name__) from error
        except TimeoutError as error:
            raise self._late(call) from error
        except RuntimeError as error:  # httpx says so when close() came in between
            raise Cancelled(f"the client was closed: {error}", model=call.model) from error
        if response.status_code == httpx.codes.OK:
            return body
        raise from_http_status(
            response.status_code,
            _reason(body, response),
            model=call.model,
            signature=call.signature,
        )

    def _unavailable(self, call: Call[Any], why: str, hint: str | None = None) -> TFSError:
        return Unavailable(
            f"{self._target} cannot be reached: {why}",
            model=call.model,
            signature=call.signature,
            hint=hint,
        )

    def _late(self, call: Call[Any]) -> TFSError:
        return DeadlineExceeded(
            f"{self._target} did not answer in time", model=call.model, signature=call.signature
        )


def _left(deadline: float | None) -> float | None:
    """Seconds until the deadline; TimeoutError once it has passed."""
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


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
