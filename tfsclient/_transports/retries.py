"""When a call is sent again: any over HTTP, over gRPC what only reads; the rest gRPC retries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import tenacity

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._transports.settings import MAX_ATTEMPTS, Settings
from tfsclient.errors import DeadlineExceeded, TFSError, Unavailable

R = TypeVar("R")


def after(
    first: Unavailable,
    attempt: Callable[[], R],
    request: Request,
    settings: Settings,
    deadline: Deadline,
    sleep: Callable[[float], None],
) -> R:
    """The answer of an attempt after one that failed as ``first``, with backoff and jitter.

    The rest of the arguments, and errors, are those of :func:`attempts.attempts`.
    """
    failed: list[TFSError] = []
    policy = _policy(request, settings, deadline, failed)
    before = [first]

    def again() -> R:
        if before:
            raise before.pop()  # so that it counts, and is waited after
        return attempt()

    try:
        answer: R = tenacity.Retrying(**policy, sleep=sleep)(again)
    except TFSError as error:
        _tell(error, failed)
        raise
    return answer


async def async_after(
    first: Unavailable,
    attempt: Callable[[], Awaitable[R]],
    request: Request,
    settings: Settings,
    deadline: Deadline,
) -> R:
    """:func:`after` for asyncio."""
    failed: list[TFSError] = []
    policy = _policy(request, settings, deadline, failed)
    before = [first]

    async def again() -> R:
        if before:
            raise before.pop()
        return await attempt()

    try:
        answer: R = await tenacity.AsyncRetrying(**policy)(again)
    except TFSError as error:
        _tell(error, failed)
        raise
    return answer


def _tell(error: TFSError, failed: Sequence[TFSError]) -> None:
    """Give the error that ended a call what the attempts before it failed with.

    An attempt that the deadline cut short says nothing of the server; the one before it did.
    """
    error.attempts = tuple(failed)
    if failed and isinstance(error, DeadlineExceeded):
        error.details += f"; the attempt before it failed: {failed[-1].details}"
        error.hint = error.hint or failed[-1].hint


def _policy(
    request: Request, settings: Settings, deadline: Deadline, failed: list[TFSError]
) -> dict[str, Any]:
    """When to try again; ``failed`` is given the errors of the attempts that others follow."""

    def note(state: tenacity.RetryCallState) -> None:
        error = None if state.outcome is None else state.outcome.exception()
        if isinstance(error, TFSError):
            failed.append(error)

    stop: Any = tenacity.stop_after_attempt(MAX_ATTEMPTS if request.safe else settings.retries + 1)
    seconds = deadline.remaining()
    if seconds is not None:
        stop = stop | tenacity.stop_before_delay(seconds)
    return {
        "retry": tenacity.retry_if_exception_type(Unavailable),
        "wait": tenacity.wait_random_exponential(multiplier=0.1, max=2),
        "stop": stop,
        "before_sleep": note,
        "reraise": True,
    }
