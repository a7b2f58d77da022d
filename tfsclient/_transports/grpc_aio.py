"""Bytes over gRPC, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio

from tfsclient._calls.call import Call
from tfsclient._transports.grpc import Channel, closed, open_channel, to_error
from tfsclient._transports.ownership import PerLoop
from tfsclient._transports.settings import Settings, check_headers


class AsyncGrpcTransport:
    """Sends calls over a channel that belongs to the running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channels: PerLoop[Channel] = PerLoop(
            lambda: Channel(open_channel(grpc.aio, settings)), lambda channel: channel.close()
        )

    async def send(
        self, call: Call[Any], timeout: float | None, headers: Mapping[str, str]
    ) -> bytes:
        """Send a call; cancelling the task cancels it on the wire.

        Raises:
            TFSError: of the class that the status code says.
        """
        if headers:
            check_headers(headers)
        channel = self._channels.made()
        if channel is None:
            channel = await self._channels.get()
        try:
            data: bytes = await channel.methods[call.path](
                call.body, timeout=timeout, metadata=tuple(headers.items())
            )
        except grpc.aio.AioRpcError as error:
            raise to_error(error, self._settings, call) from error
        except (asyncio.CancelledError, grpc.aio.UsageError) as error:
            # To the task, close() looks as if somebody had cancelled the task.
            if self._channels.made() is channel or _cancelling():
                raise
            raise closed(call) from error
        return data

    async def close(self) -> None:
        """Close the channel of the running event loop; its calls under way are cancelled."""
        await self._channels.close()


def _cancelling() -> bool:
    """Whether somebody did cancel the task; Python 3.10 does not tell."""
    task: Any = asyncio.current_task()
    return hasattr(task, "cancelling") and task.cancelling() > 0
