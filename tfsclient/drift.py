"""What changed between two schemas of one model, for clients that were made from the older one.

The question is whether such a client, as it stands, is still served rightly; not whether the code
around it would compile against a client that is made anew.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

from tfsclient.schema import Features, FeatureSpec, Model, Signature, TensorSpec
from tfsclient.schema._shown import meaning_text

__all__ = ["Difference", "Verdict", "compare"]

Verdict: TypeAlias = Literal["breaking", "compatible", "documentation", "not comparable"]
_Shape: TypeAlias = "tuple[int, ...] | None"

# A likely new name is looked for within bounds: names are quadratic to compare, and may be huge.
_MOST_GUESSES: Final = 100
_LONGEST_NAME: Final = 100

_long = reprlib.Repr()
_long.maxstring = 200


def __dir__() -> list[str]:
    return __all__


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changed.

    Attributes:
        verdict: "breaking" if calls that were right may fail now, "compatible" if none does,
            "documentation" if only what is written about the model changed, and "not comparable"
            where one side does not tell.
        where: the signature, and the input, output or feature in it.
        text: what was and what is, in words.
    """

    verdict: Verdict
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def compare(old: Model, new: Model) -> list[Difference]:
    """What changed from ``old`` to ``new``, by signature; nothing if a client cannot tell.

    Names and versions of the models play no part, since a client can be told another, nor do
    signatures that can be called on neither side.
    """
    before, after = _callable(old), _callable(new)
    found: list[Difference] = []
    for name in sorted({*before, *after}):
        where = f"signature {name!r}"
        if name not in after:
            there = new.signatures.get(name)
            why = there and f"cannot be called any more: {there.why_unusable}"
            found.append(Difference("breaking", where, why or "gone"))
        elif name not in before:
            text = "can be called now" if name in old.signatures else "new"
            found.append(Difference("compatible", where, text))
        else:
            found += _signature(where, before[name], after[name])
    return [*found, *_meanings(old, new)]


def _callable(model: Model) -> dict[str, Signature]:
    """The signatures that can be called, with the outputs that a server can give."""
    parts = {name: signature.callable_part() for name, signature in model.signatures.items()}
    return {name: part for name, part in parts.items() if part is not None}


def _signature(where: str, old: Signature, new: Signature) -> Iterator[Difference]:
    if old.kind != new.kind:
        yield Difference(
            "breaking", where, f"was called by {old.kind}, is now called by {new.kind}"
        )
    elif old.method != new.method:
        text = f"its method was {old.method!r}, is {new.method!r}"
        yield Difference("documentation", where, text)
    yield from _inputs(where, old, new)
    yield from _outputs(where, old.outputs, new.outputs)
    yield from _examples(where, old, new)


def _inputs(where: str, old: Signature, new: Signature) -> Iterator[Difference]:
    renamed = _renamed(old.inputs, new.inputs)
    for name, spec in old.inputs.items():
        at = f"{where}, input {name!r}"
        if name not in new.inputs:
            yield _gone(at, renamed.get(name))
            continue
        now = new.inputs[name]
        if spec.dtype != now.dtype:
            yield Difference("breaking", at, f"was {spec.dtype}, is {now.dtype}")
        yield from _input_shape(at, spec.shape, now.shape)
        if name in old.defaults - new.defaults:
            yield Difference("breaking", at, "has no default any more, so it has to be sent")
        elif name in new.defaults - old.defaults:
            yield Difference("compatible", at, "has a default now, so it may be left out over gRPC")
    for name in _added(old.inputs, new.inputs, renamed):
        at, spec = f"{where}, input {name!r}", new.inputs[name]
        if name in new.defaults:
            text = f"new, {spec} with a default; over REST, which knows none, it has to be sent"
            yield Difference("compatible", at, text)
        else:
            yield Difference("breaking", at, f"new, {spec}; it has to be sent")


def _outputs(
    where: str, old: Mapping[str, TensorSpec], new: Mapping[str, TensorSpec]
) -> Iterator[Difference]:
    renamed = _renamed(old, new)
    for name, spec in old.items():
        at = f"{where}, output {name!r}"
        if name not in new:
            yield _gone(at, renamed.get(name))
            continue
        now = new[name]
        if spec.dtype != now.dtype:
            yield Difference("breaking", at, f"was {spec.dtype}, is {now.dtype}")
        if spec.shape != now.shape:
            verdict: Verdict = "compatible" if _covers(spec.shape, now.shape) else "breaking"
            yield Difference(verdict, at, _shapes(spec.shape, now.shape))
    for name in _added(old, new, renamed):
        yield Difference("compatible", f"{where}, output {name!r}", f"new, {new[name]}")


def _input_shape(at: str, old: _Shape, new: _Shape) -> Iterator[Difference]:
    if old != new:
        verdict: Verdict = "compatible" if _covers(new, old) else "breaking"
        yield Difference(verdict, at, _shapes(old, new))


def _covers(wide: _Shape, narrow: _Shape) -> bool:
    """Whether every shape that fits ``narrow`` fits ``wide``, too."""
    if wide is None or narrow is None:
        return wide is None
    return len(wide) == len(narrow) and all(w in (-1, n) for w, n in zip(wide, narrow, strict=True))


def _shapes(old: _Shape, new: _Shape) -> str:
    was, now = ("open" if shape is None else list(shape) for shape in (old, new))
    return f"its shape was {was}, is {now}"


def _gone(at: str, renamed: str | None) -> Difference:
    if renamed is None:
        return Difference("breaking", at, "gone")
    return Difference("breaking", at, f"gone; {renamed!r}, which is new, is likely its new name")


def _added(
    old: Mapping[str, TensorSpec], new: Mapping[str, TensorSpec], renamed: Mapping[str, str]
) -> list[str]:
    return [name for name in new if name not in old and name not in renamed.values()]


def _renamed(old: Mapping[str, TensorSpec], new: Mapping[str, TensorSpec]) -> dict[str, str]:
    """Likely new names of tensors that are gone: of the same dtype and shape, closest first."""
    added = {name: spec for name, spec in new.items() if name not in old}
    renamed: dict[str, str] = {}
    for name in sorted(old.keys() - new.keys()) if len(added) <= _MOST_GUESSES else ():
        like = (old[name].dtype, old[name].shape)
        alike = [n for n, spec in added.items() if (spec.dtype, spec.shape) == like]
        if alike:
            renamed[name] = max(alike, key=partial(_likeness, name))
            del added[renamed[name]]
    return renamed


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one[:_LONGEST_NAME], other[:_LONGEST_NAME]).ratio()


def _examples(where: str, old: Signature, new: Signature) -> Iterator[Difference]:
    told = [(s.example_input is not None, s.features is not None) for s in (old, new)]
    if told[0] != told[1]:
        text = (
            "only one side describes its tf.Examples; a SavedModel folder does, a server does not"
        )
        yield Difference("not comparable", where, text)
    elif old.example_input != new.example_input:
        text = f"tf.Examples went to input {old.example_input!r}, go to {new.example_input!r}"
        yield Difference("breaking", where, text)
    elif old.features is not None and new.features is not None:
        yield from _features(where, old.features, new.features)


def _features(where: str, old: Features, new: Features) -> Iterator[Difference]:
    for name in sorted({*old, *new}):
        at = f"{where}, feature {name!r}"
        if name not in new:
            # A parser passes over features that it does not know, so no call fails.
            yield Difference("compatible", at, "gone; what is sent of it has no effect any more")
        elif name not in old:
            yield _new_feature(at, new[name])
        else:
            yield from _feature(at, old[name], new[name])


def _new_feature(at: str, spec: FeatureSpec) -> Difference:
    if spec.required is None:
        return Difference("not comparable", at, f"new, {spec}; whether it is required is not known")
    verdict: Verdict = "breaking" if spec.required else "compatible"
    return Difference(verdict, at, f"new, {spec}")


def _feature(at: str, old: FeatureSpec, new: FeatureSpec) -> Iterator[Difference]:
    if old.dtype != new.dtype:
        yield Difference("breaking", at, f"was {old.dtype}, is {new.dtype}")
    if old.kind != new.kind:
        # Sparse and ragged features take a list of any length, and a dense one is such a list.
        verdict: Verdict = "breaking" if new.kind == "dense" else "compatible"
        yield Difference(verdict, at, f"was {old.kind}, is {new.kind}")
    else:
        yield from _input_shape(at, old.shape, new.shape)
    if old.required != new.required:
        if old.required is None or new.required is None:
            yield Difference("not comparable", at, "only one side says whether it is required")
        elif new.required:
            yield Difference("breaking", at, "was optional, is required")
        else:
            yield Difference("compatible", at, "was required, is optional")
    # NaN is not equal to itself, and 1 of another dtype is not written as 1.0.
    elif old.default != new.default and repr(old.default) != repr(new.default):
        text = f"its default was {_values(old.default)}, is {_values(new.default)}"
        yield Difference("documentation", at, text)


def _meanings(old: Model, new: Model) -> Iterator[Difference]:
    """What is told beside the signatures; a client carries it, and no server hands it out."""
    told = [_has_meaning(model) for model in (old, new)]
    if told[0] != told[1]:
        text = "only one side has a meaning; a SavedModel folder may have one, a server does not"
        yield Difference("not comparable", "the model", text)
    if not all(told):
        return
    if old.description != new.description:
        yield Difference("documentation", "the model", "its description has changed")
    for name in sorted(old.signatures.keys() & new.signatures.keys()):
        where, before, after = f"signature {name!r}", old.signatures[name], new.signatures[name]
        for way in ("inputs", "outputs"):
            specs: Mapping[str, TensorSpec] = getattr(before, way)
            now: Mapping[str, TensorSpec] = getattr(after, way)
            for tensor in sorted(specs.keys() & now.keys()):
                if specs[tensor].meaning != now[tensor].meaning:
                    at = f"{where}, {way[:-1]} {tensor!r}"
                    yield Difference("documentation", at, _meaning(specs[tensor], now[tensor]))
        if before.samples != after.samples:
            yield Difference("documentation", where, "its examples have changed")


def _has_meaning(model: Model) -> bool:
    return bool(model.description) or any(
        signature.samples or any(spec.meaning for spec in specs.values())
        for signature in model.signatures.values()
        for specs in (signature.inputs, signature.outputs)
    )


def _meaning(old: TensorSpec, new: TensorSpec) -> str:
    was, now = (_long.repr(meaning_text(spec)) if spec.meaning else "none" for spec in (old, new))
    return f"its meaning was {was}, is {now}" if was != now else "its meaning has changed"


def _values(default: tuple[float | bytes, ...] | None) -> str:
    return "none" if default is None else reprlib.repr(list(default))
