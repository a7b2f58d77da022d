"""What the client asks of a transport: bytes there, bytes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._calls.headers import Sent
from tfsclient.errors import TFSError


class Transport(Protocol):
    """Sends calls and waits; it must be safe to share between threads.

    The target decides what the bytes are: protobuf for gRPC, JSON for REST.
    """

    def send(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Send a call and wait for the answer.

        Raises:
            TFSError: of the class that the status says.
        """
        ...

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Sent,
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        """Send a call and return; ``done`` gets the answer or the error, on any thread.

        Returns:
            A function that cancels the call.
        """
        ...

    def close(self) -> None:
        """Close the connections; calls under way end with Cancelled."""
        ...


class AsyncTransport(Protocol):
    """Sends calls on the running event loop."""

    async def asend(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Send a call; cancelling the task cancels it.

        Raises:
            TFSError: of the class that the status says.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        ...
