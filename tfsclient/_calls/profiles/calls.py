"""Calls of a server that a profile describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tfsclient._calls.call import Call, T
from tfsclient._calls.headers import kind_of
from tfsclient._calls.profiles.profile import Profile
from tfsclient._calls.request import ExamplesRequest, PredictRequest
from tfsclient._calls.rest import check_json, read_classes, read_numbers
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.tensor import Array
from tfsclient._inputs.prepare import Inputs
from tfsclient.errors import (
    USE_GRPC,
    DecodeError,
    Hint,
    Internal,
    InvalidInput,
    TFSError,
    Unimplemented,
    cannot_send,
    missing_outputs,
)
from tfsclient.results import Classes, Float32s, Prediction, VersionStatus
from tfsclient.schema import Model

if TYPE_CHECKING:
    from tfsclient.model_config import ServerConfig

_GIVE_SIGNATURES = Hint(
    "no_metadata",
    "give its signatures: Client(schemas={name: tfsclient.sources.from_saved_model(folder)})",
)


class ProfileCalls:
    """Makes the calls of a server that is not TF Serving itself.

    What the server lacks is refused here, before anything is sent.

    Args:
        profile: the server.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.needs_signature = profile.json
        self.tells_signatures = profile.signatures is not None

    def repeated(self, *_: object, **__: object) -> None:
        """None: nothing is remembered."""

    def predict(
        self, request: PredictRequest, inputs: Inputs | None, validate: bool, copy: bool
    ) -> Call[Prediction]:
        """The call that runs a predict request.

        Raises:
            Unimplemented: the server has no such call, or its body cannot carry the request.
        """
        del inputs, validate
        decode = partial(self._prediction, request, copy)
        try:
            if self._profile.json:
                check_json(request)
            body = partial(self._profile.body, request)
            return self._call("predict", request.ref, body, decode)
        except Unimplemented as error:  # a profile of one's own may raise it, too
            error.sent = False
            if isinstance(error.hint, Hint) and error.hint.key == USE_GRPC.key:
                error.hint = None  # which this server has not
            raise

    def classify(self, request: ExamplesRequest) -> Call[Classes]:
        """The call that gives labels with scores for each Example.

        Raises:
            Unimplemented: the server has no such call.
        """
        return self._call("classify", request.ref, request.to_json, read_classes(request))

    def regress(self, request: ExamplesRequest) -> Call[Float32s]:
        """The call that gives a number for each Example.

        Raises:
            Unimplemented: the server has no such call.
        """
        return self._call("regress", request.ref, request.to_json, read_numbers(request))

    def multi_inference(self, request: ExamplesRequest) -> Call[dict[str, Classes | Float32s]]:
        """Refuse: no profile has it.

        Raises:
            Unimplemented: always.
        """
        self._refuse("has no multi-inference", request.ref)

    def metadata(self, ref: ModelRef) -> Call[Model]:
        """The call that asks for a model's signatures.

        Raises:
            Unimplemented: the server does not tell them.
        """
        asked = self._profile.signatures
        if asked is None:
            self._refuse("does not tell a model's signatures", ref, _GIVE_SIGNATURES)
        self._check(ref)
        path, read = asked
        decode = partial(self._read, read, _is_model, ref)
        return Call(self._path(path, ref), None, ref, True, decode=decode)

    def status(self, ref: ModelRef) -> Call[list[VersionStatus]]:
        """The call that asks for the states of a model's versions.

        Raises:
            Unimplemented: the server does not tell them.
        """
        asked = self._profile.status
        if asked is None:
            self._refuse("does not tell the state of a model", ref)
        self._check(ref)
        path, read = asked
        decode = partial(self._read, read, _is_states, ref)
        return Call(self._path(path, ref), None, ref, True, decode=decode)

    def reload(self, config: ServerConfig) -> Call[None]:
        """Refuse: no profile has it.

        Raises:
            Unimplemented: always.
        """
        del config
        self._refuse("cannot reload its configuration", None)

    def _call(
        self,
        method: str,
        ref: ModelRef,
        body: Callable[[], bytes],
        decode: Callable[[bytes], T],
    ) -> Call[T]:
        profile = self._profile
        if method not in profile.methods:
            self._refuse(f"has no call {method}: it has {', '.join(profile.methods)}", ref)
        self._check(ref)
        path = self._path(profile.path, ref, method)
        headers = self._own(profile.headers, ref, method)
        if not _are_headers(headers):
            self._wrong("headers", "a dict of text", headers)
        if profile.rest:
            headers = {"content-type": profile.content_type, **headers}
        sent = self._own(body)
        if not isinstance(sent, bytes):
            self._wrong("body", "bytes", sent)
        return Call(path, sent, ref, headers=headers, decode=decode)

    def _path(self, path: Callable[..., str], *arguments: object) -> str:
        """What is appended to the target's address, which it must not change into another."""
        given: object = self._own(path, *arguments)
        if not isinstance(given, str):
            self._wrong("path", "text", given)
        if not (_PATH if self._profile.rest else _METHOD).match(given):
            raise Internal(f"{self._profile.name}: the profile's path does not begin with /")
        return given

    def _wrong(self, function: str, wanted: str, given: object) -> NoReturn:
        raise Internal(
            f"{self._profile.name}: the profile's {function} must give {wanted}, not "
            f"{kind_of(given)}"
        )

    def _check(self, ref: ModelRef) -> None:
        """Refuse a version or a label that a call cannot ask for."""
        if ref.version is not None and not self._profile.versions:
            self._refuse("serves one version, which cannot be chosen", ref)
        if ref.label is not None and not self._profile.labels:
            self._refuse("has no version labels", ref)

    def _refuse(self, what: str, ref: ModelRef | None, hint: str | None = None) -> NoReturn:
        raise cannot_send(
            f"{self._profile.name} {what}",
            model=None if ref is None else ref.name,
            signature=None if ref is None else ref.signature,
            hint=hint,
        )

    def _own(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a function of the profile gives; whatever it raises becomes ours."""
        try:
            return function(*arguments)
        except TFSError:
            raise
        except Exception as error:
            raise Internal(f"{self._profile.name}: the profile raised {_said(error)}") from error

    def _read(
        self, read: Callable[..., T], is_one: Callable[[object], bool], asked: object, data: bytes
    ) -> T:
        """What a function of the profile reads; it raises what it likes where it cannot.

        Args:
            read: the function.
            is_one: whether something is what it is to give.
            asked: what was asked for.
            data: the answer.
        """
        try:
            found = read(data, asked)
        except InvalidInput as error:  # which is about what came, not about what was given
            raise DecodeError(
                f"this is not an answer of {self._profile.name}: {error.details}"
            ) from error
        except TFSError:
            raise
        except Exception as error:
            raise DecodeError(
                f"this is not an answer of {self._profile.name}: {_said(error)}"
            ) from error
        if not is_one(found):
            raise DecodeError(
                f"the profile {self._profile.name} makes {kind_of(found)} of the answer, or of a "
                "part of it"
            )
        return found

    def _prediction(self, request: PredictRequest, copy: bool, data: bytes) -> Prediction:
        outputs = self._read(self._profile.answer, _are_outputs, request, data)
        named = _wanted(request)
        if not outputs.keys() >= set(named):
            raise missing_outputs(named, outputs)
        chosen: Mapping[str, Array] = (
            outputs if request.outputs is None else {name: outputs[name] for name in named}
        )
        # Arrays made of JSON are our own already; those that are views of the answer may be wanted.
        own = {name: _own(array) if copy else array for name, array in chosen.items()}
        prediction = Prediction(
            own, model=request.ref.name, signature=request.ref.signature, version=None
        )
        if request.spec is not None and request.spec.labels is not None:
            prediction.labels = request.spec.labels
        return prediction


# What cannot change the address that it is appended to; ":verb" is as Google writes methods.
_PATH = re.compile(r"(/|:[A-Za-z]+\Z|\Z)")
_METHOD = re.compile(r"/")


def _are_headers(given: object) -> bool:
    return isinstance(given, Mapping) and all(
        isinstance(name, str) and isinstance(value, str | bytes) for name, value in given.items()
    )


def _are_outputs(found: object) -> bool:
    return isinstance(found, Mapping) and all(
        isinstance(name, str) and isinstance(array, np.ndarray) for name, array in found.items()
    )


def _is_model(found: object) -> bool:
    return isinstance(found, Model)


def _is_states(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(one, VersionStatus) for one in found)


def _own(array: Array) -> Array:
    """The array, writable and with memory of its own."""
    return array if array.flags.owndata and array.flags.writeable else array.copy()


def _wanted(request: PredictRequest) -> Sequence[str]:
    if request.outputs is not None:
        return request.outputs
    return () if request.spec is None else list(request.spec.outputs)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
