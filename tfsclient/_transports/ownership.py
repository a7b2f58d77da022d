"""Who may use a connection: the process that opened it, and for asyncio the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

# Held while connections are made or dropped.  A fork waits for it, so that no child gets it locked
# by a thread that the child does not have.
OPENING: Final = threading.RLock()

_pid = os.getpid()


def process() -> int:
    """This process's id; ``os.getpid()`` is a system call, and small calls would feel it.

    A child that something other than Python forks must call ``PyOS_AfterFork_Child``, as embedders
    of Python do anyway.
    """
    return _pid


def _in_child() -> None:
    global _pid  # noqa: PLW0603
    _pid = os.getpid()
    OPENING.release()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=OPENING.acquire, after_in_parent=OPENING.release, after_in_child=_in_child
    )


class PerLoop(Generic[T]):
    """Something that cannot leave its event loop: each loop that asks gets its own.

    It is closed when it is given up, when nobody can ask any more, and when the loop shuts down.

    Args:
        make: makes one, on the running loop.
        close: closes one.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[object]]) -> None:
        self._make = make
        self._close = close
        self._made: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[T, None]]] = {}

    def made(self) -> T | None:
        """The running loop's own, if it has one."""
        made = self._made.get(asyncio.get_running_loop())
        return None if made is None else made[0]

    async def get(self) -> T:
        """The running loop's own, made if it has none."""
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            for other in list(self._made):
                if other.is_closed():
                    self._made.pop(other, None)
            keeper = _keep(self._make(), self._close)
            self._made[loop] = await anext(keeper), keeper
        return self._made[loop][0]

    async def close(self) -> None:
        """Give up the running loop's own, if it has one."""
        made = self._made.pop(asyncio.get_running_loop(), None)
        if made is not None:
            await made[1].aclose()


async def _keep(made: T, close: Callable[[T], Awaitable[object]]) -> AsyncGenerator[T, None]:
    # A generator, because that is what an event loop finishes when it is collected or left over.
    try:
        yield made
    finally:
        await close(made)
