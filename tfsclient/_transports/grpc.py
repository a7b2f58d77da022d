"""Bytes over gRPC: one channel, calls by method name, no generated stubs."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc

from tfsclient._calls.call import Request
from tfsclient._calls.deadline import Deadline
from tfsclient._calls.headers import Sent
from tfsclient._transports.alarm import Alarm
from tfsclient._transports.attempts import attempts
from tfsclient._transports.bound import Bound
from tfsclient._transports.grpc_proxy import grpc_proxy_for
from tfsclient._transports.ownership import OPENING, process
from tfsclient._transports.settings import Settings, is_not_tls, unavailable_hint
from tfsclient.dtypes import LOADING
from tfsclient.errors import (
    Code,
    DeadlineExceeded,
    Hint,
    Internal,
    TFSError,
    from_code,
)

if TYPE_CHECKING:
    from tfsclient._transports.proxies import ProxyAddress

TOO_BUSY: Final = Hint(
    "too_busy",
    "the server answers as many gRPC calls at once as --grpc_max_threads says, 4 a CPU by default: "
    "raise that, give the call more time, or use REST, where calls queue",
)


# Calls something in so many seconds, and returns what takes that back.
After: TypeAlias = Callable[[float, Callable[[], object]], Callable[[], object]]


class _Methods(dict[str, Any]):
    """By a method's full name what calls it, bytes in and bytes out; made when first asked for."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, path: str) -> Any:
        return self.setdefault(path, self._make(path))


class Channel:
    """A channel, the bound on its calls, and the methods called on it so far.

    Making a method takes as long as a small call.
    """

    def __init__(self, channel: Any, after: After) -> None:
        self.pid = process()
        self.after = after
        self.methods = _Methods(channel.unary_unary)
        self.bound = Bound(after)
        self.close = channel.close
        self.closed = threading.Event()

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts, but no longer than until the channel is closed."""
        self.closed.wait(seconds)


class GrpcTransport:
    """Sends calls over one lazily made channel; safe to share between threads.

    A forked child gets a channel of its own: gRPC's does not survive a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._channel: Channel | None = None

    def send(self, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        """Send a call and wait for the answer.

        What only reads is sent again while the server is unavailable, here and not by gRPC, which
        forgets why when the deadline ends between two attempts.

        Raises:
            TFSError: of the class that the status code says.
        """
        channel = self._open()
        if not request.safe:
            return self._send(channel, request, deadline, headers)
        attempt = partial(self._send, channel, request, deadline, headers)
        return attempts(attempt, request, self._settings, deadline, channel.sleep)

    def _send(self, channel: Channel, request: Request, deadline: Deadline, headers: Sent) -> bytes:
        bound, method = channel.bound, channel.methods[request.path]
        metadata = tuple(headers.items())
        refused = False
        while True:
            if refused or not bound.enter():
                self._wait(bound, deadline, request, first=refused)
            burst, refused = bound.burst, False
            try:
                seconds = deadline.left()
                data: bytes | None = method(request.body, timeout=seconds, metadata=metadata)
            except Exception as error:
                refused = is_refusal(error)
                if not refused:
                    raise to_error(error, self._settings, request) from error
            else:
                return to_answer(data, self._settings, request)
            finally:
                bound.leave(burst, refused=refused)

    def _wait(self, bound: Bound, deadline: Deadline, request: Request, *, first: bool) -> None:
        """Wait for a place.

        Raises:
            DeadlineExceeded: there was none in time.
        """
        woken = threading.Event()
        bound.wait(woken, woken.set, first=first)
        if woken.wait(deadline.remaining()):
            return
        if not bound.give_up(woken):
            bound.leave(bound.burst, refused=False)
        raise too_busy(self._settings, request)

    def start(
        self,
        request: Request,
        deadline: Deadline,
        headers: Sent,
        done: Callable[[bytes | TFSError], None],
    ) -> Callable[[], object]:
        """Send a call and return; ``done`` gets the answer or the error, on another thread.

        Returns:
            A function that cancels the call on the wire.
        """
        deadline.left()
        started = _Started(self._open(), self._settings, request, deadline, headers, done)
        started.enter(first=False)
        return started.cancel

    @property
    def room(self) -> float:
        """How many calls the server takes at once; infinite until it refused one."""
        channel = self._channel
        return math.inf if channel is None else channel.bound.limit

    def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        with OPENING:
            channel, self._channel = self._channel, None
        if channel is not None and channel.pid == process():
            channel.closed.set()
            channel.close()
            channel.bound.open()

    def _open(self) -> Channel:
        channel = self._channel
        if channel is None or channel.pid != process():
            with OPENING:
                channel = self._channel
                if channel is None or channel.pid != process():
                    made = open_channel(grpc, self._settings)
                    channel = self._channel = Channel(made, Alarm().after)
        return channel


class _Started:
    """A call that nobody waits for yet: it is sent when there is a place for it."""

    def __init__(
        self,
        channel: Channel,
        settings: Settings,
        request: Request,
        deadline: Deadline,
        headers: Sent,
        done: Callable[[bytes | TFSError], None],
    ) -> None:
        self._channel = channel
        self._bound = channel.bound
        self._settings = settings
        self._request = request
        self._deadline = deadline
        self._metadata = tuple(headers.items())
        self._done = done
        self._no_expiry: Callable[[], object] | None = None
        self._rpc: Any = None
        self._cancelled = False

    def enter(self, *, first: bool) -> None:
        """Send the call, now or when there is room."""
        if not first and self._bound.enter():
            self._send()
            return
        seconds = self._deadline.remaining()
        if seconds is not None and self._no_expiry is None:
            self._no_expiry = self._channel.after(seconds, self._expire)
        self._bound.wait(self, self._send, first=first)

    def _send(self) -> None:
        """Send the call, for which a place was taken."""
        burst = self._bound.burst
        try:
            method = self._channel.methods[self._request.path]
            seconds = self._deadline.left()
            rpc = method.future(self._request.body, timeout=seconds, metadata=self._metadata)
        except Exception as error:  # noqa: BLE001 (whatever it is, the future must end)
            self._bound.leave(burst, refused=False)
            self._end(to_error(error, self._settings, self._request))
            return
        self._rpc = rpc
        rpc.add_done_callback(partial(self._finished, burst))
        if self._cancelled:
            rpc.cancel()

    def _finished(self, burst: int, rpc: Any) -> None:
        outcome: bytes | TFSError
        refused = False
        try:
            outcome = to_answer(rpc.result(), self._settings, self._request)
        except Exception as error:  # noqa: BLE001 (whatever it is, the future must end)
            refused = is_refusal(error) and not self._cancelled
            outcome = to_error(error, self._settings, self._request)
        self._bound.leave(burst, refused=refused)
        if refused:
            self._rpc = None
            self.enter(first=True)
        else:
            self._end(outcome)

    def _end(self, outcome: bytes | TFSError) -> None:
        if self._no_expiry is not None:
            self._no_expiry()
        self._done(outcome)

    def _expire(self) -> None:
        if self._bound.give_up(self):
            self._end(too_busy(self._settings, self._request))

    def cancel(self) -> None:
        """Cancel the call, on the wire if it is there."""
        self._cancelled = True
        if self._rpc is not None:
            self._rpc.cancel()
        elif self._bound.give_up(self):
            self._end(cancelled(self._request))


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


# What gRPC's server, and its Python one, say where they have no thread left for a call, which never
# ran: the one place where a text decides.
_REFUSALS: Final = ("", "Server Threadpool Exhausted", "Concurrent RPC limit exceeded!")


def is_refusal(error: Exception) -> bool:
    """Whether the server had no thread for a call."""
    if not isinstance(error, grpc.RpcError):
        return False
    failed: Any = error
    code = failed.code()
    return code is grpc.StatusCode.RESOURCE_EXHAUSTED and (failed.details() or "") in _REFUSALS


def to_answer(data: bytes | None, settings: Settings, request: Request) -> bytes:
    """The bytes of a good answer.

    Raises:
        Internal: there are none; gRPC gives None for a status of OK without a message.
    """
    if data is None:
        raise Internal(
            f"{settings.target} answered OK without a message",
            model=request.model,
            signature=request.signature,
        )
    return data


def to_error(error: Exception, settings: Settings, request: Request) -> TFSError:
    """The error for a failed call; every exception of gRPC passes here.

    The class follows from the status code alone.
    """
    if isinstance(error, TFSError):
        return error
    if isinstance(error, grpc.FutureCancelledError):
        return cancelled(request)
    if isinstance(error, ValueError):  # gRPC says so when close() came in between
        return closed(request)
    where: dict[str, Any] = {"model": request.model, "signature": request.signature}
    target = settings.target
    if not isinstance(error, grpc.RpcError):
        kind = type(error).__name__
        return Internal(f"{target}: the gRPC client raised {kind}: {error}", **where)
    failed: Any = error
    code = Code(failed.code().name)
    details = failed.details() or ""
    hint: str | None = None
    if code is Code.CANCELLED and details.startswith("Channel closed"):
        return closed(request)
    proxy = grpc_proxy_for(target.address)
    if code is Code.DEADLINE_EXCEEDED:
        late = "did not answer in time"
        if proxy is not None:
            hint = f"calls go through the proxy {proxy}"
        details = f"{target} {late}" + ("" if details == "Deadline Exceeded" else f": {details}")
    elif code is Code.UNAVAILABLE:
        # The server may have said so, or gRPC, which could not reach it: nothing shows which.
        hint = _hint(details, settings, proxy)
        details = f"{target}{_said(details)}"
    return from_code(code, details, hint=hint, **where)


# What gRPC puts before the reason that one of the addresses failed for.
_NO_CONNECTION: Final = (
    r"(?:connections to all backends failing|failed to connect to all addresses); "
    r"last error: (?:[A-Z_]+: )?(?:ipv[46]:)?"
)


def _said(details: str) -> str:
    """What gRPC says, without what only its authors need, to follow the target."""
    with LOADING:
        from urllib.parse import unquote

    text, failed = re.subn(_NO_CONNECTION, "", unquote(details))
    if not failed:
        return f": {details}"
    return f" cannot be reached: {text.replace('Failed to connect to remote host: ', '')}"


def _hint(details: str, settings: Settings, proxy: ProxyAddress | None) -> str:
    target = settings.target
    guess = None if proxy is None else f"calls go through the proxy {proxy}"
    if settings.credentials is None:
        if "http1" in details or "HTTP/2" in details:
            guess = (
                f"if {target} is TF Serving's REST port (usually 8501), write http://{target}; "
                "its gRPC port is usually 8500"
            )
        elif "reset" in details or "Socket closed" in details:
            guess = f"if {target} expects TLS, write grpcs://{target}"
    plain = settings.credentials is not None and is_not_tls(details)
    return unavailable_hint(settings, guess, plain=plain)


def cancelled(request: Request) -> TFSError:
    """The error for a call that its caller cancelled."""
    return from_code(
        Code.CANCELLED, "the call was cancelled", model=request.model, signature=request.signature
    )


def closed(request: Request) -> TFSError:
    """The error for a call that close() overtook."""
    return from_code(
        Code.CANCELLED, "the client was closed", model=request.model, signature=request.signature
    )


def too_busy(settings: Settings, request: Request) -> TFSError:
    """The error for a call for which the server had no thread until the deadline."""
    return DeadlineExceeded(
        f"{settings.target} had no thread free for this call until its deadline",
        model=request.model,
        signature=request.signature,
        hint=TOO_BUSY,
    )


# JSON, written out: what writes it takes longer to load than the first call takes.
_SERVICE_CONFIG: Final = """{
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {"name": [{"service": "tensorflow.serving.PredictionService"}] %s},
        {
            "name": [
                {"service": "tensorflow.serving.PredictionService", "method": "GetModelMetadata"}
            ]
        }
    ]
}"""
_RETRY_POLICY: Final = """, "retryPolicy": {
            "maxAttempts": %d,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
        }"""


def _service_config(retries: int) -> str:
    # gRPC refuses a policy of one attempt.  What only reads is tried again by ``send``.
    return _SERVICE_CONFIG % (_RETRY_POLICY % (retries + 1) if retries else "")


def channel_options(settings: Settings) -> list[tuple[str, Any]]:
    """Our defaults, then the user's own, which win."""
    ours = {
        "grpc.max_receive_message_length": -1,  # the default of 4 MiB bites on real answers
        "grpc.max_send_message_length": -1,
        "grpc.service_config": _service_config(settings.retries),
        # A request larger than this buffer is silently not retried; the default is 256 KiB.
        "grpc.per_rpc_retry_buffer_size": 64 << 20,
        "grpc.initial_reconnect_backoff_ms": 200,
        "grpc.max_reconnect_backoff_ms": 5_000,
        "grpc.keepalive_time_ms": 300_000,
    }
    if grpc_proxy_for(settings.target.address) is None:
        ours["grpc.enable_http_proxy"] = 0
    return list((ours | dict(settings.channel_options)).items())
