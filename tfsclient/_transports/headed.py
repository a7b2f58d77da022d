"""What a server wants in the headers of each call, written there just before it is sent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._calls.headers import Sent, read_headers
from tfsclient._calls.profiles.profile import Authenticate, Outgoing
from tfsclient._transports.interface import AsyncTransport, Transport
from tfsclient._transports.target import Target
from tfsclient.errors import DeadlineExceeded, InvalidInput, TFSError, Unauthenticated


class Heading:
    """Makes the headers of a call: its own, the client's, and those that authenticate it.

    Args:
        target: where the calls go.
        authenticate: gives the last; None for none.
    """

    def __init__(self, target: Target, authenticate: Authenticate | None) -> None:
        self._target = target
        self.authenticate = authenticate

    def __call__(self, request: Request, headers: Sent) -> Sent:
        """The headers to send.

        Raises:
            Unauthenticated: there are no credentials.
            InvalidInput: what authenticates gave headers that cannot be sent.
        """
        if request.headers is not None:
            headers = {**request.headers, **headers}
        if self.authenticate is None or "authorization" in headers:
            return headers
        method = "POST" if request.body is not None else "GET"
        url = self._target.address + request.path
        outgoing = Outgoing(method, url, headers, request.body or b"")
        try:
            given: object = self.authenticate(outgoing)
        except TFSError:
            raise
        except Exception as error:
            # Only its kind is said: the text of a KeyError, say, may be the secret itself.
            raise Unauthenticated(
                f"{self._target}: the credentials cannot be used: auth raised "
                f"{type(error).__name__}",
                model=request.model,
                signature=request.signature,
            ) from error
        if given is None:  # which means no headers where it is an argument
            raise InvalidInput("what auth returns must be a dict of text, not None")
        return {**headers, **read_headers(given, "what auth returns")}


class HeadedTransport:
    """A transport for threads, whose calls get their headers here.

    Args:
        transport: what sends them.
        heading: makes the headers.
    """

    def __init__(self, transport: Transport, heading: Heading) -> None:
        self._transport = transport
        self._heading = heading

    @property
    def room(self) -> float:
        """How many calls the server takes at once, as far as its refusals told."""
        return float(getattr(self._transport, "room", math.inf))

    def send(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Send a call and wait for the answer; see :class:`Transport`."""
        return self._transport.send(request, deadline, self._heading(request, headers))

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Sent,
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        """Send a call and return; see :class:`Transport`."""
        return self._transport.start(request, deadline, self._heading(request, headers), done)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


class AsyncHeadedTransport:
    """:class:`HeadedTransport` for asyncio."""

    def __init__(self, transport: AsyncTransport, heading: Heading) -> None:
        self._transport = transport
        self._heading = heading

    async def asend(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Send a call; see :class:`AsyncTransport`."""
        if self._heading.authenticate is None:
            return await self._transport.asend(request, deadline, self._heading(request, headers))
        # On a thread, for credentials may be asked from a server first.
        heading = asyncio.to_thread(self._heading, request, headers)
        try:
            headed = await asyncio.wait_for(heading, deadline.left())
        except asyncio.TimeoutError:
            raise DeadlineExceeded("the credentials did not arrive in time") from None
        return await self._transport.asend(request, deadline, headed)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._transport.aclose()
