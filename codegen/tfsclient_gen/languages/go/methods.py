"""What the Go templates show of a model's signatures, as plain data."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from markupsafe import Markup

from tfsclient._inputs.samples import dims
from tfsclient.dtypes import STRING
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec
from tfsclient.schema._shown import meaning_text
from tfsclient_gen.languages.go.names import (
    EXAMPLE_METHODS,
    METHODS,
    OUTPUT_FIELDS,
    exported,
    unexported,
)
from tfsclient_gen.languages.go.types import go_type, takes_pixels
from tfsclient_gen.names import Name, claim
from tfsclient_gen.pictures import takes_image_files
from tfsclient_gen.quoting import code, go_comment, go_string
from tfsclient_gen.target import takes_examples

_LARGEST_SAMPLE: Final = 1 << 24  # elements; a larger sample would not fit into a laptop's memory
_FEW: Final = 4  # elements that a sample lists
_WIDTH: Final = 100
_TAB: Final = 4

# The function that makes a feature of Go values, and how a constant gets the feature's type.
_SETS: Final = {"float32": "tfs.Floats", "int64": "tfs.Ints", "string": "tfs.Strings"}
_GETS: Final = {"float32": "Floats", "int64": "Ints", "string": "Strings"}
_SCALARS: Final = {"float32": "float32({})", "int64": "int64({})"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output: its names, its docs, its type and spec in Go, and a sample value."""

    name: Name
    doc: Markup
    type: Markup
    dtype: str
    shape: Markup
    has_default: bool
    spec: Markup
    sample: Markup
    verb: Markup


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of typed Examples: its names, its docs, its type and spec in Go.

    Attributes:
        value: what makes the feature of a field.
        back: what makes the field of features.
        optional: whether a field may be nil, which leaves the feature out.
        shown: whether examples of calls show it.
    """

    name: Name
    doc: Markup
    type: Markup
    dtype: str
    shape: Markup
    required: bool
    value: Markup
    back: Markup
    optional: bool
    spec: Markup
    sample: Markup
    shown: bool


@dataclass(frozen=True, slots=True)
class Method:
    """A signature: its names, its docs, its tensors.

    Attributes:
        verified_kind: the kind of the part that it calls, as `drift` compares it.
        variable: what holds its description.
        result: the type of what a call gives.
        results: what examples call that.
        sources: the inputs' fields.
        sinks: the outputs' fields.
        fake_doc: the docs of the function that answers in a fake.
        fake_inputs: what sets the inputs' fields for a fake.
        fake_outputs: what takes the outputs' fields of a fake.
        examples: the type of its Examples; None if it takes none.
        features: what they hold; None if that is not known.
        grpc_only: why REST cannot carry it; empty if it can.
        asks_by_name: whether calls ask for the outputs by name.
        picture: the input that wants an encoded picture, if one does.
    """

    name: Name
    kind: str
    verified_kind: str
    variable: Markup
    doc: Markup
    input_doc: Markup
    output_doc: Markup
    example_doc: Markup
    result: Markup
    results: Markup
    inputs: list[Tensor]
    outputs: list[Tensor]
    sources: Markup
    sinks: Markup
    fake_doc: Markup
    fake_inputs: Markup
    fake_outputs: Markup
    examples: Markup | None
    features: list[Feature] | None
    grpc_only: str
    asks_by_name: bool
    picture: Tensor | None

    @property
    def example_uses_tfs(self) -> bool:
        """Whether an example of a call names anything of the package tfs."""
        if self.examples is None:
            return bool(self.inputs)
        if self.kind == "predict" or self.features is None:
            return True
        return any("tfs." in feature.sample for feature in self.features if feature.shown)


def methods(
    model: Model,
    picked: Mapping[str, Collection[str]] = MappingProxyType({}),
    *,
    rest_only: bool,
) -> list[Method]:
    """The methods of a model's client, one for each signature.

    Args:
        model: the part of it that the client can call.
        picked: what calls ask for by name, of signatures that have other outputs, too.
        rest_only: whether there is no gRPC.
    """
    wires = model.signatures
    names = claim(wires, lambda w: exported(w, "signature"), METHODS, separator="")
    variables = claim(wires, lambda w: unexported(w, "signature"), separator="")
    return [
        _method(
            s,
            names[wire],
            code(f"{variables[wire].ident}Signature"),
            picked.get(wire),
            rest_only,
        )
        for wire, s in wires.items()
    ]


def _method(
    signature: Signature,
    name: Name,
    variable: Markup,
    asked: Collection[str] | None,
    rest_only: bool,
) -> Method:
    wire = f'signature "{signature.name}"'
    predicts = signature.kind == "predict"
    wants_examples = not predicts or takes_examples(signature)
    features = _features(signature.features or {})
    known = wants_examples and signature.features is not None
    examples = code(f"{name.ident}Example" if known else "tfs.Example") if wants_examples else None
    inputs = [
        _tensor(
            spec,
            field,
            is_input=True,
            has_default=not rest_only and spec.name in signature.defaults,
            examples=examples,
        )
        for spec, field in _named(signature.inputs.values())
    ]
    given = [t for n, t in signature.outputs.items() if asked is None or n in asked]
    outputs = [_tensor(spec, field) for spec, field in _named(given, OUTPUT_FIELDS)]
    gives = {
        "predict": f"{name.ident} runs {wire}.",
        "classify": f"{name.ident} runs {wire}: it gives the classes of each example.",
        "regress": f"{name.ident} runs {wire}: it gives a value for each example.",
    }
    pictures = [t for t in inputs if _holds_picture(signature.inputs[t.name.wire])]
    not_rest = None if rest_only or not predicts else signature.why_not_over_rest
    return Method(
        name=name,
        kind=signature.kind,
        verified_kind=(signature.callable_part() or signature).kind,
        variable=variable,
        doc=go_comment(gives[signature.kind]),
        input_doc=go_comment(
            f"{name.ident}Input holds the {'inputs' if predicts else 'examples'} of {wire}."
        ),
        output_doc=go_comment(f"{name.ident}Output holds the outputs of {wire}."),
        example_doc=go_comment(f"{name.ident}Example is an example of {wire}."),
        result=code(
            {
                "predict": f"*{name.ident}Output",
                "classify": "[][]tfs.Class",
                "regress": "[]float32",
            }[signature.kind]
        ),
        results=code(
            {"predict": "out", "classify": "classes", "regress": "values"}[signature.kind]
        ),
        inputs=inputs,
        outputs=outputs,
        sources=_listed("inputs := []tfs.Input{", [f"in.{t.name.ident}" for t in inputs], "}"),
        sinks=_listed("outputs := []tfs.Output{", [f"&out.{t.name.ident}" for t in outputs], "}"),
        fake_doc=go_comment(f"{name.ident} answers {wire}.", tabs=1),
        fake_inputs=_listed("call.Inputs(", [f"&in.{t.name.ident}" for t in inputs], ")", tabs=2),
        fake_outputs=_listed(
            "call.Outputs(",
            ["out.Version", *(f"out.{t.name.ident}" for t in outputs)],
            ")",
            tabs=2,
        ),
        examples=examples,
        features=features if known else None,
        grpc_only=not_rest or "",
        asks_by_name=asked is not None,
        picture=pictures[0] if pictures and not wants_examples else None,
    )


def _named(
    specs: Iterable[TensorSpec], taken: frozenset[str] = frozenset()
) -> list[tuple[TensorSpec, Name]]:
    specs = list(specs)
    names = claim((s.name for s in specs), lambda w: exported(w, "tensor"), taken, separator="")
    return [(spec, names[spec.name]) for spec in specs]


def _listed(start: str, items: Sequence[str], end: str, *, tabs: int = 1) -> Markup:
    """A list in a function, with what encloses it: on one line if it fits."""
    line = f"{start}{', '.join(items)}{end}"
    if len(line) <= _WIDTH - 2 * tabs * _TAB:
        return code(line)
    margin = "\t" * tabs
    return code(f"{start}\n" + "".join(f"{margin}\t{item},\n" for item in items) + margin + end)


def _tensor(
    spec: TensorSpec,
    name: Name,
    *,
    is_input: bool = False,
    has_default: bool = False,
    examples: str | None = None,
) -> Tensor:
    type_ = go_type(spec.dtype)
    told = [f'{name.ident} is "{spec.name}": {spec}']
    told[0] += ", by its bits." if spec.dtype.startswith("float8") else "."
    if about := meaning_text(spec):
        told.append(f"Meaning: {about.rstrip('.')}.")
    if has_default:
        told.append("Over gRPC, the zero Tensor leaves it to the model's default.")
    if examples:
        told.append(f"[tfs.MarshalExamples] makes it from {examples}s.")
    if is_input and takes_image_files(spec):
        told.append("[tfs.ReadImages] makes it from image files.")
    if is_input and takes_pixels(spec) and spec.meaning is None:
        told.append(f"[tfs.DecodeImages] of shape {_dims(spec)} makes it from image files.")
    return Tensor(
        name=name,
        doc=go_comment(" ".join(told), tabs=1),
        type=code(type_),
        dtype=spec.dtype,
        shape=_shape(spec.shape),
        has_default=has_default,
        spec=code(str(spec)),
        sample=_sample(spec, type_),
        verb=code("%q" if spec.dtype == STRING else "%v"),
    )


def _dims(spec: TensorSpec) -> str:
    """The shape of one picture of an input's batch."""
    return f"[{', '.join(map(str, (spec.shape or ())[1:]))}]"


def _shape(shape: Sequence[int] | None) -> Markup:
    return code("" if shape is None else f", Shape: []int{{{', '.join(map(str, shape))}}}")


def _features(specs: Mapping[str, FeatureSpec]) -> list[Feature]:
    names = claim(specs, lambda w: exported(w, "feature"), EXAMPLE_METHODS, separator="")
    shown = {n for n, spec in specs.items() if spec.required} or set(list(specs)[:1])
    return [_feature(spec, names[n], n in shown) for n, spec in specs.items()]


def _feature(spec: FeatureSpec, name: Name, shown: bool) -> Feature:
    type_ = go_type(spec.dtype)
    field = f"e.{name.ident}"
    back = f"features[{go_string(spec.name)}].{_GETS[spec.dtype]}()"
    one = '""' if type_ == "string" else "0"
    if spec.shape != ():
        count = math.prod(1 if size == -1 else size for size in spec.shape or ())
        type_, field, sample = f"[]{type_}", f"{field}...", _slice(type_, count, one)
    elif spec.required:
        back, sample = f"{back}[0]", one
    else:
        back = f"tfs.First({back})"
        field, sample = f"*{field}", f"tfs.Ptr({_SCALARS.get(type_, '{}').format(one)})"
        type_ = f"*{type_}"
    return Feature(
        name=name,
        doc=go_comment(f'{name.ident} is "{spec.name}": {spec}.', tabs=1),
        type=code(type_),
        dtype=spec.dtype,
        shape=_shape(spec.shape),
        required=spec.required is True,
        value=code(f"{_SETS[spec.dtype]}({field})"),
        back=code(back),
        optional=spec.shape != () or not spec.required,
        spec=code(str(spec)),
        sample=code(sample),
        shown=shown,
    )


def _holds_picture(spec: TensorSpec) -> bool:
    return takes_image_files(spec) and dims(spec) == [1]


def _sample(spec: TensorSpec, type_: str) -> Markup:
    """An expression of a tensor that fits: zeros, or the images read before."""
    sizes = dims(spec)
    count = math.prod(sizes)
    if _holds_picture(spec):
        return code("images")
    if count > _LARGEST_SAMPLE:
        return code(f"tfs.Tensor[{type_}]{{}}")
    zero = {"string": '""', "bool": "false"}.get(type_, "0")
    if not sizes:
        return code(f"tfs.Scalar({zero if type_ in ('string', 'bool') else f'{type_}(0)'})")
    shape = [] if len(sizes) == 1 else map(str, sizes)
    return code(f"tfs.NewTensor({', '.join([_slice(type_, count, zero), *shape])})")


def _slice(type_: str, count: int, zero: str) -> str:
    if count > _FEW:
        return f"make([]{type_}, {count})"
    return f"[]{type_}{{{', '.join([zero] * count)}}}"
