"""Sends a load and takes note of what becomes of it, on whatever clock and sender it is given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tfsclient._cli.load.interface import Clock, Load, Measured, Outcome, Progress, Sender, Watch
from tfsclient._cli.load.schedule import arrival_times, callers

_TICK = 0.1  # seconds between two looks at how far it is
_NAP = 0.002  # seconds between two looks at whether the last answers have come


def measure(
    clock: Clock, sender: Sender, load: Load, watch: Watch, *, start: float | None = None
) -> Measured:
    """Send a load and wait for all of its calls.

    Args:
        clock: tells the time.
        sender: sends the calls.
        load: what to send.
        watch: is told how far it is, and may end the sending.
        start: when to begin; None for now.

    Returns:
        What became of the calls; of those so far, if the user interrupts.
    """
    run = _Run(clock, sender, load, watch, clock.now() if start is None else start)
    cpu = clock.cpu()
    try:
        clock.sleep_until(run.start)
        if load.rate is not None:
            run.open_loop()
        else:
            run.closed_loop()
    except KeyboardInterrupt:
        run.interrupt()
    used = (clock.cpu() - cpu) / max(clock.now() - run.start, 1e-9)
    return run.measured(used)


class _Run:
    """A load under way.  Calls end on any thread: they only append, and put into dicts."""

    def __init__(
        self, clock: Clock, sender: Sender, load: Load, watch: Watch, start: float
    ) -> None:
        self._clock = clock
        self._sender = sender
        self._load = load
        self._watch = watch
        self.start = start
        self._zero = start + load.warmup  # from where it is measured
        self._end = self._zero + load.seconds
        self._next_look = start + _TICK
        self._under_way: dict[int, float] = {}  # when each was to be sent
        self._ended: list[tuple[float, Outcome]] = []
        self._counted = self._failed = self._judged = self._missed = 0
        self._numbers = itertools.count()
        self._over = self._interrupted = False

    def open_loop(self) -> None:
        """Send each call when its time has come."""
        for offset in arrival_times(self._load).tolist():
            time = self.start + offset
            while self._next_look <= time:
                self._clock.sleep_until(self._next_look)
                self._look()
                if self._over:
                    break
            if self._over:
                break
            self._clock.sleep_until(time)
            self._send(time)
            if self._clock.now() >= self._next_look:
                self._look()
        self._drain()

    def closed_loop(self) -> None:
        """Have each caller send its next call as soon as it has its answer."""
        for _ in range(callers(self._load)):
            self._send_next()
        self._drain()

    def _send_next(self) -> None:
        self._send(self._clock.now(), self._send_more)

    def _send_more(self) -> None:
        if not self._over and self._clock.now() < self._end:
            self._send_next()

    def _send(self, intended: float, after: Callable[[], object] | None = None) -> None:
        number = next(self._numbers)
        share, shares = self._load.share
        self._under_way[number] = intended
        self._sender.start(number * shares + share, partial(self._done, number, intended, after))

    def _done(
        self, number: int, intended: float, after: Callable[[], object] | None, outcome: Outcome
    ) -> None:
        self._ended.append((intended, outcome))
        if after is not None:
            after()  # before this call is taken off: there is no moment without a caller
        del self._under_way[number]

    def _drain(self) -> None:
        """Wait until the time is over and all calls have ended."""
        while self._under_way or (not self._over and self._clock.now() < self._end):
            if self._under_way and self._clock.now() >= self._end:
                self._clock.sleep_until(self._clock.now() + _NAP)
            else:
                self._clock.sleep_until(min(self._next_look, self._end))
            if self._clock.now() >= self._next_look:
                self._look()

    def _look(self) -> None:
        """Tell who watches how far it is."""
        now = self._clock.now()
        self._next_look = now + _TICK
        limit = self._load.limit
        new, self._counted = self._ended[self._counted :], len(self._ended)
        for intended, outcome in new:
            self._failed += bool(outcome.code)
            if intended >= self._zero:
                late = limit is not None and outcome.ended - intended > limit
                self._judged += 1
                self._missed += bool(outcome.code) or late
        late_now = 0
        if limit is not None:
            oldest = now - limit
            late_now = sum(self._zero <= t < oldest for t in list(self._under_way.values()))
        progress = Progress(
            now - self._zero,
            self._counted + len(self._under_way),
            self._counted - self._failed,
            self._failed,
            self._judged + late_now,
            self._missed + late_now,
        )
        if self._watch(progress) and not self._over:
            self._over = True
            self._end = now

    def interrupt(self) -> None:
        """End it here, with the calls that have ended."""
        self._over = self._interrupted = True
        self._end = min(self._end, self._clock.now())

    def measured(self, cpu: float) -> Measured:
        """What became of the calls."""
        ended = list(self._ended)
        outcomes = [outcome for _, outcome in ended]
        errors: dict[str, str] = {}
        for outcome in outcomes:
            if outcome.code:
                errors.setdefault(outcome.code, outcome.error)
        times = np.array([[i, o.started, o.ended] for i, o in ended], dtype=np.float64).reshape(
            -1, 3
        )
        times -= self._zero
        return Measured(
            load=self._load,
            seconds=max(self._end - self._zero, 0.0),
            intended=times[:, 0],
            started=times[:, 1],
            ended=times[:, 2],
            parts=np.array([o[2:5] for o in outcomes], dtype=np.float64).reshape(-1, 3),
            codes=np.array([o.code for o in outcomes], dtype=np.object_),
            errors=errors,
            unanswered=len(self._under_way),
            cpu=[cpu],
            interrupted=self._interrupted,
        )


def nothing(load: Load) -> Measured:
    """What was measured of a load that was not begun."""
    none = np.zeros(0)
    return Measured(load, 0.0, none, none, none, np.zeros((0, 3)), np.zeros(0, np.object_))


def merged(parts: Sequence[Measured], load: Load) -> Measured:
    """What several senders measured, each with its share of a load, as if it had been one."""
    errors: dict[str, str] = {}
    for part in parts:
        errors = part.errors | errors
    return Measured(
        load=load,
        seconds=min(part.seconds for part in parts),
        intended=np.concatenate([part.intended for part in parts]),
        started=np.concatenate([part.started for part in parts]),
        ended=np.concatenate([part.ended for part in parts]),
        parts=np.concatenate([part.parts for part in parts]),
        codes=np.concatenate([part.codes for part in parts]),
        errors=errors,
        unanswered=sum(part.unanswered for part in parts),
        cpu=[share for part in parts for share in part.cpu],
        interrupted=any(part.interrupted for part in parts),
    )
