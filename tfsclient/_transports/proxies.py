"""Which HTTP proxy the environment names for a target, decided once and for all."""

from __future__ import annotations

import ipaddress
import os
import re
from contextlib import suppress
from importlib.util import find_spec
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from tfsclient.errors import InvalidInput

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PASSWORD = re.compile(r"//[^/@]*@")  # not for error messages


class ProxyAddress(NamedTuple):
    """A proxy that the environment names.

    Attributes:
        url: where it is.
        variable: the environment variable that says so, for errors.
    """

    url: str
    variable: str

    def __str__(self) -> str:
        return f"{self.variable}={_PASSWORD.sub('//...@', self.url)}"


def proxy_for(url: str) -> ProxyAddress | None:
    """The proxy for a target; None to connect to it directly.

    ``HTTP_PROXY`` or ``HTTPS_PROXY`` by the target's scheme, else ``ALL_PROXY``, in either case;
    unless ``NO_PROXY`` has the host: names with their subdomains, addresses, networks and ports, or
    ``*`` for all.  Entries that cannot be read are passed over.

    Raises:
        InvalidInput: the variable does not hold a proxy that can be used.
    """
    target = urlsplit(url)
    proxies = getproxies()
    scheme = next((s for s in (target.scheme, "all") if proxies.get(s)), None)
    if scheme is None or excluded(proxies.get("no", ""), target.hostname or "", _port(url)):
        return None
    value = proxies[scheme]
    proxy = ProxyAddress(value if "://" in value else f"http://{value}", _variable(scheme))
    _check(proxy)
    return proxy


def _variable(scheme: str) -> str:
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name)), "the system's proxy")


def _check(proxy: ProxyAddress) -> None:
    scheme, usable = "", False
    with suppress(ValueError):
        parts = urlsplit(proxy.url)
        scheme = parts.scheme.lower()
        usable = bool(parts.hostname) and parts.port != 0
    if not usable or not proxy.url.isascii() or re.search(r"[\s\x00-\x1f]", proxy.url):
        raise InvalidInput(f"{proxy} is not the URL of a proxy")
    if scheme not in _SCHEMES:
        raise InvalidInput(
            f"{proxy} cannot be used: REST goes through proxies of {', '.join(_SCHEMES)}",
            hint="put the server's host into NO_PROXY to connect directly",
        )
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise InvalidInput(
            f"{proxy} needs the package socksio, which is not installed",
            hint="pip install socksio, or put the server's host into NO_PROXY",
        )


def _port(url: str) -> int:
    target = urlsplit(url)
    return target.port or {"https": 443}.get(target.scheme, 80)


def excluded(no_proxy: str, host: str, port: int) -> bool:
    """Whether a host is to be connected to directly."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for entry in re.split(r"[,\s]+", no_proxy.lower()):
        name, wanted_port = split_port(entry.rpartition("://")[2].rstrip("/"))
        if wanted_port not in (None, port):
            continue
        if name == "*" or (name and name == host):
            return True
        if address is not None:
            if _contains(entry.rpartition("://")[2], name, address):
                return True
        elif name.strip("*.") and host.endswith("." + name.lstrip("*").lstrip(".")):
            return True
    return False


def split_port(entry: str) -> tuple[str, int | None]:
    """The name or address of an entry, and its port if it has one."""
    match = re.fullmatch(r"\[([^\]]*)\](?::(\d{1,5}))?|([^:]*)(?::(\d{1,5}))?", entry)
    if match is None:
        return entry, None  # an IPv6 address, or what cannot be read
    port = match[2] or match[4]
    return match[1] or match[3] or "", int(port) if port else None


def _contains(
    entry: str, name: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> bool:
    for text in (name, entry.replace("[", "").replace("]", "")):
        try:
            return address in ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue
    return False
