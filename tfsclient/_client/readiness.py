"""Waiting for a model to be ready: what its states mean."""

from __future__ import annotations

import asyncio
import logging
import time

from tfsclient._calls.deadline import Deadline, read_seconds
from tfsclient._calls.options import Options
from tfsclient._client.sending import Sender
from tfsclient._client.sending_aio import AsyncSender
from tfsclient._codec.model_ref import ModelRef
from tfsclient._transports.target import Target
from tfsclient.errors import (
    Code,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    TFSError,
    Unavailable,
    from_code,
)
from tfsclient.results import VersionStatus

_log = logging.getLogger("tfsclient.readiness")

_POLL_SECONDS = 0.25  # between two looks at a model that is not ready
_LOOK_SECONDS = 5.0  # that one such look may take


class Readiness:
    """The reasoning of ``wait_until_ready``: looks at states and says what they mean.

    Args:
        ref: the model, and perhaps its version or label.
        target: the server.
        timeout: seconds to wait; None for ever.
    """

    def __init__(self, ref: ModelRef, target: Target, timeout: float | None) -> None:
        self._model = ref.name
        self._target = target
        self._labelled = ref.label is not None
        self._deadline = Deadline(read_seconds(timeout))
        self._last = "it has no versions"
        self._error: TFSError | None = None

    def look_seconds(self) -> float:
        """How long the next look may take."""
        remaining = self._deadline.remaining()
        return _LOOK_SECONDS if remaining is None else max(0.05, min(_LOOK_SECONDS, remaining))

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
                f"{_named(failed[0])} did not load: {failed[0].error_message}",
                model=self._model,
            )
        if states:
            self._note(", ".join(f"{_named(s)} is {s.state}" for s in states), None)
        return None

    def not_seen(self, error: TFSError) -> None:
        """A look that failed; a server that is not there yet is waited for, and so is a label."""
        waited_for = (NotFound, Unavailable, DeadlineExceeded)
        if not isinstance(error, waited_for) and not (
            self._labelled and isinstance(error, InvalidArgument)
        ):
            raise error
        # A look that the end cut short says less than the one before it.
        if isinstance(error, DeadlineExceeded) and error.attempts:
            error = error.attempts[-1]
        if self._error is None or not isinstance(error, DeadlineExceeded):
            self._note(self._shown(error), error)

    def _shown(self, error: TFSError) -> str:
        refused = error.details.endswith("Connection refused")
        if refused and error.details.startswith(f"{self._target} cannot be reached: "):
            return f"nothing listens on {self._target} yet: connection refused"
        return f"{error.code}: {error.details}"

    def _note(self, last: str, error: TFSError | None) -> None:
        before = self._last if self._error is None else self._error.code
        if before != (last if error is None else error.code):  # not each address that is refused
            _log.info("model %r: %s", self._model, last)
        self._last, self._error = last, error

    def check_time(self) -> None:
        """Give up when there is no time for another look.

        Raises:
            DeadlineExceeded: with what was seen last.
        """
        remaining = self._deadline.remaining()
        if remaining is not None and remaining < _POLL_SECONDS:
            raise DeadlineExceeded(
                f"not ready after {self._deadline.seconds:g} s: {self._last}",
                model=self._model,
                hint=None if self._error is None else self._error.hint,
            ) from self._error


def _named(status: VersionStatus) -> str:
    return "it" if status.version is None else f"version {status.version}"


def wait_until_ready(sender: Sender, ref: ModelRef, timeout: float | None) -> VersionStatus:
    """Wait until a version answers; see :meth:`tfsclient.Client.wait_until_ready`."""
    readiness = Readiness(ref, sender.target, timeout)
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
        time.sleep(_POLL_SECONDS)


async def await_until_ready(
    sender: AsyncSender, ref: ModelRef, timeout: float | None
) -> VersionStatus:
    """:func:`wait_until_ready` for asyncio."""
    readiness = Readiness(ref, sender.target, timeout)
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
        await asyncio.sleep(_POLL_SECONDS)
