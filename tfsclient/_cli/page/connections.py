"""Connections that keep nobody out: whoever opens them and then says nothing is closed."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST: Final = 64  # open at the same time, before those that say nothing are closed
_SECONDS: Final = 10.0  # in which a request must begin, and its head end


class Connection(H11Protocol):
    """uvicorn's, which waits for the first request for as long as it takes."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for a request; where there are too many who wait, the first of them has to go."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > MOST:
            others = [one for one in self.connections if isinstance(one, Connection)]
            waiting = [one for one in others if one.idle and one is not self]
            if waiting:
                min(waiting, key=lambda one: one.since).leave()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def leave(self) -> None:
        """Close it; it does not count any more."""
        self.connections.discard(self)
        self.transport.close()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.since = self.loop.time()
        self._timer = self.loop.call_later(_SECONDS, self._late)

    def _late(self) -> None:
        if self.idle:  # else it waits again when that is answered
            self.leave()
