"""What a Go client has where it is told what tensors stand for: pictures read, classes named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.schema import Signature, TensorSpec
from tfsclient_gen.languages.go.methods import Method
from tfsclient_gen.names import Name, claim
from tfsclient_gen.pictures import picture_shape
from tfsclient_gen.quoting import code, go_comment

FILE: Final = "go/meaning.go.j2"
RUNTIME: Final = "go/tfs/meaning.go.j2"
_KNOWN: Final = frozenset(["ReadAt", "ReadByte", "ReadFrom", "ReadRune"])  # to go vet


@dataclass(frozen=True, slots=True)
class Read:
    """A method of the inputs that reads pictures into one of them."""

    receiver: Markup
    name: Markup
    field: Markup
    type: Markup
    doc: Markup
    settings: list[Markup]


@dataclass(frozen=True, slots=True)
class Top:
    """A method of the outputs that names the classes of one of them."""

    receiver: Markup
    name: Markup
    field: Markup
    doc: Markup
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Meant:
    """All that a model's client has of these."""

    reads: list[Read]
    tops: list[Top]

    def __bool__(self) -> bool:
        return bool(self.reads or self.tops)


def meant(signatures: Sequence[Signature], methods: Sequence[Method]) -> Meant:
    """What a client has for these signatures, beside the methods that call them."""
    reads: list[Read] = []
    tops: list[Top] = []
    for signature, method in zip(signatures, methods, strict=True):
        if method.kind == "predict":
            reads += _reads(signature, method)
            tops += _tops(signature, method)
    return Meant(reads, tops)


def _reads(signature: Signature, method: Method) -> Iterator[Read]:
    fields = {tensor.name.wire: tensor.name for tensor in method.inputs}
    types = {tensor.name.wire: tensor.type for tensor in method.inputs}
    settings = {wire: _settings(signature.inputs[wire]) for wire in fields}
    wires = [wire for wire, told in settings.items() if told]
    for wire, name in _claimed("Read", wires, fields).items():
        field = fields[wire].ident
        text = f"{name.ident} sets {field} to image files, as the model wants its pictures."
        receiver = code(f"{method.name.ident}Input")
        yield Read(receiver, name.ident, field, types[wire], go_comment(text), settings[wire])


def _tops(signature: Signature, method: Method) -> Iterator[Top]:
    fields = {tensor.name.wire: tensor.name for tensor in method.outputs}
    labels = signature.labels or {}
    floats = {wire for wire in fields if signature.outputs[wire].dtype in ("float32", "float64")}
    wires = [wire for wire in fields if wire in labels and wire in floats]
    for wire, name in _claimed("Top", wires, fields).items():
        field = fields[wire].ident
        text = f"{name.ident} gives the k likeliest classes of each row of {field}; see [tfs.Top]."
        receiver = code(f"{method.name.ident}Output")
        yield Top(receiver, name.ident, field, go_comment(text), labels[wire])


def _claimed(verb: str, wires: Sequence[str], fields: dict[str, Name]) -> dict[str, Name]:
    """Names of methods that are not those of fields."""
    others = _KNOWN | {str(name.ident) for name in fields.values()}
    return claim(wires, lambda wire: f"{verb}{fields[wire].ident}", others, separator="")


def _settings(spec: TensorSpec) -> list[Markup]:
    """The fields of a tfs.Picture for an input; empty where it is not one that can be read."""
    meaning, shape = spec.meaning, picture_shape(spec)
    if meaning is None or shape is None:
        return []
    lines = {"Shape": f"[]int{{{', '.join(map(str, shape))}}}"}
    if spec.dtype == "float32":
        if meaning.range is not None:
            lines |= {"Low": repr(meaning.range[0]), "High": repr(meaning.range[1])}
        for key, numbers in (("Mean", meaning.mean), ("Std", meaning.std)):
            if numbers is not None:
                lines[key] = f"[]float64{{{', '.join(map(repr, numbers))}}}"
    if meaning.colour == "bgr":
        lines["BGR"] = "true"
    if meaning.layout == "CHW":
        lines["ChannelsFirst"] = "true"
    width = max(map(len, lines)) + 1
    return [code(f"{key + ':':<{width}} {value},") for key, value in lines.items()]
