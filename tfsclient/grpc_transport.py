"""Bytes over gRPC: one channel, calls by method name, no generated stubs."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import grpc
import orjson

from tfsclient.calls import Call
from tfsclient.errors import Code, TFSError, from_code
from tfsclient.target import Target

_MAX_ATTEMPTS = 5  # gRPC makes no more, whatever a policy says


class GrpcTransport:
    """Sends calls over one lazily made channel; safe to share between threads.

    A forked child gets a channel of its own: gRPC's does not survive a fork.
    """

    def __init__(self, target: Target, *, retries: int) -> None:
        self._target = target
        self._options = _channel_options(retries)
        self._lock = threading.Lock()
        self._channel: Any = None
        self._methods: dict[str, Any] = {}
        self._pid = 0

    def send(self, call: Call[Any], timeout: float | None, headers: Mapping[str, str]) -> Any:
        """Send ``call`` and decode its answer.

        Raises:
            TFSError: of the class that the status code says.
        """
        if self._pid != os.getpid():
            self._connect()
        method = self._methods.get(call.path)
        if method is None:
            method = self._methods[call.path] = self._channel.unary_unary(call.path)
        try:
            data = method(call.body, timeout=timeout, metadata=tuple(headers.items()))
        except grpc.RpcError as error:
            raise self._error(error, call) from error
        return call.decode(data)

    def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        with self._lock:
            if self._channel is not None and self._pid == os.getpid():
                self._channel.close()
            self._channel, self._methods, self._pid = None, {}, 0

    def _connect(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                return
            self._methods = {}
            if self._target.tls:
                credentials = grpc.ssl_channel_credentials()
                channel = grpc.secure_channel(self._target.address, credentials, self._options)
            else:
                channel = grpc.insecure_channel(self._target.address, self._options)
            self._channel, self._pid = channel, os.getpid()

    def _error(self, error: Any, call: Call[Any]) -> TFSError:
        code = Code(error.code().name)
        details = error.details() or ""
        hint = None
        if code is Code.UNAVAILABLE:
            details = f"{self._target} cannot be reached: {details}"
            if "http" in details.lower():
                hint = (
                    f"if {self._target} is TF Serving's REST port (usually 8501), write "
                    f"http://{self._target}; its gRPC port is usually 8500"
                )
        return from_code(code, details, model=call.model, signature=call.signature, hint=hint)


def _channel_options(retries: int) -> list[tuple[str, Any]]:
    def policy(attempts: int) -> dict[str, Any]:
        return {
            "maxAttempts": min(attempts, _MAX_ATTEMPTS),
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }

    prediction = "tensorflow.serving.PredictionService"
    inference: dict[str, Any] = {"name": [{"service": prediction}]}
    if retries > 0:  # gRPC refuses a policy of one attempt
        inference["retryPolicy"] = policy(retries + 1)
    reading = {
        "name": [
            {"service": prediction, "method": "GetModelMetadata"},
            {"service": "tensorflow.serving.ModelService", "method": "GetModelStatus"},
        ],
        "retryPolicy": policy(_MAX_ATTEMPTS),
    }
    config = {
        "methodConfig": [inference, reading],
        "loadBalancingConfig": [{"round_robin": {}}],
    }
    return [
        ("grpc.max_receive_message_length", -1),  # the default of 4 MiB bites on real answers
        ("grpc.max_send_message_length", -1),
        ("grpc.service_config", orjson.dumps(config).decode()),
        # A request larger than this buffer is silently not retried; the default is 256 KiB.
        ("grpc.per_rpc_retry_buffer_size", 64 << 20),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.keepalive_time_ms", 300_000),
    ]
