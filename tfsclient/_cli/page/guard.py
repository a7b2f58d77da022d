"""Who may ask: loopback alone is no protection, for every web page may send requests to it.

A page elsewhere that resolves its own name to 127.0.0.1 is refused by the Host that it then sends;
one that sends forms or fetches to us by the Origin, the content type and the token that it lacks.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

import anyio
import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST: Final = 64 << 20  # bytes of a request
HEADER: Final = "x-tfsclient-token"
_SLOWEST: Final = 30.0  # seconds between two parts of a request

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?")


class Refused(Exception):
    """A request that is not answered.

    Attributes:
        status: the HTTP status.
        why: what is wrong with it.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Guard:
    """Lets through what our own page asks, and gives every answer the headers that keep it safe.

    Args:
        app: what answers.
        token: what the page's address holds; each call of the API sends it in a header.
        hosts: names that a request may be addressed to, besides loopback's.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)
        # Cookies are sent to every port of a host.  This one opens the page, but calls nothing.
        self._pass = hmac.new(self._token, b"page", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        api = scope["path"].startswith("/api/")
        cookie = None

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(raw=message.setdefault("headers", []))
                out.update(_HEADERS)
                out["cache-control"] = "no-store" if api else "no-cache"
                if cookie is not None:
                    out["set-cookie"] = cookie
            await send(message)

        try:
            self._check_host(headers, scope)
            _check_origin(headers)
            if api:
                self._check_token(headers)
                _check_body(headers, scope)
            else:
                cookie = self._enter(headers, scope)
        except Refused as refused:
            await _refuse(guarded, refused, api=api)
            return
        await self._app(scope, _bounded(receive), guarded)

    def _check_host(self, headers: Headers, scope: Scope) -> None:
        match = _HOST.fullmatch(headers.get("host", ""))
        name = match[1].strip("[]").lower().rstrip(".") if match else ""
        if name == "localhost" or name in self._hosts:
            return
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            pass
        else:
            # The address that the request came to cannot be another page's name.
            if address.is_loopback or str(address) == (scope.get("server") or ("",))[0]:
                return
        raise Refused(403, "this address is not one of this page's: use the one that was printed")

    def _check_token(self, headers: Headers) -> None:
        given = headers.get(HEADER, "").encode("latin-1")
        if not secrets.compare_digest(given, self._token):
            raise Refused(401, "the token is missing or is another page's: use the printed address")

    def _enter(self, headers: Headers, scope: Scope) -> str | None:
        """The cookie to set; None if there is one already.

        Raises:
            Refused: there is neither token nor cookie, or it is not read but written to.
        """
        if scope["method"] not in ("GET", "HEAD"):
            raise Refused(405, "only the page's own requests are answered here")
        name = f"tfsclient-{(scope.get('server') or ('', 0))[1]}"
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if secrets.compare_digest(given.encode(), self._token):
            return f"{name}={self._pass}; HttpOnly; SameSite=Lax; Path=/"
        jar = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            jar.clear()
        held = jar[name].value if name in jar else ""
        if not secrets.compare_digest(held.encode(), self._pass.encode()):
            raise Refused(403, "open the address that the command printed: it ends in ?token=...")
        return None


def _check_origin(headers: Headers) -> None:
    origin, host = headers.get("origin"), headers.get("host", "").lower()
    if origin is not None:
        # The scheme may be that of a proxy of the user's; the host is the one they typed.
        own = origin.lower() in (f"http://{host}", f"https://{host}")
    else:
        # Links to the page may be followed from anywhere; nothing else may be asked from there.
        site = headers.get("sec-fetch-site", "none")
        own = site in ("none", "same-origin") or headers.get("sec-fetch-mode") == "navigate"
    if not own:
        raise Refused(403, "this request comes from another page")


def _check_body(headers: Headers, scope: Scope) -> None:
    if scope["method"] != "POST":
        return
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # the only type that makes a browser ask before it is sent
        raise Refused(415, "a body must be application/json")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST:
        raise too_large()


def too_large() -> Refused:
    """The refusal of a request that is too large."""
    return Refused(413, f"the inputs are larger than {LARGEST >> 20} MiB, which is too much here")


def _bounded(receive: Receive) -> Receive:
    """What is received, as long as it comes and is not too much."""
    taken = 0
    over = False

    async def bounded() -> Message:
        nonlocal taken, over
        try:
            # After a body comes only that nobody waits any more, which may take its time.
            with anyio.fail_after(None if over else _SLOWEST):
                message = await receive()
        except TimeoutError:
            raise Refused(408, f"nothing came for {_SLOWEST:g} s: send it again") from None
        over = not message.get("more_body", False)
        taken += len(message.get("body", b""))
        if taken > LARGEST:
            raise too_large()
        return message

    return bounded


async def _refuse(send: Send, refused: Refused, *, api: bool) -> None:
    kind = b"application/json" if api else b"text/plain; charset=utf-8"
    error = {"error": {"code": None, "details": refused.why, "hint": None}}
    body = orjson.dumps(error) if api else f"{refused.why}\n".encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
