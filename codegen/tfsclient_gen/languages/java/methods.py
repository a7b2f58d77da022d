"""What the Java templates show of a model's signatures, as plain data."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from markupsafe import Markup

from tfsclient._inputs.samples import dims
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec
from tfsclient.schema._shown import meaning_text
from tfsclient_gen.languages.java import layout, lines, meaning, names
from tfsclient_gen.languages.java.types import dtype_constant, element, tensor_class
from tfsclient_gen.names import Name
from tfsclient_gen.pictures import takes_image_files
from tfsclient_gen.quoting import code, java_string
from tfsclient_gen.target import takes_examples

_LARGEST_SAMPLE: Final = 1 << 24  # elements; a larger sample would not fit into a laptop's memory
_FEW: Final = 4  # elements that a sample lists
_INPUT: Final = frozenset({"tensors"})
_RESULT: Final = frozenset({"version", "prediction"})
_EXAMPLE: Final = frozenset({"toExample", "serialize"})
_SETS: Final = {"float32": "floats", "int64": "ints", "string": "strings"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output: its names, its docs, its class, and a sample value."""

    name: Name
    doc: Markup
    setter_doc: Markup
    type: Markup
    spec: Markup
    sample: Markup
    lines: Mapping[str, Markup]


@dataclass(frozen=True, slots=True)
class Setter:
    """A method of a builder that sets a feature."""

    head: Markup
    statement: Markup


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of typed Examples: its names, its docs, how it is set and read, and a sample."""

    name: Name
    doc: Markup
    setter_doc: Markup
    setters: Sequence[Setter]
    head: Markup
    result: Markup
    spec: Markup
    sample: Markup
    shown: bool


@dataclass(frozen=True, slots=True)
class Method:
    """A signature: its names, its docs, its tensors.

    Attributes:
        type: what the names of its types begin with.
        result: the type of what a call gives.
        examples: the type of its Examples; None if it takes none.
        features: what they hold; None if that is not known.
        described: what makes its description.
        lines: lines that may be too long for one.
        picture: the input that wants an encoded picture, if one does.
        reads: methods that read pictures as inputs are told to be.
        tops: methods that name classes as outputs are told to be.
    """

    name: names.SignatureName
    kind: str
    verb: Markup
    type: Markup
    doc: Markup
    async_doc: Markup
    input_doc: Markup
    result_doc: Markup
    example_doc: Markup
    fake_doc: Markup
    result: Markup
    inputs: list[Tensor]
    outputs: list[Tensor]
    examples: Markup | None
    features: list[Feature] | None
    described: Markup
    lines: Mapping[str, Markup]
    picture: Tensor | None
    reads: list[meaning.Read]
    tops: list[meaning.Top]


def methods(
    model: Model,
    fake: str,
    picked: Mapping[str, Collection[str]] = MappingProxyType({}),
    *,
    rest_only: bool,
) -> list[Method]:
    """The methods of a model's client, one for each signature.

    Args:
        model: the part of it that the client can call.
        fake: the class of its fake.
        picked: what calls ask for by name, of signatures that have other outputs, too.
        rest_only: whether there is no gRPC.
    """
    found = names.signatures(model.signatures)
    return [
        _method(s, found[wire], picked.get(wire), fake, rest_only)
        for wire, s in model.signatures.items()
    ]


def _method(
    signature: Signature,
    name: names.SignatureName,
    asked: Collection[str] | None,
    fake: str,
    rest_only: bool,
) -> Method:
    wire = f'signature "{signature.name}"'
    predicts = signature.kind == "predict"
    wants_examples = not predicts or takes_examples(signature)
    features = _features(signature.features or {})
    known = wants_examples and signature.features is not None
    examples = code(f"{name.type}Example" if known else "Example") if wants_examples else None
    defaults = frozenset() if rest_only else signature.defaults
    given = [t for n, t in signature.outputs.items() if asked is None or n in asked]
    inputs = _tensors(signature.inputs.values(), _INPUT, defaults, examples)
    pictures = [t for t in inputs if _holds_picture(signature.inputs[t.name.wire])]
    does = {
        "predict": f"Runs {wire}.",
        "classify": f"Runs {wire}: gives the classes of each example.",
        "regress": f"Runs {wire}: gives a value for each example.",
    }[signature.kind]
    kind = (signature.callable_part() or signature).kind
    result = code(
        {
            "predict": f"{name.type}Result",
            "classify": "List<List<ScoredClass>>",
            "regress": "float[]",
        }[signature.kind]
    )
    outputs = _tensors(given, _RESULT)
    return Method(
        name=name,
        kind=signature.kind,
        verb=code(signature.kind),
        type=code(name.type),
        doc=layout.doc(does, 2),
        async_doc=layout.doc(f"{does} The future fails with a ServingException.", 2),
        input_doc=layout.doc(f"The {'inputs' if predicts else 'examples'} of {wire}."),
        result_doc=layout.doc(f"The outputs of {wire}."),
        example_doc=layout.doc(f"An example of {wire}."),
        fake_doc=layout.doc(f"Answers {wire}.", 2),
        result=result,
        inputs=inputs,
        outputs=outputs,
        examples=examples,
        features=features if known else None,
        described=_described(signature, kind, given, defaults, asked, known, rest_only),
        lines=lines.of_method(
            name,
            signature.kind,
            result,
            {t.name.ident: t.type for t in inputs},
            [t.name.ident for t in outputs],
            examples,
            fake,
        ),
        picture=pictures[0] if pictures and not wants_examples else None,
        reads=list(meaning.reads(signature, {t.name.wire: t.name for t in inputs})),
        tops=list(meaning.tops(signature, {t.name.wire: t.name for t in outputs})),
    )


def _tensors(
    specs: Collection[TensorSpec],
    taken: frozenset[str],
    defaults: Collection[str] = (),
    examples: str | None = None,
) -> list[Tensor]:
    found = names.fields([spec.name for spec in specs], taken)
    inputs = taken is _INPUT
    return [
        _tensor(spec, found[spec.name], inputs, i, spec.name in defaults, examples)
        for i, spec in enumerate(specs)
    ]


def _tensor(
    spec: TensorSpec,
    name: Name,
    is_input: bool,
    index: int,
    has_default: bool,
    examples: str | None,
) -> Tensor:
    type_ = tensor_class(spec.dtype)
    what = f'"{spec.name}": {spec}'
    what += ", by its bits." if spec.dtype.startswith("float8") else "."
    if about := meaning_text(spec):
        what += f" Meaning: {about.rstrip('.')}."
    told = what
    if has_default:
        told += " Over gRPC, an input that is not set is left to the model's default."
    if examples:
        told += f" StringTensor.ofExamples makes it from {examples}s."
    return Tensor(
        name=name,
        doc=layout.doc(f"Returns {what}", 2),
        setter_doc=layout.doc(f"Sets {told}", 4),
        type=code(type_),
        spec=code(str(spec)),
        sample=_sample(spec, type_),
        lines=lines.of_tensor(
            name.ident, type_, "tensors" if is_input else "prediction.outputs()", index
        ),
    )


def _features(specs: Mapping[str, FeatureSpec]) -> list[Feature]:
    found = names.fields(specs, _EXAMPLE, "feature")
    shown = {n for n, spec in specs.items() if spec.required} or set(list(specs)[:1])
    return [_feature(spec, found[n], n in shown) for n, spec in specs.items()]


def _feature(spec: FeatureSpec, name: Name, shown: bool) -> Feature:
    types = {"float32": ["float"], "int64": ["long"], "string": ["String", "byte[]"]}[spec.dtype]
    scalar = spec.shape == ()
    wire, verb = java_string(spec.name), _SETS[spec.dtype]
    parameter = "value" if scalar else "values"
    setters = [
        Setter(
            layout.declare(
                "public Builder",
                name.ident,
                [f"{type_}{'' if scalar else '...'} {parameter}"],
                " {",
                4,
            ),
            layout.call(f"features.{verb}", [wire, parameter], ";", 6),
        )
        for type_ in types
    ]
    one = {"float32": "0f", "int64": "0L", "string": '""'}[spec.dtype]
    count = 1 if scalar else math.prod(1 if n == -1 else n for n in spec.shape or ())
    sample = ", ".join([one] * count) if count <= _FEW else f"new {types[0]}[{count}]"
    if not scalar and count == 0:
        sample = f"new {types[0]}[0]"
    back = f"{types[-1]}[]"
    text = f'"{spec.name}": {spec}.'
    return Feature(
        name=name,
        doc=layout.doc(f"Returns {text[:-1]}; null if it is left out.", 2),
        setter_doc=layout.doc(f"Sets {text}", 4),
        setters=setters,
        head=layout.declare(f"public {back}", name.ident, [], " {", 2),
        result=layout.call(f"return features.{verb}", [wire], ";", 4),
        spec=code(str(spec)),
        sample=code(sample),
        shown=shown,
    )


def _described(
    signature: Signature,
    kind: str,
    given: Collection[TensorSpec],
    defaults: Collection[str],
    asked: Collection[str] | None,
    known: bool,
    rest_only: bool,
) -> Markup:
    links: list[tuple[str, Sequence[str]]] = []
    for spec in signature.inputs.values():
        verb = "optionalInput" if spec.name in defaults else "input"
        links.append((verb, _spec(spec)))
    links += [("output", _spec(spec)) for spec in given]
    if known:
        links.append(("knowsFeatures", []))
        for feature in (signature.features or {}).values():
            verb = "feature" if feature.required else "optionalFeature"
            links.append((verb, _spec(feature)))
    if asked is not None:
        links.append(("asksByName", []))
    not_rest = None if rest_only or kind != "predict" else signature.why_not_over_rest
    if not_rest:
        links.append(("grpcOnly", [java_string(not_rest)]))
    links.append(("build", []))
    head = ("Signature.builder", [java_string(signature.name), java_string(kind)])
    return layout.chain("static final Signature SIGNATURE", head, links, 2)


def _spec(spec: TensorSpec | FeatureSpec) -> list[str]:
    shape = ["(long[]) null"] if spec.shape is None else [_long(size) for size in spec.shape]
    return [java_string(spec.name), dtype_constant(spec.dtype), *shape]


def _long(size: int) -> str:
    return f"{size}L" if abs(size) >= 1 << 31 else str(size)


def _holds_picture(spec: TensorSpec) -> bool:
    return takes_image_files(spec) and dims(spec) == [1]


def _sample(spec: TensorSpec, type_: str) -> Markup:
    """An expression of a tensor that fits: zeros, or the image read before."""
    sizes = dims(spec)
    count = math.prod(sizes)
    if _holds_picture(spec):
        return code("StringTensor.of(image)")
    if count > _LARGEST_SAMPLE:
        return code("null")
    parts = 2 if type_.startswith("Complex") else 1
    one = element(spec.dtype)
    zero = {"String": '""', "boolean": "false", "float": "0f", "double": "0.0", "long": "0L"}
    value = zero.get(one, "0")
    if not sizes:
        value = f"({one}) 0" if one in ("byte", "short") else value
        return code(f"{type_}.scalar({', '.join([value] * parts)})")
    shape = "" if len(sizes) == 1 and one != "String" else "".join(f", {n}" for n in sizes)
    if one == "String" or count * parts > _FEW:
        filled = ", ".join([value] * count) if count <= _FEW else ""
        made = f"new {one}[] {{{filled}}}" if filled else f"new {one}[{count * parts}]"
        if one == "String" and count > _FEW:
            made = f"new byte[{count}][0]"
    else:
        made = f"new {one}[] {{{', '.join([value] * count * parts)}}}"
    return code(f"{type_}.of({made}{shape})")
