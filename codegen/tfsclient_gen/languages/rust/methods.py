"""What the Rust templates show of a model's signatures, as plain data."""

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
from tfsclient_gen.languages.rust import layout, lines, names, pictures
from tfsclient_gen.languages.rust.types import rust_type, zero
from tfsclient_gen.names import Name
from tfsclient_gen.pictures import takes_image_files
from tfsclient_gen.quoting import code, rust_string
from tfsclient_gen.target import takes_examples

_LARGEST_SAMPLE: Final = 1 << 24  # elements; a larger sample would not fit into a laptop's memory
_FEW: Final = 4  # elements that a sample lists


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output: its names, its docs, the type of its field, its spec, a sample value.

    Attributes:
        plain: a sample that needs no file.
    """

    name: Name
    doc: Markup
    type: Markup
    optional: bool
    spec: Markup
    sample: Markup
    plain: Markup


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of typed Examples: its names, its docs, the type of its field, its spec, a sample.

    Attributes:
        set: the statement that sets it.
        take: the field that takes it.
        shown: whether examples of calls show it.
    """

    name: Name
    doc: Markup
    type: Markup
    set: Markup
    take: Markup
    spec: Markup
    sample: Markup
    shown: bool


@dataclass(frozen=True, slots=True)
class Top:
    """A method of the outputs that names the classes of one of them."""

    name: Markup
    field: Markup
    doc: Markup
    labels: Markup


@dataclass(frozen=True, slots=True)
class Method:
    """A signature: its names, its docs, its tensors.

    Attributes:
        type: what the names of its types begin with.
        result: the type of what a call gives.
        examples: the type of its Examples; None if it takes none.
        features: what they hold; None if that is not known.
        described: the static that describes it.
        lines: lines that may be too long for one.
        picture: the input that wants an encoded picture, if one does.
        reads: functions that read pictures as inputs are told to be.
    """

    name: names.SignatureName
    kind: str
    verb: Markup
    type: Markup
    doc: Markup
    input_doc: Markup
    output_doc: Markup
    example_doc: Markup
    fake_doc: Markup
    result: Markup
    inputs: list[Tensor]
    outputs: list[Tensor]
    tops: list[Top]
    examples: Markup | None
    features: list[Feature] | None
    described: Markup
    lines: Mapping[str, Markup]
    picture: Tensor | None
    reads: list[pictures.Read]


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
    found = names.signatures(model.signatures)
    return [
        _method(signature, found[wire], picked.get(wire), rest_only)
        for wire, signature in model.signatures.items()
    ]


def _method(
    signature: Signature,
    name: names.SignatureName,
    asked: Collection[str] | None,
    rest_only: bool,
) -> Method:
    wire = ["signature", layout.span(signature.name)]
    predicts = signature.kind == "predict"
    wants_examples = not predicts or takes_examples(signature)
    known = wants_examples and signature.features is not None
    examples = code(f"{name.type}Example" if known else "tfs::Example") if wants_examples else None
    defaults = frozenset() if rest_only else signature.defaults
    given = [t for n, t in signature.outputs.items() if asked is None or n in asked]
    found = names.fields(signature.inputs)
    inputs = [
        _tensor(spec, found[n], is_optional=n in defaults, examples=examples)
        for n, spec in signature.inputs.items()
    ]
    found = names.fields([spec.name for spec in given], frozenset({"version"}))
    outputs = [_tensor(spec, found[spec.name]) for spec in given]
    floats = {spec.name for spec in given if spec.dtype in ("float32", "float64")}
    labels = {wire: some for wire, some in (signature.labels or {}).items() if wire in floats}
    encoded = [t for t in inputs if _holds_picture(signature.inputs[t.name.wire])]
    gives = {
        "predict": ".",
        "classify": ": gives the classes of each example.",
        "regress": ": gives a value for each example.",
    }[signature.kind]
    what = "inputs" if predicts else "examples"
    result = {
        "predict": f"{name.type}Output",
        "classify": "Vec<Vec<tfs::Class>>",
        "regress": "Vec<f32>",
    }[signature.kind]
    not_rest = None if rest_only or not predicts else signature.why_not_over_rest
    return Method(
        name=name,
        kind=signature.kind,
        verb=code(signature.kind),
        type=code(name.type),
        doc=layout.doc("Runs", *wire, gives, indent=4),
        input_doc=layout.doc(f"The {what} of", *wire, "."),
        output_doc=layout.doc("The outputs of", *wire, "."),
        example_doc=layout.doc("An example of", *wire, "."),
        fake_doc=layout.doc("Answers", *wire, ".", indent=4),
        result=code(result),
        inputs=inputs,
        outputs=outputs,
        tops=[_top(t, labels[t.name.wire]) for t in outputs if t.name.wire in labels],
        examples=examples,
        features=_features(signature.features or {}) if known else None,
        described=lines.described(
            signature,
            name,
            (signature.callable_part() or signature).kind,
            given,
            defaults,
            asks_by_name=asked is not None,
            has_features=known,
            grpc_only=not_rest,
        ),
        lines=lines.of_method(
            name,
            signature.kind,
            result,
            {t.name.ident: t.optional for t in inputs},
            [t.name.ident for t in outputs],
        ),
        picture=encoded[0] if encoded and not wants_examples else None,
        reads=list(pictures.reads(signature, {t.name.wire: t.name for t in inputs})),
    )


def _tensor(
    spec: TensorSpec, name: Name, *, is_optional: bool = False, examples: str | None = None
) -> Tensor:
    told = [layout.span(spec.name), ":", layout.span(str(spec))]
    told.append(", by its bits." if spec.dtype.startswith("float8") else ".")
    if about := meaning_text(spec):
        told += ("Meaning:", layout.prose(f"{about.rstrip('.')}."))
    if is_optional:
        told += ["Over gRPC, `None`"]
        told.append("leaves it to the model's default.")
    if examples:
        told.append(code("[`tfs::Tensor::examples`] makes it from"))
        told.append(code(f"[`{examples}`]s."))
    type_ = f"tfs::Tensor<{rust_type(spec.dtype)}>"
    return Tensor(
        name=name,
        doc=layout.doc(*told, indent=4),
        type=code(f"Option<{type_}>" if is_optional else type_),
        optional=is_optional,
        spec=code(str(spec)),
        sample=code("Tensor::from_vec(vec![image])") if _holds_picture(spec) else _sample(spec),
        plain=_sample(spec),
    )


def _top(output: Tensor, labels: Sequence[str]) -> Top:
    plain = output.name.ident.removeprefix("r#")
    return Top(
        name=code(f"top_{plain}"),
        field=output.name.ident,
        doc=layout.doc(
            "Returns the k likeliest classes of each row of",
            layout.span(plain),
            "; see [`tfs::top`].",
            indent=4,
        ),
        labels=layout.array(
            "const LABELS: &[&str] = &", [rust_string(label) for label in labels], ";", 8
        ),
    )


def _features(specs: Mapping[str, FeatureSpec]) -> list[Feature]:
    found = names.fields(specs, fallback="feature")
    shown = {n for n, spec in specs.items() if spec.required} or set(list(specs)[:1])
    return [_feature(spec, found[n], n in shown) for n, spec in specs.items()]


def _feature(spec: FeatureSpec, name: Name, shown: bool) -> Feature:
    type_ = rust_type(spec.dtype)
    one = zero(spec.dtype)
    is_list = spec.shape != ()
    if is_list:
        count = math.prod(1 if size == -1 else size for size in spec.shape or ())
        type_, one = f"Vec<{type_}>", f"vec![{_elements(one, count)}]"
    if not spec.required:
        type_, one = f"Option<{type_}>", f"Some({one})"
    return Feature(
        name=name,
        doc=layout.doc(
            layout.span(spec.name),
            ":",
            layout.span(str(spec)),
            _absence(spec.required is True, is_list),
            indent=4,
        ),
        type=code(type_),
        set=lines.set_feature(name, unless_empty=spec.required is True and is_list),
        take=lines.take_feature(name),
        spec=code(str(spec)),
        sample=code(one),
        shown=shown,
    )


def _absence(required: bool, is_list: bool) -> str:
    """How an example goes without a feature."""
    if not required:
        return "; `None` leaves it out."
    return "; an empty one is left to the context." if is_list else "."


def _holds_picture(spec: TensorSpec) -> bool:
    return takes_image_files(spec) and dims(spec) == [1]


def _elements(one: str, count: int) -> str:
    return ", ".join([one] * count) if count <= _FEW else f"{one}; {count}"


def _sample(spec: TensorSpec) -> Markup:
    """An expression of a tensor that fits: zeros."""
    sizes, one = dims(spec), zero(spec.dtype)
    count = math.prod(sizes)
    if count > _LARGEST_SAMPLE:
        return code("Tensor::default()")
    if not sizes:
        return code(f"Tensor::scalar({one})")
    data = f"vec![{_elements(one, count)}]"
    if len(sizes) == 1:
        return code(f"Tensor::from_vec({data})")
    return code(f"Tensor::new({_shape(sizes)}, {data})?")


def _shape(sizes: Sequence[int]) -> str:
    return f"[{', '.join(map(str, sizes))}]"
