"""When a call is sent again: any over HTTP, over gRPC what only reads; the rest gRPC retries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import tenacity

from tfsclient._calls.call import Request
from tfsclient._transports.settings import MAX_ATTEMPTS, Settings
from tfsclient.errors import DeadlineExceeded, TFSError, Unavailable

R = TypeVar("R")


def after(first: Unavailable, attempt: Callable[[], R]) -> Callable[[], R]:
    """What counts an attempt that failed as the first, and makes the others.

    Most calls need no second attempt, and so nothing of this module.
    """
    failed = [first]

    def again() -> R:
        if failed:
            raise failed.pop()
        return attempt()

    return again


def async_after(
    first: Unavailable, attempt: Callable[[], Awaitable[R]]
) -> Callable[[], Awaitable[R]]:
    """:func:`after` for asyncio."""
    make = after(first, attempt)

    async def again() -> R:
        return await make()

    return again


def retrying(
    request: Request,
    settings: Settings,
    timeout: float | None,
    failed: list[TFSError],
    sleep: Callable[[float], None],
) -> tenacity.Retrying:
    """Tries a call on Unavailable, with backoff and jitter.

    Args:
        request: the call.
        settings: what the user set.
        timeout: seconds for all attempts; None for no limit.
        failed: is given the errors of the attempts that others follow.
        sleep: what waits between two attempts.
    """
    return tenacity.Retrying(**_policy(request, settings, timeout, failed), sleep=sleep)


def async_retrying(
    request: Request, settings: Settings, timeout: float | None, failed: list[TFSError]
) -> tenacity.AsyncRetrying:
    """:func:`retrying` for asyncio."""
    return tenacity.AsyncRetrying(**_policy(request, settings, timeout, failed))


def tell(error: TFSError, failed: Sequence[TFSError]) -> None:
    """Give the error that ended a call what the attempts before it failed with.

    An attempt that the deadline cut short says nothing of the server; the one before it did.
    """
    error.attempts = tuple(failed)
    if failed and isinstance(error, DeadlineExceeded):
        error.details += f"; the attempt before it failed: {failed[-1].details}"
        error.hint = error.hint or failed[-1].hint


def _policy(
    request: Request, settings: Settings, timeout: float | None, failed: list[TFSError]
) -> dict[str, Any]:
    def note(state: tenacity.RetryCallState) -> None:
        error = None if state.outcome is None else state.outcome.exception()
        if isinstance(error, TFSError):
            failed.append(error)

    stop: Any = tenacity.stop_after_attempt(MAX_ATTEMPTS if request.safe else settings.retries + 1)
    if timeout is not None:
        stop = stop | tenacity.stop_before_delay(timeout)
    return {
        "retry": tenacity.retry_if_exception_type(Unavailable),
        "wait": tenacity.wait_random_exponential(multiplier=0.1, max=2),
        "stop": stop,
        "before_sleep": note,
        "reraise": True,
    }
