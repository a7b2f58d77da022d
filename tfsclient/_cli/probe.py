"""What listens at an address: found out by talking to it, not by what errors say."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from tfsclient._transports.grpc_proxy import grpc_proxy_for
from tfsclient._transports.proxies import proxy_for
from tfsclient._transports.target import Target
from tfsclient._transports.tls import TLS
from tfsclient.errors import InvalidInput

_SECONDS = 3.0  # that a step may take at most
_ALPN = {True: ["h2"], False: ["http/1.1"], None: ["h2", "http/1.1"]}  # by whether it is HTTP/2

# What a client of HTTP/2 opens with: the preface and an empty SETTINGS frame.
_HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_FRAME_HEAD, _SETTINGS = 9, 4
_GRPC_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")  # the first that is set counts
_LONGEST = 1 << 16  # bytes that are read of an answer
_HTTP1 = b"GET /v1/models/tfsclient-doctor HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"


class Address(NamedTuple):
    """Where to connect to, and how many seconds a step of talking to it may take."""

    host: str
    port: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if ":" not in self.host else f"[{self.host}]:{self.port}"


def address_of(target: Target, timeout: float = _SECONDS) -> Address | None:
    """Where a target is; None where only gRPC can tell, as for sockets and several replicas."""
    seconds = min(_SECONDS, timeout)
    if target.rest:
        url = urlsplit(target.address)
        return Address(url.hostname or "", url.port or (443 if target.tls else 80), seconds)
    scheme, colon, rest = target.address.partition(":")
    if colon and scheme in ("dns", "ipv4", "ipv6"):
        place = rest.rpartition("/")[2]
    elif colon and not rest.isdecimal() and not target.address.startswith("["):
        return None
    else:
        place = target.address
    host, _, port = place.rpartition(":")
    return Address(host.strip("[]"), int(port), seconds) if host and port.isdecimal() else None


def connect(
    address: Address, *, tls: ssl.SSLContext | None = None, name: str | None = None
) -> socket.socket:
    """A connection; OSError (ssl.SSLError is one) where there can be none.

    Args:
        address: where to.
        tls: how to do TLS; None for plaintext.
        name: the name in the server's certificate; None if it is the address's host.
    """
    plain = socket.create_connection(address[:2], address.seconds)
    if tls is None:
        return plain
    try:
        return tls.wrap_socket(plain, server_hostname=name or address.host)
    except OSError:
        plain.close()
        raise


def offers_tls(address: Address) -> bool:
    """Whether a TLS handshake gets anywhere; certificates do not matter."""
    try:
        connect(address, tls=_any_certificate(http2=None)).close()
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")  # only who speaks TLS says no in TLS
    except OSError:
        return False
    return True


def why_not_trusted(address: Address, *, http2: bool, tls: TLS) -> str | None:
    """What is wrong with the server's certificate; None where nothing is.

    Raises:
        InvalidInput: a file of ``tls``, or one that the environment names, cannot be used.
    """
    try:
        connect(address, tls=_checking(http2=http2, tls=tls), name=tls.server_name).close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError as error:
        return None if _is_about_ours(error) else str(error)
    return None


def why_not_known(address: Address, *, http2: bool, tls: TLS) -> str | None:
    """What the server says against our certificate, or its absence; None where it takes us.

    Raises:
        InvalidInput: as :func:`why_not_trusted`.
    """
    try:
        context = _checking(http2=http2, tls=tls)
        with connect(address, tls=context, name=tls.server_name) as connection:
            # With TLS 1.3 the server's no comes after the handshake.
            connection.sendall(_HTTP2 if http2 else _HTTP1 % str(address).encode("idna"))
            answer = _receive(connection, _FRAME_HEAD if http2 else _LONGEST)
    except (OSError, UnicodeError) as error:
        return str(error) if _is_about_ours(error) else None
    return None if answer else "it says nothing after the TLS handshake"


def _is_about_ours(error: Exception) -> bool:
    """Whether it is a server's alert about its client's certificate."""
    reason = (isinstance(error, ssl.SSLError) and error.reason) or ""
    return "ALERT" in reason and ("CERT" in reason or "HANDSHAKE_FAILURE" in reason)


def _checking(*, http2: bool, tls: TLS) -> ssl.SSLContext:
    """How the client itself does TLS."""
    roots = os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
    if http2 and tls.ca is None and roots:
        tls = replace(tls, ca=roots)
    if http2 and tls.ca is None:  # gRPC brings authorities of its own
        context = _public_authorities()
        if tls.cert is not None:
            context.load_cert_chain(tls.cert, tls.key)
    else:
        context = tls.ssl_context()
    context.set_alpn_protocols(_ALPN[http2])
    return context


def _public_authorities() -> ssl.SSLContext:
    try:
        import httpx
    except ImportError:
        return ssl.create_default_context()
    return httpx.create_ssl_context(trust_env=False)


def speaks(address: Address, *, http2: bool, tls: bool) -> bool:
    """Whether HTTP/2 (as gRPC needs it), or else HTTP/1, is spoken there."""
    try:
        context = _any_certificate(http2=http2) if tls else None
        with connect(address, tls=context) as connection:
            connection.sendall(_HTTP2 if http2 else _HTTP1 % str(address).encode("idna"))
            # HTTP/1 is read to its end: some servers log an error if nobody wants the rest.
            answer = _receive(connection, _FRAME_HEAD if http2 else _LONGEST)
    except (OSError, UnicodeError):
        return False
    if not http2:
        return answer.startswith(b"HTTP/1")
    return len(answer) >= _FRAME_HEAD and answer[3] == _SETTINGS and not any(answer[5:9])


def says_nothing(address: Address) -> bool:
    """Whether what listens there lets a request wait, without a byte or closing the connection."""
    try:
        with connect(address) as connection:
            connection.sendall(_HTTP1 % str(address).encode("idna"))
            connection.recv(1)
    except TimeoutError:
        return True
    except (OSError, UnicodeError):
        pass
    return False


def _receive(connection: socket.socket, most: int) -> bytes:
    """What comes until the other side closes or waits, or ``most`` bytes."""
    received = b""
    with suppress(TimeoutError):
        while len(received) < most and (more := connection.recv(most - len(received))):
            received += more
    return received


def _any_certificate(*, http2: bool | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(_ALPN[http2])
    return context


def proxy_of(target: Target) -> str | None:
    """The setting in the environment that sends this target's calls through a proxy, if one does.

    gRPC and HTTP clients do not read the same variables.
    """
    if target.rest:
        try:
            proxy = proxy_for(target.address)
        except InvalidInput:  # it cannot be used, which is told elsewhere
            return None
        return None if proxy is None else str(proxy)
    proxy = grpc_proxy_for(target.address)
    if proxy is None or not proxy.url.startswith("http://"):
        return None  # gRPC knows no other kind
    address = address_of(target)
    exempt = _first_set("no_grpc_proxy", "no_proxy")
    entries = "" if exempt is None else os.environ[exempt]
    host = address.host if address else ""
    if any(_is_within(host, entry.strip()) for entry in entries.split(",") if entry.strip()):
        return None
    return str(proxy) if _first_set(*_GRPC_PROXIES) == proxy.variable else None


def _first_set(*names: str) -> str | None:
    return next((name for name in names if name in os.environ), None)


def _is_within(host: str, entry: str) -> bool:
    """Whether gRPC takes a host for one of ``no_proxy``: a name, an ending, or a network."""
    if host.lower().endswith(entry.lower()):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
