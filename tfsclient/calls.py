"""What passes between the client and a transport: a request ready for the wire, no sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from tfsclient.errors import TFSError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how to read its answer.

    Attributes:
        path: the full gRPC method name, or the path of the URL.
        body: the bytes to send; None makes it a GET over HTTP.
        decode: turns the bytes of a good answer into the result, or raises DecodeError.
        model: the model it is about, for errors; None if it is about the server.
        signature: the signature it is about, for errors.
        safe: whether it changes nothing on the server, so that it can be repeated at will.
        encode_seconds: how long it took to make the body.
    """

    path: str
    body: bytes | None
    decode: Callable[[bytes], T]
    model: str | None
    signature: str | None = None
    safe: bool = False
    encode_seconds: float = 0.0


# A flow decides what to send next; whoever drives it does the sending, with or without await.
Flow: TypeAlias = Generator[Call[Any], Any, T]


class Steps(Generic[T]):
    """A flow being driven: what to send next, until there is a result."""

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self.result: T
        self.call: Call[Any] | None = None
        self._advance(lambda: next(flow))

    def answered(self, answer: Any) -> None:
        """Give the flow the answer to its call."""
        self._advance(lambda: self._flow.send(answer))

    def failed(self, error: Exception) -> None:
        """Raise the call's error inside the flow; what it does not handle comes out here."""
        self._advance(lambda: self._flow.throw(error))

    def _advance(self, step: Callable[[], Call[Any]]) -> None:
        try:
            self.call = step()
        except StopIteration as done:
            self.call = None
            self.result = done.value


def drive(flow: Flow[T], send: Callable[[Call[Any]], Any]) -> T:
    """Run a flow to its result with blocking sends."""
    steps = Steps(flow)
    while steps.call is not None:
        try:
            answer = send(steps.call)
        except TFSError as error:
            steps.failed(error)
        else:
            steps.answered(answer)
    return steps.result


async def adrive(flow: Flow[T], send: Callable[[Call[Any]], Awaitable[Any]]) -> T:
    """Run a flow to its result with awaited sends."""
    steps = Steps(flow)
    while steps.call is not None:
        try:
            answer = await send(steps.call)
        except TFSError as error:
            steps.failed(error)
        else:
            steps.answered(answer)
    return steps.result
