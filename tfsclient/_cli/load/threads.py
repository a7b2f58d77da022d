"""The real clock, and the real sender: a thread for each call under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TypeAlias

from tfsclient._calls.request import PredictRequest
from tfsclient._cli.load.interface import WIDEST, Clock, Load, Measured, Outcome, Watch
from tfsclient._cli.load.measure import measure
from tfsclient._client.call_info import CallInfo
from tfsclient._client.observe import OnCall
from tfsclient._client.sync import Client
from tfsclient.errors import TFSError

Done: TypeAlias = Callable[[Outcome], object]


class RealClock:
    """This machine's; on all of its processes it is the same."""

    now = staticmethod(time.perf_counter)
    cpu = staticmethod(time.process_time)

    @staticmethod
    def sleep_until(when: float) -> None:
        """Return at this time; at once, if it has passed."""
        seconds = when - time.perf_counter()
        if seconds > 0:
            time.sleep(seconds)


class ThreadSender:
    """Sends requests in turn, as programs do that call the client from threads.

    A thread is started where none is free, so that no call waits for another's answer; beyond
    4096 calls they do, which shows as the sender's lag.

    Args:
        make: makes the client that sends them, given what is to be its ``on_call``.
        requests: what to send, one after the other.
    """

    def __init__(
        self, make: Callable[[OnCall], Client], requests: Sequence[PredictRequest]
    ) -> None:
        self._told = threading.local()
        self._client = make(self._tell)
        self._requests = requests
        self._queue: SimpleQueue[tuple[int, Done] | None] = SimpleQueue()
        self._threads = 0
        self._busy = 0  # calls that were handed over and have not ended
        self._lock = threading.Lock()

    def start(self, number: int, done: Done) -> None:
        """Send a call on a thread of its own."""
        with self._lock:
            self._busy += 1
            new = self._threads < min(self._busy, WIDEST)
            self._threads += new
        self._queue.put((number, done))
        if new:
            threading.Thread(target=self._work, name="tfsclient-load", daemon=True).start()

    def _work(self) -> None:
        while (handed := self._queue.get()) is not None:
            number, done = handed
            outcome = self.send(number)
            with self._lock:
                self._busy -= 1
            done(outcome)

    def send(self, number: int) -> Outcome:
        """Send a call and wait for its answer."""
        self._told.info = None
        code = text = ""
        started = time.perf_counter()
        try:
            self._client.send(self._requests[number % len(self._requests)])
        except TFSError as error:
            code, text = str(error.code or type(error).__name__), error.details
        ended = time.perf_counter()
        info: CallInfo | None = self._told.info
        if info is None:
            return Outcome(started, ended, code=code, error=text)
        parts = info.encode_seconds, info.wire_seconds, info.decode_seconds
        return Outcome(started, ended, *parts, code, text)

    def _tell(self, info: CallInfo) -> None:
        self._told.info = info

    def close(self) -> None:
        """End the threads that are free, and close the connections."""
        for _ in range(self._threads):
            self._queue.put(None)
        self._client.close()


class Alone:
    """Puts loads on a server from this process; an :class:`Engine`."""

    def __init__(self, sender: ThreadSender) -> None:
        self._clock: Clock = RealClock()
        self._sender = sender

    def run(self, load: Load, watch: Watch) -> Measured:
        """Send a load and wait for all of its calls."""
        return measure(self._clock, self._sender, load, watch)

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()
