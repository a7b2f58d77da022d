"""What passes between the client and a transport: a request ready for the wire, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how to read its answer.

    Attributes:
        path: the full gRPC method name, or the path of the URL.
        body: the bytes to send; None makes it a GET over HTTP.
        decode: turns the bytes of a good answer into the result, or raises DecodeError.
        model: the model it is about, for errors.
        signature: the signature it is about, for errors.
        safe: whether it changes nothing on the server, so that it can be repeated at will.
    """

    path: str
    body: bytes | None
    decode: Callable[[bytes], T]
    model: str
    signature: str | None = None
    safe: bool = False


# A flow decides what to send next; whoever drives it does the sending, with or without await.
Flow: TypeAlias = Generator[Call[Any], Any, T]


def drive(flow: Flow[T], send: Callable[[Call[Any]], Any]) -> T:
    """Run a flow to its result, sending what it yields.

    Errors of ``send`` are raised inside the flow, which may handle them.
    """
    try:
        call = next(flow)
        while True:
            try:
                answer = send(call)
            except Exception as error:  # noqa: BLE001 (the flow decides; what it lets pass escapes)
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result
