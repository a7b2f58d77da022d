"""Which model a request is for: one noun for the client, the codec and the server."""

from __future__ import annotations

from functools import lru_cache
from operator import index
from typing import Any, NamedTuple

from tfsclient._codec.protobuf import CHUNK, VARINT, chunk, fields, signed, tag, text, varint
from tfsclient.errors import InvalidInput, of_type

_NAME, _VERSION, _SIGNATURE, _LABEL = 1, 2, 3, 4  # fields of tensorflow.serving.ModelSpec
_INT64_VALUE = 1

_CACHED = 1024  # bytes; a hostile spec may be longer, and such are not kept


class _ModelRef(NamedTuple):
    name: str
    version: int | None
    label: str | None
    signature: str | None


class ModelRef(_ModelRef):
    """A model, which version of it, and which of its signatures.

    Attributes:
        name: the model's name.
        version: the version; None if none is asked for (0 is a version).
        label: the version label; None if none is asked for ("" is a label).
        signature: the signature's name; None leaves it to the server, which takes serving_default.

    Raises:
        InvalidInput: one of them is of a wrong type; both a version and a label; or a version that
            is not an int64 from 0.
    """

    __slots__ = ()

    def __new__(
        cls,
        name: str,
        version: int | None = None,
        label: str | None = None,
        signature: str | None = None,
    ) -> ModelRef:
        """What a caller asks for."""
        if type(name) is not str or not name or not name.isascii():
            _check_name(name)
        if signature is not None:
            _check_text(signature, "signature", name)
        if label is not None:
            _check_text(label, "label", name)
            if version is not None:
                raise InvalidInput("give a version or a label, not both", model=name)
        if version is not None:
            version = _read_version(version, name)
        return tuple.__new__(cls, (name, version, label, signature))

    def __str__(self) -> str:
        """``'digits' version 3, signature 'serving_default'``, in as much as that is given."""
        version = "" if self.version is None else f" version {self.version}"
        label = "" if self.label is None else f" label {self.label!r}"
        signature = "" if self.signature is None else f", signature {self.signature!r}"
        return f"{self.name!r}{version}{label}{signature}"

    @classmethod
    def received(
        cls,
        name: str = "",
        version: int | None = None,
        label: str | None = None,
        signature: str | None = None,
    ) -> ModelRef:
        """What a peer asked for, unchecked: a negative version is answered, not refused here."""
        return tuple.__new__(cls, (name, version, label, signature or None))

    def with_signature(self, signature: str | None) -> ModelRef:
        """The same model and version, and this signature."""
        return ModelRef(self.name, self.version, self.label, signature)


def _check_name(name: object) -> None:
    if isinstance(name, str) and name:
        _check_text(name, "model", None)
        return
    came = "''" if isinstance(name, str) else of_type(name)
    text = f"model must be the name of a model, not {came}"
    if isinstance(name, str | bytes | int | None):
        raise InvalidInput(text)
    raise InvalidInput(text, hint="the name comes first: predict(model, inputs)")


def _check_text(text: object, argument: str, model: str | None) -> None:
    if not isinstance(text, str):
        raise InvalidInput(f"{argument} must be text, not {text!r:.50}", model=model)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput(f"{argument} must be Unicode, not {text!r:.50}", model=model)


def _read_version(version: Any, model: str) -> int:
    try:
        number = None if isinstance(version, bool) else index(version)
    except TypeError:
        number = None
    if number is None:
        raise InvalidInput(f"version must be an integer, not {version!r:.50}", model=model)
    if not 0 <= number < 1 << 63:
        raise InvalidInput(f"version {number} is out of range", model=model)
    return number


@lru_cache(maxsize=1024)
def _encode(ref: ModelRef) -> bytes:
    spec = chunk(_NAME, utf8(ref.name)) if ref.name else b""
    version = ref.version
    if version is not None:
        spec += chunk(_VERSION, tag(_INT64_VALUE, VARINT) + varint(version) if version else b"")
    if ref.signature:
        spec += chunk(_SIGNATURE, utf8(ref.signature))
    if ref.label is not None:
        spec += chunk(_LABEL, utf8(ref.label))
    return spec


def encode_model_ref(ref: ModelRef) -> bytes:
    """A ``tensorflow.serving.ModelSpec``; version and label are written if they are not None.

    Raises:
        InvalidInput: a name cannot be written as UTF-8.
    """
    return _encode(ref)  # apart, for lru_cache hides a function's parameters from type checkers


def utf8(name: str) -> bytes:
    """A name as it travels.

    Raises:
        InvalidInput: it has a lone surrogate.
    """
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{name!r} cannot be a name: it has a lone surrogate") from None


def decode_model_ref(spec: bytes) -> ModelRef:
    """Read a ``tensorflow.serving.ModelSpec``.

    Raises:
        DecodeError: the bytes are not one.
    """
    # A model's answers repeat their spec.
    return _cached(spec) if len(spec) <= _CACHED else _decode(spec)


def _decode(spec: bytes) -> ModelRef:
    name = signature = ""
    version: int | None = None
    label: str | None = None
    for number, kind, first, end in fields(spec):
        if kind != CHUNK:
            continue
        if number == _NAME:
            name = text(spec, first, end)
        elif number == _SIGNATURE:
            signature = text(spec, first, end)
        elif number == _LABEL:
            label = text(spec, first, end)
            version = None
        elif number == _VERSION:
            label = None
            version = version or 0
            for inner, inner_kind, value, _ in fields(spec, first, end):
                if inner == _INT64_VALUE and inner_kind == VARINT:
                    version = signed(value, 64)
    return ModelRef.received(name, version, label, signature)


_cached = lru_cache(maxsize=1024)(_decode)
