"""How long a call may take: one deadline for all that it sends."""

from __future__ import annotations

import time

from tfsclient.errors import DeadlineExceeded, InvalidInput

_ENDLESS = 1e9  # seconds; thirty years


class Deadline:
    """A moment by which something must be done.

    Args:
        seconds: how long from now; None for no limit.

    Attributes:
        seconds: how long from the start; None for no limit.

    Raises:
        InvalidInput: the seconds are not a positive number.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = check_timeout(seconds)
        self._end = None if self.seconds is None else time.monotonic() + self.seconds

    def left(self, model: str | None = None) -> float | None:
        """Seconds that are left; None for no limit.

        Raises:
            DeadlineExceeded: none are.
        """
        if self._end is None:
            return None
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceeded("no time was left to send the request", model=model)
        return seconds


def check_timeout(timeout: float | None) -> float | None:
    """The timeout; None, too, where it is beyond what clocks and sockets can count.

    Raises:
        InvalidInput: it is not a positive number.
    """
    if timeout is not None and not timeout > 0:
        raise InvalidInput(f"timeout must be a positive number of seconds or None, not {timeout}")
    return timeout if timeout is None or timeout < _ENDLESS else None
