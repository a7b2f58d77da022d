"""What both HTTP transports share: requests, retries, and what failures and answers mean."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any, Final

import httpx
import tenacity

from tfsclient._calls.call import Request
from tfsclient._codec.rest_json import loads
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


def client_options(settings: Settings) -> dict[str, Any]:
    """What httpx's clients are made with."""
    tls = settings.credentials
    return {
        "verify": True if tls is None else tls.ssl_context(),
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=64),
        "follow_redirects": False,
    }


def to_arguments(
    request: Request, settings: Settings, headers: Mapping[str, str]
) -> dict[str, Any]:
    """The arguments of ``httpx.stream`` for a call."""
    check_headers(headers)
    body = request.body
    sent = dict(headers)
    if body is not None:
        sent = {"content-type": "application/json"} | sent
        if settings.compression and len(body) <= _MAX_INFLATED:
            body = gzip.compress(body, compresslevel=1)
            sent["content-encoding"] = "gzip"
    arguments: dict[str, Any] = {
        "method": "GET" if body is None else "POST",
        "url": settings.target.address + request.path,
        "content": body,
        "headers": sent,
    }
    tls = settings.credentials
    if tls is not None and tls.server_name is not None:
        arguments["extensions"] = {"sni_hostname": tls.server_name}
    return arguments


def retry_policy(
    request: Request, settings: Settings, timeout: float | None, failed: list[TFSError]
) -> dict[str, Any]:
    """The arguments of tenacity's drivers: on Unavailable, with backoff and jitter.

    Args:
        request: the call.
        settings: what the user set.
        timeout: seconds for all attempts; None for no limit.
        failed: is given the errors of the attempts that others follow.
    """

    def note(state: tenacity.RetryCallState) -> None:
        error = None if state.outcome is None else state.outcome.exception()
        if isinstance(error, TFSError):
            failed.append(error)

    stop: Any = tenacity.stop_after_attempt(MAX_ATTEMPTS if request.safe else settings.retries + 1)
    if timeout is not None:
        stop = stop | tenacity.stop_before_delay(timeout)
    return {
        "retry": tenacity.retry_if_exception_type(Unavailable),
        "wait": tenacity.wait_random_exponential(multiplier=0.1, max=2),
        "stop": stop,
        "before_sleep": note,
        "reraise": True,
    }


# What httpx raises; RuntimeError says that close() came in between.
FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, UnicodeError, TimeoutError, RuntimeError)


def to_error(
    error: Exception, settings: Settings, request: Request, *, closed: bool = False
) -> TFSError:
    """The error for a call that got no answer."""
    target = settings.target
    where: dict[str, Any] = {"model": request.model, "signature": request.signature}
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
    hint: str | None = None
    if settings.credentials is not None:
        hint = TLS_HINT
    elif isinstance(error, httpx.RemoteProtocolError):
        hint = (
            f"if {target} is TF Serving's gRPC port (usually 8500), write it without http://; "
            "its REST port is usually 8501"
        )
    return Unavailable(text, hint=hint, **where)


def to_answer(response: httpx.Response, body: bytes, request: Request) -> bytes:
    """The body of a good answer.

    Raises:
        TFSError: the answer is an error.
    """
    if response.status_code == httpx.codes.OK:
        return body
    raise from_http_status(
        response.status_code,
        _reason(body, response),
        model=request.model,
        signature=request.signature,
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
