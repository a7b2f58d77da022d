"""The page of ``tfsclient serve``: of the models that it serves itself, whichever those are now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from tfsclient import sources
from tfsclient._cli.page.page import LOOPBACK, Page
from tfsclient._cli.page.servers import MOST_BYTES, Server, Servers, on_call
from tfsclient._client.aio import AsyncClient
from tfsclient.errors import InvalidInput, TFSError
from tfsclient.schema import Model
from tfsclient.sources._base64 import base64_inputs

# A model as its SavedModel has it, and its inputs that take base64 text.
_Known: TypeAlias = tuple[Model | None, Mapping[str, frozenset[str]]]
_UNKNOWN: Final[_Known] = (None, {})

_log = logging.getLogger("tfsclient.server")


class Serving(Protocol):
    """A running server, as far as its page asks."""

    @property
    def port(self) -> int | None:
        """The gRPC port; None if gRPC is off."""
        ...

    @property
    def grpc_target(self) -> str:
        """What a gRPC client connects to."""
        ...

    @property
    def rest_port(self) -> int | None:
        """The REST port; None if REST is off."""
        ...

    @property
    def rest_target(self) -> str:
        """What an HTTP client connects to."""
        ...

    def folders(self) -> Mapping[str, Path]:
        """The base paths of the models that it serves now, by name."""
        ...


class OwnPage:
    """The page of a server; it is served while it is entered, and its port is taken before.

    Args:
        server: is running by the time that this is entered.
        host: the name or address that the server listens on.
        port: the page's.
        tls: whether the server's gRPC wants TLS, with a certificate that is not known here.

    Raises:
        InvalidInput: the host is not this machine's.
        Unavailable: the port is taken.
    """

    def __init__(self, server: Serving, host: str, port: int, *, tls: bool = False) -> None:
        self._server = server
        self._tls = tls
        self._page = Page(LOOPBACK if host == "localhost" else host, port)

    def __enter__(self) -> OwnPage:
        server = self._server
        grpc = None if server.port is None or self._tls else server.grpc_target
        rest = None if server.rest_port is None else server.rest_target
        if grpc is None and rest is None:
            self._page.stop()
            raise InvalidInput("the page cannot reach the server: give it a REST port, too")
        self._page.start(own_models(grpc, rest, server.folders))
        _log.info("to try the models: %s", self._page.address)
        return self

    def __exit__(self, *_: object) -> None:
        self._page.stop()


def own_models(
    grpc: str | None, rest: str | None, folders: Callable[[], Mapping[str, Path]]
) -> Servers:
    """What the page shows of a server in the same process.

    Args:
        grpc: its gRPC target; None if that is off.
        rest: its REST target; None if that is off.
        folders: gives the models that it serves now, each with its base path.
    """
    servers = []
    if grpc is not None:
        options = [("grpc.max_receive_message_length", MOST_BYTES)]
        client = AsyncClient(grpc, on_call=on_call, channel_options=options)
        servers.append(Server(grpc, client, rest))
    if rest is not None:
        servers.append(Server(rest, AsyncClient(rest, on_call=on_call), rest))

    @lru_cache(maxsize=256)
    def read(folder: Path, _: int) -> _Known:
        with suppress(TFSError):  # it is served; only what no server tells is not told
            return sources.from_saved_model(folder), base64_inputs(folder)
        return _UNKNOWN

    def known(name: str) -> _Known:
        folder = folders().get(name)
        if folder is None or not folder.is_dir():
            return _UNKNOWN
        return read(folder, folder.stat().st_mtime_ns)  # which a new version changes

    return Servers(
        servers, lambda: list(folders()), lambda name: known(name)[0], lambda name: known(name)[1]
    )
