"""What all clients share: which calls to make, with which options, in which order; no I/O.

A method that takes more than one call is a flow: it yields calls and is sent their results, so that
discovery is written once and driven by the sync client with calls and by the asyncio client with
awaits.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard, cast

from tfsclient._calls.call import Call, Flow, T, ask
from tfsclient._calls.deadline import Deadline, read_seconds
from tfsclient._calls.headers import Sent, read_headers, read_token
from tfsclient._calls.options import DEFAULT, Headers, Options, Token, read_flag
from tfsclient._calls.request import (
    ExamplesRequest,
    PredictRequest,
    examples_request,
    multi_tasks,
    predict_request,
)
from tfsclient._client.discovery import Discovery
from tfsclient._client.meanings import Meanings
from tfsclient._codec.inference import Task
from tfsclient._codec.model_ref import ModelRef
from tfsclient._inputs import prepare
from tfsclient._inputs.example import ExampleLike
from tfsclient.errors import DecodeError, Hint, InvalidArgument, InvalidInput, of_type
from tfsclient.results import Classes, Float32s, Prediction, VersionStatus
from tfsclient.schema import Features, Model, Signature

if TYPE_CHECKING:
    from tfsclient._calls.interface import Calls
    from tfsclient.meaning import Meaning
    from tfsclient.model_config import ServerConfig

_ANOTHER_SIGNATURE: Final = Hint(
    "which_signature",
    "name another signature by signature=...; metadata() lists them with their tensors",
)


# One deadline and one set of headers for all that a method sends.
Scope: TypeAlias = tuple[Deadline, Sent]


class Flows:
    """The part of a client that both colours share.

    Args:
        calls: makes the calls of the target's protocol.
        timeout: seconds for a call; None for no limit.
        headers: sent with every call.
        token: a bearer token, or what gives one for each call.
        validate: whether inputs are checked.
        copy: whether results are copies.
        schemas: models whose signatures are given.
        meanings: what is known of models beside their signatures.
    """

    def __init__(
        self,
        calls: Calls,
        *,
        timeout: float | None,
        headers: Sent | None,
        token: Token,
        validate: bool,
        copy: bool,
        schemas: Mapping[str, Model] | None,
        meanings: Mapping[str, Meaning] | None = None,
    ) -> None:
        self._calls = calls
        self._timeout = read_seconds(timeout)
        self._headers = read_headers(headers)
        self._token = token
        if isinstance(token, str):
            self._headers["authorization"] = read_token(token)
            self._token = None
        elif token is not None and not callable(token):
            raise InvalidInput(f"token must be text or a function, not {of_type(token)}")
        self._validate = read_flag(validate, "validate")
        self._copy = read_flag(copy, "copy")
        self._schemas = _read_schemas(schemas)
        self._metadata = calls.metadata
        # What is said where the server says nothing; as of no version, for it says none.
        self._told: dict[str, Model] = {}
        if meanings is not None:
            meant = Meanings(meanings)
            self._schemas = {name: meant.attach(name, m) for name, m in self._schemas.items()}
            self._metadata = partial(meant.metadata, calls.metadata)
        if not calls.tells_signatures:
            self._told = {name: replace(m, version=None) for name, m in self._schemas.items()}
        self._discovery = Discovery(self._metadata, self._schemas)
        self.learn = self._discovery.learn
        self.seen = self._discovery.seen

    def scope(self, options: Options) -> Scope:
        """The deadline and the headers of a method that starts now.

        Raises:
            InvalidInput: the headers, or what the token function returns, cannot be sent.
            Unauthenticated: the token function failed.
        """
        seconds = self._timeout if options.timeout is DEFAULT else options.timeout
        headers = options.headers
        plain = headers is None and self._token is None
        return Deadline(seconds), self._headers if plain else self._merge(headers)

    def _merge(self, headers: Headers) -> Sent:
        """The headers of one call: the client's, the token, and the call's own."""
        own = read_headers(headers)
        merged = dict(self._headers)
        if self._token is not None and "authorization" not in own:
            merged["authorization"] = read_token(self._token)
        return merged | own

    # Predict.

    def predict(
        self,
        ref: ModelRef,
        signature: str | Signature | None,
        inputs: prepare.Inputs,
        options: Options,
    ) -> Flow[Prediction]:
        """Check the inputs and run a signature on them."""
        call = yield from self.make_predict(ref, signature, inputs, options)
        return cast("Prediction", (yield call))

    def repeated(
        self,
        ref: ModelRef,
        signature: str | Signature | None,
        inputs: prepare.Inputs,
        options: Options,
    ) -> Call[Prediction] | None:
        """The call for inputs like earlier ones, whose signature still holds; else None."""
        outputs, _, _, validate, copy = options
        if validate is DEFAULT:
            validate = self._validate
        spec: Signature | None = None
        if isinstance(signature, Signature):
            spec = signature
        elif not validate and self._needs_no_signature(inputs):
            ref = ref.with_signature(signature)
        else:
            model = self._discovery.known(ref)
            spec = None if model is None else model.pick(signature)
            if spec is None:
                return None
        copy = self._copy if copy is DEFAULT else copy
        return self._calls.repeated(ref, spec, inputs, outputs, validate, copy)

    def _needs_no_signature(self, inputs: prepare.Inputs) -> TypeGuard[Mapping[str, Any]]:
        """Whether inputs can be sent as they are, to a signature that nobody knows."""
        return not self._calls.needs_signature and isinstance(inputs, Mapping)

    def make_predict(
        self,
        ref: ModelRef,
        signature: str | Signature | None,
        inputs: prepare.Inputs,
        options: Options,
    ) -> Flow[Call[Prediction]]:
        """The call of :meth:`predict`, checked and encoded; only discovery is sent."""
        request = yield from self.build(ref, signature, inputs, options)
        return self.encode(request, options, inputs)

    def build(
        self,
        ref: ModelRef,
        signature: str | Signature | None,
        inputs: prepare.Inputs,
        options: Options,
    ) -> Flow[PredictRequest]:
        """A checked request; only discovery is sent, and only if the signature is not known."""
        check = self._checks(options)
        outputs = options.outputs

        def build(spec: Signature) -> PredictRequest:
            named = ref.with_signature(spec.name)
            return predict_request(named, spec, inputs, outputs, check)

        if isinstance(signature, Signature):
            return build(signature)
        if not check and self._needs_no_signature(inputs):
            tensors = prepare.as_they_are(inputs, model=ref.name, signature=signature)
            return PredictRequest(ref.with_signature(signature), tensors, outputs)
        known = yield from self._discovery.find(ref)
        try:
            return build(known.signature(signature))
        except InvalidInput:
            # What is known may be out of date: the server has the last word before a refusal.
            renewed = yield from self._discovery.renew(ref)
            if renewed is None or renewed == known:
                raise
            return build(renewed.signature(signature))

    def send(self, request: PredictRequest | Any, options: Options) -> Flow[Prediction]:
        """Send a request that was built before, here or by the official classes."""
        if not isinstance(request, PredictRequest):
            request = PredictRequest.from_message(request)
        if request.spec is None and self._calls.needs_signature:
            known = yield from self._discovery.find(request.ref)
            request = replace(request, spec=known.signature(request.ref.signature))
        return (yield from ask(self.encode(request, options)))

    def encode(
        self, request: PredictRequest, options: Options, inputs: prepare.Inputs | None = None
    ) -> Call[Prediction]:
        """The encoded call for a request, remembered by ``inputs`` if it was made of these."""
        validate = self._checks(options)
        copy = self._copy if options.copy is DEFAULT else options.copy
        started = time.perf_counter()
        call = self._calls.predict(request, inputs, validate, copy)
        call.encode_seconds = time.perf_counter() - started
        return call

    # Examples.

    def classify(
        self,
        ref: ModelRef,
        signature: str | Signature | None,
        examples: Iterable[ExampleLike],
        context: ExampleLike | None,
        options: Options,
    ) -> Flow[Classes]:
        """Classify Examples; they are checked if their features are known."""
        started = time.perf_counter()
        request = self._examples("Classify", "classify", ref, signature, examples, context, options)
        return (yield from _timed(self._calls.classify(request), started))

    def regress(
        self,
        ref: ModelRef,
        signature: str | Signature | None,
        examples: Iterable[ExampleLike],
        context: ExampleLike | None,
        options: Options,
    ) -> Flow[Float32s]:
        """Get a number for each Example; they are checked if their features are known."""
        started = time.perf_counter()
        request = self._examples("Regress", "regress", ref, signature, examples, context, options)
        return (yield from _timed(self._calls.regress(request), started))

    def _examples(
        self,
        method: str,
        task: Task,
        ref: ModelRef,
        signature: str | Signature | None,
        examples: Iterable[ExampleLike],
        context: ExampleLike | None,
        options: Options,
    ) -> ExamplesRequest:
        given = self._given(ref.name, signature)
        name = given.name if given is not None else signature
        assert not isinstance(name, Signature)
        named = ref.with_signature(name)
        checks = self._checks(options)
        features = given.features if given is not None and checks else None
        return examples_request(method, [(named, task)], examples, context, features)

    def multi_inference(
        self,
        ref: ModelRef,
        tasks: Mapping[str, Task],
        examples: Iterable[ExampleLike],
        context: ExampleLike | None,
        options: Options,
    ) -> Flow[dict[str, Classes | Float32s]]:
        """Run several signatures on the same Examples."""
        started = time.perf_counter()
        checks = self._checks(options)
        listed = multi_tasks(ref, tasks)
        specs = [self._given(ref.name, name) for name in tasks] if checks else []
        request = examples_request("MultiInference", listed, examples, context, _union(specs))
        return (yield from _timed(self._calls.multi_inference(request), started))

    def _given(self, model: str, signature: str | Signature | None) -> Signature | None:
        """The signature, where it was given rather than to be asked for.

        A server's metadata says nothing about Examples, so it would not help to ask.
        """
        if isinstance(signature, Signature):
            return signature
        return self._schemas[model].signature(signature) if model in self._schemas else None

    def _checks(self, options: Options) -> bool:
        return self._validate if options.validate is DEFAULT else options.validate

    # About models.

    def metadata(self, ref: ModelRef) -> Flow[Model]:
        """Ask for a model's signatures; a server that does not tell them has those given."""
        if (told := self._told.get(ref.name)) is not None:
            return told
        return (yield from ask(self._metadata(ref)))

    def given(self, model: str) -> Model | None:
        """A model's signatures, if they were given rather than to be asked for."""
        return self._schemas.get(model)

    def described(self, ref: ModelRef) -> Flow[Model]:
        """A model's signatures: as given, for those may say more, or as the server has them."""
        if (given := self.given(ref.name)) is not None:
            return given
        return (yield from ask(self._metadata(ref)))

    def signature(self, ref: ModelRef, signature: str | None) -> Flow[Signature]:
        """Ask for a model's signatures, and pick one."""
        model = yield from self.metadata(ref)
        return model.signature(signature)

    def status(self, ref: ModelRef) -> Flow[list[VersionStatus]]:
        """Ask for the states of a model's versions, or of the one with a label.

        Servers ignore a label here; which version has it, metadata tells.
        """
        if ref.label is not None:
            model = yield from ask(self._metadata(ref))
            if model.version is None:
                raise DecodeError(
                    f"the answer does not tell which version has the label {ref.label!r}",
                    model=ref.name,
                )
            ref = ModelRef(ref.name, model.version)
        return (yield from ask(self._calls.status(ref)))

    def reload(self, config: ServerConfig) -> Flow[None]:
        """Replace the server's list of models."""
        return (yield from ask(self._calls.reload(config)))


def _read_schemas(schemas: object) -> dict[str, Model]:
    if not isinstance(schemas, Mapping | None):
        raise InvalidInput(f"schemas must be a dict of Models by name, not {schemas!r:.50}")
    for name, model in (schemas or {}).items():
        if not isinstance(name, str) or not isinstance(model, Model):
            raise InvalidInput(f"schemas: {name!r:.50} must be a name, with a Model as its value")
    return dict(schemas or {})


def _timed(call: Call[T], started: float) -> Flow[T]:
    call.encode_seconds = time.perf_counter() - started
    try:
        return (yield from ask(call))
    except InvalidArgument as error:
        text, dump, _ = error.details.partition("SignatureDef: ")
        if dump:  # all of the signature follows, in dozens of lines
            error.details = f"{text}its SignatureDef"
        if dump or text.startswith("No signature was found"):
            error.hint = error.hint or _ANOTHER_SIGNATURE
        raise


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
