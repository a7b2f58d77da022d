"""Sending a call again while the server is unavailable; what that needs is loaded only then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._transports.settings import Settings
from tfsclient.dtypes import LOADING
from tfsclient.errors import Unavailable

R = TypeVar("R")


def attempts(
    attempt: Callable[[], R],
    request: Request,
    settings: Settings,
    deadline: Deadline,
    sleep: Callable[[float], None],
) -> R:
    """The answer of the first attempt that succeeds, until the deadline.

    Args:
        attempt: sends the call.
        request: the call.
        settings: what the user set.
        deadline: for all attempts.
        sleep: what waits between two of them.

    Raises:
        TFSError: the last attempt's; ``attempts`` has the errors before it.
    """
    try:
        return attempt()
    except Unavailable as error:
        first = error
    with LOADING:  # most calls are sent once
        from tfsclient._transports.retries import after

    return after(first, attempt, request, settings, deadline, sleep)


async def async_attempts(
    attempt: Callable[[], Awaitable[R]], request: Request, settings: Settings, deadline: Deadline
) -> R:
    """:func:`attempts` for asyncio."""
    try:
        return await attempt()
    except Unavailable as error:
        first = error
    with LOADING:
        from tfsclient._transports.retries import async_after

    return await async_after(first, attempt, request, settings, deadline)
