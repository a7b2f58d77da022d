"""Bytes over HTTP, for asyncio."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import httpx

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._calls.headers import Sent
from tfsclient._transports.attempts import async_attempts
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
from tfsclient._transports.settings import Settings


class AsyncRestTransport:
    """Sends calls over connections that belong to the running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: PerLoop[httpx.AsyncClient]
        if settings.http_client is None:
            self._clients = PerLoop(
                lambda: httpx.AsyncClient(transport=_transport(settings), trust_env=False),
                httpx.AsyncClient.aclose,
            )
        else:
            check_http_client(settings.http_client, "AsyncClient")
            self._clients = PerLoop(lambda: settings.http_client, _leave_open)

    async def asend(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Send a call, trying again while the server is unavailable.

        Raises:
            TFSError: of the class that the HTTP status says.
        """
        arguments = to_arguments(request, self._settings, headers)
        deadline.left()
        client = await self._clients.get()
        attempt = partial(self._in_time, client, request, arguments, deadline)
        return await async_attempts(attempt, request, self._settings, deadline)

    async def aclose(self) -> None:
        """Close the connections of the running event loop, if they are ours."""
        await self._clients.close()

    async def _in_time(
        self,
        client: httpx.AsyncClient,
        request: Request,
        arguments: dict[str, Any],
        deadline: Deadline,
    ) -> bytes:
        attempt = self._attempt(client, request, arguments)
        try:
            return await asyncio.wait_for(attempt, deadline.remaining())
        except asyncio.TimeoutError as error:
            raise to_error(TimeoutError(), self._settings, request, closed=False) from error

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
