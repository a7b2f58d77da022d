"""Bytes over gRPC, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio

from tfsclient.calls import Call
from tfsclient.transports.grpc import open_channel, to_error
from tfsclient.transports.settings import Settings


class AsyncGrpcTransport:
    """Sends calls over a channel that belongs to the running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: Any = None
        self._methods: dict[str, Any] = {}

    async def send(
        self, call: Call[Any], timeout: float | None, headers: Mapping[str, str]
    ) -> bytes:
        """Send a call; cancelling the task cancels it on the wire.

        Raises:
            TFSError: of the class that the status code says.
        """
        if self._loop is not asyncio.get_running_loop():
            # A channel cannot move to another loop, and the old loop may be gone.
            self._loop = asyncio.get_running_loop()
            self._channel, self._methods = open_channel(grpc.aio, self._settings), {}
        method = self._methods.get(call.path)
        if method is None:
            method = self._methods[call.path] = self._channel.unary_unary(call.path)
        try:
            data: bytes = await method(call.body, timeout=timeout, metadata=tuple(headers.items()))
        except grpc.aio.AioRpcError as error:
            raise to_error(error, self._settings, call) from error
        return data

    async def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        channel, self._channel, self._methods, self._loop = self._channel, None, {}, None
        if channel is not None:
            await channel.close()
