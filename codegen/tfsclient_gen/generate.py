"""A model and a language in, a mapping of path to text out: no clock, no network, no writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tfsclient.dtypes import DType
from tfsclient.schema import Model, Signature, TensorSpec, to_json
from tfsclient_gen.render import SHIPPED, Templates, use

LOCK_FILE = "tfsclient.lock.json"

_FINE = {"": TensorSpec("", DType("float32"), ())}  # a tensor that everything can carry


@dataclass(frozen=True, slots=True)
class Options:
    """What the user decides about the output.

    Attributes:
        transport: "any", or "rest" to leave gRPC and what it needs out (Go).
        go_module: the module path of generated Go; None for the package's name.
        go_mod: whether Go output is a module of its own, with go.mod and go.sum.
        templates: a folder with templates of the user's, for the shipped ones of the same names.
    """

    transport: str = "any"
    go_module: str | None = None
    go_mod: bool = True
    templates: Path | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A signature that the generated client does not have, and why.

    Attributes:
        signature: its name.
        reason: what is wrong with it, in the first place.
        others: what else is, tensor by tensor.
    """

    signature: str
    reason: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Language:
    """One target language.

    Attributes:
        files: makes the files from the callable part of a model, told what was left out of it.
        rest_only: whether its clients have only what REST can carry.
        lock_file: the name of the schema file beside the code.
    """

    files: Callable[[Model, Options, Sequence[LeftOut]], dict[str, str]]
    rest_only: bool
    lock_file: Callable[[Model], str] = lambda _model: LOCK_FILE


def languages() -> dict[str, Language]:
    """The languages by their name on the command line."""
    from tfsclient_gen.languages import curl, go, js, openapi, python, ts

    return {
        "python": Language(python.files, rest_only=False, lock_file=python.lock_file),
        "go": Language(go.files, rest_only=False),
        "js": Language(js.files, rest_only=True),
        "ts": Language(ts.files, rest_only=True),
        "curl": Language(curl.files, rest_only=True),
        "openapi": Language(openapi.files, rest_only=True),
    }


def generate(model: Model, language: str, options: Options | None = None) -> dict[str, str]:
    """The files of a client for ``model``: path relative to the output folder, to text.

    The same model, language and options always give the same bytes; the model's version plays no
    part.  Signatures that cannot be called are not in them: :func:`left_out` lists those.
    """
    options = options or Options()
    target = languages()[language]
    gone = left_out(model, language, options)
    dropped = {one.signature for one in gone}
    kept = {name: s for name, s in sorted(model.signatures.items()) if name not in dropped}
    with use(Templates(options.templates) if options.templates else SHIPPED):
        files = target.files(replace(model, version=None, signatures=kept), options, gone)
    return {**files, target.lock_file(model): to_json(model, version=False).decode()}


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
