"""How long a call may take: one deadline for all that it sends."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from numbers import Complex, Number, Real
from typing import SupportsFloat, TypeGuard

import numpy as np

from tfsclient.errors import DeadlineExceeded, InvalidInput

_ENDLESS = 1e9  # seconds; thirty years


class Deadline:
    """A moment by which something must be done.

    Args:
        seconds: how long from now, as :func:`read_seconds` gives it; None for no limit.

    Attributes:
        seconds: how long from the start; None for no limit.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._end = None if self.seconds is None else time.monotonic() + self.seconds

    def capped(self, seconds: float) -> Deadline:
        """A deadline in so many seconds, or in half of what is left if that is less."""
        remaining = self.remaining()
        return Deadline(seconds if remaining is None else min(seconds, remaining / 2))

    def remaining(self) -> float | None:
        """Seconds that are left, 0 if it has passed; None for no limit."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def left(self) -> float | None:
        """Seconds that are left to send a request; None for no limit.

        Raises:
            DeadlineExceeded: none are.
        """
        if self._end is None:
            return None
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceeded("no time was left to send the request")
        return seconds


def read_seconds(value: object) -> float | None:
    """A timeout that a user gave, in seconds; None for no limit.

    None, too, where it is beyond what clocks and sockets can count.

    Args:
        value: a number of Python's or numpy's, a ``datetime.timedelta``, or None.

    Raises:
        InvalidInput: it is not a positive time.
    """
    if value is None:
        return None
    if type(value) is float:  # as it mostly is
        seconds = value
    elif isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, np.timedelta64):
        seconds = float(value / np.timedelta64(1, "s"))
    elif _is_real(value) and not isinstance(value, bool | np.bool_):
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
    else:
        raise InvalidInput(
            f"timeout must be a number of seconds, a timedelta or None, not {value!r:.50}"
        )
    if not seconds > 0:
        raise InvalidInput(f"timeout must be a positive number of seconds, not {seconds:g}")
    return seconds if seconds < _ENDLESS else None


def _is_real(value: object) -> TypeGuard[SupportsFloat]:
    """Whether it is a number on a line; a Decimal is a number, and neither Real nor Complex."""
    return isinstance(value, Number) and (isinstance(value, Real) or not isinstance(value, Complex))
