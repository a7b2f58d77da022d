"""Calls over HTTP that nobody waits for yet: only on an event loop can they be cancelled."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._calls.headers import Sent
from tfsclient._transports.interface import AsyncTransport
from tfsclient._transports.rest_aio import AsyncRestTransport
from tfsclient._transports.settings import Settings
from tfsclient.errors import Cancelled, Internal, TFSError


class Background:
    """An event loop on a thread of its own; it ends with this object."""

    def __init__(self, settings: Settings) -> None:
        self._transport = AsyncRestTransport(settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=_run, args=(self._loop, self._transport), name="tfsclient", daemon=True
        )
        self._thread.start()
        weakref.finalize(self, _stop, self._loop).atexit = False

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Sent,
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        """Send a call; ``done`` gets the answer or the error, on the loop's thread.

        Returns:
            A function that cancels the call and closes its connection.
        """

        async def run() -> None:  # keeps self, and with it the loop, until the call has ended
            try:
                outcome: bytes | TFSError = await self._transport.asend(request, deadline, headers)
            except TFSError as error:
                outcome = error
            except asyncio.CancelledError:
                done(Cancelled("the call was cancelled", model=request.model))
                raise
            except Exception as error:  # noqa: BLE001 (whatever it is, the future must end)
                outcome = Internal(repr(error), model=request.model)
                outcome.__cause__ = error
            done(outcome)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).cancel

    def close(self) -> None:
        """Cancel all calls, close the connections, end the thread."""
        _stop(self._loop)
        if threading.current_thread() is not self._thread:  # as it is in a future's callback
            self._thread.join()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)


def _run(loop: asyncio.AbstractEventLoop, transport: AsyncTransport) -> None:
    async def finish() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await transport.aclose()

    try:
        loop.run_forever()
        loop.run_until_complete(finish())
    finally:
        loop.close()
