"""Calls something later, on one thread for all; the thread is there only while it has to wait."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import TypeAlias

Call: TypeAlias = Callable[[], object]


class Alarm:
    """Timers for code that has no event loop."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int]] = []
        self._calls: dict[int, Call] = {}
        self._numbers = itertools.count()
        self._running = False

    def after(self, seconds: float, call: Call) -> Call:
        """Call something in so many seconds; it must not block.

        Returns:
            A function that takes it back.
        """
        with self._changed:
            number = next(self._numbers)
            self._calls[number] = call
            heapq.heappush(self._waiting, (time.monotonic() + seconds, number))
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="tfsclient-alarm", daemon=True).start()
            self._changed.notify()

        def take_back() -> None:
            with self._changed:
                self._calls.pop(number, None)
                self._changed.notify()

        return take_back

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._waiting and self._waiting[0][1] not in self._calls:
                    heapq.heappop(self._waiting)
                if not self._waiting:
                    self._running = False
                    return
                seconds = self._waiting[0][0] - time.monotonic()
                if seconds > 0:
                    self._changed.wait(seconds)
                    continue
                call = self._calls.pop(heapq.heappop(self._waiting)[1])
            call()
