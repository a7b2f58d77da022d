"""Bytes over gRPC, for asyncio."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import grpc
import grpc.aio

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._calls.headers import Sent
from tfsclient._transports.attempts import async_attempts
from tfsclient._transports.bound import Bound
from tfsclient._transports.grpc import (
    Channel,
    closed,
    is_refusal,
    open_channel,
    to_answer,
    to_error,
    too_busy,
)
from tfsclient._transports.per_loop import PerLoop
from tfsclient._transports.settings import Settings


class AsyncGrpcTransport:
    """Sends calls over a channel that belongs to the running event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channels: PerLoop[Channel] = PerLoop(self._make, _close)

    def _make(self) -> Channel:
        loop = asyncio.get_running_loop()
        return Channel(
            open_channel(grpc.aio, self._settings),
            lambda seconds, call: loop.call_later(seconds, call).cancel,
        )

    async def asend(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Send a call; cancelling the task cancels it on the wire.

        What only reads is sent again while the server is unavailable, as ``GrpcTransport`` does.

        Raises:
            TFSError: of the class that the status code says.
        """
        channel = self._channels.made()
        if channel is None:
            channel = await self._channels.get()
        if not request.safe:
            return await self._send(channel, request, deadline, headers)
        attempt = partial(self._send, channel, request, deadline, headers)
        return await async_attempts(attempt, request, self._settings, deadline)

    async def _send(
        self, channel: Channel, request: Request, deadline: Deadline, headers: Sent
    ) -> bytes:
        bound, method = channel.bound, channel.methods[request.path]
        metadata = tuple(headers.items())
        refused = False
        while True:
            if refused or not bound.enter():
                await self._wait(bound, deadline, request, first=refused)
            burst, refused = bound.burst, False
            try:
                seconds = deadline.left()
                data: bytes | None = await method(request.body, timeout=seconds, metadata=metadata)
            except (asyncio.CancelledError, grpc.aio.UsageError) as error:
                # To the task, close() looks as if somebody had cancelled the task.
                if self._channels.made() is channel or _cancelling():
                    raise
                raise closed(request) from error
            except Exception as error:
                refused = is_refusal(error)
                if not refused:
                    raise to_error(error, self._settings, request) from error
            else:
                return to_answer(data, self._settings, request)
            finally:
                bound.leave(burst, refused=refused)

    async def _wait(
        self, bound: Bound, deadline: Deadline, request: Request, *, first: bool
    ) -> None:
        """Wait for a place.

        Raises:
            DeadlineExceeded: there was none in time.
        """
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if woken.done():  # given up in this very turn of the loop
                bound.leave(bound.burst, refused=False)
            else:
                woken.set_result(None)

        bound.wait(woken, wake, first=first)
        try:
            await asyncio.wait_for(woken, deadline.remaining())
        except asyncio.TimeoutError:
            bound.give_up(woken)
            raise too_busy(self._settings, request) from None
        except asyncio.CancelledError:
            if not bound.give_up(woken) and woken.done() and not woken.cancelled():
                bound.leave(bound.burst, refused=False)
            raise

    async def aclose(self) -> None:
        """Close the channel of the running event loop; its calls under way are cancelled."""
        await self._channels.close()


async def _close(channel: Channel) -> None:
    await channel.close()
    channel.bound.open()


def _cancelling() -> bool:
    """Whether somebody did cancel the task; Python 3.10 does not tell."""
    task: Any = asyncio.current_task()
    return hasattr(task, "cancelling") and task.cancelling() > 0
