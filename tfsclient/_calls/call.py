"""What passes between the client and a transport: a request ready for the wire, no sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, cast

from tfsclient._codec.model_ref import ModelRef

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(slots=True)
class Request:
    """The bytes of one call, and what a transport needs to know of them.

    Attributes:
        path: the full gRPC method name, or the path of the URL.
        body: the bytes to send; None makes it a GET over HTTP.
        ref: the model it is about; None if it is about the server.
        safe: whether it changes nothing on the server, so that it can be repeated at will.
        headers: what goes with it beside the client's headers, names in lower case; None
            for nothing.
    """

    path: str
    body: bytes | None
    ref: ModelRef | None
    safe: bool = False
    headers: Mapping[str, str] | None = None

    @property
    def model(self) -> str | None:
        """The name of the model it is about, for errors."""
        return None if self.ref is None else self.ref.name

    @property
    def signature(self) -> str | None:
        """The name of the signature it is about, for errors."""
        return None if self.ref is None else self.ref.signature


@dataclass(slots=True, kw_only=True)
class Call(Request, Generic[T_co]):
    """A request, and how to read its answer.

    Attributes:
        decode: turns the bytes of a good answer into the result, or raises DecodeError.
        encode_seconds: how long it took to make the body.
        patience: seconds that it may take at most, or half of what the deadline leaves if that is
            less, where others can go on without its answer; None for as long as the deadline.
    """

    decode: Callable[[bytes], T_co]
    encode_seconds: float = 0.0
    patience: float | None = None


class Flight:
    """A call of another flow's, whose end is waited for.  It may end on any thread.

    Args:
        model: the model it is about, for errors.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self._lock = threading.Lock()
        self._over = False
        self._told: list[Callable[[], object]] = []

    def end(self) -> None:
        """Tell all that wait."""
        with self._lock:
            self._over, told = True, self._told
            self._told = []
        for tell in told:
            tell()

    def tell(self, waiting: Callable[[], object]) -> None:
        """Have something called at the end, or now if it is over."""
        with self._lock:
            if not self._over:
                self._told.append(waiting)
                return
        waiting()


# A flow decides what to send next, or what to wait for; whoever drives it does so, with or without
# await.
Step: TypeAlias = Call[object] | Flight
Flow: TypeAlias = Generator[Step, object, T]


def ask(call: Call[T]) -> Flow[T]:
    """The flow of one call; inside another, ``yield from`` gives its result."""
    return cast("T", (yield call))
