"""What both HTTP transports share: requests, and what failures and answers mean."""

from __future__ import annotations

import base64
import gzip
import os
import re
import ssl
import zlib
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from tfsclient._calls.call import Request
from tfsclient._calls.headers import Sent
from tfsclient._codec.rest_json import loads
from tfsclient._transports.proxies import proxy_for
from tfsclient._transports.settings import Settings, is_not_tls, unavailable_hint
from tfsclient._transports.target import Target
from tfsclient.errors import (
    Cancelled,
    DeadlineExceeded,
    DecodeError,
    Internal,
    InvalidInput,
    ResourceExhausted,
    TFSError,
    Unavailable,
    from_http_status,
)

_MAX_COMPRESSED = 100 << 20  # bytes of a request; TF Serving reads a larger gzip body as empty
_MAX_ANSWER = 1 << 31  # bytes, as gRPC's; inflated, where somebody on the way compresses

_ERRNO: Final = re.compile(r"^\[Errno \d+\] ")

LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=64)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """How to do TLS with the server; one that trusts nobody where the target is plaintext.

    Raises:
        InvalidInput: a file, or an environment variable that names one, cannot be used.
    """
    tls = settings.credentials
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if tls is None else tls.ssl_context()


def check_http_client(client: object, kind: str) -> None:
    """Refuse what cannot send our calls.

    Args:
        client: the user's.
        kind: what it is to be: "Client" or "AsyncClient".

    Raises:
        InvalidInput: it is something else, or for the other colour.
    """
    enter = {"Client": "__enter__", "AsyncClient": "__aenter__"}[kind]
    usable = callable(getattr(client, "stream", None)) and hasattr(client, enter)
    if not usable or isinstance(client, type):
        raise InvalidInput(f"http_client must be an httpx.{kind}, or httpx2's, not {client!r:.50}")


def proxy_of(settings: Settings) -> httpx.Proxy | None:
    """The proxy that the environment names for the target.

    Raises:
        InvalidInput: it cannot be used.
    """
    proxy = proxy_for(settings.target.address)
    if proxy is None:
        return None
    try:
        if urlsplit(proxy.url).scheme.lower() != "https":
            return httpx.Proxy(proxy.url)
        from tfsclient._transports.tls import TLS

        return httpx.Proxy(proxy.url, ssl_context=TLS().ssl_context())
    except (ValueError, httpx.InvalidURL) as error:
        raise InvalidInput(f"{proxy} cannot be used: {error}") from error


def to_arguments(request: Request, settings: Settings, headers: Sent) -> dict[str, Any]:
    """The arguments of ``httpx.stream`` for a call."""
    body = request.body
    sent: dict[str, Any] = {"accept-encoding": "identity"}
    if body is not None:
        sent["content-type"] = "application/json"
        if settings.compression and len(body) <= _MAX_COMPRESSED:
            body = gzip.compress(body, compresslevel=1)
            sent["content-encoding"] = "gzip"
    arguments: dict[str, Any] = {
        "method": "GET" if body is None else "POST",
        "url": settings.target.address + request.path,
        "content": body,
        "follow_redirects": False,  # inputs and secrets would go along
        "headers": sent | {name: _text(value) for name, value in headers.items()},
    }
    tls = settings.credentials
    if tls is not None and tls.server_name is not None:
        arguments["extensions"] = {"sni_hostname": tls.server_name}
    return arguments


def _text(value: str | bytes) -> str:
    """A header's value; binary ones travel as over gRPC."""
    return value if isinstance(value, str) else base64.b64encode(value).decode()


def to_error(error: Exception, settings: Settings, request: Request, *, closed: bool) -> TFSError:
    """The error for a call that got no answer; every exception of an HTTP client passes here."""
    if isinstance(error, TFSError):
        return error
    target = settings.target
    where: dict[str, Any] = {"model": request.model, "signature": request.signature}
    reason = _said(error)
    if closed:
        return Cancelled(f"the client was closed: {reason}", **where)
    # By name: an http_client of the user's may be httpx's or its successor's.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"TimeoutException", "TimeoutError"}:
        return DeadlineExceeded(f"{target} did not answer in time", **where)
    if kinds & {"InvalidURL", "UnicodeEncodeError", "UnsupportedProtocol", "LocalProtocolError"}:
        return InvalidInput(f"{target} cannot be asked this way: {reason}", **where)
    if kinds & {"ConnectError", "ProxyError"}:
        proxy = proxy_for(target.address) if settings.http_client is None else None
        by = "" if proxy is None else f" through the proxy {proxy}"
        text = f"{target} cannot be reached{by}: {reason}"
    elif kinds & {"TransportError", "OSError"}:
        text = f"{target} gave no HTTP answer: {reason}"
    else:  # it may raise anything
        return Internal(
            f"{target}: the HTTP client raised {type(error).__name__}: {reason}", **where
        )
    plain = settings.credentials is not None and is_not_tls(reason)
    return Unavailable(text, hint=_hint(kinds, settings, plain=plain), **where)


def _said(error: BaseException) -> str:
    """What an exception says; for asyncio's connections what each address failed with."""
    text = _ERRNO.sub("", str(error)) or type(error).__name__
    inner: BaseException | None = error
    while text == "All connection attempts failed" and inner is not None:
        inner = inner.__cause__ or inner.__context__
        numbers = [getattr(e, "errno", None) for e in getattr(inner, "exceptions", (inner,))]
        if found := [os.strerror(number) for number in dict.fromkeys(numbers) if number]:
            return ", ".join(found)
    return text


def _hint(kinds: set[str], settings: Settings, *, plain: bool) -> str:
    target = settings.target
    guess = None
    if settings.credentials is None and kinds & {"RemoteProtocolError", "ReadError"}:
        guess = (
            f"if {target} is TF Serving's gRPC port (usually 8500), write it without http://; "
            "if it expects TLS, write https://"
        )
    return unavailable_hint(settings, guess, plain=plain)


class Body:
    """An answer's body as it arrives, inflated if somebody on the way compressed it.

    Args:
        response: the answer's head.
        target: where it comes from, for errors.
    """

    def __init__(self, response: httpx.Response, target: Target) -> None:
        self._target = target
        self._parts: list[bytes] = []
        self._size = 0
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        self._inflater = None
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif encoding not in ("", "identity"):
            raise DecodeError(f"{target} answered in the encoding {encoding!r}, unasked")

    def add(self, data: bytes) -> None:
        """Take what has arrived.

        Raises:
            DecodeError: it is not what its encoding says.
            ResourceExhausted: the answer is larger than 2 GiB.
        """
        if self._inflater is None:
            self._keep(data)
            return
        try:
            self._keep(self._inflater.decompress(data, _MAX_ANSWER - self._size + 1))
        except zlib.error as error:
            raise DecodeError(
                f"{self._target} answered with a broken compression: {error}"
            ) from error

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > _MAX_ANSWER:
            raise ResourceExhausted(f"{self._target} answered with more than 2 GiB")
        self._parts.append(data)

    def whole(self) -> bytes:
        """All of it.

        Raises:
            DecodeError: the compressed answer ends too early.
        """
        if self._inflater is not None and not self._inflater.eof and self._size:
            raise DecodeError(f"{self._target} answered with a broken compression: it ends early")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


def to_answer(response: httpx.Response, body: bytes, settings: Settings, request: Request) -> bytes:
    """The body of a good answer.

    Raises:
        TFSError: the answer is an error.
    """
    status = response.status_code
    if status == httpx.codes.OK:
        return body
    hint = None
    if response.is_redirect:
        details, hint = _redirect(response, settings.target, request)
    else:
        status, details = _reason(body, response, settings)
        if status in (400, 404) and settings.profile is None:
            hint = _doubled(settings.target)
    error = from_http_status(
        status, details, model=request.model, signature=request.signature, hint=hint
    )
    error.http_status = response.status_code
    if isinstance(error, Unavailable):
        error.hint = unavailable_hint(settings, None)
    raise error


def _doubled(target: Target) -> str | None:
    """What to write where the target may hold the beginning of the path that we add to it."""
    base, here, _ = f"{target.address}/".partition("/v1/")
    if not here:
        return None
    return f"calls go to {target}/v1/models/...: if that is one /v1 too many, write {base}"


def _redirect(response: httpx.Response, target: Target, request: Request) -> tuple[str, str | None]:
    """Where a gateway wants us to go."""
    location = response.headers.get("location", "")
    details = f"HTTP {response.status_code}: {target} redirects to {location[:500] or 'nowhere'}"
    base = location.split("?")[0].removesuffix(request.path)
    if base == location or not base.startswith(("http://", "https://")):
        return details, None
    return details, f"if that is the right server, write {base}"


def _reason(body: bytes, response: httpx.Response, settings: Settings) -> tuple[int, str]:
    """The status that is meant, and the server's own text where there is one.

    A gateway may answer anything.
    """
    status, target = response.status_code, settings.target
    read = None if settings.profile is None else settings.profile.error
    with suppress(Exception):  # the profile's own
        if read is not None and (told := read(status, body)) is not None:
            meant, text = told
            if isinstance(meant, int) and isinstance(text, str):
                return meant, text
    try:
        answer = loads(body)
    except TFSError:
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("error"), str) and answer["error"]:
        return status, answer["error"]
    text = body[:500].decode("utf-8", "replace").strip()
    head = f"{target} answered HTTP {status} {response.reason_phrase}".rstrip()
    return status, head + (f": {text}" if text else "")
