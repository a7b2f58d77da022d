"""Models and a language in, a mapping of path to text out: no clock, no network, no writing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model, Signature, TensorSpec
from tfsclient_gen import locks
from tfsclient_gen.languages import curl
from tfsclient_gen.languages.go import files as go
from tfsclient_gen.languages.java import files as java
from tfsclient_gen.languages.js import files as js
from tfsclient_gen.languages.openapi import files as openapi
from tfsclient_gen.languages.python import files as python
from tfsclient_gen.languages.rust import files as rust
from tfsclient_gen.render import SHIPPED, Templates
from tfsclient_gen.target import LOCK_FILE, Language, LeftOut, Options, Run

_FINE = {"": TensorSpec("", DType("float32"), ())}  # a tensor that every protocol can carry


@dataclass(frozen=True, slots=True)
class Generated:
    """Clients in one language that share a lock file, as text.

    Attributes:
        language: its name.
        models: the models, as they were given.
        own: the files of each model's client, by the model's name: path to text.
        shared: the files that the clients have in common.
        left_out: the signatures that each client does not have, by the model's name.
        notes: what else the user is told: names that are not the obvious ones, outputs left out.
        lock_file: the path of the lock file.
        names: names of the user's own choice, by model.
    """

    language: str
    models: Sequence[Model]
    own: Mapping[str, Mapping[str, str]]
    shared: Mapping[str, str]
    left_out: Mapping[str, Sequence[LeftOut]]
    notes: Sequence[str]
    lock_file: str
    names: Mapping[str, str]

    def files(self) -> dict[str, str]:
        """All files: path relative to the output folder, to text; the lock file is the last."""
        every = {path: text for own in self.own.values() for path, text in own.items()}
        every |= self.shared
        hashes = locks.hashes(every)
        lock = locks.write(self.models, self.language, self.lock_file, hashes, self.names)
        return {**every, self.lock_file: lock}


class NothingToCall(InvalidInput):
    """A client in this language would be empty."""


def languages() -> dict[str, Language]:
    """The languages by their names on the command line."""
    return {
        "python": Language(
            python.files, rest_only=False, lock_file=python.lock_file, picks_outputs=True
        ),
        "go": Language(go.files, rest_only=False, shared=go.shared, picks_outputs=True),
        "java": Language(java.files, rest_only=False, shared=java.shared, picks_outputs=True),
        "rust": Language(rust.files, rest_only=False, shared=rust.shared, picks_outputs=True),
        "js": Language(
            js.javascript, rest_only=False, shared=js.javascript_package, picks_outputs=True
        ),
        "ts": Language(
            js.typescript, rest_only=False, shared=js.typescript_package, picks_outputs=True
        ),
        "curl": Language(curl.files, rest_only=True, shared=curl.shared),
        "openapi": Language(openapi.files, rest_only=True),
    }


def generate(
    models: Model | Sequence[Model], language: str, options: Options | None = None
) -> dict[str, str]:
    """The files of clients for ``models``: path relative to the output folder, to text.

    The same models, language and options always give the same bytes; the models' versions play no
    part.  Signatures that cannot be called are not in them: :func:`left_out` lists those.
    """
    every = [models] if isinstance(models, Model) else models
    return {p: t for one in make(every, language, options) for p, t in one.files().items()}


def make(models: Sequence[Model], language: str, options: Options | None = None) -> list[Generated]:
    """Clients for ``models``, which share what their language lets them share.

    Raises:
        InvalidInput: two of them would have the same name, or the same file.
    """
    options = options or Options()
    target = languages()[language]
    refuse_twins(models, options.names)
    models = sorted(models, key=lambda model: model.name)
    runs = [plan(model, language, options) for model in models]
    own = {run.model.name: target.files(run) for run in runs}
    _refuse_one_file_of_two(own)
    if target.lock_file is None:
        return [_generated(models, runs, own, target.shared(runs), LOCK_FILE, language)]
    return [
        _generated([model], [run], own, {}, target.lock_file(run.name), language)
        for model, run in zip(models, runs, strict=True)
    ]


def _generated(
    models: Sequence[Model],
    runs: Sequence[Run],
    own: Mapping[str, Mapping[str, str]],
    shared: Mapping[str, str],
    lock_file: str,
    language: str,
) -> Generated:
    names = {run.model.name: run.name for run in runs if run.name != run.model.name}
    return Generated(
        language=language,
        models=models,
        own={run.model.name: own[run.model.name] for run in runs},
        shared=shared,
        left_out={run.model.name: run.left_out for run in runs},
        notes=[note for run in runs for note in run.notes],
        lock_file=lock_file,
        names=names,
    )


def plan(model: Model, language: str, options: Options) -> Run:
    """What the client of a model is made from: the part of the model that it can call."""
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
    return run


def refuse_twins(models: Iterable[Model], names: Mapping[str, str]) -> None:
    """Check that no two models are given one name.

    Raises:
        InvalidInput: two of them are.
    """
    taken: dict[str, str] = {}
    for model in models:
        name = names.get(model.name, model.name)
        if name in taken:
            other = taken[name]
            raise InvalidInput(
                f"the model {model.name!r} is given twice"
                if other == model.name
                else f"the models {other!r} and {model.name!r} are both given the name {name!r}"
            )
        taken[name] = model.name


def _refuse_one_file_of_two(own: Mapping[str, Mapping[str, str]]) -> None:
    makers: dict[str, str] = {}
    for model, files in own.items():
        for path in files:
            # Names that differ only in case are one file on some disks.
            other = makers.setdefault(path.casefold(), model)
            if other != model:
                raise InvalidInput(
                    f"the clients of {other!r} and {model!r} would both be {path}",
                    hint="give one of them another name",
                )


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
_OVER_GRPC: Final = (
    "in Python, Go, Java, Rust, JS and TS it can be called over gRPC, without --transport rest"
)


def refuse_empty(model: Model, language: str, options: Options) -> None:
    """Check that a client of ``model`` in this language would have something to call.

    Raises:
        NothingToCall: every signature is left out, or there is none.
    """
    gone = left_out(model, language, options)
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
