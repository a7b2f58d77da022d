"""A bound on the calls under way in a channel, for servers that refuse what they cannot take.

TF Serving answers gRPC calls on a fixed number of threads (``--grpc_max_threads``, 4 a CPU) and
refuses at once what comes beyond.  Such a call never ran, so it may be sent again.  A channel
starts without a bound; a burst of refusals halves it, successes raise it again.  What finds no room
waits in the order of its arrival, and where nothing is under way whose end could be waited for, a
while that grows.  Nothing blocks here: who waits gives a function, which is called when there is
room.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 1.0


class Bound:
    """The calls under way in one channel, and those that wait; safe to share between threads.

    Args:
        after: calls something in so many seconds.
    """

    def __init__(self, after: Callable[[float, Callable[[], object]], object]) -> None:
        # It belongs to a channel, and so to one process: a forked child gets an open lock.
        self._lock = threading.Lock()
        self._after = after
        self._limit = math.inf
        # An entry a call: adding and taking one is atomic, so that a channel without a bound, as
        # most are, takes no lock.
        self._under_way: deque[None] = deque()
        # How many bursts of refusals there were; to be given back with a place: calls sent before
        # a burst belong to it.
        self.burst = 0
        self._pause = 0.0  # seconds that the last one took, since the last success
        self._pausing_until = 0.0
        self._waiting: OrderedDict[Hashable, Callable[[], None]] = OrderedDict()

    @property
    def limit(self) -> float:
        """How many calls may be under way; infinite until the server refused one."""
        return self._limit

    def enter(self) -> bool:
        """Take a place if there is one and nobody waits."""
        if self._limit == math.inf and not self._waiting:
            self._under_way.append(None)
            return True
        with self._lock:
            if self._waiting or not self._has_room():
                return False
            self._under_way.append(None)
            return True

    def wait(self, key: Hashable, wake: Callable[[], None], *, first: bool) -> None:
        """Have ``wake`` called once, with a place taken for it.

        Args:
            key: stands for the call.
            wake: must not block.
            first: whether it goes before the others that wait, as a call does that was refused.
        """
        with self._lock:
            self._waiting[key] = wake
            if first:
                self._waiting.move_to_end(key, last=False)
        self._wake()

    def give_up(self, key: Hashable) -> bool:
        """Wait no longer; False if it was woken already, and has a place to leave."""
        with self._lock:
            return self._waiting.pop(key, None) is not None

    def leave(self, burst: int, *, refused: bool) -> None:
        """Give a place back.

        Args:
            burst: what :attr:`burst` was when the call was sent.
            refused: whether the server had no thread for it.
        """
        if not refused and self._limit == math.inf:
            self._under_way.pop()
            if self._waiting:
                self._wake()
            return
        pause = 0.0
        with self._lock:
            if refused:
                if burst == self.burst:
                    self.burst += 1
                    self._limit = max(1, min(self._limit, len(self._under_way)) // 2)
                if len(self._under_way) == 1 and self._pausing_until <= time.monotonic():
                    # Others have the server's threads: no end of ours can be waited for.
                    self._pause = min(_LONGEST_PAUSE_SECONDS, 2 * self._pause or _PAUSE_SECONDS)
                    pause = self._pause * (0.5 + os.urandom(1)[0] / 256)
                    self._pausing_until = time.monotonic() + pause
            elif self._limit != math.inf:
                self._pause = 0.0
                if len(self._under_way) >= math.floor(self._limit):  # it is what holds us back
                    self._limit += 1 / self._limit
            self._under_way.pop()
        if pause:
            self._after(pause, self._wake)
        elif self._waiting:
            self._wake()

    def open(self) -> None:
        """Wake all that wait, as for a channel that was closed."""
        with self._lock:
            self._limit, self._pausing_until = math.inf, 0.0
        self._wake()

    def _has_room(self) -> bool:
        if len(self._under_way) >= self._limit:
            return False
        return not self._pausing_until or self._pausing_until <= time.monotonic()

    def _wake(self) -> None:
        while self._waiting:
            with self._lock:
                if not self._waiting or not self._has_room():
                    return
                self._under_way.append(None)
                _, wake = self._waiting.popitem(last=False)
            wake()
