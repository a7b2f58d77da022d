"""How calls are sent: what flows decide is driven here, with and without await."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import cast

from tfsclient._calls.call import Call, Flow, T
from tfsclient._calls.options import Options
from tfsclient._client.flows import Flows, Scope
from tfsclient._client.futures import CallFuture
from tfsclient._client.observe import Observed, OnCall
from tfsclient._transports.interface import AsyncTransport, Transport
from tfsclient.errors import TFSError


def drive(flow: Flow[T], send: Callable[[Call[object]], object]) -> T:
    """Run a flow to its result with blocking sends; a call's error is raised inside the flow."""
    step: Callable[[object], Call[object]] = flow.send
    answer: object = None
    while True:
        try:
            call = step(answer)
        except StopIteration as done:
            return cast("T", done.value)
        try:
            step, answer = flow.send, send(call)
        except TFSError as error:
            step, answer = cast("Callable[[object], Call[object]]", flow.throw), error


async def adrive(flow: Flow[T], send: Callable[[Call[object]], Awaitable[object]]) -> T:
    """Run a flow to its result with awaited sends; a call's error is raised inside the flow."""
    step: Callable[[object], Call[object]] = flow.send
    answer: object = None
    while True:
        try:
            call = step(answer)
        except StopIteration as done:
            return cast("T", done.value)
        try:
            step, answer = flow.send, await send(call)
        except TFSError as error:
            step, answer = cast("Callable[[object], Call[object]]", flow.throw), error


class Sender:
    """Sends for threads.

    Args:
        flows: what to send.
        transport: what sends it.
        on_call: is told of every call.
    """

    def __init__(self, flows: Flows, transport: Transport, on_call: OnCall) -> None:
        self.flows = flows
        self._transport = transport
        self._on_call = on_call

    def run(self, flow: Flow[T], options: Options) -> T:
        """Run a flow to its result, all that it sends within one deadline."""
        return drive(flow, partial(self._send, self.flows.scope(options)))

    def start(self, flow: Flow[Call[T]], options: Options) -> CallFuture[T]:
        """Run a flow to its call, start that and return."""
        scope = self.flows.scope(options)
        call = drive(flow, partial(self._send, scope))
        observed = Observed(call, self.flows.learn, self._on_call)
        future = CallFuture(observed)
        try:
            future.cancel_call = self._transport.start(
                call, scope.deadline, scope.headers, future.arrived
            )
        except TFSError as error:
            observed.failed(error)
            raise
        return future

    def _send(self, scope: Scope, call: Call[T]) -> T:
        observed = Observed(call, self.flows.learn, self._on_call)
        try:
            data = self._transport.send(call, scope.deadline, scope.headers)
        except TFSError as error:
            observed.failed(error)
            raise
        return observed.answered(data)

    def close(self) -> None:
        """Close the connections; new ones are opened when they are needed."""
        self._transport.close()


class AsyncSender:
    """Sends for asyncio; see :class:`Sender`."""

    def __init__(self, flows: Flows, transport: AsyncTransport, on_call: OnCall) -> None:
        self.flows = flows
        self._transport = transport
        self._on_call = on_call

    async def run(self, flow: Flow[T], options: Options) -> T:
        """Run a flow to its result, all that it sends within one deadline."""
        return await adrive(flow, partial(self._send, self.flows.scope(options)))

    def start(self, call: Call[T], options: Options) -> asyncio.Task[T]:
        """Send a call in a task of its own."""
        return asyncio.create_task(self._send(self.flows.scope(options), call))

    async def _send(self, scope: Scope, call: Call[T]) -> T:
        observed = Observed(call, self.flows.learn, self._on_call)
        try:
            data = await self._transport.asend(call, scope.deadline, scope.headers)
        except TFSError as error:
            observed.failed(error)
            raise
        return observed.answered(data)

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._transport.aclose()
