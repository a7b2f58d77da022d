"""What a client does, without doing it: which calls to make and in what order.

Nothing here does I/O.  The flows yield calls and are driven by the sync client with plain calls and
by the asyncio client with awaits.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

from tfsclient import inputs as inputs_
from tfsclient.calls import Call, Flow
from tfsclient.discovery import Discovery, Pointer
from tfsclient.errors import (
    Code,
    DeadlineExceeded,
    InvalidArgument,
    InvalidInput,
    NotFound,
    TFSError,
    Unavailable,
    from_code,
)
from tfsclient.model_config import ServerConfig
from tfsclient.request import PredictRequest, build_predict, check_version
from tfsclient.results import Prediction, VersionStatus
from tfsclient.schema import Model, Signature
from tfsclient.target import Target

_POLL_SECONDS = 0.25  # between two looks at a model that is not ready
_LOOK_SECONDS = 5.0  # that one such look may take


class _Default(enum.Enum):
    DEFAULT = "the client's own setting"

    def __repr__(self) -> str:
        return "<DEFAULT>"


DEFAULT: Final = _Default.DEFAULT
Timeout: TypeAlias = float | None | Literal[_Default.DEFAULT]
Flag: TypeAlias = bool | Literal[_Default.DEFAULT]
Headers: TypeAlias = Mapping[str, str] | None
Token: TypeAlias = str | Callable[[], str] | None


class Core:
    """The part of a client that both colours share.

    Args:
        target: the server.
        timeout: seconds for a call; None for no limit.
        headers: sent with every call.
        token: a bearer token, or what gives one for each call.
        validate: whether inputs are checked.
        copy: whether results are copies.
        schemas: models whose signatures are given.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout: float | None,
        headers: Headers,
        token: Token,
        validate: bool,
        copy: bool,
        schemas: Mapping[str, Model] | None,
    ) -> None:
        self._timeout = check_timeout(timeout)
        self._headers = _lower(headers)
        self._token = token
        self._validate = validate
        self._copy = copy
        if target.rest:
            from tfsclient import rest_calls as calls
        else:
            from tfsclient import grpc_calls as calls  # type: ignore[no-redef]
        self._calls: Any = calls
        self._discovery = Discovery(self._calls.metadata, dict(schemas or {}))

    # One deadline and one set of headers for all that a method sends.

    def deadline(self, timeout: Timeout) -> Deadline:
        """The deadline of a method that starts now."""
        return Deadline(self._timeout if timeout is DEFAULT else check_timeout(timeout))

    def headers(self, headers: Headers) -> dict[str, str]:
        """The headers of one call: the client's, the token, and the call's own."""
        merged = dict(self._headers)
        if self._token is not None:
            token = self._token if isinstance(self._token, str) else self._token()
            merged["authorization"] = f"Bearer {token}"
        return merged | _lower(headers)

    # Flows.

    def predict(
        self, model: str, inputs: inputs_.Inputs, *, copy: Flag, **options: Any
    ) -> Flow[Prediction]:
        """Discover, check, send."""
        request = yield from self.build(model, inputs, **options)
        return (yield from self.run(request, copy))

    def build(
        self,
        model: str,
        inputs: inputs_.Inputs,
        *,
        signature: str | Signature | None,
        version: int | None,
        label: str | None,
        outputs: Sequence[str] | None,
        validate: Flag,
    ) -> Flow[PredictRequest]:
        """A checked request; only discovery is sent, and only if the signature is not known."""
        check = self._validate if validate is DEFAULT else validate

        def build(spec: Signature) -> PredictRequest:
            return build_predict(
                model,
                inputs,
                signature=spec,
                version=version,
                label=label,
                outputs=outputs,
                validate=check,
            )

        check_version(model, version, label)
        if isinstance(signature, Signature):
            return build(signature)
        if not check and not self._calls.NEEDS_SIGNATURE and isinstance(inputs, Mapping):
            tensors = inputs_.as_they_are(inputs, model=model, signature=signature)
            return PredictRequest(model, tensors, signature, version, label, outputs)
        pointer = Pointer(model, version, label)
        known = yield from self._discovery.find(pointer)
        try:
            return build(known.signature(signature))
        except InvalidInput:
            # What is known may be out of date: the server has the last word before a refusal.
            renewed = yield from self._discovery.renew(pointer)
            if renewed is None or renewed == known:
                raise
            return build(renewed.signature(signature))

    def run(self, request: PredictRequest, copy: Flag) -> Flow[Prediction]:
        """Send a request, and notice when the answer shows that what is known is out of date."""
        try:
            prediction: Prediction = yield self.call(request, copy)
        except TFSError as error:
            self.learn(request, error)
            raise
        self.learn(request, prediction)
        return prediction

    def call(self, request: PredictRequest, copy: Flag) -> Call[Prediction]:
        """The encoded call for a request."""
        started = time.perf_counter()
        call: Call[Prediction] = self._calls.predict(
            request, self._copy if copy is DEFAULT else copy
        )
        return replace(call, encode_seconds=time.perf_counter() - started)

    def learn(self, request: PredictRequest, outcome: Prediction | TFSError) -> None:
        """Have a signature looked up again if this outcome says that the known one is old."""
        pointer = Pointer(request.model, request.version, request.label)
        if isinstance(outcome, InvalidArgument | NotFound):
            self._discovery.suspect(pointer)
        elif isinstance(outcome, Prediction) and outcome.version is not None:
            self._discovery.suspect(pointer, outcome.version)

    def metadata(self, model: str, version: int | None, label: str | None) -> Call[Model]:
        """The call for a model's signatures."""
        check_version(model, version, label)
        call: Call[Model] = self._calls.metadata(model, version, label)
        return call

    def status(self, model: str, version: int | None) -> Call[list[VersionStatus]]:
        """The call for the states of a model's versions."""
        check_version(model, version, None)
        call: Call[list[VersionStatus]] = self._calls.status(model, version)
        return call

    def reload(self, config: ServerConfig) -> Call[None]:
        """The call that replaces the server's list of models."""
        call: Call[None] = self._calls.reload(config)
        return call


class Deadline:
    """When a method must be done.

    Args:
        seconds: from now; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self, model: str | None) -> float | None:
        """Seconds that are left; None for no limit.

        Raises:
            DeadlineExceeded: none are.
        """
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("no time was left to send the request", model=model)
        return left


class Readiness:
    """The reasoning of ``wait_until_ready``: looks at states, tells what they mean.

    Args:
        model: the model's name.
        timeout: seconds to wait; None for ever.
    """

    poll_seconds = _POLL_SECONDS

    def __init__(self, model: str, timeout: float | None) -> None:
        self._model = model
        self._timeout = timeout
        self._end = None if timeout is None else time.monotonic() + timeout
        self._last = "it has no versions"

    def look_seconds(self) -> float:
        """How long the next look may take."""
        if self._end is None:
            return _LOOK_SECONDS
        return max(0.05, min(_LOOK_SECONDS, self._end - time.monotonic()))

    def seen(self, states: list[VersionStatus]) -> VersionStatus | None:
        """The newest available version, if there is one.

        Raises:
            TFSError: none will ever be: every version failed to load.
        """
        for state in states:
            if state.available:
                return state
        failed = [s for s in states if s.state == "END" and s.error_code is not Code.OK]
        if states and len(failed) == len(states):
            raise from_code(
                failed[0].error_code,
                f"version {failed[0].version} did not load: {failed[0].error_message}",
                model=self._model,
            )
        if states:
            self._last = ", ".join(f"version {s.version} is {s.state}" for s in states)
        return None

    def not_seen(self, error: TFSError) -> None:
        """A look that failed; a server that is not there yet is waited for."""
        if not isinstance(error, NotFound | Unavailable | DeadlineExceeded):
            raise error
        self._last = str(error)

    def check_time(self) -> None:
        """Give up when there is no time for another look.

        Raises:
            DeadlineExceeded: with what was seen last.
        """
        if self._end is not None and time.monotonic() + _POLL_SECONDS > self._end:
            raise DeadlineExceeded(
                f"not ready after {self._timeout} s: {self._last}", model=self._model
            )


def check_timeout(timeout: float | None) -> float | None:
    """Refuse a timeout that is no positive number."""
    if timeout is not None and not timeout > 0:
        raise InvalidInput(f"timeout must be a positive number of seconds or None, not {timeout}")
    return timeout


def _lower(headers: Headers) -> dict[str, str]:
    # gRPC allows lower case only, and HTTP does not care.
    return {key.lower(): value for key, value in (headers or {}).items()}
