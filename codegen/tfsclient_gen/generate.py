"""A model and a language in, a mapping of path to text out: no clock, no network, no writing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tfsclient.dtypes import DType
from tfsclient.schema import Model, Signature, TensorSpec, to_json
from tfsclient_gen.languages import curl
from tfsclient_gen.languages.go import files as go
from tfsclient_gen.languages.js import files as js
from tfsclient_gen.languages.openapi import files as openapi
from tfsclient_gen.languages.python import files as python
from tfsclient_gen.render import SHIPPED, Templates
from tfsclient_gen.target import Language, LeftOut, Options, Run

_FINE = {"": TensorSpec("", DType("float32"), ())}  # a tensor that every protocol can carry


@dataclass(frozen=True, slots=True)
class Generated:
    """A client, as text.

    Attributes:
        files: path relative to the output folder, to text.
        left_out: the signatures that the client does not have.
    """

    files: dict[str, str]
    left_out: list[LeftOut]


def languages() -> dict[str, Language]:
    """The languages by their names on the command line."""
    return {
        "python": Language(python.files, rest_only=False, lock_file=python.lock_file),
        "go": Language(go.files, rest_only=False),
        "js": Language(js.javascript, rest_only=False),
        "ts": Language(js.typescript, rest_only=False),
        "curl": Language(curl.files, rest_only=True),
        "openapi": Language(openapi.files, rest_only=True),
    }


def generate(model: Model, language: str, options: Options | None = None) -> dict[str, str]:
    """The files of a client for ``model``: path relative to the output folder, to text.

    The same model, language and options always give the same bytes; the model's version plays no
    part.  Signatures that cannot be called are not in them: :func:`left_out` lists those.
    """
    return make(model, language, options).files


def make(model: Model, language: str, options: Options | None = None) -> Generated:
    """A client for ``model``: the files that :func:`generate` gives, and what was left out."""
    options = options or Options()
    target = languages()[language]
    gone = left_out(model, language, options)
    dropped = {one.signature for one in gone}
    kept = {name: s for name, s in sorted(model.signatures.items()) if name not in dropped}
    files = target.files(
        Run(
            model=replace(model, version=None, signatures=kept),
            options=options,
            left_out=gone,
            templates=Templates(options.templates) if options.templates else SHIPPED,
        )
    )
    lock = to_json(model, version=False).decode()
    return Generated({**files, target.lock_file(model): lock}, gone)


def left_out(model: Model, language: str, options: Options | None = None) -> list[LeftOut]:
    """The signatures that a client in this language cannot have, with the reasons for each."""
    rest_only = languages()[language].rest_only or (options or Options()).transport == "rest"
    found = []
    for name, signature in sorted(model.signatures.items()):
        if reasons := _reasons(signature, rest_only):
            found.append(LeftOut(name, reasons[0], tuple(reasons[1:])))
    return found


def _reasons(signature: Signature, rest_only: bool) -> list[str]:
    """Why a signature cannot be called: what is wrong with it, and with each of its tensors."""
    asked = [
        signature,
        *(replace(signature, inputs={n: t}, outputs=_FINE) for n, t in signature.inputs.items()),
        *(replace(signature, inputs=_FINE, outputs={n: t}) for n, t in signature.outputs.items()),
    ]
    reasons = [s.why_unusable or (s.why_not_over_rest if rest_only else None) for s in asked]
    return [reason for reason in dict.fromkeys(reasons) if reason is not None]
