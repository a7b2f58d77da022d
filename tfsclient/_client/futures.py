"""A call under way, as a real ``concurrent.futures.Future``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import cast

from tfsclient._calls.call import Call, T
from tfsclient._client.observe import Observer
from tfsclient.errors import TFSError


def _nothing() -> None:
    """There is no call to cancel."""


class CallFuture(Future[T]):
    """Holds the answer's bytes until somebody asks for the result, and decodes them then.

    So decoding runs on the thread that wants the result, not on the transport's.
    """

    def __init__(self, call: Call[T], observer: Observer) -> None:
        super().__init__()
        self._call = call
        self._observer = observer
        self._started = time.perf_counter()
        self._decoding = threading.Lock()
        self._decoded: tuple[T] | TFSError | None = None
        self._cancel_call: Callable[[], object] = _nothing

    def cancels_by(self, cancel_call: Callable[[], object]) -> None:
        """Take what cancels the call; it is let go of when the call ends.

        It leads back to this future, and a circle keeps the request and the answer in memory until
        the garbage collector comes along.
        """
        self._cancel_call = cancel_call
        if self.done():
            self._cancel_call = _nothing

    def arrived(self, outcome: bytes | TFSError) -> None:
        """Take the transport's answer; it comes too late for a future that was cancelled."""
        try:
            if isinstance(outcome, TFSError):
                self.failed(outcome)
                self.set_exception(outcome)
            else:
                self.set_result(outcome)  # type: ignore[arg-type]
        except InvalidStateError:
            pass
        self._cancel_call = _nothing

    def failed(self, error: TFSError) -> None:
        """Have it noted that there is no answer."""
        self._observer.failed(self._call, error, self._started)

    def result(self, timeout: float | None = None) -> T:
        """The result, decoded on first use; raises what went wrong."""
        data = cast("bytes", super().result(timeout))
        with self._decoding:
            if self._decoded is None:
                try:
                    self._decoded = (self._observer.answered(self._call, data, self._started),)
                except TFSError as error:
                    self._decoded = error
        if isinstance(self._decoded, TFSError):
            raise self._decoded
        return self._decoded[0]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What went wrong, an answer that cannot be decoded included."""
        error = super().exception(timeout)
        if error is None:
            try:
                self.result(0)
            except TFSError as undecodable:
                return undecodable
        return error

    def cancel(self) -> bool:
        """Cancel the call, on the wire too; False if it has ended already."""
        cancelled = super().cancel()
        if cancelled:
            self._cancel_call()
        return cancelled
