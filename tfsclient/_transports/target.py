"""Where a server is: what users type, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from tfsclient.errors import InvalidInput

if TYPE_CHECKING:
    from tfsclient._transports.clouds import Place

# Schemes that gRPC's own resolvers know, each with what is to follow it.
_GRPC_SCHEMES = {
    "dns": (r"(//[^/@]*/)?[^/,@]+", "dns:///name:8500"),
    "unix": (r"(//)?/(?!/).+|[^/].*", "unix:path or unix:///absolute/path"),
    "unix-abstract": (r".+", "unix-abstract:name"),
    "ipv4": (r"[0-9.]+(:\d+)?(,[0-9.]+(:\d+)?)*", "ipv4:10.0.0.1:8500,10.0.0.2:8500"),
    "ipv6": (r"(\[[^\]]+\]:\d+|[0-9a-f:%]+)(,.+)*", "ipv6:[::1]:8500"),
    "xds": (r"//[^/@]*/.+", "xds:///name"),
    "vsock": (r"\d+:\d+", "vsock:cid:port"),
}
_IPV6 = re.compile(r"[0-9a-fA-F:.]+(%.+)?")  # without brackets
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_USERINFO = r"://[^/]*@"  # not for error messages
_PORTS = (
    "TF Serving usually listens for gRPC on port 8500 (localhost:8500) and for REST on 8501 "
    "(http://localhost:8501)"
)
_NO_USERS = "gRPC targets have no user and password: send them with headers="


class Target(NamedTuple):
    """A server, or several replicas of one.

    Attributes:
        text: what the user wrote, for errors; without a user's name and password.
        rest: whether to speak REST; else gRPC.
        address: the base URL without a trailing slash and without a user's name and password, or
            gRPC's target string.
        tls: whether the scheme asks for TLS.
        profile: the server that the scheme stands for, by its profile's name; None for none.
        endpoint: what a cloud calls it in messages over gRPC; None elsewhere.
        user: the name and the password in a URL; None for none.
    """

    text: str
    rest: bool
    address: str
    tls: bool
    profile: str | None = None
    endpoint: str | None = None
    user: tuple[str, str] | None = None

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Target({self.text!r})"  # without the password


def parse(target: object) -> Target:
    """Read a target: ``host:port``, a URL, a gRPC name, or a list of replicas' addresses.

    Raises:
        InvalidInput: it is not the address of a server; the error shows how to write one.
    """
    if isinstance(target, str):
        return _parse_one(target)
    if isinstance(target, bytes) or not isinstance(target, Iterable):
        raise InvalidInput(f"target must be text or a list of it, not {target!r:.50}", hint=_PORTS)
    given = list(target)
    for one in given:
        if not isinstance(one, str):
            raise InvalidInput(f"every target must be text, not {one!r:.50}")
    if not given:
        raise InvalidInput("target is an empty list", hint=_PORTS)
    replicas = [_parse_one(one) for one in given]
    return replicas[0] if len(replicas) == 1 else _join(replicas)


def _parse_one(text: str) -> Target:
    scheme, colon, rest = text.partition("://")
    scheme = scheme.lower() if colon else ""
    if scheme in ("http", "https"):
        return _parse_url(text, scheme)
    place = _in_cloud(scheme, rest) if scheme else None
    if place is not None:
        return Target(
            text,
            rest=place.endpoint is None,
            address=place.address,
            tls=True,
            profile=place.profile,
            endpoint=place.endpoint,
        )
    shown = _without_password(text)
    if _BLANK.search(text) and not text.startswith("unix"):
        raise InvalidInput(f"target {shown!r} contains spaces or control characters")
    if scheme in ("grpc", "grpcs"):
        address = rest.rstrip("/")
        _check_host_port(address, shown)
        return Target(text, rest=False, address=address, tls=scheme == "grpcs")
    name, colon, rest = text.partition(":")
    if colon and name in _GRPC_SCHEMES:
        wanted, spelling = _GRPC_SCHEMES[name]
        if not re.fullmatch(wanted, rest):
            bare = rest.lstrip("/")
            near = f"write {name}:///{bare}" if name in ("dns", "xds") and bare else None
            near = f"write unix:{bare} or unix:///{bare}" if name == "unix" and bare else near
            raise InvalidInput(
                f"target {shown!r} is not of the form {spelling}",
                hint=near if shown == text else _NO_USERS,
            )
        return Target(text, rest=False, address=text, tls=False)
    if scheme:
        raise InvalidInput(
            f"target {shown!r} has an unknown scheme",
            hint="use host:port, grpc://, grpcs://, http://, https://, dns:///, unix:, xds:///, "
            "sagemaker:// or vertex://",
        )
    _check_host_port(text, shown)
    return Target(text, rest=False, address=text, tls=False)


def _in_cloud(scheme: str, rest: str) -> Place | None:
    from tfsclient._transports.clouds import CLOUDS, place_of

    return place_of(scheme, rest) if scheme in CLOUDS else None


def _parse_url(text: str, scheme: str) -> Target:
    from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit  # which gRPC does without

    shown = re.sub(_USERINFO, "://...@", text)
    url: SplitResult | None = None
    with suppress(ValueError):
        split = urlsplit(text)
        if split.hostname and split.port != 0 and not (split.query or split.fragment):
            url = split
    if url is None or _BLANK.search(text):
        raise InvalidInput(
            f"target {_without_password(text)!r} is not the base URL of a server",
            hint="write it as http://host:8501",
        )
    # Apart from the address: an HTTP client would send and log what stands there, whatever else is
    # to authenticate the calls.
    userinfo, at, place = url.netloc.rpartition("@")
    name, _, password = userinfo.partition(":")
    address = urlunsplit(url._replace(netloc=place)) if at else text
    return Target(
        shown,
        rest=True,
        address=address.rstrip("/"),
        tls=scheme == "https",
        user=(unquote(name), unquote(password)) if userinfo else None,
    )


def _without_password(text: str) -> str:
    """A target that is refused, as errors show it; where a password ends may not be clear."""
    scheme, colon, rest = text.partition("://")
    scheme, rest = (scheme, rest) if colon else ("", text)
    if "@" not in rest or text.startswith("unix"):  # which may be in the name of a file
        return text
    return f"{scheme}{colon}...@{rest.rpartition('@')[2]}"


def _check_host_port(address: str, text: str) -> None:
    if "@" in address:
        raise InvalidInput(f"target {text!r} is not host:port", hint=_NO_USERS)
    host, _, port = address.rpartition(":")
    number = int(port) if port.isdecimal() and port.isascii() and len(port) < 6 else 0
    if "," in address:
        raise InvalidInput(
            f"target {text!r} has a comma in it",
            hint="give several servers as ipv4:10.0.0.1:8500,10.0.0.2:8500, or in Python as a list",
        )
    if ":" in host and _IPV6.fullmatch(host):
        raise InvalidInput(
            f"target {text!r} is not host:port: an IPv6 address stands in brackets",
            hint=f"write [{host}]:{port}" if number else "write it as [::1]:8500",
        )
    named = host and (":" not in host or (host.startswith("[") and host.endswith("]")))
    if not named or not 0 < number < 65536 or "/" in host:
        near = f"write localhost:{port}" if number and not host else _PORTS
        raise InvalidInput(f"target {text!r} is not host:port", hint=near)


def _join(replicas: list[Target]) -> Target:
    text = ", ".join(map(str, replicas))
    if any(replica.rest for replica in replicas):
        raise InvalidInput(
            f"several targets work over gRPC only: {text}",
            hint="over REST put a load balancer in front of the replicas",
        )
    import ipaddress

    families = set()
    for replica in replicas:
        host, _, port = replica.address.rpartition(":")
        try:
            families.add(ipaddress.ip_address(host.strip("[]")).version)
        except ValueError:
            named = port.isdecimal() and host.partition(":")[0] not in _GRPC_SCHEMES
            raise InvalidInput(
                f"several targets must be IP addresses with ports, but {replica} is not",
                hint=f"for replicas behind a name write dns:///{replica.address}"
                if named
                else None,
            ) from None
    if len(families) > 1 or len({replica.tls for replica in replicas}) > 1:
        raise InvalidInput(f"several targets must be alike (IPv4 or IPv6, TLS or not): {text}")
    addresses = ",".join(replica.address for replica in replicas)
    return Target(text, rest=False, address=f"ipv{families.pop()}:{addresses}", tls=replicas[0].tls)
