"""A server, a sender and a clock without time: what theory says of them can be checked exactly."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any

from tfsclient._cli.load.interface import Load, Measured, Outcome, Watch
from tfsclient._cli.load.measure import measure


class World:
    """Both the clock and the sender, and behind them a server whose calls queue for workers.

    Args:
        service: seconds that a worker spends on the call of a number.
        workers: how many there are; None for one a call.
        stall: from when to when the server does nothing at all.
        sending: seconds that the sender itself needs for a call.
        fails: the code with which the call of a number fails.
        cpu: the share of a CPU that sending takes.
    """

    def __init__(
        self,
        service: Callable[[int], float],
        workers: int | None = 1,
        *,
        stall: tuple[float, float] = (0.0, 0.0),
        sending: float = 0.0,
        fails: Callable[[int], str] = lambda number: "",
        cpu: float = 0.0,
    ) -> None:
        self._service = service
        self._queued = workers is not None
        self._free = [0.0] * (workers or 0)  # when each worker is
        self._stall = stall
        self._sending = sending
        self._fails = fails
        self._cpu = cpu
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], Any]]] = []
        self._order = count()
        self.calls = 0

    def now(self) -> float:
        return self._now

    def cpu(self) -> float:
        return self._cpu * self._now

    def sleep_until(self, when: float) -> None:
        while self._events and self._events[0][0] <= max(when, self._now):
            at, _, happen = heapq.heappop(self._events)
            self._now = max(self._now, at)
            happen()
        self._now = max(self._now, when)

    def start(self, number: int, done: Callable[[Outcome], object]) -> None:
        self.calls += 1
        self._now += self._sending
        started = self._now
        begun = max(started, heapq.heappop(self._free)) if self._queued else started
        ended = self._worked(begun, self._service(number))
        if self._queued:
            heapq.heappush(self._free, ended)
        outcome = Outcome(started, ended, wait=ended - started, code=self._fails(number))
        heapq.heappush(self._events, (ended, next(self._order), lambda: done(outcome)))

    def _worked(self, begun: float, seconds: float) -> float:
        """When work is done that takes so many seconds besides the stall."""
        since, until = self._stall
        if begun + seconds <= since or begun >= until:
            return begun + seconds
        return until + seconds - max(since - begun, 0.0)

    def run(self, load: Load, watch: Watch = lambda progress: False) -> Measured:
        return measure(self, self, load, watch)
