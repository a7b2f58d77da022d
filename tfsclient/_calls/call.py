"""What passes between the client and a transport: a request ready for the wire, no sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from tfsclient.errors import TFSError

T = TypeVar("T")


@dataclass(slots=True)
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
        learn: is given the result or the error, for what it tells about the model.
    """

    path: str
    body: bytes | None
    decode: Callable[[bytes], T]
    model: str | None
    signature: str | None = None
    safe: bool = False
    encode_seconds: float = 0.0
    learn: Callable[[T | TFSError], None] | None = None


# A flow decides what to send next; whoever drives it does the sending, with or without await.
Flow: TypeAlias = Generator[Call[Any], Any, T]


def drive(flow: Flow[T], send: Callable[[Call[Any]], Any]) -> T:
    """Run a flow to its result with blocking sends; a call's error is raised inside the flow."""
    step: Callable[[Any], Call[Any]] = flow.send
    answer: Any = None
    while True:
        try:
            call = step(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        try:
            step, answer = flow.send, send(call)
        except TFSError as error:
            step, answer = flow.throw, error


async def adrive(flow: Flow[T], send: Callable[[Call[Any]], Awaitable[Any]]) -> T:
    """Run a flow to its result with awaited sends; a call's error is raised inside the flow."""
    step: Callable[[Any], Call[Any]] = flow.send
    answer: Any = None
    while True:
        try:
            call = step(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        try:
            step, answer = flow.send, await send(call)
        except TFSError as error:
            step, answer = flow.throw, error
