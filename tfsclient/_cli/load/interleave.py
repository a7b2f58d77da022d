"""One server against another: in turns and under the same load, so that time favours neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tfsclient._cli.load.interface import SEED, Engine, Load, Measured, Watch
from tfsclient._cli.load.measure import nothing
from tfsclient._cli.load.statistics import Summary, interval, summarize

ROUNDS: Final = 10
PERCENTILES: Final = (50.0, 90.0, 99.0)


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much the second server is slower than the first.

    Attributes:
        percent: of which percentile.
        seconds: the mean over the rounds.
        low: at least so much, in 95 of 100 cases.
        high: at most so much.
    """

    percent: float
    seconds: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether there is a difference that chance does not explain."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Interleaved:
    """What two servers made of the same load.

    Attributes:
        first: all of the first one's calls.
        second: all of the second one's.
        differences: between them.
        interrupted: whether the user did not want to wait any longer.
    """

    first: Summary
    second: Summary
    differences: list[Difference]
    interrupted: bool


def interleave(first: Engine, second: Engine, load: Load, watch: Watch) -> Interleaved:
    """Put a load on two servers in turns of a tenth of its time each.

    Both get the same arrivals in a round; who begins changes from round to round.

    Args:
        first: one server.
        second: the other.
        load: what to send, for so long to either.
        watch: is told how far it is.

    Returns:
        What they made of it; where the user interrupts, of what was sent until then.
    """
    measured: tuple[list[Measured], list[Measured]] = ([], [])
    interrupted = False
    try:
        for turn, which in _turns(load):
            part = (first, second)[which].run(turn, watch)
            measured[which].append(part)
            if interrupted := part.interrupted:
                break  # at once: the other does not get its turn
    except KeyboardInterrupt:
        interrupted = True
    # Ctrl-C may have kept one of them from its last turn.
    pairs = list(zip(*([summarize(part) for part in parts] for parts in measured), strict=False))
    return Interleaved(
        summarize(joined(measured[0], load)),
        summarize(joined(measured[1], load)),
        [found for percent in PERCENTILES if (found := _difference(pairs, percent))],
        interrupted,
    )


def _turns(load: Load) -> Iterator[tuple[Load, int]]:
    """What to send, and to which of the two."""
    seconds = load.seconds / ROUNDS
    for number in range(ROUNDS):
        warmup = load.warmup if number == 0 else min(load.warmup, seconds / 4)
        turn = replace(load, seconds=seconds, warmup=warmup, seed=SEED + number)
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            yield turn, which


def _difference(pairs: Sequence[tuple[Summary, Summary]], percent: float) -> Difference | None:
    """None where no round has answers of both."""
    values = [
        b.latency(percent) - a.latency(percent)
        for a, b in pairs
        if len(a.latencies) and len(b.latencies)
    ]
    return Difference(percent, *interval(values)) if values else None


def joined(parts: Sequence[Measured], load: Load) -> Measured:
    """Turns one after the other as one load, without their warm-ups."""
    if not parts:  # it was interrupted before there was one
        return nothing(load)
    starts = np.cumsum([0.0, *(part.seconds for part in parts[:-1])])
    kept = [part.intended >= 0 for part in parts]
    errors: dict[str, str] = {}
    for part in parts:
        errors = part.errors | errors

    def times(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.concatenate(
            [getattr(p, name)[k] + s for p, k, s in zip(parts, kept, starts, strict=True)]
        )

    return Measured(
        load=load,
        seconds=sum(part.seconds for part in parts),
        intended=times("intended"),
        started=times("started"),
        ended=times("ended"),
        parts=np.concatenate([p.parts[k] for p, k in zip(parts, kept, strict=True)]),
        codes=np.concatenate([p.codes[k] for p, k in zip(parts, kept, strict=True)]),
        errors=errors,
        unanswered=sum(part.unanswered for part in parts),
        cpu=[max((share for part in parts for share in part.cpu), default=0.0)],
        interrupted=any(part.interrupted for part in parts),
        server=_mean_server(parts),
    )


def _mean_server(parts: Sequence[Measured]) -> tuple[float, float | None] | None:
    said = [part.server for part in parts if part.server is not None]
    if not said:
        return None
    runs = [run for _, run in said if run is not None]
    requests = [request for request, _ in said]
    return float(np.mean(requests)), float(np.mean(runs)) if runs else None
