"""The highest rate at which a server keeps a limit, found with few calls.

A rate is doubled until the limit is missed, and the gap between the highest kept and the lowest
missed rate is halved until it is small.  A load ends as soon as it is clear what will come of it,
so that those that are too much end early.

What was found so is the edge, and half of the time it would not hold.  So what is given out is some
steps below, and held twice more, for the whole time and with other arrivals.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tfsclient._cli.load.interface import SEED, Load, Measured, Progress, Watch
from tfsclient._cli.load.limits import Latency, blame
from tfsclient._cli.load.statistics import Summary, bounds, summarize

PRECISION: Final = 1.05  # the steps between rates
_MOST_RATE: Final = 1e6
_CONFIRMATIONS: Final = 2
_STEPS: Final = (3, 2, 3, 4, 5)  # by which the edge is lowered until it holds; then it is halved
# A rate is given up after so many seconds, or a quarter of the time, and so many calls: one hiccup
# at first is no verdict.
_SOONEST: Final = 1.0
_FEWEST: Final = 50
_HICCUP: Final = 0.1  # of the calls: where more are late, it is the server
_GROWTH: Final = 1.5  # of the median, from one half of a load to the other: a queue that grows

# Sends a load; the same as an engine's `run`.
Run: TypeAlias = Callable[[Load, Watch], Measured]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A rate that was tried.

    Attributes:
        rate: calls a second.
        summary: what came of it.
        kept: whether the limit was kept; None where the sender was too slow to say.
        why: for people.
        confirming: whether it was sent for the whole time, to see if it holds.
    """

    rate: float
    summary: Summary
    kept: bool | None
    why: str
    confirming: bool = False


@dataclass(slots=True)
class Found:
    """What a search came to.

    Attributes:
        limit: what was searched by.
        trials: in their order.
        best: the trial with the highest rate that holds; None where none does.
        sender_bound: whether the sender, and not the server, may have been the limit.
        interrupted: whether the user ended it.
    """

    limit: Latency
    trials: list[Trial] = field(default_factory=list)
    best: Trial | None = None
    sender_bound: bool = False
    interrupted: bool = False

    @property
    def calls(self) -> int:
        """How many calls it took."""
        return sum(len(trial.summary.measured.intended) for trial in self.trials)


def stopping_rule(load: Load, limit: Latency, *, whole: bool = False) -> Callable[[Progress], bool]:
    """Says when a load need not go on, for it is clear whether it keeps the limit.

    That it does not is clear once more calls missed it than chance explains.  That it does takes
    a third of the time, too: a queue that grows slowly misses nothing at first.

    Args:
        load: what is sent.
        limit: what is to be kept.
        whole: whether a load that keeps it is sent for the whole time.
    """

    def over(progress: Progress) -> bool:
        low, high = bounds(progress.missed, progress.judged)
        if low > limit.allowed:
            soon = progress.elapsed < min(_SOONEST, load.seconds / 4)
            return not soon and progress.judged >= _FEWEST
        return not whole and high <= limit.allowed and progress.elapsed >= load.seconds / 3

    return over


def search(
    run: Run,
    load: Load,
    limit: Latency,
    first: float,
    tell: Callable[[Trial], object] = lambda trial: None,
    watch: Watch = lambda progress: False,
) -> Found:
    """Find the highest rate at which a limit is kept.

    Args:
        run: sends a load.
        load: how long, and with which arrivals; its rate is what is looked for.
        limit: what is to be kept.
        first: the rate to begin with.
        tell: is given each trial.
        watch: is told how far a trial is, and may end it.
    """
    search_ = _Search(run, load, limit, tell, watch)
    search_.find(min(max(first, least_rate(load, limit)), _MOST_RATE))
    return search_.found


def least_rate(load: Load, limit: Latency) -> float:
    """The lowest rate that is tried: with less, no call at all might be over the limit."""
    return 1 / limit.allowed / load.seconds


class _Search:
    def __init__(
        self,
        run: Run,
        load: Load,
        limit: Latency,
        tell: Callable[[Trial], object],
        watch: Watch,
    ) -> None:
        self._run = run
        self._load = load
        self._limit = limit
        self._tell = tell
        self._watch = watch
        self.found = Found(limit)

    def find(self, rate: float) -> None:
        least = least_rate(self._load, self._limit) * 0.999
        kept, missed = 0.0, math.inf
        while kept * PRECISION < missed and least <= rate <= _MOST_RATE:
            trial = self._try(rate)
            if trial is not None and not trial.kept and self._is_close(trial):
                trial = self._try(rate, SEED - 1)
            if trial is None:
                return
            if trial.kept:
                kept = rate
            else:
                missed = rate
                self.found.sender_bound = trial.kept is None
            if not kept:
                rate = max(rate / 2, least) if rate > least * 1.1 else 0.0
            elif missed == math.inf:
                rate *= 2
            else:
                rate = math.sqrt(kept * missed)
        if kept:
            self._confirm(kept)

    def _confirm(self, rate: float) -> None:
        """Find a rate that holds for the whole time, twice; what does not is lowered, ever more."""
        seeds = itertools.count(SEED + 1)
        lower = [PRECISION**steps for steps in _STEPS]
        for factor in itertools.chain(lower, itertools.repeat(2.0)):
            rate /= factor
            if rate < least_rate(self._load, self._limit) / 2:
                return
            held: list[Trial] = []
            while len(held) < _CONFIRMATIONS:
                trial = self._try(rate, next(seeds), confirming=True)
                if trial is None:
                    return
                if not trial.kept:
                    break
                held.append(trial)
            else:
                self.found.best = held[-1]
                return

    def _is_close(self, trial: Trial) -> bool:
        """Whether it was missed by so little that a hiccup may be why: it is tried once more."""
        missed, _ = trial.summary.missed(self._limit.seconds)
        return missed < _HICCUP * trial.summary.calls

    def _try(self, rate: float, seed: int = SEED, *, confirming: bool = False) -> Trial | None:
        """Send a rate; None where the user ends the search."""
        load = Load(
            self._load.seconds,
            rate,
            arrivals=self._load.arrivals,
            warmup=self._load.warmup,
            seed=seed,
            limit=self._limit.seconds,
        )
        rule = stopping_rule(load, self._limit, whole=confirming)

        def watch(progress: Progress) -> bool:
            return self._watch(progress) or rule(progress)

        measured = self._run(load, watch)
        summary = summarize(measured)
        kept, why = judge(summary, self._limit)
        if measured.interrupted:
            kept, why = None, "interrupted"
        trial = Trial(rate, summary, kept, why, confirming)
        self.found.interrupted = measured.interrupted
        self.found.trials.append(trial)
        self._tell(trial)
        return None if measured.interrupted else trial


def judge(summary: Summary, limit: Latency) -> tuple[bool | None, str]:
    """Whether a load kept a limit, and why; None where the sender, not the server, missed it.

    A call that failed missed it.  A load under which the latency grows all the time would miss it
    later.
    """
    if not summary.calls:
        return False, "nothing was sent"
    missed, by_server = summary.missed(limit.seconds)
    allowed = limit.allowed * summary.calls + 1e-9
    text = f"{missed} of {summary.calls} calls over {limit.seconds * 1e3:.6g} ms"
    if missed > allowed:
        return blame(summary, text, servers=by_server > allowed)
    if grows(summary, limit):
        return False, f"{text}, but they became slower all the time"
    return True, text


def grows(summary: Summary, limit: Latency) -> bool:
    """Whether a queue grows: calls become slower from quarter to quarter, towards the limit."""
    m = summary.measured
    good = (m.codes == "") & (m.intended >= 0)
    when, took = m.intended[good], (m.ended - m.intended)[good]
    edges = [m.seconds * n / 4 for n in range(5)]
    medians = []
    for low, high in itertools.pairwise(edges):
        inside = took[(when >= low) & (when < high)]
        if len(inside) < 10:
            return False
        medians.append(float(sorted(inside)[len(inside) // 2]))
    rising = all(b > a for a, b in itertools.pairwise(medians))
    return rising and medians[-1] > _GROWTH * medians[0] and medians[-1] > limit.seconds / 4
