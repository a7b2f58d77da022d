"""The server's own times, from the page that Prometheus reads.

TF Serving counts and adds up there how long its requests took, for every caller; the difference
between two looks is what happened in between.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

PATH: Final = "/monitoring/prometheus/metrics"  # TF Serving's default
_SAMPLE: Final = re.compile(
    r"^:tensorflow:serving:(request|runtime)_latency_(sum|count)\{(.*)\} (\S+)$", re.MULTILINE
)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_SECONDS = 2.0  # to wait for the page

# Gives the text of the page; None if there is none.
Page = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class ServerTimes:
    """What a server says that its requests took so far.

    Attributes:
        requests: how many were answered.
        request_seconds: what they took, from their arrival to their answer.
        runs: how often the model was run.
        run_seconds: what that took.
    """

    requests: float = 0
    request_seconds: float = 0
    runs: float = 0
    run_seconds: float = 0

    def since(self, before: ServerTimes) -> tuple[float, float | None] | None:
        """Mean seconds a request, and a run of the model, from then to now; None for none."""
        requests, runs = self.requests - before.requests, self.runs - before.runs
        if requests <= 0:
            return None
        run = (self.run_seconds - before.run_seconds) / runs if runs > 0 else None
        return (self.request_seconds - before.request_seconds) / requests, run


def read_times(page: str, model: str, entrypoint: str) -> ServerTimes:
    """The times of a model's requests.

    Args:
        page: in Prometheus' text format.
        model: the model's name.
        entrypoint: "GRPC" or "REST", which are counted apart; the model's runs are not.
    """
    found = dict.fromkeys([("request", "count"), ("request", "sum"), ("runtime", "count")], 0.0)
    for kind, what, text, value in _SAMPLE.findall(page):
        labels = {name: re.sub(r"\\(.)", r"\1", label) for name, label in _LABEL.findall(text)}
        if labels.get("model_name") != model or labels.get("entrypoint", entrypoint) != entrypoint:
            continue
        with suppress(ValueError):
            found[kind, what] = found.get((kind, what), 0.0) + float(value)
    return ServerTimes(
        found["request", "count"],
        found["request", "sum"] / 1e6,
        found["runtime", "count"],
        found.get(("runtime", "sum"), 0.0) / 1e6,
    )


def url_of(target: str) -> str | None:
    """Where the page of a server is: beside its REST, which is on the port after gRPC's.

    So it is with TF Serving's usual ports, 8500 and 8501.  None where a target does not say a port.
    """
    if target.startswith(("http://", "https://")):
        parts = urlsplit(target)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{PATH}"
    rest = rest_beside(target)
    return None if rest is None else rest + PATH


def rest_beside(target: str) -> str | None:
    """The usual REST target of a gRPC target; None where that has no port."""
    scheme, colon, rest = target.rpartition("://")
    host, _, port = rest.rpartition(":")
    if (colon and scheme not in ("grpc", "grpcs")) or not host or not port.isdecimal():
        return None
    if re.match(r"(unix|unix-abstract|dns|ipv4|ipv6|xds|vsock):", rest):
        return None
    return f"{'https' if scheme == 'grpcs' else 'http'}://{host}:{int(port) + 1}"


def grpc_beside(target: str) -> str | None:
    """The usual gRPC target of a REST target; None where that has no port."""
    parts = urlsplit(target)
    if not parts.hostname or not parts.port or parts.path.strip("/"):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{'grpcs://' if parts.scheme == 'https' else ''}{host}:{parts.port - 1}"


def page_at(url: str, headers: Mapping[str, str], trusted: ssl.SSLContext | bool = True) -> Page:
    """Reads the page of a server, and does not ask again where there is none.

    Args:
        url: where it is.
        headers: to send.
        trusted: whom to trust over TLS; True for whom the system does.
    """
    missing = False

    def read() -> str | None:
        nonlocal missing
        if missing:
            return None
        try:
            answer = httpx.get(url, headers=headers, timeout=_SECONDS, verify=trusted)
            if answer.status_code == 200 and ":tensorflow:" in answer.text:
                return answer.text
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            pass
        missing = True
        return None

    return read
