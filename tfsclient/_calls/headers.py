"""The headers of a call: gRPC metadata or HTTP headers, by one rule for both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from tfsclient._calls.options import Token
from tfsclient.errors import InvalidInput, TFSError, Unauthenticated, of_type

# What is sent: names in lower case, for gRPC allows no other and HTTP does not care.  Bytes stand
# under names that end in -bin, as gRPC has it.
Sent: TypeAlias = Mapping[str, str | bytes]

_NAME = re.compile(r"[0-9a-z_.-]+")
_SECRET = re.compile(r"[\s+/=]|.{40}")  # what the values of headers have, and their names do not
_VALUE = re.compile(r"([!-~]([ -~]*[!-~])?)?")

# What the transports write themselves: a second one would break the message.
_OURS = frozenset(
    "connection content-encoding content-length content-type grpc-accept-encoding grpc-encoding "
    "grpc-timeout keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)


def read_headers(headers: object, what: str = "headers") -> dict[str, str | bytes]:
    """The headers that a user gave, checked, with their names in lower case.

    Args:
        headers: what was given.
        what: how errors call it.

    Raises:
        InvalidInput: they are not a mapping of names to text; the error has the header's name, but
            not its value, which may be a secret.
    """
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise InvalidInput(f"{what} must be a dict of text, not {kind_of(headers)}")
    read: dict[str, str | bytes] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name.lower()):
            raise InvalidInput(
                f"{what}: {_shown(name)} is not a header's name, which has letters, digits and "
                "-_. only"
            )
        lower = name.lower()
        if lower in _OURS:
            raise InvalidInput(f"{what}: {name!r} is written by the client itself")
        if lower.endswith("-bin"):
            if not isinstance(value, bytes):
                raise InvalidInput(f"{what}: the value of {name!r} must be bytes, as its -bin says")
        elif not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InvalidInput(
                f"{what}: the value of {name!r} must be printable ASCII text, without spaces "
                "around it"
            )
        read[lower] = value
    return read


def read_token(token: Token) -> str:
    """The value of the authorization header for a token, or for what a function gives.

    Raises:
        InvalidInput: it is not printable ASCII text; the error does not show it.
        Unauthenticated: the function failed.
    """
    text: object = token
    if callable(token):
        try:
            text = token()
        except TFSError:
            raise
        except Exception as error:
            # Only its kind is said: the text of a KeyError, say, may be the secret itself.
            raise Unauthenticated(f"the token function raised {type(error).__name__}") from error
    if not isinstance(text, str) or not text or not _VALUE.fullmatch(text):
        what = "the token function must return" if callable(token) else "token must be"
        came = "" if isinstance(text, str) else f", not {kind_of(text)}"
        raise InvalidInput(f"{what} printable ASCII text{came}")
    return f"Bearer {text}"


def _shown(name: object) -> str:
    """What was given as a name, unless it may be a value: the two may have been swapped."""
    if not isinstance(name, str):
        return kind_of(name)
    return "a text that may be a secret" if _SECRET.search(name) else repr(name)


def kind_of(value: object) -> str:
    """What a value is, for errors about what may be a secret."""
    return "None" if value is None else of_type(value)
