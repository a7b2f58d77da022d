"""Bytes over gRPC: one channel, calls by method name, no generated stubs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
import orjson

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._transports.ownership import OPENING, process
from tfsclient._transports.settings import MAX_ATTEMPTS, TLS_HINT, Settings, check_headers
from tfsclient.errors import Code, TFSError, from_code


class _Methods(dict[str, Any]):
    """By a method's full name what calls it, bytes in and bytes out; made when first asked for."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, path: str) -> Any:
        return self.setdefault(path, self._make(path))


class Channel:
    """A channel and the methods called on it so far: making one takes as long as a small call."""

    def __init__(self, channel: Any) -> None:
        self.pid = process()
        self.methods = _Methods(channel.unary_unary)
        self.close = channel.close


class GrpcTransport:
    """Sends calls over one lazily made channel; safe to share between threads.

    A forked child gets a channel of its own: gRPC's does not survive a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channel: Channel | None = None

    def send(self, request: Request, deadline: Deadline, headers: Mapping[str, str]) -> bytes:
        """Send a call and wait for the answer.

        Raises:
            TFSError: of the class that the status code says.
        """
        if headers:
            check_headers(headers)
        method = self._open().methods[request.path]
        seconds = deadline.left(request.model)
        try:
            data: bytes = method(request.body, timeout=seconds, metadata=tuple(headers.items()))
        except grpc.RpcError as error:
            raise to_error(error, self._settings, request) from error
        except ValueError as error:  # grpc says so when close() came in between
            raise closed(request) from error
        return data

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Mapping[str, str],
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        """Send a call and return; ``done`` gets the answer or the error, on another thread.

        Returns:
            A function that cancels the call on the wire.
        """
        if headers:
            check_headers(headers)
        method = self._open().methods[request.path]
        seconds = deadline.left(request.model)
        try:
            rpc = method.future(request.body, timeout=seconds, metadata=tuple(headers.items()))
        except ValueError as error:
            raise closed(request) from error

        def finished(rpc: Any) -> None:
            try:
                done(rpc.result())
            except grpc.RpcError as error:
                done(to_error(error, self._settings, request))
            except grpc.FutureCancelledError:
                done(from_code(Code.CANCELLED, "the call was cancelled", model=request.model))

        rpc.add_done_callback(finished)
        cancel: Callable[[], object] = rpc.cancel
        return cancel

    def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        with OPENING:
            channel, self._channel = self._channel, None
        if channel is not None and channel.pid == process():
            channel.close()

    def _open(self) -> Channel:
        channel = self._channel
        if channel is None or channel.pid != process():
            with OPENING:
                channel = self._channel
                if channel is None or channel.pid != process():
                    channel = self._channel = Channel(open_channel(grpc, self._settings))
        return channel


def open_channel(module: Any, settings: Settings) -> Any:
    """A channel made by ``module``: ``grpc`` or ``grpc.aio``."""
    options = channel_options(settings)
    compression = grpc.Compression.Gzip if settings.compression else None
    tls = settings.credentials
    address = settings.target.address
    if tls is None:
        return module.insecure_channel(address, options, compression=compression)
    if tls.server_name is not None:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return module.secure_channel(address, tls.grpc_credentials(), options, compression=compression)


def to_error(error: Any, settings: Settings, request: Request) -> TFSError:
    """The error for a failed RPC: its class follows from the status code alone."""
    code = Code(error.code().name)
    target = settings.target
    details = error.details() or ""
    hint: str | None = None
    if code is Code.UNAVAILABLE:
        # Nothing tells whether the server said so or gRPC, which could not reach it.
        details = f"{target}: {details}"
        if settings.credentials is not None:
            hint = TLS_HINT
        elif "http1" in details or "HTTP/2" in details:
            hint = (
                f"if {target} is TF Serving's REST port (usually 8501), write http://{target}; "
                "its gRPC port is usually 8500"
            )
    return from_code(code, details, model=request.model, signature=request.signature, hint=hint)


def closed(request: Request) -> TFSError:
    """The error for a call that close() overtook."""
    return from_code(
        Code.CANCELLED, "the client was closed", model=request.model, signature=request.signature
    )


def channel_options(settings: Settings) -> list[tuple[str, Any]]:
    """Our defaults, then the user's own, which win."""

    def policy(attempts: int) -> dict[str, Any]:
        return {
            "maxAttempts": attempts,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }

    prediction = "tensorflow.serving.PredictionService"
    inference: dict[str, Any] = {"name": [{"service": prediction}]}
    if settings.retries > 0:  # gRPC refuses a policy of one attempt
        inference["retryPolicy"] = policy(settings.retries + 1)
    reading = {
        "name": [
            {"service": prediction, "method": "GetModelMetadata"},
            {"service": "tensorflow.serving.ModelService", "method": "GetModelStatus"},
        ],
        "retryPolicy": policy(MAX_ATTEMPTS),
    }
    config = {
        "methodConfig": [inference, reading],
        "loadBalancingConfig": [{"round_robin": {}}],
    }
    ours = {
        "grpc.max_receive_message_length": -1,  # the default of 4 MiB bites on real answers
        "grpc.max_send_message_length": -1,
        "grpc.service_config": orjson.dumps(config).decode(),
        # A request larger than this buffer is silently not retried; the default is 256 KiB.
        "grpc.per_rpc_retry_buffer_size": 64 << 20,
        "grpc.initial_reconnect_backoff_ms": 200,
        "grpc.max_reconnect_backoff_ms": 5_000,
        "grpc.keepalive_time_ms": 300_000,
    }
    return list((ours | dict(settings.channel_options)).items())
