"""Typed tf.Examples in Python: a dataclass for each set of features that signatures parse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient._inputs.samples import feature_dims
from tfsclient.schema import Features, FeatureSpec, Model, Signature
from tfsclient_gen.languages.python import constants, layout
from tfsclient_gen.languages.python.names import Names, feature_names
from tfsclient_gen.names import Name
from tfsclient_gen.quoting import code, py_string, visible

_SHOWN: Final = 4  # values of a default that the docs show
_TYPES: Final = {"float32": "float", "int64": "int", "string": "str | bytes"}
_SAMPLES: Final = {"float32": "0.0", "int64": "0", "string": '"..."'}


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature.

    Attributes:
        name: its names.
        doc: what it is.
        declared: the field of the class.
        imports: what that field needs to have imported.
        optional: whether it may be left out.
    """

    name: Name
    doc: Markup
    declared: Markup
    imports: frozenset[str]
    optional: bool


@dataclass(frozen=True, slots=True)
class ExampleClass:
    """The class of the Examples that some signatures parse.

    Attributes:
        name: the class, which is named after the first of them.
        wire: the first of them.
        fields: the features, the required ones first.
        returned: the statements that return an Example of them.
        comparable: whether two of them can be compared: arrays cannot.
        aliases: the statements that give the class the names of the other signatures.
        constant: the constant that describes the features.
        spec: the statement that makes that.
        sample: the arguments of an example of it.
    """

    name: Markup
    wire: str
    fields: list[Feature]
    returned: Markup
    comparable: bool
    aliases: list[Markup]
    constant: str
    spec: Markup
    sample: list[str]

    @property
    def optional(self) -> bool:
        """Whether a feature may be left out."""
        return any(field.optional for field in self.fields)

    @property
    def imports(self) -> frozenset[str]:
        """What its code needs to have imported."""
        names = ["DType", "Example", "FeatureSpec", "dataclass"]
        names += ["without_none"] if self.optional else []
        return frozenset(names).union(*(field.imports for field in self.fields))


def takes_examples(signature: Signature) -> bool:
    """Whether Examples are all that a signature takes."""
    if signature.kind != "predict":
        return True
    return list(signature.inputs) == [signature.example_input] and not signature.defaults


def example_classes(model: Model, names: Names) -> dict[str, ExampleClass]:
    """The class for each signature that takes typed Examples; the same features share one."""
    alike: list[tuple[Features, list[str]]] = []
    for wire, signature in model.signatures.items():
        features = signature.features
        if not features or not takes_examples(signature):
            continue
        same = [wires for other, wires in alike if other == features]
        if same:
            same[0].append(wire)
        else:
            alike.append((features, [wire]))
    classes = {}
    for features, wires in alike:
        constant = "_FEATURES" if len(alike) == 1 else str(names.features[wires[0]].ident)
        made = _class(features, wires, names.examples, constant)
        classes.update(dict.fromkeys(wires, made))
    return classes


def _class(
    features: Features, wires: list[str], names: Mapping[str, Name], constant: str
) -> ExampleClass:
    first, *others = wires
    idents = feature_names(features)
    fields = [_field(spec, idents[wire]) for wire, spec in features.items()]
    fields.sort(key=lambda field: field.optional)
    return ExampleClass(
        name=names[first].ident,
        wire=first,
        fields=fields,
        returned=_returned(fields),
        comparable=not any(map(_is_list, features.values())),
        aliases=[layout.assignment(names[wire].ident, names[first].ident) for wire in others],
        constant=constant,
        spec=constants.features(constant, features),
        sample=[
            f"{f.name.ident}={_sample(features[f.name.wire])}" for f in fields if not f.optional
        ],
    )


def _returned(fields: list[Feature]) -> Markup:
    pairs = [f"{py_string(f.name.wire)}: self.{f.name.ident}" for f in fields]
    given = "without_none({})" if any(f.optional for f in fields) else "{}"
    line = f"return Example({given.format('{' + ', '.join(pairs) + '}')})"
    if layout.fits(8, line):
        return code(line)
    collected = layout.fit(8, "features = {", pairs, "}")
    return code(f"{collected}\n        return Example({given.format('features')})")


def _field(spec: FeatureSpec, name: Name) -> Feature:
    optional = not spec.required
    text = f"{name.ident}: {spec}"
    if len(spec.shape or ()) > 1:
        text += ", flat"
    if name.ident != name.wire:
        text += f'; called "{name.wire}" by the model'
    if optional:
        text += f"; {_when_left_out(spec)}"
    element = _TYPES[spec.dtype]
    types = [f"Sequence[{element}]", "npt.NDArray[Any]"] if _is_list(spec) else [element]
    return Feature(
        name=name,
        doc=layout.doc(8, text + "."),
        declared=layout.field(name.ident, types, optional=optional),
        imports=frozenset(["Any", "Sequence", "npt"] if _is_list(spec) else []),
        optional=optional,
    )


def _is_list(spec: FeatureSpec) -> bool:
    return spec.shape is None or any(size != 1 for size in spec.shape)


def _when_left_out(spec: FeatureSpec) -> str:
    if spec.shape is None or spec.shape[:1] == (-1,):
        filled = f"; filled up with {_default(spec.default)}" if spec.default else ""
        return f"None for no values{filled}"
    if spec.default:
        return f"None for the model's default, {_default(spec.default)}"
    return "None to leave it out"


def _default(values: tuple[float | bytes, ...]) -> str:
    shown = [
        repr(v.decode("utf-8", "backslashreplace")) if isinstance(v, bytes) else repr(v)
        for v in values[:_SHOWN]
    ]
    more = ["..."] if len(values) > _SHOWN else []
    return visible(", ".join([*shown, *more]))


def _sample(spec: FeatureSpec) -> str:
    value = _SAMPLES[spec.dtype]
    if not _is_list(spec):
        return value
    (size,) = feature_dims(spec)
    return f"[{value}]" if size == 1 else f"[{value}] * {size}"
