"""What a client does, without doing it: which calls to make and in what order.

Nothing here does I/O.  The flows yield calls and are driven by the sync client with plain calls and
by the asyncio client with awaits.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from tfsclient._calls.call import Call, Flow
from tfsclient._calls.deadline import check_timeout
from tfsclient._calls.grpc_frames import Repeats, Which
from tfsclient._calls.request import PredictRequest, build_predict, check_version
from tfsclient._client.discovery import Discovery, Pointer
from tfsclient._inputs import prepare as inputs_
from tfsclient._inputs.example import ExampleLike
from tfsclient._sources.model_config import ServerConfig
from tfsclient._transports.target import Target
from tfsclient.errors import InvalidInput, left_out
from tfsclient.results import Classes, Float32s, Prediction, VersionStatus
from tfsclient.schema import Features, Model, Signature


class _Default(enum.Enum):
    DEFAULT = "the client's own setting"

    def __repr__(self) -> str:
        return "<DEFAULT>"


DEFAULT: Final = _Default.DEFAULT
Timeout: TypeAlias = float | None | Literal[_Default.DEFAULT]
Flag: TypeAlias = bool | Literal[_Default.DEFAULT]
Headers: TypeAlias = Mapping[str, str] | None
Token: TypeAlias = str | Callable[[], str] | None
Examples: TypeAlias = "Iterable[ExampleLike] | Any"  # Any: a table


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
            from tfsclient._calls import rest as calls
        else:
            try:
                import grpc  # noqa: F401
            except ImportError as error:
                raise left_out(error) from error
            from tfsclient._calls import grpc as calls  # type: ignore[no-redef]
        self._calls: Any = calls
        self._schemas = dict(schemas or {})
        self._discovery = Discovery(self._calls.metadata, self._schemas)
        self.repeats = Repeats()

    # One deadline and one set of headers for all that a method sends.

    def end(self, timeout: Timeout) -> float | None:
        """When a method that starts now must be done, by ``time.monotonic()``; None for never."""
        seconds = self._timeout if timeout is DEFAULT else check_timeout(timeout)
        return None if seconds is None else time.monotonic() + seconds

    def headers(self, headers: Headers) -> Mapping[str, str]:
        """The headers of one call: the client's, the token, and the call's own."""
        if headers is None and self._token is None:
            return self._headers
        merged = dict(self._headers)
        if self._token is not None:
            token = self._token if isinstance(self._token, str) else self._token()
            merged["authorization"] = f"Bearer {token}"
        return merged | _lower(headers)

    # Flows.

    def which(
        self,
        model: str,
        signature: str | Signature | None,
        version: int | None,
        label: str | None,
        outputs: Sequence[str] | None,
        validate: Flag,
        copy: Flag,
    ) -> Which:
        """All but the inputs that decides what is sent and how the answer is read."""
        return (
            model,
            id(signature) if isinstance(signature, Signature) else signature,
            version,
            label,
            tuple(outputs) if isinstance(outputs, list) else outputs,
            self._validate if validate is DEFAULT else validate,
            self._copy if copy is DEFAULT else copy,
        )

    def prepare(
        self,
        which: Which,
        model: str,
        inputs: inputs_.Inputs,
        signature: str | Signature | None,
        version: int | None,
        label: str | None,
        outputs: Sequence[str] | None,
        validate: Flag,
        copy: Flag,
    ) -> Flow[Call[Prediction]]:
        """The call for a checked request, which is remembered by what :meth:`which` gave."""
        request = yield from self.build(
            model,
            inputs,
            signature=signature,
            version=version,
            label=label,
            outputs=outputs,
            validate=validate,
        )
        call = self.call(request, copy)
        if request.spec is not None and not self._calls.NEEDS_SIGNATURE:
            entry = None
            if request.spec is not signature:
                entry = self._discovery.known(Pointer(model, version, label))
                if entry is None or not entry.vouches_for(request.spec):
                    return call  # it was not checked against what is known now
            self.repeats.keep(which, inputs, entry, request, call)
        return call

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
        check = self._checks(validate)

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

    def send(self, request: Any, copy: Flag) -> Flow[Prediction]:
        """Send a request that was built before, here or by the official classes."""
        if not isinstance(request, PredictRequest):
            request = PredictRequest.from_message(request)
        if request.spec is None and self._calls.NEEDS_SIGNATURE:
            pointer = Pointer(request.model, request.version, request.label)
            known = yield from self._discovery.find(pointer)
            request = replace(request, spec=known.signature(request.signature))
        prediction: Prediction = yield self.call(request, copy)
        return prediction

    def call(self, request: PredictRequest, copy: Flag) -> Call[Prediction]:
        """The encoded call for a request."""
        started = time.perf_counter()
        call: Call[Prediction] = self._calls.predict(
            request, self._copy if copy is DEFAULT else copy
        )
        pointer = Pointer(request.model, request.version, request.label)
        call.learn = partial(self._discovery.learn, pointer)
        call.encode_seconds = time.perf_counter() - started
        return call

    def classify(
        self, model: str, examples: Examples, context: ExampleLike | None, **options: Any
    ) -> Call[Classes]:
        """The call that classifies Examples; they are checked if their features are known."""
        call: Call[Classes] = self._infer(self._calls.classify, model, examples, context, **options)
        return call

    def regress(
        self, model: str, examples: Examples, context: ExampleLike | None, **options: Any
    ) -> Call[Float32s]:
        """The call that gives a number for each Example."""
        call: Call[Float32s] = self._infer(self._calls.regress, model, examples, context, **options)
        return call

    def _infer(
        self,
        make: Callable[..., Call[Any]],
        model: str,
        examples: Examples,
        context: ExampleLike | None,
        *,
        signature: str | Signature | None,
        version: int | None,
        label: str | None,
        validate: Flag,
    ) -> Call[Any]:
        check_version(model, version, label)
        spec = self._given(model, signature)
        started = time.perf_counter()
        call = make(
            model,
            examples,
            context,
            signature=signature if spec is None else spec.name,
            version=version,
            label=label,
            features=spec.features if spec is not None and self._checks(validate) else None,
        )
        call.encode_seconds = time.perf_counter() - started
        return call

    def multi_inference(
        self,
        model: str,
        tasks: Mapping[str, str],
        examples: Examples,
        context: ExampleLike | None,
        *,
        version: int | None,
        label: str | None,
        validate: Flag,
    ) -> Call[dict[str, Classes | Float32s]]:
        """The call that runs several signatures on the same Examples."""
        check_version(model, version, label)
        specs = [self._given(model, name) for name in tasks] if self._checks(validate) else []
        started = time.perf_counter()
        call: Call[dict[str, Classes | Float32s]] = self._calls.multi_inference(
            model, tasks, examples, context, version=version, label=label, features=_union(specs)
        )
        call.encode_seconds = time.perf_counter() - started
        return call

    def _given(self, model: str, signature: str | Signature | None) -> Signature | None:
        """The signature, where it was given rather than to be asked for.

        A server's metadata says nothing about Examples, so it would not help to ask.
        """
        if isinstance(signature, Signature):
            return signature
        return self._schemas[model].signature(signature) if model in self._schemas else None

    def _checks(self, validate: Flag) -> bool:
        return self._validate if validate is DEFAULT else validate

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


def _union(specs: Sequence[Signature | None]) -> Features | None:
    """What several signatures parse from the same Examples; None if that is not known."""
    union: dict[str, Any] = {}
    for spec in specs:
        if spec is None or spec.features is None:
            return None
        for name, feature in spec.features.items():
            if union.setdefault(name, feature) != feature:
                return None  # what suits one may not suit the other: the server will tell
    return union or None


def _lower(headers: Headers) -> dict[str, str]:
    # gRPC allows lower case only, and HTTP does not care.
    return {key.lower(): value for key, value in (headers or {}).items()}
