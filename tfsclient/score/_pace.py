"""How many rows a call has and how many calls are under way: as much as raises the rate.

At first the batch is doubled with each round of calls, as long as rows a second grow by much: a few
calls tell so.  From then on doubling the batch, or the calls, is measured for longer, and kept if
it brings something; when neither does, both are left alone and tried again now and then.  When the
server refuses, is gone or too slow, the calls are halved and everything waits, longer each time;
afterwards they come back one by one.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Final

_FIRST_BATCH, _FIRST_CALLS = 32, 4
_MOST_ROWS, _MOST_CALLS = 1 << 14, 64
_MOST_BYTES: Final = 32 << 20  # of a call and its answer
_GAIN: Final = 1.1  # what doubling must bring
_LOSS: Final = 0.97  # what halving the calls may cost
_MUCH: Final = 1.4  # what it must bring at first, where few calls tell
_WINDOW: Final = 0.05  # seconds that a rate is measured over, at least; not at first
_SLOW: Final = 2.0  # seconds of a call beyond which it is not made larger
_PATIENCE: Final = 64  # windows between two tries, at most
_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds


class Pace:
    """Finds the pace, and keeps to it.

    Args:
        batch: the rows of a call; None to find out.
        calls: the most calls under way; None to find out.
        now: seconds, by the clock of all that follows.

    Attributes:
        batch: the rows of the next call.
        calls: how many calls may be under way.
        paused_until: when the next call may be sent.
        epoch: goes up with every change; a call is sent in one.
    """

    def __init__(self, batch: int | None, calls: int | None, now: float) -> None:
        self._finds = {"batch": batch is None, "calls": calls is None}
        self._most = {"batch": batch or _MOST_ROWS, "calls": calls or _MOST_CALLS}
        self._accepted = self._most["batch"]  # as far as the server told
        self.batch = batch or _FIRST_BATCH
        self.calls = calls or _FIRST_CALLS
        self.paused_until = now
        self.epoch = 0
        self._begins = True
        self._burst = 0  # the first epoch after the last trouble
        self._pause = 0.0
        self._seconds = 0.0  # of the last call
        self._since: float | None = None  # when the window began
        self._rows = self._answers = 0  # in it
        self._climb = self._beginning()
        next(self._climb)

    def go_on(self, now: float) -> None:
        """Begin another job like the one that it was found for."""
        self.paused_until = now
        self._change()

    def fits(self, rows: int, size: int) -> None:
        """Learn how large a call of so many rows was, with its answer, in bytes."""
        if self._finds["batch"]:
            most = max(1, _MOST_BYTES * rows // max(1, size))
            self._most["batch"] = min(self._accepted, most)
            self.batch = min(self.batch, most)

    def too_large(self, rows: int) -> None:
        """Learn that a call of more than this many rows is refused."""
        self._accepted = min(self._accepted, max(1, rows))
        self._most["batch"] = min(self._most["batch"], self._accepted)
        self.batch = min(self.batch, self._accepted)

    def answered(self, epoch: int, rows: int, seconds: float, now: float) -> None:
        """Learn that a call was answered."""
        self._pause = 0.0
        self._seconds = seconds
        if epoch != self.epoch:
            return
        if self._since is None:
            self._since = now  # what was sent before the change is out of the way
            return
        self._rows += rows
        self._answers += 1
        elapsed = now - self._since
        enough = self._answers >= (self.calls if self._begins else 2 * self.calls)
        if enough and elapsed >= (0 if self._begins else _WINDOW):
            rate = self._rows / elapsed
            self._start_window()
            self._climb.send(rate)

    def trouble(self, epoch: int, now: float, *, smaller: bool) -> None:
        """Learn that a call failed in a way that says: slow down.

        Args:
            epoch: that it was sent in; the calls that were under way together count once.
            now: the time.
            smaller: whether smaller calls may help.
        """
        if epoch < self._burst:
            return
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or _PAUSE)
        self.paused_until = now + self._pause * random.uniform(0.75, 1.25)  # noqa: S311
        before = self.calls
        self.calls = max(1, self.calls // 2)
        if smaller and self._finds["batch"]:
            self.batch = max(1, self.batch // 2)
        self._change()
        self._burst, self._begins = self.epoch, False
        self._climb = self._recovering(before)
        next(self._climb)

    # The climb: generators that are sent the rate of each window.

    def _beginning(self) -> Generator[None, float, None]:
        best, tries = (yield), 2
        while tries and self._raise("batch"):
            higher = yield
            tries = 2 if higher > best * _MUCH else tries - 1
            best = max(best, higher)
        self._begins = False
        self._climb = self._climbing()
        next(self._climb)
        yield

    def _climbing(self) -> Generator[None, float, None]:
        rate = yield
        quiet = 2
        while True:
            for knob in ("batch", "calls"):
                while self._raise(knob):
                    higher = yield
                    if higher < rate * _GAIN:
                        self._set(knob, getattr(self, knob) // 2)
                        break
                    rate, quiet = higher, 2
            for _ in range(quiet):
                rate = (rate + (yield)) / 2
            quiet = min(_PATIENCE, 2 * quiet)
            if self._finds["calls"] and (before := self.calls) > 1:
                self._set("calls", before // 2)
                fewer = yield
                if fewer < rate * _LOSS:
                    self._set("calls", before)
                else:
                    rate = fewer

    def _recovering(self, before: int) -> Generator[None, float, None]:
        while True:
            yield
            if self.calls >= before:
                break
            self._set("calls", self.calls + 1)
        self._climb = self._climbing()
        next(self._climb)
        yield

    def _raise(self, knob: str) -> bool:
        """Double one of the two, if it may be."""
        now = getattr(self, knob)
        if not self._finds[knob] or now >= self._most[knob] or self._seconds > _SLOW:
            return False
        self._set(knob, min(self._most[knob], 2 * now))
        return True

    def _set(self, knob: str, value: int) -> None:
        setattr(self, knob, max(1, value))
        self._change()

    def _change(self) -> None:
        self.epoch += 1
        self._start_window()

    def _start_window(self) -> None:
        self._since = None
        self._rows = self._answers = 0
