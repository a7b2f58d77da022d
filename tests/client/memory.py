"""A transport in memory whose answers come when a test says so."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TypeAlias

import numpy as np

from tfsclient import (
    DType,
    InvalidArgument,
    Model,
    ModelRef,
    Request,
    Signature,
    TensorSpec,
    TFSError,
    Unavailable,
)
from tfsclient._calls.deadline import Deadline
from tfsclient._codec.predict import (
    PredictResponse,
    decode_predict_request,
    encode_predict_response,
)
from tfsclient._codec.protobuf import join
from tfsclient._codec.tensor import Tensor, decode_tensor

FLOAT32 = DType("float32")
SPEC = Signature("s", {"x": TensorSpec("x", FLOAT32, None)}, {"y": TensorSpec("y", FLOAT32, None)})
MODEL = Model("m", 1, {"s": SPEC})


class Memory:
    """A Transport and an AsyncTransport in memory, of a model that adds 1.

    A thread answers the calls under way, one by one.

    Args:
        which: which call to answer now, by its first number; None waits for what comes.
        fails: the calls to which the answer is an error.
        pause: seconds before each answer, in which more might be sent.
        sent: is told of each call.
    """

    def __init__(
        self,
        which: Which,
        *,
        fails: tuple[float, ...] = (),
        pause: float = 0.0,
        sent: Callable[[], object] = lambda: None,
    ) -> None:
        self.calls: dict[float, tuple[bytes, Callable[[bytes | TFSError], object]]] = {}
        self.sent: list[float] = []
        self.answered: list[float] = []
        self.cancelled: list[float] = []
        self.deadlines: list[Deadline] = []
        self.most = 0
        self._which, self._fails, self._pause, self._sent = which, fails, pause, sent
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._answer_all, daemon=True)

    def send(
        self, request: Request, deadline: Deadline, headers: Mapping[str, str | bytes]
    ) -> bytes:
        raise AssertionError(f"{request.path} was called")

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Mapping[str, str | bytes],
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        number = self._begin(request, deadline, done)
        return lambda: self._cancel(number)

    async def asend(
        self, request: Request, deadline: Deadline, headers: Mapping[str, str | bytes]
    ) -> bytes:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[bytes | TFSError] = loop.create_future()

        def arrive(answer: bytes | TFSError) -> None:
            if not outcome.done():
                outcome.set_result(answer)

        number = self._begin(
            request, deadline, lambda answer: loop.call_soon_threadsafe(arrive, answer)
        )
        try:
            answer = await outcome
        except asyncio.CancelledError:
            self._cancel(number)
            raise
        if isinstance(answer, TFSError):
            raise answer
        return answer

    def look_again(self) -> None:
        """Ask again which call to answer."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def _begin(
        self, request: Request, deadline: Deadline, done: Callable[[bytes | TFSError], object]
    ) -> float:
        x = decode_tensor(decode_predict_request(request.body or b"").inputs["x"]).array
        number = float(x.flat[0])
        y = Tensor(FLOAT32, x.reshape(len(x), -1)[:, 0] + np.float32(1))
        ref = ModelRef("m", 1, None, "s")
        answer = join(encode_predict_response(PredictResponse(ref, {"y": y})))
        with self._changed:
            self.calls[number] = answer, done
            self.sent.append(number)
            self.deadlines.append(deadline)
            self.most = max(self.most, len(self.calls))
            self._changed.notify_all()
        self._sent()
        return number

    def _cancel(self, number: float) -> None:
        with self._changed:
            if self.calls.pop(number, None) is not None:
                self.cancelled.append(number)
                self._changed.notify_all()

    def _answer_all(self) -> None:
        while self._answer_next():
            pass

    def _answer_next(self) -> bool:
        """Answer a call; False once there are no more.  It keeps nothing of a call that it had."""
        with self._changed:
            stuck = not self._changed.wait_for(self._is_ready, timeout=60)
        time.sleep(self._pause)
        with self._changed:
            if self._closed:
                return False
            number = next(iter(self.calls), None) if stuck else self._which(self)
            if number is None:  # it was cancelled meanwhile
                return True
            outcome: bytes | TFSError
            outcome, done = self.calls.pop(number)
            self.answered.append(number)
        if stuck:
            outcome = Unavailable(f"nothing happens: sent {self.sent}, answered {self.answered}")
        elif number in self._fails:
            outcome = InvalidArgument(f"of {number:g}")
        done(outcome)
        return True

    def _is_ready(self) -> bool:
        return self._closed or self._which(self) is not None

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()


Which: TypeAlias = Callable[[Memory], float | None]


def oldest(memory: Memory) -> float | None:
    return next(iter(memory.calls), None)


def newest(memory: Memory) -> float | None:
    return next(reversed(memory.calls), None)


def when_full(concurrency: int, total: int, which: Which = oldest) -> Which:
    """Answers when as many calls are under way as there may be, of so many in all."""

    def full(memory: Memory) -> float | None:
        most = min(concurrency, total - len(memory.answered))
        return which(memory) if len(memory.calls) >= most else None

    return full


def in_turn(*numbers: float) -> Which:
    """Answers these calls in this order, when all of them are under way; and no others."""

    def turn(memory: Memory) -> float | None:
        left = numbers[len(memory.answered) :]
        return left[0] if left and memory.calls.keys() >= set(left) else None

    return turn
