"""The process of the page: a port that is taken early, a token, a thread that serves."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import threading
from types import TracebackType
from typing import Final

import uvicorn

from tfsclient._cli.page.api import make_app
from tfsclient._cli.page.connections import Connection
from tfsclient._cli.page.servers import Servers
from tfsclient.errors import InvalidInput, Unavailable

_log = logging.getLogger("tfsclient._cli.page")

LOOPBACK: Final = "127.0.0.1"
_ANY: Final = ("", "0.0.0.0", "::")  # noqa: S104
_GRACE: Final = 2  # seconds that calls under way may take when it stops


class Page:
    """The page, served from a thread of its own.

    Args:
        host: the name or address to listen on.
        port: the port; the system chooses one for 0.

    Raises:
        InvalidInput: the host is not this machine's.
        Unavailable: the port is taken.
    """

    def __init__(self, host: str = LOOPBACK, port: int = 0) -> None:
        self._host = host
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._token = secrets.token_urlsafe(24)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """What to open in the browser; it holds the token."""
        return f"{self.origin}/?token={self._token}"

    @property
    def token(self) -> str:
        """What each call of the API sends in the header ``x-tfsclient-token``."""
        return self._token

    @property
    def origin(self) -> str:
        """The address without the token."""
        host = LOOPBACK if self._host in _ANY else self._host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def start(self, servers: Servers) -> None:
        """Serve until :meth:`stop`."""
        config = uvicorn.Config(
            make_app(servers, self._token, () if self._host in _ANY else (self._host,)),
            http=Connection,
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=100,
            timeout_graceful_shutdown=_GRACE,
        )
        self._server = uvicorn.Server(config)
        serving = self._server.serve(sockets=[self._socket])
        self._thread = threading.Thread(
            target=asyncio.run, args=(serving,), name="tfsclient._cli.page", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port; calls under way are given a moment, then cancelled."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_GRACE + 5)
        self._socket.close()

    def __enter__(self) -> Page:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise InvalidInput(f"{host!r} is not a name or address: {error}") from error
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise Unavailable(
            f"the page cannot listen on {host}:{port}: {error.strerror or error}",
            hint="another port is --port; 0 has the system choose one",
        ) from error
    return listening
