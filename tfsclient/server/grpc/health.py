"""gRPC's health service, as TF Serving registers it: static, for two short names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

from tfsclient._codec.protobuf import CHUNK, VARINT, fields, tag, text, varint
from tfsclient.errors import DecodeError

_SERVICES: Final = frozenset({"", "PredictionService", "ModelService"})
_SERVICE = 1  # field of HealthCheckRequest
_STATUS = 1  # field of HealthCheckResponse
_SERVING, _SERVICE_UNKNOWN = 1, 3

_LAST_SECONDS = 0.5  # for clients to hear that their watches end

# Sends an answer of a stream; None ends it.
_Send = Callable[["bytes | None"], None]


class Health(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers ``grpc.health.v1.Health``: the services serve as long as the ports are open.

    It has threads of its own, as in TF Serving: a server whose threads are all busy is healthy.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="grpc-health")
        self._changed = threading.Condition()  # guards the following
        self._watchers: set[_Send] = set()

        def check(request: bytes, context: grpc.ServicerContext) -> bytes:
            return _check(request, context)

        def watch(request: bytes, context: grpc.ServicerContext, send: _Send) -> None:
            self._watch(request, context, send)

        check.experimental_thread_pool = self._threads  # type: ignore[attr-defined]
        watch.experimental_thread_pool = self._threads  # type: ignore[attr-defined]
        # gRPC then takes answers as they come, and a watcher does not hold a thread meanwhile.
        watch.experimental_non_blocking = True  # type: ignore[attr-defined]
        self._handlers = {
            "/grpc.health.v1.Health/Check": grpc.unary_unary_rpc_method_handler(check),
            "/grpc.health.v1.Health/Watch": grpc.unary_stream_rpc_method_handler(watch),
        }

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method; None if this service does not have the method."""
        return self._handlers.get(handler_call_details.method)

    def _watch(self, request: bytes, context: grpc.ServicerContext, send: _Send) -> None:
        known = _service(request, context) in _SERVICES
        with self._changed:
            self._watchers.add(send)

        def end() -> None:
            with self._changed:
                self._watchers.discard(send)
                self._changed.notify_all()

        send(_response(_SERVING if known else _SERVICE_UNKNOWN))
        if not context.add_callback(end):
            end()

    def close(self) -> None:
        """End the watches, which would go on for ever."""
        with self._changed:
            watchers = list(self._watchers)
        for send in watchers:
            send(None)
        with self._changed:
            self._changed.wait_for(lambda: not self._watchers, _LAST_SECONDS)

    def join(self) -> None:
        """End the threads, once the server has stopped."""
        self._threads.shutdown()


def _check(request: bytes, context: grpc.ServicerContext) -> bytes:
    if _service(request, context) not in _SERVICES:
        context.abort(grpc.StatusCode.NOT_FOUND, "service name unknown")
    return _response(_SERVING)


def _service(request: bytes, context: grpc.ServicerContext) -> str:
    name = ""
    try:
        for number, kind, first, end in fields(request):
            if number == _SERVICE and kind == CHUNK:
                name = text(request, first, end)
    except DecodeError:
        context.abort(grpc.StatusCode.INTERNAL, "Failed to parse the request")
    return name


def _response(status: int) -> bytes:
    return tag(_STATUS, VARINT) + varint(status)
