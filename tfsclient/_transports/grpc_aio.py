"""Bytes over gRPC, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
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

    async def asend(
        self, request: Request, deadline: Deadline, headers: Mapping[str, str]
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
        seconds = deadline.left(request.model)
        try:
            data: bytes = await channel.methods[request.path](
                request.body, timeout=seconds, metadata=tuple(headers.items())
            )
        except grpc.aio.AioRpcError as error:
            raise to_error(error, self._settings, request) from error
        except (asyncio.CancelledError, grpc.aio.UsageError) as error:
            # To the task, close() looks as if somebody had cancelled the task.
            if self._channels.made() is channel or _cancelling():
                raise
            raise closed(request) from error
        return data

    async def aclose(self) -> None:
        """Close the channel of the running event loop; its calls under way are cancelled."""
        await self._channels.close()


def _cancelling() -> bool:
    """Whether somebody did cancel the task; Python 3.10 does not tell."""
    task: Any = asyncio.current_task()
    return hasattr(task, "cancelling") and task.cancelling() > 0
