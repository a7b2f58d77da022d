"""A model and a language in, a mapping of path to text out: no clock, no network, no writing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model, Signature, TensorSpec
from tfsclient_gen import locks
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
        notes: what else the user is told: names that are not the obvious ones, outputs left out.
    """

    files: dict[str, str]
    left_out: list[LeftOut]
    notes: list[str]


class NothingToCall(InvalidInput):
    """A client in this language would be empty."""


def languages() -> dict[str, Language]:
    """The languages by their names on the command line."""
    return {
        "python": Language(
            python.files, rest_only=False, lock_file=python.lock_file, picks_outputs=True
        ),
        "go": Language(go.files, rest_only=False, picks_outputs=True),
        "js": Language(js.javascript, rest_only=False, picks_outputs=True),
        "ts": Language(js.typescript, rest_only=False, picks_outputs=True),
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
    run = Run(
        model=replace(model, version=None, signatures=kept),
        options=options,
        left_out=gone,
        templates=Templates(options.templates) if options.templates else SHIPPED,
        outputs=_outputs_to_pick(kept.values()),
    )
    for name, picked in run.outputs.items():
        lost = {n: t for n, t in kept[name].outputs.items() if n not in picked}
        for reason in _reasons(replace(kept[name], outputs=lost), rest_only=False):
            run.tell(f"signature {name!r} without an output: {reason}")
    files = target.files(run)
    path = target.lock_file(model)
    lock = locks.write(model, language, path, files)
    return Generated({**files, path: lock}, gone, run.notes)


def left_out(model: Model, language: str, options: Options | None = None) -> list[LeftOut]:
    """The signatures that a client in this language cannot have, with the reasons for each."""
    target = languages()[language]
    rest_only = target.rest_only or (options or Options()).transport == "rest"
    found = []
    for name, signature in sorted(model.signatures.items()):
        if target.picks_outputs and not rest_only and signature.callable_part() is not None:
            continue
        if reasons := _reasons(signature, rest_only):
            found.append(LeftOut(name, reasons[0], tuple(reasons[1:])))
    return found


def _outputs_to_pick(signatures: Iterable[Signature]) -> dict[str, list[str]]:
    parts = {s.name: s.callable_part() for s in signatures if s.why_unusable is not None}
    return {name: list(part.outputs) for name, part in parts.items() if part is not None}


_EXPORT: Final = (
    "export signatures with the model: model.export(folder) in Keras, or tf.saved_model.save("
    'module, folder, signatures={"serving_default": module.f}), where f is a tf.function with '
    "an input_signature"
)
_OVER_GRPC: Final = "in Python, Go, JS and TS it can be called over gRPC, without --transport rest"


def refuse_empty(model: Model, client: Generated) -> None:
    """Check that a client has something to call.

    Raises:
        NothingToCall: every signature of its model is left out, or there is none.
    """
    gone = client.left_out
    if len(gone) < len(model.signatures):
        return
    told = "; ".join(f"signature {one.signature!r}: {one.reason}" for one in gone)
    over_grpc = any(signature.callable_part() for signature in model.signatures.values())
    raise NothingToCall(
        f"none of its signatures can be called: {told}"
        if gone
        else "it has no signatures, so there is nothing to call",
        model=model.name,
        hint=_OVER_GRPC if over_grpc else _EXPORT,
    )


def _reasons(signature: Signature, rest_only: bool) -> list[str]:
    """Why a signature cannot be called: what is wrong with it, and with each of its tensors."""
    bare = replace(signature, defaults=frozenset())
    asked = [
        signature,
        *(replace(bare, inputs={n: t}, outputs=_FINE) for n, t in signature.inputs.items()),
        *(replace(bare, inputs=_FINE, outputs={n: t}) for n, t in signature.outputs.items()),
    ]
    reasons = [s.why_unusable or (s.why_not_over_rest if rest_only else None) for s in asked]
    return [reason for reason in dict.fromkeys(reasons) if reason is not None]
