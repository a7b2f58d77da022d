"""What measuring needs of the world, and what passes between its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Arrivals: TypeAlias = Literal["poisson", "even"]

SEED: Final = 20_26  # of every schedule, so that the same load is the same again
WIDEST: Final = 4096  # calls that one sender has under way at most


class Clock(Protocol):
    """Time, in seconds from whenever."""

    def now(self) -> float:
        """The time now."""
        ...

    def sleep_until(self, when: float) -> None:
        """Return at this time; at once, if it has passed."""
        ...

    def cpu(self) -> float:
        """The CPU time that the sender has used so far."""
        ...


class Outcome(NamedTuple):
    """What became of a call.

    Attributes:
        started: when it was really sent.
        ended: when its answer was decoded, or it failed.
        encode: seconds spent on making the request.
        wait: seconds between sending and having the answer.
        decode: seconds spent on reading the answer.
        code: of its error; "" for none.
        error: its error as text.
    """

    started: float
    ended: float
    encode: float = 0.0
    wait: float = 0.0
    decode: float = 0.0
    code: str = ""
    error: str = ""


class Sender(Protocol):
    """Sends calls without waiting for them."""

    def start(self, number: int, done: Callable[[Outcome], object]) -> None:
        """Send the call of this number; ``done`` is called with what became of it, anywhere."""
        ...


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, and for how long.

    Attributes:
        seconds: for which it is measured.
        rate: calls a second, in an open loop: they are sent when their time has come, whatever
            became of the others.
        concurrency: callers, in a closed loop: each sends its next call when it has its answer.
        arrivals: of an open loop: "poisson", independent of each other as users are, or "even".
        warmup: seconds before, in which it is sent but not measured.
        seed: of the arrivals.
        limit: seconds that a call may take, for those who watch; None for no limit.
        share: which part of the load is meant, of how many: the first is 0.
    """

    seconds: float
    rate: float | None = None
    concurrency: int | None = None
    arrivals: Arrivals = "poisson"
    warmup: float = 0.0
    seed: int = SEED
    limit: float | None = None
    share: tuple[int, int] = (0, 1)

    def __str__(self) -> str:
        if self.rate is not None:
            return f"{self.rate:.4g}/s"
        return f"{self.concurrency} at a time"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a measurement is; those of several senders add up.

    Attributes:
        elapsed: seconds of it, without the warm-up; negative before that is over.
        sent: calls that were sent.
        answered: calls that were answered.
        failed: calls that failed.
        judged: measured calls whose fate is known: they ended, or are late already.
        missed: those of them that failed, or took longer than the limit.
    """

    elapsed: float
    sent: int
    answered: int
    failed: int
    judged: int
    missed: int

    def __add__(self, other: Progress) -> Progress:
        return Progress(
            min(self.elapsed, other.elapsed),
            self.sent + other.sent,
            self.answered + other.answered,
            self.failed + other.failed,
            self.judged + other.judged,
            self.missed + other.missed,
        )


# Is told how far it is, about ten times a second; to return True ends the sending.
Watch: TypeAlias = Callable[[Progress], bool]


@dataclass(slots=True)
class Measured:
    """What became of every call of a load; times count from the end of the warm-up.

    Attributes:
        load: what was asked for.
        seconds: for which it was measured; less than asked for if it was ended before.
        intended: when each call was to be sent.
        started: when it really was.
        ended: when it ended.
        parts: of each, the seconds for encode, wait and decode; of shape [calls, 3].
        codes: of each, the code of its error, or "".
        errors: the first error of each code, as text.
        unanswered: calls that had not ended when it was interrupted.
        cpu: of each sender, the share of a CPU that it used.
        interrupted: whether the user did not want to wait any longer.
        server: mean seconds a request, and a run of the model, as the server says; None where it
            does not.
    """

    load: Load
    seconds: float
    intended: Floats
    started: Floats
    ended: Floats
    parts: Floats
    codes: npt.NDArray[Any]
    errors: dict[str, str] = field(default_factory=dict)
    unanswered: int = 0
    cpu: list[float] = field(default_factory=list)
    interrupted: bool = False
    server: tuple[float, float | None] | None = None


class Engine(Protocol):
    """Puts loads on a server, one after the other."""

    def run(self, load: Load, watch: Watch) -> Measured:
        """Send a load and wait for all of its calls."""
        ...
