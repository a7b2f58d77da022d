"""Which event loop may use a connection: the one that it was made on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


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
