"""The headers of a call: gRPC metadata or HTTP headers, by one rule for both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from tfsclient._calls.options import Token
from tfsclient.errors import InvalidInput, TFSError, Unauthenticated

# What is sent: names in lower case, for gRPC allows no other and HTTP does not care.  Bytes stand
# under names that end in -bin, as gRPC has it.
Sent: TypeAlias = Mapping[str, str | bytes]

_NAME = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"([!-~]([ -~]*[!-~])?)?")

# What the transports write themselves: a second one would break the message.
_OURS = frozenset(
    "connection content-encoding content-length content-type grpc-accept-encoding grpc-encoding "
    "grpc-timeout keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)


def read_headers(headers: object) -> dict[str, str | bytes]:
    """The headers that a user gave, checked, with their names in lower case.

    Raises:
        InvalidInput: they are not a mapping of names to text; the error has the header's name, but
            not its value, which may be a secret.
    """
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise InvalidInput(f"headers must be a dict of text, not {headers!r:.50}")
    read: dict[str, str | bytes] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name.lower()):
            raise InvalidInput(
                f"headers: {name!r} is not a header's name, which has letters, digits and -_. only"
            )
        lower = name.lower()
        if lower in _OURS:
            raise InvalidInput(f"headers: {name!r} is written by the client itself")
        if lower.endswith("-bin"):
            if not isinstance(value, bytes):
                raise InvalidInput(
                    f"headers: the value of {name!r} must be bytes, as its -bin says"
                )
        elif not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InvalidInput(
                f"headers: the value of {name!r} must be printable ASCII text, without spaces "
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
            raise Unauthenticated(f"the token function failed: {error}") from error
    if not isinstance(text, str) or not text or not _VALUE.fullmatch(text):
        what = "the token function must return" if callable(token) else "token must be"
        came = "" if isinstance(text, str) else f", not {_kind(text)}"
        raise InvalidInput(f"{what} printable ASCII text{came}")
    return f"Bearer {text}"


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
