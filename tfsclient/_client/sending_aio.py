"""How calls are sent for asyncio: what flows decide is driven here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import cast

from tfsclient._calls.call import Call, Flight, Flow, Step, T
from tfsclient._calls.options import Options
from tfsclient._client.flows import Scope
from tfsclient._client.sending import BaseSender, Steps
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.prepare import Inputs
from tfsclient._transports.interface import AsyncTransport
from tfsclient.errors import Cancelled, TFSError
from tfsclient.results import Prediction
from tfsclient.schema import Signature


async def adrive(flow: Flow[T], step: Callable[[Step], Awaitable[object]]) -> T:
    """Run a flow to its result with awaited steps; an error is raised inside the flow."""
    go: Steps = flow.send
    answer: object = None
    try:
        while True:
            try:
                wanted = go(answer)
            except StopIteration as done:
                return cast("T", done.value)
            try:
                go, answer = flow.send, await step(wanted)
            except TFSError as error:
                go, answer = cast("Steps", flow.throw), error
    finally:
        flow.close()  # whatever ended it, others may be waiting for what it was doing


class AsyncSender(BaseSender[AsyncTransport]):
    """Sends for asyncio; see :class:`Sender`."""

    async def predict(
        self,
        ref: ModelRef,
        signature: str | Signature | None,
        inputs: Inputs,
        options: Options,
    ) -> Prediction:
        """See :meth:`Sender.predict`."""
        call = self.flows.repeated(ref, signature, inputs, options)
        if call is None:
            return await self.run(self.flows.predict(ref, signature, inputs, options), options)
        return await self._send(self.flows.scope(options), call)

    async def run(self, flow: Flow[T], options: Options) -> T:
        """Run a flow to its result, all that it sends within one deadline."""
        return await adrive(flow, partial(self._step, self.flows.scope(options)))

    def start(self, call: Call[T], options: Options) -> asyncio.Task[T]:
        """Send a call in a task of its own."""
        return asyncio.create_task(self._send(self.flows.scope(options), call))

    async def _step(self, scope: Scope, step: Step) -> object:
        if isinstance(step, Flight):
            await self._wait(scope, step)
            return None
        return await self._send(scope, step)

    async def _wait(self, scope: Scope, flight: Flight) -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        flight.tell(partial(_tell, loop, over))
        try:
            await asyncio.wait_for(over.wait(), scope[0].remaining())
        except asyncio.TimeoutError:
            raise self._not_in_time(flight) from None

    async def _send(self, scope: Scope, call: Call[T]) -> T:
        deadline, headers = scope
        if call.patience is not None:
            deadline = deadline.capped(call.patience)
        started = time.perf_counter()
        try:
            data = await self._transport.asend(call, deadline, headers)
        except TFSError as error:
            self._observer.failed(call, error, started)
            raise
        except asyncio.CancelledError:
            cancelled = Cancelled(
                "the call was cancelled", model=call.model, signature=call.signature
            )
            self._observer.failed(call, cancelled, started)
            raise
        except Exception as error:
            foreign = self._foreign(call, error)
            self._observer.failed(call, foreign, started)
            raise foreign from error
        return self._observer.answered(call, data, started)

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._transport.aclose()


def _tell(loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
    with suppress(RuntimeError):  # its loop is closed
        loop.call_soon_threadsafe(over.set)
