"""Where a server is: what users type, taken apart."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tfsclient.errors import InvalidInput

# Schemes that gRPC's own resolvers know.
_GRPC_SCHEMES = ("dns:", "unix:", "unix-abstract:", "ipv4:", "ipv6:", "xds:", "vsock:")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_PASSWORD = re.compile(r"://[^/]*@")  # not for error messages


@dataclass(frozen=True, slots=True)
class Target:
    """A server, or several replicas of one.

    Attributes:
        text: what the user wrote, for errors; without a user's name and password.
        rest: whether to speak REST; else gRPC.
        address: the base URL without a trailing slash, or gRPC's target string.
        tls: whether the scheme asks for TLS.
    """

    text: str
    rest: bool
    address: str
    tls: bool

    def __str__(self) -> str:
        return self.text


def parse(target: str | Sequence[str]) -> Target:
    """Read a target: ``host:port``, a URL, a gRPC name, or a list of replicas' addresses.

    Raises:
        InvalidInput: it names no server; the text shows what would.
    """
    if isinstance(target, str):
        return _parse_one(target)
    replicas = [_parse_one(one) for one in target]
    if not replicas:
        raise InvalidInput("an empty list names no server")
    if len(replicas) == 1:
        return replicas[0]
    return _join(replicas)


def _parse_one(text: str) -> Target:
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme in ("http", "https"):
        shown = _PASSWORD.sub("://...@", text)
        try:
            url = urlsplit(text)
            usable = url.hostname and url.port != 0 and not (url.query or url.fragment)
            usable = usable and not _BLANK.search(text)
        except ValueError:
            usable = False
        if not usable:
            raise InvalidInput(
                f"{shown!r} is no base URL of a server", hint="write it as http://host:8501"
            )
        return Target(shown, rest=True, address=text.rstrip("/"), tls=scheme == "https")
    if scheme in ("grpc", "grpcs"):
        address = text.partition("://")[2].rstrip("/")
        _check_host_port(address, text)
        return Target(text, rest=False, address=address, tls=scheme == "grpcs")
    if text.startswith(_GRPC_SCHEMES):
        return Target(text, rest=False, address=text, tls=False)
    if scheme:
        raise InvalidInput(
            f"{text!r} has an unknown scheme",
            hint="use host:port, grpc://, grpcs://, http://, https://, dns:///, unix: or xds:///",
        )
    _check_host_port(text, text)
    return Target(text, rest=False, address=text, tls=False)


def _check_host_port(address: str, text: str) -> None:
    host, _, port = address.rpartition(":")
    number = int(port) if port.isdecimal() and port.isascii() else 0
    if not host or not 0 < number < 65536 or "/" in host or _BLANK.search(host):
        raise InvalidInput(
            f"{text!r} is no host:port",
            hint="a TF Serving listens for gRPC on port 8500 (localhost:8500) and for REST on 8501 "
            "(http://localhost:8501)",
        )


def _join(replicas: list[Target]) -> Target:
    text = ", ".join(map(str, replicas))
    if any(replica.rest for replica in replicas):
        raise InvalidInput(
            f"several targets work over gRPC only: {text}",
            hint="over REST put a load balancer in front of the replicas",
        )
    families = set()
    for replica in replicas:
        host = replica.address.rpartition(":")[0].strip("[]")
        try:
            families.add(ipaddress.ip_address(host).version)
        except ValueError:
            raise InvalidInput(
                f"several targets must be IP addresses, but {replica} is not",
                hint=f"for replicas behind a name use dns:///{replica.address}",
            ) from None
    if len(families) > 1 or len({replica.tls for replica in replicas}) > 1:
        raise InvalidInput(f"several targets must be alike (IPv4 or IPv6, TLS or not): {text}")
    addresses = ",".join(replica.address for replica in replicas)
    return Target(text, rest=False, address=f"ipv{families.pop()}:{addresses}", tls=replicas[0].tls)
