"""The client that people use: sync, over gRPC or REST."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

from tfsclient import inputs as inputs_
from tfsclient.calls import Call, Flow, T, drive
from tfsclient.discovery import Discovery, Pointer
from tfsclient.errors import (
    DeadlineExceeded,
    InvalidArgument,
    InvalidInput,
    NotFound,
    TFSError,
    Unavailable,
)
from tfsclient.request import PredictRequest, build_predict, check_version
from tfsclient.results import Prediction, VersionStatus
from tfsclient.schema import Model, Signature
from tfsclient.target import parse

_POLL_SECONDS = 0.25  # between two looks at a model that is not ready


class _Default(enum.Enum):
    DEFAULT = "the client's own setting"

    def __repr__(self) -> str:
        return "<DEFAULT>"


DEFAULT: Final = _Default.DEFAULT
Timeout: TypeAlias = float | None | Literal[_Default.DEFAULT]
Flag: TypeAlias = bool | Literal[_Default.DEFAULT]


class Client:
    """A client of one TF Serving, over gRPC or REST.

    It is made without any network traffic, connects when first used, is safe to share between
    threads and works in forked children.

    Args:
        target: ``"localhost:8500"`` (gRPC; also ``grpc://``, ``grpcs://`` for TLS, ``dns:///``,
            ``unix:``), ``"http://localhost:8501"`` (REST; also ``https://``), or a list of IP
            addresses of replicas, among which gRPC spreads the calls.
        timeout: seconds that a call may take in all, retries included; None for no limit.
        headers: gRPC metadata or HTTP headers sent with every call.
        retries: how often inference is tried again when the server is unavailable, 0 to 4.  Set 0
            for a model that keeps state between calls.
        validate: whether inputs are checked against the signature before they are sent.
        copy: whether results are writable copies rather than views of the answer.
        schemas: models whose signatures are known, by name; the server is not asked for them.

    Raises:
        InvalidInput: the target or an option makes no sense.
    """

    def __init__(
        self,
        target: str | Sequence[str],
        *,
        timeout: float | None = 60.0,
        headers: Mapping[str, str] | None = None,
        retries: int = 2,
        validate: bool = True,
        copy: bool = False,
        schemas: Mapping[str, Model] | None = None,
    ) -> None:
        self._target = parse(target)
        if not 0 <= retries <= 4:
            raise InvalidInput(f"retries must be from 0 to 4 (gRPC makes no more), not {retries}")
        self._timeout = _check_timeout(timeout)
        self._headers = _lower(headers)
        self._validate = validate
        self._copy = copy
        if self._target.rest:
            from tfsclient import rest_calls
            from tfsclient.rest_transport import RestTransport

            self._calls: Any = rest_calls
            self._transport: Any = RestTransport(self._target, retries=retries)
        else:
            from tfsclient import grpc_calls
            from tfsclient.grpc_transport import GrpcTransport

            self._calls = grpc_calls
            self._transport = GrpcTransport(self._target, retries=retries)
        self._discovery = Discovery(self._calls.metadata, dict(schemas or {}))

    def predict(
        self,
        model: str,
        inputs: inputs_.Inputs,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Sequence[str] | None = None,
        timeout: Timeout = DEFAULT,
        headers: Mapping[str, str] | None = None,
        validate: Flag = DEFAULT,
        copy: Flag = DEFAULT,
    ) -> Prediction:
        """Run a signature of a model.

        Args:
            model: the model's name.
            inputs: a dict of input name to array-like; an array-like for a signature with one
                input; or a list of dicts, one a row, that are stacked by name.
            signature: the signature to run, by name; None for serving_default, else the only
                usable one.  A ``Signature`` is taken as it is: the server is not asked for it.
            version: the version to run; None for the latest.
            label: run the version with this label; not together with ``version``.
            outputs: the outputs to return; None for all.
            timeout: seconds for the whole call; None for no limit.
            headers: metadata for this call, added to the client's.
            validate: whether to check the inputs first.
            copy: whether to return writable copies.

        Returns:
            The outputs by name, as numpy arrays.

        Raises:
            InvalidInput: the inputs do not fit the signature; no predict call was made.
            TFSError: the call failed; see ``tfsclient.errors`` for the classes.
        """
        flow = self._predict(
            model,
            inputs,
            signature=signature,
            version=version,
            label=label,
            outputs=outputs,
            validate=self._validate if validate is DEFAULT else validate,
            copy=self._copy if copy is DEFAULT else copy,
        )
        return drive(flow, self._sender(timeout, headers))

    def build_predict(
        self,
        model: str,
        inputs: inputs_.Inputs,
        *,
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        outputs: Sequence[str] | None = None,
        timeout: Timeout = DEFAULT,
        headers: Mapping[str, str] | None = None,
        validate: Flag = DEFAULT,
    ) -> PredictRequest:
        """The request that :meth:`predict` would send; nothing is sent but discovery."""
        flow = self._build(
            model,
            inputs,
            signature=signature,
            version=version,
            label=label,
            outputs=outputs,
            validate=self._validate if validate is DEFAULT else validate,
        )
        return drive(flow, self._sender(timeout, headers))

    def send(
        self,
        request: PredictRequest,
        *,
        timeout: Timeout = DEFAULT,
        headers: Mapping[str, str] | None = None,
        copy: Flag = DEFAULT,
    ) -> Prediction:
        """Send a request that was built before."""
        flow = self._run(request, self._copy if copy is DEFAULT else copy)
        return drive(flow, self._sender(timeout, headers))

    def metadata(
        self,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Mapping[str, str] | None = None,
    ) -> Model:
        """The model's signatures, asked from the server now."""
        check_version(model, version, label)
        call: Call[Model] = self._calls.metadata(model, version, label)
        return self._send(call, timeout, headers)

    def signature(
        self,
        model: str,
        signature: str | None = None,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: Timeout = DEFAULT,
        headers: Mapping[str, str] | None = None,
    ) -> Signature:
        """One signature of a model; None picks as :meth:`predict` does.

        Raises:
            InvalidInput: the model has no such signature; the error lists those it has.
        """
        found = self.metadata(model, version=version, label=label, timeout=timeout, headers=headers)
        return found.signature(signature)

    def status(
        self,
        model: str,
        *,
        version: int | None = None,
        timeout: Timeout = DEFAULT,
        headers: Mapping[str, str] | None = None,
    ) -> list[VersionStatus]:
        """The states of a model's versions, newest first, unloaded ones included."""
        check_version(model, version, None)
        call: Call[list[VersionStatus]] = self._calls.status(model, version)
        return self._send(call, timeout, headers)

    def wait_until_ready(
        self, model: str, *, version: int | None = None, timeout: float | None = 60.0
    ) -> VersionStatus:
        """Wait until a version of the model answers requests; give up when it cannot load.

        A server that cannot be reached, or does not know the model yet, is waited for.

        Args:
            model: the model's name.
            version: wait for this version; None for any.
            timeout: seconds to wait; None for ever.

        Returns:
            The status of the newest available version.

        Raises:
            DeadlineExceeded: it was not ready in time; the text tells the last state.
            TFSError: no version of it will become ready: loading failed, with the server's code.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 5.0 if deadline is None else max(0.05, min(5.0, deadline - time.monotonic()))
            try:
                states = self.status(model, version=version, timeout=left)
            except (NotFound, Unavailable, DeadlineExceeded) as error:
                last = str(error)
            else:
                for state in states:
                    if state.available:
                        return state
                failed = [s for s in states if s.state == "END" and s.error_message]
                if states and len(failed) == len(states):
                    newest = failed[0]
                    raise _load_failure(model, newest)
                last = ", ".join(f"version {s.version} is {s.state}" for s in states)
            if deadline is not None and time.monotonic() + _POLL_SECONDS > deadline:
                raise DeadlineExceeded(
                    f"not ready after {timeout} s: {last or 'it has no versions'}", model=model
                )
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Close the connections; the client opens new ones if it is used again."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<tfsclient.Client of {self._target}>"

    # What to send, in order; nothing below this line does I/O.

    def _predict(
        self, model: str, inputs: inputs_.Inputs, *, copy: bool, **options: Any
    ) -> Flow[Prediction]:
        request = yield from self._build(model, inputs, **options)
        return (yield from self._run(request, copy))

    def _build(
        self,
        model: str,
        inputs: inputs_.Inputs,
        *,
        signature: str | Signature | None,
        version: int | None,
        label: str | None,
        outputs: Sequence[str] | None,
        validate: bool,
    ) -> Flow[PredictRequest]:
        def build(spec: Signature) -> PredictRequest:
            return build_predict(
                model,
                inputs,
                signature=spec,
                version=version,
                label=label,
                outputs=outputs,
                validate=validate,
            )

        check_version(model, version, label)
        if isinstance(signature, Signature):
            return build(signature)
        if not validate and not self._calls.NEEDS_SIGNATURE and isinstance(inputs, Mapping):
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

    def _run(self, request: PredictRequest, copy: bool) -> Flow[Prediction]:
        pointer = Pointer(request.model, request.version, request.label)
        try:
            prediction: Prediction = yield self._calls.predict(request, copy)
        except (InvalidArgument, NotFound):
            self._discovery.suspect(pointer)
            raise
        if prediction.version is not None:
            self._discovery.suspect(pointer, prediction.version)
        return prediction

    # Sending.

    def _send(self, call: Call[T], timeout: Timeout, headers: Mapping[str, str] | None) -> T:
        answer: T = self._sender(timeout, headers)(call)
        return answer

    def _sender(
        self, timeout: Timeout, headers: Mapping[str, str] | None
    ) -> Callable[[Call[Any]], Any]:
        """A function that sends calls, all of them within one deadline."""
        seconds = self._timeout if timeout is DEFAULT else _check_timeout(timeout)
        merged = {**self._headers, **_lower(headers)}
        deadline = None if seconds is None else time.monotonic() + seconds

        def send(call: Call[Any]) -> Any:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise DeadlineExceeded("no time was left to send the request", model=call.model)
            return self._transport.send(call, left, merged)

        return send


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    # gRPC allows lower case only, and HTTP does not care.
    return {key.lower(): value for key, value in (headers or {}).items()}


def _check_timeout(timeout: float | None) -> float | None:
    if timeout is not None and not timeout > 0:
        raise InvalidInput(f"timeout must be a positive number of seconds or None, not {timeout}")
    return timeout


def _load_failure(model: str, status: VersionStatus) -> TFSError:
    from tfsclient.errors import from_code

    return from_code(
        status.error_code,
        f"version {status.version} did not load: {status.error_message}",
        model=model,
    )
