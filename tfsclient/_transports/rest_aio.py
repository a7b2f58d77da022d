"""Bytes over HTTP, for asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._calls.headers import Sent
from tfsclient._transports.http import (
    LIMITS,
    Body,
    check_http_client,
    proxy_of,
    tls_context,
    to_answer,
    to_arguments,
    to_error,
)
from tfsclient._transports.per_loop import PerLoop
from tfsclient._transports.retries import async_retrying, tell
from tfsclient._transports.settings import Settings
from tfsclient.errors import TFSError


class AsyncRestTransport:
    """Sends calls over connections that belong to the running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: PerLoop[httpx.AsyncClient]
        if settings.http_client is not None:
            check_http_client(settings.http_client, "AsyncClient")
        if settings.http_client is None:
            self._clients = PerLoop(
                lambda: httpx.AsyncClient(transport=_transport(settings), trust_env=False),
                httpx.AsyncClient.aclose,
            )
        else:
            self._clients = PerLoop(lambda: settings.http_client, _leave_open)

    async def asend(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Send a call, trying again while the server is unavailable.

        Raises:
            TFSError: of the class that the HTTP status says.
        """
        arguments = to_arguments(request, self._settings, headers)
        seconds = deadline.left()
        failed: list[TFSError] = []
        attempts = async_retrying(request, self._settings, seconds, failed)
        client = await self._clients.get()
        try:
            answer: bytes = await asyncio.wait_for(
                attempts(self._attempt, client, request, arguments), seconds
            )
        except asyncio.TimeoutError as error:
            late = to_error(TimeoutError(), self._settings, request, closed=False)
            tell(late, failed)
            raise late from error
        except TFSError as error:
            tell(error, failed)
            raise
        return answer

    async def aclose(self) -> None:
        """Close the connections of the running event loop, if they are ours."""
        await self._clients.close()

    async def _attempt(
        self, client: httpx.AsyncClient, request: Request, arguments: dict[str, Any]
    ) -> bytes:
        try:
            async with client.stream(**arguments, timeout=None) as response:
                if response.is_stream_consumed:  # a hook of the user's has read it
                    whole = response.content
                else:
                    body = Body(response, self._settings.target)
                    async for part in response.aiter_raw():
                        body.add(part)
                    whole = body.whole()
        except Exception as error:
            raise to_error(error, self._settings, request, closed=client.is_closed) from error
        return to_answer(response, whole, self._settings, request)


def _transport(settings: Settings) -> httpx.AsyncHTTPTransport:
    return httpx.AsyncHTTPTransport(
        verify=tls_context(settings), proxy=proxy_of(settings), limits=LIMITS, trust_env=False
    )


async def _leave_open(_client: httpx.AsyncClient) -> None:
    """The user's own stays the user's to close."""
