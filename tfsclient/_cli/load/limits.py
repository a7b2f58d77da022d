"""What a server may take: ``p99=50ms`` to search by, ``p99>50ms,errors>0.1%`` to fail by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tfsclient._cli.load.statistics import Summary, percentile
from tfsclient._cli.load.units import milliseconds, share
from tfsclient.errors import InvalidInput

NOTHING: Final = "no call was begun while it was measured: take more --seconds"
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_NUMBER: Final = r"(\d+(?:\.\d*)?|\.\d+)"
_LATENCY: Final = re.compile(rf"p{_NUMBER}([=>]){_NUMBER}(us|ms|s)")
_ERRORS: Final = re.compile(rf"errors>{_NUMBER}%")


@dataclass(frozen=True, slots=True)
class Latency:
    """A limit of a percentile of the latencies.

    Attributes:
        percent: of the calls that must be within it.
        seconds: the limit.
    """

    percent: float
    seconds: float

    def __str__(self) -> str:
        return f"p{self.percent:g}={self.seconds * 1e3:.6g}ms"

    @property
    def allowed(self) -> float:
        """The share of calls that may be slower."""
        return 1 - self.percent / 100


@dataclass(frozen=True, slots=True)
class Errors:
    """A limit of the share of calls that fail, 0 to 1."""

    share: float


def read_slo(text: str) -> Latency:
    """The limit that is searched by.

    Raises:
        InvalidInput: it is not of the form p99=50ms.
    """
    found = _LATENCY.fullmatch(text.strip())
    if found is None or found[2] != "=":
        raise InvalidInput(f"--slo {text!r} is not of the form p99=50ms")
    return _latency(found, f"--slo {text!r}")


def read_fail_if(text: str) -> list[Latency | Errors]:
    """The limits over which a command fails.

    Raises:
        InvalidInput: it is not of the form p99>50ms,errors>0.1%.
    """
    limits: list[Latency | Errors] = []
    for part in re.sub(r"\s", "", text).split(","):
        errors, latency = _ERRORS.fullmatch(part), _LATENCY.fullmatch(part)
        if errors is not None:
            limits.append(Errors(float(errors[1]) / 100))
        elif latency is not None and latency[2] == ">":
            limits.append(_latency(latency, f"--fail-if {part!r}"))
        else:
            raise InvalidInput(
                f"--fail-if {part!r} is not of the form p99>50ms or errors>0.1%",
                hint="put it in quotes: to a shell, > is where output goes",
            )
    return limits


def _latency(found: re.Match[str], where: str) -> Latency:
    percent, seconds = float(found[1]), float(found[3]) * _UNITS[found[4]]
    if not 0 < percent < 100:
        raise InvalidInput(f"{where}: a percentile is over 0 and under 100, as in p99 or p99.9")
    if seconds <= 0:
        raise InvalidInput(f"{where}: the limit must be over 0")
    return Latency(percent, seconds)


def verdict(summary: Summary, limit: Latency | Errors) -> tuple[bool | None, str]:
    """Whether a limit was kept, and why.

    What was kept in spite of the sender is kept.  What was missed is blamed on the server where it
    would have been without the sender's lag, too; else there is no verdict, which is None.
    """
    if not summary.calls:
        return None, NOTHING
    if isinstance(limit, Errors):
        failed = summary.errors_share
        text = f"{share(failed)} of the calls failed, and {share(limit.share)} may"
        return failed <= limit.share, text
    took = summary.latency(limit.percent)
    text = f"p{limit.percent:g} {milliseconds(took)} ms of {limit.seconds * 1e3:.6g} ms"
    if took <= limit.seconds:
        return True, text
    without_lag = percentile(summary.without_lag, limit.percent)
    return blame(summary, text, servers=not without_lag <= limit.seconds)


def blame(summary: Summary, text: str, *, servers: bool) -> tuple[bool | None, str]:
    """The verdict on a limit that was missed.

    Args:
        summary: what was measured.
        text: by how much it was missed.
        servers: whether it was missed without the sender's lag, too.
    """
    if summary.busy:
        return None, f"{text}; the sender was the bottleneck, with {summary.cpu:.0%} of a CPU"
    if not servers:
        lag = milliseconds(summary.lag(99))
        return None, f"{text}; the sender was the bottleneck, with a lag of p99 {lag} ms"
    return False, text
