"""How calls are sent for threads: what flows decide is driven here; ``sending_aio`` awaits."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeAlias, TypeVar, cast

from tfsclient._calls.call import Call, Flight, Flow, Step, T
from tfsclient._calls.options import Options
from tfsclient._client.flows import Flows, Scope
from tfsclient._client.futures import CallFuture
from tfsclient._client.observe import Observer, OnCall
from tfsclient._client.recipe import Recipe, Remade
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs.prepare import Inputs
from tfsclient._transports.interface import Transport
from tfsclient._transports.target import Target
from tfsclient.errors import DeadlineExceeded, Internal, TFSError
from tfsclient.results import Prediction
from tfsclient.schema import Signature

TransportT = TypeVar("TransportT")

# What a step of a flow comes to: a call's answer, or that another's call has ended.
Steps: TypeAlias = Callable[[object], Step]


def drive(flow: Flow[T], step: Callable[[Step], object]) -> T:
    """Run a flow to its result with blocking steps; an error is raised inside the flow."""
    go: Steps = flow.send
    answer: object = None
    try:
        while True:
            try:
                wanted = go(answer)
            except StopIteration as done:
                return cast("T", done.value)
            try:
                go, answer = flow.send, step(wanted)
            except TFSError as error:
                go, answer = cast("Steps", flow.throw), error
    finally:
        flow.close()  # whatever ended it, others may be waiting for what it was doing


class BaseSender(Remade, Generic[TransportT]):
    """What both colours do alike.

    Args:
        target: where to, for errors.
        flows: what to send.
        transport: what sends it.
        on_call: hears of every call.
        recipe: how to make its client again.
    """

    def __init__(
        self,
        target: Target,
        flows: Flows,
        transport: TransportT,
        on_call: OnCall,
        recipe: Recipe,
    ) -> None:
        super().__init__(recipe.of("_sender"))
        self.recipe = recipe
        self.target = target
        self.flows = flows
        self._transport = transport
        self._observer = Observer(target, flows.learn, on_call)

    def _not_in_time(self, flight: Flight) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"{self.target}: the model's signatures did not arrive in time", model=flight.model
        )

    def _foreign(self, call: Call[T], error: Exception) -> Internal:
        """The error for what a transport raised that is not ours; one of the user's may."""
        kind = type(error).__name__
        return Internal(
            f"{self.target}: the transport raised {kind}: {error}",
            model=call.model,
            signature=call.signature,
        )


class Sender(BaseSender[Transport]):
    """Sends for threads."""

    def predict(
        self,
        ref: ModelRef,
        signature: str | Signature | None,
        inputs: Inputs,
        options: Options,
    ) -> Prediction:
        """Check the inputs and run a signature on them; what was checked before is just sent."""
        call = self.flows.repeated(ref, signature, inputs, options)
        if call is None:
            return self.run(self.flows.predict(ref, signature, inputs, options), options)
        return self._send(self.flows.scope(options), call)

    def run(self, flow: Flow[T], options: Options) -> T:
        """Run a flow to its result, all that it sends within one deadline."""
        return drive(flow, partial(self._step, self.flows.scope(options)))

    def predict_future(
        self,
        ref: ModelRef,
        signature: str | Signature | None,
        inputs: Inputs,
        options: Options,
    ) -> CallFuture[Prediction]:
        """Start :meth:`predict` and return; only discovery is waited for."""
        scope = self.flows.scope(options)
        call = self.flows.repeated(ref, signature, inputs, options)
        if call is None:
            flow = self.flows.make_predict(ref, signature, inputs, options)
            call = drive(flow, partial(self._step, scope))
        return self._start(scope, call)

    def start(self, call: Call[T], options: Options) -> CallFuture[T]:
        """Send a call and return."""
        return self._start(self.flows.scope(options), call)

    def _start(self, scope: Scope, call: Call[T]) -> CallFuture[T]:
        deadline, headers = scope
        future = CallFuture(call, self._observer)
        try:
            future.cancels_by(self._transport.start(call, deadline, headers, future.arrived))
        except TFSError as error:
            future.failed(error)
            raise
        except Exception as error:
            foreign = self._foreign(call, error)
            future.failed(foreign)
            raise foreign from error
        return future

    def _step(self, scope: Scope, step: Step) -> object:
        if isinstance(step, Flight):
            self._wait(scope, step)
            return None
        return self._send(scope, step)

    def _wait(self, scope: Scope, flight: Flight) -> None:
        over = threading.Event()
        flight.tell(over.set)
        if not over.wait(scope[0].remaining()):
            raise self._not_in_time(flight)

    def _send(self, scope: Scope, call: Call[T]) -> T:
        deadline, headers = scope
        if call.patience is not None:
            deadline = deadline.capped(call.patience)
        started = time.perf_counter()
        try:
            data = self._transport.send(call, deadline, headers)
        except TFSError as error:
            self._observer.failed(call, error, started)
            raise
        except Exception as error:
            foreign = self._foreign(call, error)
            self._observer.failed(call, foreign, started)
            raise foreign from error
        return self._observer.answered(call, data, started)

    def room(self) -> float:
        """How many calls the server takes at once, as far as its refusals told."""
        return float(getattr(self._transport, "room", math.inf))

    def close(self) -> None:
        """Close the connections; new ones are opened when they are needed."""
        self._transport.close()
