"""Bytes over HTTP, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import tenacity

from tfsclient._calls.call import Call
from tfsclient._transports.ownership import PerLoop
from tfsclient._transports.rest import (
    FAILURES,
    client_options,
    retry_policy,
    to_answer,
    to_error,
    to_request,
)
from tfsclient._transports.settings import Settings


class AsyncRestTransport:
    """Sends calls over connections that belong to the running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: PerLoop[httpx.AsyncClient]
        if settings.http_client is None:
            self._clients = PerLoop(
                lambda: httpx.AsyncClient(**client_options(settings)), httpx.AsyncClient.aclose
            )
        else:
            self._clients = PerLoop(lambda: settings.http_client, _leave_open)

    async def send(
        self, call: Call[Any], timeout: float | None, headers: Mapping[str, str]
    ) -> bytes:
        """Send a call, trying again while the server is unavailable.

        Raises:
            TFSError: of the class that the HTTP status says.
        """
        request = to_request(call, self._settings, headers)
        retrying = tenacity.AsyncRetrying(**retry_policy(call, self._settings, timeout))
        client = await self._clients.get()
        try:
            answer: bytes = await asyncio.wait_for(
                retrying(self._attempt, client, call, request), timeout
            )
        except asyncio.TimeoutError as error:
            raise to_error(TimeoutError(), self._settings, call) from error
        return answer

    async def close(self) -> None:
        """Close the connections of the running event loop, if they are ours."""
        await self._clients.close()

    async def _attempt(
        self, client: httpx.AsyncClient, call: Call[Any], request: dict[str, Any]
    ) -> bytes:
        try:
            async with client.stream(**request, timeout=None) as response:
                body = await response.aread()
        except FAILURES as error:
            raise to_error(error, self._settings, call, closed=client.is_closed) from error
        return to_answer(response, body, call)


async def _leave_open(_client: httpx.AsyncClient) -> None:
    """The user's own stays the user's to close."""
