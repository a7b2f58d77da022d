"""What in the environment keeps calls from a server, or would keep others."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tfsclient._transports.proxies import proxy_for
from tfsclient._transports.target import Target
from tfsclient.errors import InvalidInput

# Variables with paths: what they hold, and whether REST or gRPC reads them, over TLS.
_PATHS = {
    "SSL_CERT_FILE": ("a file of certificate authorities", True),
    "SSL_CERT_DIR": ("a folder of certificate authorities", True),
    "SSLKEYLOGFILE": ("a file in a folder that is there", True),
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": ("a file of certificate authorities", False),
}
_OURS = ("TFSCLIENT_CA", "TFSCLIENT_CERT", "TFSCLIENT_KEY")
_HOST = re.compile(r"[*.]{0,2}[\w.-]+|\*")


@dataclass(frozen=True, slots=True)
class Trap:
    """A setting that is broken or has no effect.

    Attributes:
        text: it, in plain words.
        remedy: what to do.
        matters: whether it is in the way of this target.
    """

    text: str
    remedy: str
    matters: bool


def traps(target: Target) -> Iterator[Trap]:
    """The settings that are broken or have no effect, whether for this target or for others."""
    yield from _paths(target)
    yield from _proxies(target)
    if not target.tls:
        for name in _OURS:
            if os.environ.get(name):
                yield Trap(
                    f"{name} is set, and not used: the target is not grpcs:// or https://",
                    "write the target with its scheme if the server speaks TLS",
                    matters=False,
                )


def _paths(target: Target) -> Iterator[Trap]:
    for name, (what, rest) in _PATHS.items():
        value = os.environ.get(name)
        if not value or _is_there(name, value):
            continue
        # A context of Python's looks at SSL_CERT_DIR only where SSL_CERT_FILE is not set.
        used = target.tls and target.rest == rest
        yield Trap(
            f"{name}={value} is not {what}, which {'REST' if rest else 'gRPC'} over TLS reads",
            f"correct or unset {name}",
            matters=used and not (name == "SSL_CERT_DIR" and bool(os.environ.get("SSL_CERT_FILE"))),
        )


def _is_there(name: str, value: str) -> bool:
    path = Path(value)
    try:
        if name == "SSLKEYLOGFILE":
            return path.absolute().parent.is_dir() and not path.is_dir()
        return path.is_dir() if name.endswith("_DIR") else path.is_file()
    except (OSError, ValueError):
        return False


def _proxies(target: Target) -> Iterator[Trap]:
    # What REST would go through is looked at for gRPC's sake, too: the user may try both.
    url = target.address if target.rest else "http://tfsclient-doctor.invalid"
    try:
        proxy_for(url)
    except InvalidInput as error:
        yield Trap(
            str(error).partition("\n")[0],
            error.hint or "correct or unset the variable",
            matters=target.rest,
        )
    for name in ("NO_PROXY", "no_proxy", "no_grpc_proxy"):
        for entry in re.split(r"[,\s]+", os.environ.get(name, "")):
            if entry and not _is_entry(entry):
                yield Trap(
                    f"{name} has an entry that means nothing and is passed over: {entry}",
                    "write names, addresses, networks such as 10.0.0.0/8, or *",
                    matters=False,
                )


def _is_entry(entry: str) -> bool:
    """Whether an entry of NO_PROXY names a host, an address or a network; a port may follow."""
    bare = entry.rpartition("://")[2].rstrip("/")
    for text in (bare, bare.replace("[", "").replace("]", ""), bare.rpartition(":")[0].strip("[]")):
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue
        return True
    return re.fullmatch(rf"(?:{_HOST.pattern})(?::\d{{1,5}})?", bare) is not None
