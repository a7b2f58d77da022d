"""One call and its answer: decoding, timing, the ``on_call`` hook and the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from tfsclient._calls.call import Call, T
from tfsclient.dtypes import LOADING
from tfsclient.errors import NOT_RESTORED, DecodeError, InvalidInput, TFSError
from tfsclient.results import Prediction
from tfsclient.schema import Model

if TYPE_CHECKING:
    from tfsclient._client.call_info import CallInfo

_log = logging.getLogger("tfsclient")

_NO_VARIABLE = "Could not find variable"  # as TensorFlow says it; it decides on advice alone


OnCall: TypeAlias = "Callable[[CallInfo], None] | None"
# Is given each call with its result or its error, for what that says about the model.
Learn: TypeAlias = Callable[[Call[object], object], None]


class Observer:
    """Hears how each call of a client ends; one for all of them.

    Args:
        target: the server, for errors.
        learn: is told each outcome.
        on_call: the user's own; None for nobody.

    Raises:
        InvalidInput: ``on_call`` cannot be called.
    """

    def __init__(self, target: object, learn: Learn, on_call: OnCall) -> None:
        if on_call is not None and not callable(on_call):
            raise InvalidInput(f"on_call must be a function, not {on_call!r:.50}")
        self._target = target
        self._learn = learn
        self._on_call = on_call

    def answered(self, call: Call[T], data: bytes, started: float) -> T:
        """Decode the answer to a call.

        Args:
            call: the call.
            data: what the transport gave.
            started: when it was sent, on the clock of ``time.perf_counter``.

        Raises:
            DecodeError: it is not an answer to this call.
        """
        if type(data) is not bytes:  # a transport of the user's may give anything
            self.failed(call, error := self._not_bytes(call, data), started)
            raise error
        received = time.perf_counter()
        try:
            result = call.decode(data)
        except TFSError as error:
            if not isinstance(error, InvalidInput):  # that is about a file of the client's
                error.details = f"{self._target}: {error.details}"
            _locate(error, call)
            self._tell(call, started, received, len(data), error)
            raise
        self._learn(call, result)
        if self._on_call is not None or _log.isEnabledFor(logging.DEBUG):
            self._tell(call, started, received, len(data), result)
        return result

    def _not_bytes(self, call: Call[T], data: object) -> DecodeError:
        return DecodeError(
            f"{self._target}: the transport gave {type(data).__name__} where bytes belong",
            model=call.model,
            signature=call.signature,
        )

    def failed(self, call: Call[T], error: TFSError, started: float) -> None:
        """Take note that a call has no answer."""
        if error.hint is None and _NO_VARIABLE in error.details:
            error.hint = NOT_RESTORED
        if not isinstance(error, InvalidInput):  # that is about the client's settings
            _locate(error, call)
        self._learn(call, error)
        self._tell(call, started, time.perf_counter(), 0, error)

    def _tell(
        self, call: Call[T], started: float, received: float, size: int, outcome: T | TFSError
    ) -> None:
        error = outcome if isinstance(outcome, TFSError) else None
        milliseconds = (received - started) * 1e3
        what = "ok" if error is None else type(error).__name__
        _log.debug("%s %s %s %.1f ms", call.path, call.model, what, milliseconds)
        if self._on_call is None:
            return
        with LOADING:
            from tfsclient._client.call_info import CallInfo  # which few programs hear

        body = call.body
        info = CallInfo(
            path=call.path,
            model=call.model,
            signature=call.signature,
            version=outcome.version if isinstance(outcome, Prediction | Model) else None,
            request_bytes=0 if body is None else len(body),
            response_bytes=size,
            encode_seconds=call.encode_seconds,
            wire_seconds=received - started,
            decode_seconds=time.perf_counter() - received if size else 0.0,
            error=error,
        )
        try:
            self._on_call(info)
        except Exception:  # noqa: BLE001 (the user's own; the call is not worse for it)
            _log.exception("on_call failed")


def _locate(error: TFSError, call: Call[T]) -> None:
    """Say which model the call was about, and which signature of it."""
    error.model = error.model or call.model
    error.signature = error.signature or call.signature
