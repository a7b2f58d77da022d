"""A transport for tests: no sockets, a function answers."""

from __future__ import annotations

from collections.abc import Callable

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._calls.headers import Sent
from tfsclient.errors import Internal, TFSError


class FakeTransport:
    """Answers a client's calls from a function; for ``Client(transport=)`` and ``AsyncClient``.

        def answer(request):
            return b'{"outputs": [2.5]}'

        transport = FakeTransport(answer)
        client = Client("http://anywhere", transport=transport, schemas={"half_plus_two": model})
        client.predict("half_plus_two", [1.0])
        assert transport.requests[-1].path == "/v1/models/half_plus_two:predict"

    The bytes are those of the target's protocol: protobuf for gRPC, JSON for REST.  For a fake that
    speaks either from a schema see :class:`FakeServer`.

    Args:
        answer: is given each request and returns the answer's bytes, or raises a TFSError for the
            caller to see.

    Attributes:
        requests: the requests so far.
        headers: the headers of each.
    """

    def __init__(self, answer: Callable[[Request], bytes]) -> None:
        self._answer = answer
        self.requests: list[Request] = []
        self.headers: list[dict[str, str | bytes]] = []

    def send(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Answer a call.

        Raises:
            TFSError: what the function raised, or that no time was left.
        """
        deadline.left()
        self.requests.append(request)
        self.headers.append(dict(headers))
        return self._answer(request)

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Sent,
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        """Answer a call before this returns."""
        try:
            outcome: bytes | TFSError = self.send(request, deadline, headers)
        except TFSError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 (whatever it is, the future must end)
            outcome = Internal(repr(error), model=request.model)
            outcome.__cause__ = error
        done(outcome)
        return lambda: None

    def close(self) -> None:
        """There is nothing to close."""

    async def asend(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Answer a call; see :meth:`send`."""
        return self.send(request, deadline, headers)

    async def aclose(self) -> None:
        """There is nothing to close."""
