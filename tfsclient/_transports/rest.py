"""Bytes over HTTP: pooled connections, retries within the deadline."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import tenacity

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._transports.background import Background
from tfsclient._transports.http import (
    FAILURES,
    client_options,
    retry_policy,
    to_answer,
    to_arguments,
    to_error,
)
from tfsclient._transports.ownership import OPENING, process
from tfsclient._transports.settings import Settings, check_headers
from tfsclient.errors import DeadlineExceeded, InvalidInput, TFSError


class RestTransport:
    """Sends calls over pooled HTTP connections; safe to share between threads.

    A forked child gets connections of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: _Opened | None = None

    def send(self, request: Request, deadline: Deadline, headers: Mapping[str, str]) -> bytes:
        """Send a call and wait for the answer, trying again while the server is unavailable.

        Raises:
            TFSError: of the class that the HTTP status says.
        """
        arguments = to_arguments(request, self._settings, headers)
        seconds = deadline.left(request.model)
        failed: list[TFSError] = []
        retrying = tenacity.Retrying(**retry_policy(request, self._settings, seconds, failed))
        client = self._open().client
        try:
            answer: bytes = retrying(self._attempt, client, request, arguments, deadline)
        except TFSError as error:
            error.attempts = tuple(failed)
            raise
        return answer

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Mapping[str, str],
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        """Send a call and return; ``done`` gets the answer or the error, on another thread.

        Returns:
            A function that cancels the call and closes its connection.
        """
        if self._settings.http_client is not None:
            raise InvalidInput(
                "futures over REST need the client's own connections: "
                "leave http_client out, or use AsyncClient with one of its kind"
            )
        check_headers(headers)
        with OPENING:  # so that close() cannot come between and lose the call
            opened = self._open()
            if opened.background is None:
                opened.background = Background(self._settings)
            return opened.background.start(request, deadline, headers, done)

    def close(self) -> None:
        """Close all connections that are ours; futures under way are cancelled."""
        with OPENING:
            opened, self._opened = self._opened, None
        if opened is not None and opened.pid == process():
            if self._settings.http_client is None:
                opened.client.close()
            if opened.background is not None:
                opened.background.close()

    def _open(self) -> _Opened:
        opened = self._opened
        if opened is None or opened.pid != process():
            with OPENING:
                opened = self._opened
                if opened is None or opened.pid != process():
                    opened = self._opened = _Opened(self._settings)
        return opened

    def _attempt(
        self,
        client: httpx.Client,
        request: Request,
        arguments: dict[str, Any],
        deadline: Deadline,
    ) -> bytes:
        try:
            # httpx has a timeout for each step; the deadline for all of them is kept here.
            with client.stream(**arguments, timeout=_left(deadline)) as response:
                chunks = []
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    _left(deadline)
        except FAILURES as error:
            raise to_error(error, self._settings, request, closed=client.is_closed) from error
        return to_answer(response, b"".join(chunks), request)


class _Opened:
    """One process's connections; those that are ours are closed with it."""

    def __init__(self, settings: Settings) -> None:
        self.pid = process()
        self.background: Background | None = None
        self.client: httpx.Client = settings.http_client or httpx.Client(**client_options(settings))
        if settings.http_client is None:
            weakref.finalize(self, _close_ours, self.client, self.pid)


def _close_ours(client: httpx.Client, pid: int) -> None:
    if pid == process():  # a forked child leaves its parent's alone
        client.close()


def _left(deadline: Deadline) -> float | None:
    """Seconds until the deadline; TimeoutError once it has passed."""
    try:
        return deadline.left()
    except DeadlineExceeded:
        raise TimeoutError from None
