"""Waiting for a model to be ready: what its states mean."""

from __future__ import annotations

import asyncio
import time

from tfsclient._calls.deadline import read_seconds
from tfsclient._calls.options import Options
from tfsclient._client.sending import AsyncSender, Sender
from tfsclient._codec.model_ref import ModelRef
from tfsclient.errors import (
    Code,
    DeadlineExceeded,
    NotFound,
    TFSError,
    Unavailable,
    from_code,
)
from tfsclient.results import VersionStatus

_POLL_SECONDS = 0.25  # between two looks at a model that is not ready
_LOOK_SECONDS = 5.0  # that one such look may take


class Readiness:
    """The reasoning of ``wait_until_ready``: looks at states and says what they mean.

    Args:
        model: the model's name.
        timeout: seconds to wait; None for ever.
    """

    poll_seconds = _POLL_SECONDS

    def __init__(self, model: str, timeout: float | None) -> None:
        self._model = model
        self._timeout = read_seconds(timeout)
        self._end = None if self._timeout is None else time.monotonic() + self._timeout
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


def wait_until_ready(sender: Sender, ref: ModelRef, timeout: float | None) -> VersionStatus:
    """Wait until a version answers; see :meth:`tfsclient.Client.wait_until_ready`."""
    readiness = Readiness(ref.name, timeout)
    while True:
        options = Options(timeout=readiness.look_seconds())
        try:
            states = sender.run(sender.flows.status(ref), options)
        except TFSError as error:
            readiness.not_seen(error)
        else:
            ready = readiness.seen(states)
            if ready is not None:
                return ready
        readiness.check_time()
        time.sleep(readiness.poll_seconds)


async def await_until_ready(
    sender: AsyncSender, ref: ModelRef, timeout: float | None
) -> VersionStatus:
    """:func:`wait_until_ready` for asyncio."""
    readiness = Readiness(ref.name, timeout)
    while True:
        options = Options(timeout=readiness.look_seconds())
        try:
            states = await sender.run(sender.flows.status(ref), options)
        except TFSError as error:
            readiness.not_seen(error)
        else:
            ready = readiness.seen(states)
            if ready is not None:
                return ready
        readiness.check_time()
        await asyncio.sleep(readiness.poll_seconds)
