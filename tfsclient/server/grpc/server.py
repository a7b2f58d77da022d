"""The gRPC server: which calls find a thread, which are refused, and how they end.

gRPC's C++ server, which TF Serving is built on, looks for a thread once a request has arrived, and
refuses the call at once if all are busy.  Python's has calls wait for a thread, and ties one up
while a request arrives.  Hence two limits: how many calls are answered at a time, which is TF
Serving's; and, well above it, how many are under way at all, so that no number of slow senders
keeps others from their refusal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias

import grpc

from tfsclient.server.grpc.health import Health

_MOST = (1 << 31) - 1
_OPTIONS = [
    # As TF Serving has it.
    ("grpc.max_receive_message_length", _MOST),
    ("grpc.max_send_message_length", -1),
    # Two servers on one port would each get a part of the calls.
    ("grpc.so_reuseport", 0),
    # By default gRPC cancels calls at random while more than 1000 wait to be looked at.
    ("grpc.server.max_pending_requests", _MOST),
    ("grpc.server.max_pending_requests_hard_limit", _MOST),
]
REFUSAL: Final = "Server Threadpool Exhausted"  # gRPC's own words; older versions have none
_ARRIVING = 32  # threads, beside those that answer, for requests that are arriving
_UNLIMITED = 64  # threads of a server that refuses no call

# Makes the answer's bytes from the request's.
Answer: TypeAlias = Callable[[bytes, grpc.ServicerContext], bytes]


class GrpcServer:
    """A gRPC server for unary methods, and perhaps the health service.

    Args:
        answers: the methods by their paths.
        health: the health service, if it is wanted.
        max_calls: how many calls are answered at a time; calls beyond that are refused at once, as
            TF Serving refuses them.  None refuses none: they wait.
        options: gRPC's channel arguments.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer],
        *,
        health: Health | None = None,
        max_calls: int | None = None,
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        self._calls = _Calls(answers, max_calls)
        self._health = health
        self._server = grpc.server(self._calls.threads, options=[*_OPTIONS, *options])
        self._server.add_generic_rpc_handlers((self._calls, *([health] if health else [])))
        self._started = False
        self._deadline = 0.0

    def listen(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        """Open a port, with TLS if there are credentials, and return its number.

        Raises:
            RuntimeError: it cannot be opened.
        """
        if credentials is None:
            return int(self._server.add_insecure_port(address))
        return int(self._server.add_secure_port(address, credentials))

    def start(self) -> None:
        """Take calls from now on."""
        self._started = True
        self._server.start()

    def stop(self, grace: float) -> None:
        """Take no more calls from now on; those under way have ``grace`` seconds."""
        self._deadline = time.monotonic() + grace
        if not self._started:
            self.start()  # gRPC closes the ports of a server only if it was started
        self._server.stop(grace)
        if self._health is not None:
            self._health.close()

    def wait_closed(self) -> None:
        """Wait until no call is under way, or the time is up, and end all connections."""
        self._calls.wait_answered(self._deadline - time.monotonic())
        # By itself gRPC would wait 20 seconds more for clients to confirm that they have heard.
        self._server.stop(0).wait()

    def join(self, seconds: float) -> bool:
        """Wait for the threads of a server that has stopped.

        Returns:
            Whether all of them have ended: a model's run that goes on keeps its thread.
        """
        if self._health is not None:
            self._health.join()
        return self._calls.join(seconds)


class _Calls(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Gives calls their threads, or a refusal."""

    def __init__(self, answers: Mapping[str, Answer], places: int | None) -> None:
        self._places = None if places is None else threading.Semaphore(places)
        most = _UNLIMITED if places is None else places + _ARRIVING
        self._limit = None if places is None else most
        self._changed = threading.Condition()  # guards the following
        self._under_way = 0  # calls that have a thread, or are about to get one
        self._unanswered = 0  # calls whose clients wait for an answer
        self.threads = ThreadPoolExecutor(most, thread_name_prefix="grpc")
        self._handlers = {path: self._handler(path, answer) for path, answer in answers.items()}

        def refuse(_: object, context: grpc.ServicerContext) -> None:
            _refuse(context)

        # The other threads may all be busy.  One is enough: a refusal waits for nothing.
        self._refusing_thread = ThreadPoolExecutor(1, thread_name_prefix="grpc-refusing")
        refuse.experimental_thread_pool = self._refusing_thread  # type: ignore[attr-defined]
        self._refusing = grpc.stream_unary_rpc_method_handler(refuse)

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a call, whose head has arrived; None if no method has its path."""
        handler = self._handlers.get(handler_call_details.method)
        if handler is None:
            return None
        with self._changed:
            if self._under_way == self._limit:
                return self._refusing
            self._under_way += 1
            self._unanswered += 1
        return handler

    def _handler(self, path: str, answer: Answer) -> Any:
        # To gRPC the request is a stream.  It then calls this whatever becomes of the request, even
        # if the client goes away before it has sent one.
        def call(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            if not context.add_callback(self._count_answer):
                self._count_answer()
            try:
                data = next(requests, None)
                if data is None:
                    text = f'"{path}" requires exactly one request message.'
                    context.abort(grpc.StatusCode.UNIMPLEMENTED, text)
                    raise AssertionError("abort returned")
                return self._answered(answer, data, context)
            finally:
                with self._changed:
                    self._under_way -= 1
                    self._changed.notify_all()

        return grpc.stream_unary_rpc_method_handler(call)

    def wait_answered(self, seconds: float) -> None:
        """Wait until every client has got its answer, or has given up."""
        with self._changed:
            self._changed.wait_for(lambda: not self._unanswered, seconds)

    def _count_answer(self) -> None:
        with self._changed:
            self._unanswered -= 1
            self._changed.notify_all()

    def _answered(self, answer: Answer, data: bytes, context: grpc.ServicerContext) -> bytes:
        if self._places is None:
            return answer(data, context)
        if not self._places.acquire(blocking=False):
            _refuse(context)
        # A client that gives up does not stop the model, which keeps the place until it is done.
        try:
            return answer(data, context)
        finally:
            self._places.release()

    def join(self, seconds: float) -> bool:
        """Wait for the calls under way, and end the threads; whether all have ended."""
        with self._changed:
            idle = self._changed.wait_for(lambda: not self._under_way, seconds)
        self.threads.shutdown(wait=idle, cancel_futures=True)
        self._refusing_thread.shutdown()
        return idle


def _refuse(context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, REFUSAL)
