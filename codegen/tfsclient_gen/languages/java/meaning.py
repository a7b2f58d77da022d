"""What Java has where it is told what tensors stand for: pictures read, classes named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.schema import Signature, TensorSpec
from tfsclient_gen.languages.java import layout
from tfsclient_gen.languages.java.names import KEYWORDS, OBJECT
from tfsclient_gen.names import Name, claim
from tfsclient_gen.pictures import picture_shape
from tfsclient_gen.quoting import code, java_string

RUNTIME: Final = "Labels"  # what nobody else needs
_MOST: Final = 4000  # labels in a class: a static initializer has 64 KB of bytecode


@dataclass(frozen=True, slots=True)
class Read:
    """A method of a builder that reads pictures into an input."""

    field: Markup
    verb: Markup
    doc: Markup
    head: Markup
    pictures: Markup


@dataclass(frozen=True, slots=True)
class Part:
    """A class that holds some labels, and those of the next one."""

    name: Markup
    labels: Markup
    next: Markup | None


@dataclass(frozen=True, slots=True)
class Top:
    """A method of a result that names the classes of an output."""

    field: Markup
    doc: Markup
    head: Markup
    parts: list[Part]


def reads(signature: Signature, names: Mapping[str, Name]) -> Iterator[Read]:
    """The methods for inputs that are pictures."""
    settings = {wire: _settings(signature.inputs[wire]) for wire in names}
    wires = [wire for wire, told in settings.items() if told]
    for wire, name in _claimed("read", wires, names).items():
        field = names[wire].ident
        text = f"Sets {field} to PNG, JPEG or GIF files, as the model wants its pictures."
        pictures = ("Pictures.of", settings[wire][0][1])
        yield Read(
            field,
            code("floats" if signature.inputs[wire].dtype == "float32" else "bytes"),
            layout.doc(text, 4),
            layout.declare("public Builder", name.ident, ["byte[]... files"], " {", 4),
            layout.chain("Pictures pictures", pictures, settings[wire][1:], 6),
        )


def tops(signature: Signature, names: Mapping[str, Name]) -> Iterator[Top]:
    """The methods for outputs that are scores of classes with labels."""
    labels = signature.labels or {}
    floats = {wire for wire in names if signature.outputs[wire].dtype in ("float32", "float64")}
    wires = [wire for wire in names if wire in labels and wire in floats]
    count = 0
    for wire, name in _claimed("top", wires, names).items():
        field = names[wire].ident
        text = f"Gives the k likeliest classes of each row of {field}, the likeliest first."
        parts = _parts(labels[wire], count)
        count += len(parts)
        head = layout.declare("public List<List<ScoredClass>>", name.ident, ["int k"], " {", 2)
        yield Top(field, layout.doc(text, 2), head, parts)


def _claimed(verb: str, wires: Sequence[str], names: Mapping[str, Name]) -> dict[str, Name]:
    """Names of methods that are not those of tensors."""
    others = {str(name.ident) for name in names.values()} | KEYWORDS | OBJECT | {"version"}

    def method(wire: str) -> str:
        ident = str(names[wire].ident)
        return f"{verb}{ident[:1].upper()}{ident[1:]}"

    return claim(wires, method, others, separator="")


def _parts(labels: Sequence[str], before: int) -> list[Part]:
    parts = []
    for number, start in enumerate(range(0, len(labels), _MOST), before + 1):
        is_last = start + _MOST >= len(labels)
        field = f"static final Labels {'ALL' if is_last else 'SOME'}"
        literals = [str(java_string(label)) for label in labels[start : start + _MOST]]
        listed = layout.assigned_literals(field, "Labels.of", literals, 4)
        parts.append(
            Part(code(f"Labels{number}"), listed, None if is_last else code(f"Labels{number + 1}"))
        )
    return parts


def _settings(spec: TensorSpec) -> list[tuple[str, Sequence[str]]]:
    """The calls that make Pictures for an input; empty where it is not one that can be read."""
    meaning, shape = spec.meaning, picture_shape(spec)
    if meaning is None or shape is None:
        return []
    links: list[tuple[str, Sequence[str]]] = [("of", [*map(str, shape)])]
    if spec.dtype == "float32":
        told = {"range": meaning.range, "mean": meaning.mean, "std": meaning.std}
        links += [(name, [*map(repr, numbers)]) for name, numbers in told.items() if numbers]
    if meaning.colour == "bgr":
        links.append(("bgr", []))
    if meaning.layout == "CHW":
        links.append(("channelsFirst", []))
    return links
