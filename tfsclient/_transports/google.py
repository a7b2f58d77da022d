"""Google's credentials, which google-auth finds and renews."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from tfsclient._calls.profiles.profile import Outgoing
from tfsclient._transports.ownership import process
from tfsclient.errors import InvalidInput, MissingExtra, Unauthenticated, Unavailable, of_type

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_OURS = (".googleapis.com", ".vertexai.goog")
_SECONDS = 30.0  # that one request for a token may take
_HINT = "gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS, or give auth="


def authenticate(address: str, given: Any) -> GoogleToken | None:
    """What authenticates at an address; None where nobody asks for it.

    Args:
        address: where the requests go.
        given: credentials of google-auth's; None for what it finds by Google's own rules (the
            environment, gcloud's login, the account of a machine), which go to Google alone.

    Raises:
        MissingExtra: google-auth is not installed.
        InvalidInput: what was given are none.
    """
    host = address.partition("://")[2].partition("/")[0].partition(":")[0]
    secure = address.startswith(("https://", "grpcs://"))
    if given is None and not (secure and host.endswith(_OURS)):
        return None
    try:
        library: Any = import_module("google.auth.credentials")
    except ImportError as error:
        raise MissingExtra(
            f"Google's credentials need google-auth ({error}): pip install 'tfsclient[vertex]'"
        ) from error
    if given is not None and not hasattr(given, "before_request"):
        raise InvalidInput(f"auth must be credentials of google-auth, not {of_type(given)}")
    return GoogleToken(library.with_scopes_if_required(given, _SCOPES))


class GoogleToken:
    """A token of Google's, renewed before it ends.

    Args:
        credentials: where it comes from; None for what google-auth finds, when it is first needed.
    """

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials
        self._lock = threading.Lock()
        self._pid = process()

    def __call__(self, outgoing: Outgoing) -> Mapping[str, str]:
        """The token, and what else the credentials want to be told, as the project that pays.

        Raises:
            Unauthenticated: there are no credentials, or Google does not renew them.
            Unavailable: Google cannot be asked.
        """
        exceptions: Any = import_module("google.auth.exceptions")
        headers: dict[str, str] = {}
        try:
            with self._alone():
                found = self._found()
                found.before_request(_ask, outgoing.method, outgoing.url, headers)
        except exceptions.TransportError as error:
            raise Unavailable(f"Google cannot be asked for a token: {error}") from error
        except exceptions.GoogleAuthError as error:
            text = str(error).partition("\n")[0]
            raise Unauthenticated(f"no token from Google: {text}", hint=_HINT) from error
        return headers

    def _alone(self) -> threading.Lock:
        if self._pid != process():  # another thread of the parent may have held it
            self._lock, self._pid = threading.Lock(), process()
        return self._lock

    def _found(self) -> Any:
        if self._credentials is None:
            library: Any = import_module("google.auth")
            self._credentials, _ = library.default(scopes=_SCOPES, request=_ask)
        return self._credentials


class _Answer:
    """What google-auth expects of an answer."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data


def _ask(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    **_: Any,
) -> _Answer:
    """Asks for a token: google-auth's own ways to do so need more packages."""
    import httpx

    exceptions: Any = import_module("google.auth.exceptions")
    try:
        answer = httpx.request(
            method, url, content=body, headers=headers, timeout=timeout or _SECONDS
        )
    except httpx.HTTPError as error:
        raise exceptions.TransportError(str(error) or type(error).__name__) from error
    return _Answer(answer.status_code, answer.headers, answer.content)
