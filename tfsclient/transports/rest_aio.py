"""Bytes over HTTP, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import tenacity

from tfsclient.calls import Call
from tfsclient.transports.rest import (
    client_options,
    retry_policy,
    to_answer,
    to_error,
    to_request,
)
from tfsclient.transports.settings import Settings


class AsyncRestTransport:
    """Sends calls over connections that belong to the running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: httpx.AsyncClient | None = None

    async def send(
        self, call: Call[Any], timeout: float | None, headers: Mapping[str, str]
    ) -> bytes:
        """Send a call, trying again while the server is unavailable.

        Raises:
            TFSError: of the class that the HTTP status says.
        """
        if self._loop is not asyncio.get_running_loop():
            self._loop = asyncio.get_running_loop()
            self._client = self._settings.http_client or httpx.AsyncClient(
                **client_options(self._settings)
            )
        assert self._client is not None
        request = to_request(call, self._settings, headers)
        retrying = tenacity.AsyncRetrying(**retry_policy(call, self._settings, timeout))
        try:
            answer: bytes = await asyncio.wait_for(
                retrying(self._attempt, self._client, call, request), timeout
            )
        except asyncio.TimeoutError as error:
            raise to_error(TimeoutError(), self._settings, call) from error
        return answer

    async def close(self) -> None:
        """Close all connections that are ours."""
        client, self._client, self._loop = self._client, None, None
        if client is not None and self._settings.http_client is None:
            await client.aclose()

    async def _attempt(
        self, client: httpx.AsyncClient, call: Call[Any], request: dict[str, Any]
    ) -> bytes:
        try:
            async with client.stream(**request, timeout=None) as response:
                body = await response.aread()
        except (httpx.HTTPError, RuntimeError) as error:
            raise to_error(error, self._settings, call) from error
        return to_answer(response, body, call)
