"""What was measured, in numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tfsclient._cli.load.interface import Floats, Measured
from tfsclient._cli.load.units import milliseconds

_MUCH_CPU: Final = 0.9  # of one: with more, Python threads wait for each other
_MUCH_LAG: Final = 0.1  # of a percentile, and
_LEAST_LAG: Final = 0.001  # seconds, by which a machine is always late
_HIDDEN: Final = 2.0  # times the closed loop's percentile that an open loop would see
# Student's t for 95 %, by degrees of freedom from 1; the last is for more, too.
_STUDENT: Final = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)

CURVE: Final = (0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99)


def percentile(values: Floats, percent: float) -> float:
    """The least of the values that so many percent of them do not exceed; NaN of none."""
    if not len(values):
        return math.nan
    place = math.ceil(round(len(values) * percent / 100, 9))
    return float(np.partition(values, max(place - 1, 0))[max(place - 1, 0)])


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """A load's calls in numbers; seconds, and those of the warm-up left out.

    Attributes:
        measured: the calls themselves.
        calls: that were to be sent while it was measured.
        latencies: of the calls that were answered, from when they were to be sent.
        without_lag: the same from when they were sent, in the same order.
        errors: how many calls failed, by code.
        rate: answers a second.
        lags: of all calls, from when they were to be sent to when they were.
        parts: mean seconds for encode, wait and decode.
        cpu: the CPU that the busiest sender used, as a share of one.
    """

    measured: Measured
    calls: int
    latencies: Floats
    without_lag: Floats
    errors: dict[str, int]
    rate: float
    lags: Floats
    parts: tuple[float, float, float]
    cpu: float

    @property
    def failed(self) -> int:
        """How many calls failed."""
        return sum(self.errors.values())

    @property
    def errors_share(self) -> float:
        """How many of the calls failed, 0 to 1."""
        return self.failed / self.calls if self.calls else 0.0

    def latency(self, percent: float) -> float:
        """A percentile of the latencies; NaN where nothing was answered."""
        return percentile(self.latencies, percent)

    def lag(self, percent: float) -> float:
        """A percentile of the lags."""
        return percentile(self.lags, percent)

    def missed(self, limit: float) -> tuple[int, int]:
        """How many calls failed or took longer than this: in all, and without the sender's lag."""
        late, late_by_server = (
            int(np.count_nonzero(took > limit)) for took in (self.latencies, self.without_lag)
        )
        return self.failed + late, self.failed + late_by_server

    @property
    def busy(self) -> bool:
        """Whether sending took a whole CPU, so that answers were read late, too."""
        return self.cpu > _MUCH_CPU

    def bottleneck(self, percent: float = 99.0) -> str | None:
        """Why these numbers may be the sender's rather than the server's; None if they are not."""
        if self.busy:
            return f"it used {self.cpu:.0%} of a CPU"
        # Of few calls, one that was late is the p99 already: as high as they can tell is enough.
        told = [p for p, _ in self.curve() if 0 < p < percent and len(self.latencies) > 1]
        if len(self.latencies) < 100 / (100 - percent):
            if not told:
                return None
            percent = told[-1]
        whole, servers = self.latency(percent), percentile(self.without_lag, percent)
        if whole - servers > max(_LEAST_LAG, _MUCH_LAG * whole):
            return (
                f"it sent late itself: p{percent:g} is {milliseconds(whole)} ms, and without its "
                f"lag {milliseconds(servers)} ms"
            )
        return None

    def hidden(self, percent: float = 99.0) -> float | None:
        """What an open loop would have seen, where a closed one hides it; else None.

        While one call takes long, its caller sends no others: here the calls are added that would
        have been sent meanwhile, one each time that a caller's call usually takes.
        """
        load = self.measured.load
        if load.concurrency is None or not len(self.latencies):
            return None
        usual = max(self.latency(50), 1e-6)
        slow = self.latencies[self.latencies > _HIDDEN * usual]
        added = [np.arange(latency - usual, 0, -usual) for latency in slow.tolist()]
        seen = percentile(np.concatenate([self.latencies, *added]), percent)
        return seen if seen > _HIDDEN * self.latency(percent) else None

    def curve(self) -> list[tuple[float, float]]:
        """Percentiles with their latencies, as far as there are calls for them."""
        most = 100 * (1 - 1 / max(len(self.latencies), 1))
        return [(p, self.latency(p)) for p in CURVE if p <= max(most, 50)]

    def timeline(self, buckets: int = 60) -> list[tuple[float, float, float, float]]:
        """Over the time: when, calls that were to be sent a second, and their p50 and slowest."""
        m = self.measured
        seconds = m.seconds
        if seconds <= 0:
            return []
        width = max(seconds / buckets, min(0.1, seconds))
        good = (m.codes == "") & (m.intended >= 0)
        when, took = m.intended[good], (m.ended - m.intended)[good]
        bucket = np.floor(when / width + 1e-6)  # what is due on an edge is after it
        lines = []
        for number in range(math.ceil(round(seconds / width, 9))):
            inside = took[bucket == number]
            if len(inside):
                middle, most = percentile(inside, 50), float(inside.max())
                lines.append((number * width, len(inside) / width, middle, most))
        return lines


def summarize(measured: Measured) -> Summary:
    """The numbers of a load."""
    m = measured
    inside = m.intended >= 0
    good = m.codes == ""
    answers = good & (m.ended >= 0) & (m.ended <= m.seconds)
    parts = m.parts[inside & good]
    means = parts.mean(axis=0) if len(parts) else np.zeros(3)
    return Summary(
        measured=m,
        calls=int(np.count_nonzero(inside)),
        latencies=(m.ended - m.intended)[inside & good],
        without_lag=(m.ended - m.started)[inside & good],
        errors=dict(Counter(m.codes[inside & ~good].tolist()).most_common()),
        rate=float(np.count_nonzero(answers) / m.seconds) if m.seconds > 0 else 0.0,
        lags=(m.started - m.intended)[inside],
        parts=(float(means[0]), float(means[1]), float(means[2])),
        cpu=max(m.cpu, default=0.0),
    )


def bounds(missed: int, calls: int, z: float = 1.64) -> tuple[float, float]:
    """Between what the share of missed calls is in the long run: Wilson's interval.

    Args:
        missed: how many there were.
        calls: of how many.
        z: how sure; 1.64 is wrong once in twenty times on either side.
    """
    if not calls:
        return 0.0, 1.0
    share = missed / calls
    middle = share + z * z / (2 * calls)
    spread = z * math.sqrt(share * (1 - share) / calls + z * z / (4 * calls * calls))
    low, high = (middle - spread) / (1 + z * z / calls), (middle + spread) / (1 + z * z / calls)
    return (low if missed else 0.0), (high if missed < calls else 1.0)


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of a few values, and between what it is 95 times in 100: Student's interval."""
    array = np.asarray(values, np.float64)
    mean, count = float(array.mean()), len(array)
    if count < 2:
        return mean, -math.inf, math.inf
    student = _STUDENT[min(count - 2, len(_STUDENT) - 1)]
    spread = student * float(array.std(ddof=1)) / math.sqrt(count)
    return mean, mean - spread, mean + spread
