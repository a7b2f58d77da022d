"""How long things may take: deadlines of calls, and waiting for a model to be ready."""

from __future__ import annotations

import time

from tfsclient.errors import (
    Code,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    TFSError,
    Unavailable,
    from_code,
)
from tfsclient.results import VersionStatus

_POLL_SECONDS = 0.25  # between two looks at a model that is not ready
_LOOK_SECONDS = 5.0  # that one such look may take
_ENDLESS = 1e9  # seconds; thirty years


def left(end: float | None, model: str | None) -> float | None:
    """Seconds that are left until ``end`` by ``time.monotonic()``; None for no limit.

    Raises:
        DeadlineExceeded: none are.
    """
    if end is None:
        return None
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise DeadlineExceeded("no time was left to send the request", model=model)
    return seconds


class Readiness:
    """The reasoning of ``wait_until_ready``: looks at states, tells what they mean.

    Args:
        model: the model's name.
        timeout: seconds to wait; None for ever.
    """

    poll_seconds = _POLL_SECONDS

    def __init__(self, model: str, timeout: float | None) -> None:
        self._model = model
        self._timeout = timeout
        self._end = None if timeout is None else time.monotonic() + timeout
        self._last = "it has no versions"

    def look_seconds(self) -> float:
        """How long the next look may take."""
        if self._end is None:
            return _LOOK_SECONDS
        return max(0.05, min(_LOOK_SECONDS, self._end - time.monotonic()))

    def seen(self, states: list[VersionStatus]) -> VersionStatus | None:
        """The newest available version, if there is one.

        Raises:
            TFSError: none will ever be: every version failed to load.
        """
        for state in states:
            if state.available:
                return state
        failed = [s for s in states if s.state == "END" and s.error_code is not Code.OK]
        if states and len(failed) == len(states):
            raise from_code(
                failed[0].error_code,
                f"version {failed[0].version} did not load: {failed[0].error_message}",
                model=self._model,
            )
        if states:
            self._last = ", ".join(f"version {s.version} is {s.state}" for s in states)
        return None

    def not_seen(self, error: TFSError) -> None:
        """A look that failed; a server that is not there yet is waited for."""
        if not isinstance(error, NotFound | Unavailable | DeadlineExceeded):
            raise error
        self._last = str(error)

    def check_time(self) -> None:
        """Give up when there is no time for another look.

        Raises:
            DeadlineExceeded: with what was seen last.
        """
        if self._end is not None and time.monotonic() + _POLL_SECONDS > self._end:
            raise DeadlineExceeded(
                f"not ready after {self._timeout} s: {self._last}", model=self._model
            )


def check_timeout(timeout: float | None) -> float | None:
    """The timeout; None, too, where it is beyond what clocks and sockets can count.

    Raises:
        InvalidInput: it is no positive number.
    """
    if timeout is not None and not timeout > 0:
        raise InvalidInput(f"timeout must be a positive number of seconds or None, not {timeout}")
    return timeout if timeout is None or timeout < _ENDLESS else None
