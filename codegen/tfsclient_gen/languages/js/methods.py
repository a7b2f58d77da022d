"""What the JavaScript and TypeScript templates show of a model's signatures, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from markupsafe import Markup

from tfsclient._inputs.samples import is_picture
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec
from tfsclient.schema._shown import meaning_text
from tfsclient_gen.languages.js import layout, samples
from tfsclient_gen.languages.js.types import (
    Type,
    examples_type,
    feature_type,
    form,
    input_type,
    output_type,
)
from tfsclient_gen.names import Name, camel, claim, pascal, snake
from tfsclient_gen.quoting import code, js_doc, js_string

LONGEST: Final = 48  # characters of an identifier: with these, every line can be broken to fit

# What every object has: to TypeScript, a field with such a name is that.
_OBJECT: Final = frozenset(
    [
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    ]
)
# A method with such a name would change what the language itself does with a client, or hide what
# every client has.
_METHODS: Final = _OBJECT | {"then", "toJSON", "model", "multiInference"}
_TYPES: Final = ["MultiInference"]

# The type parameter that says whether strings are text or bytes.
_STRINGS: Final = 'S extends Strings = "text"'

_GIVES: Final = {
    "predict": "",
    "classify": ": for each example, its classes",
    "regress": ": for each example, a number",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an interface: an input, an output or a feature.

    Attributes:
        name: its names.
        doc: what it is.
        type: its type.
        imports: the runtime's types that its type is made of.
        optional: whether it may be left out.
        spec: the property that describes it.
    """

    name: Name
    doc: Markup
    type: Markup
    imports: frozenset[str]
    optional: bool
    spec: Markup


@dataclass(frozen=True, slots=True)
class Method:
    """A signature: its names, its fields, and the lines that depend on how long names are.

    Attributes:
        name: the method's.
        doc: what it does.
        quoted: the signature's name, as comments quote it.
        constant: the name of its spec.
        wire: the signature's name, quoted.
        kind: "predict", "classify" or "regress".
        verified_kind: the kind of the part that it calls, as `drift` compares it.
        grpc_only: why REST cannot carry it; empty if it can.
        not_over_rest: the property that says so.
        serializes: whether an input is made of Examples.
        draws: whether an input takes pictures.
        asks_by_name: whether calls ask for the outputs by name.
        input: the interface of a predict signature's inputs.
        result: the first line of the interface of a predict signature's outputs.
        example: the interface of its Examples.
        inputs: the inputs.
        outputs: the outputs.
        features: what its Examples hold; None if that is not known.
        generics: its type parameters, for TypeScript.
        options: the runtime's types that its options are made of.
        parameters: what it takes, for TypeScript.
        gives: what it gives, for TypeScript.
        promise: the promise of that.
        run: the statement that runs it.
        sample: the inputs of the README's example, a line each.
        wants_picture: whether that example needs a picture.
    """

    name: Name
    doc: Markup
    quoted: Markup
    constant: Markup
    wire: Markup
    kind: str
    verified_kind: str
    grpc_only: str
    not_over_rest: Markup
    serializes: bool
    draws: bool
    asks_by_name: bool
    input: Markup
    result: Markup
    example: Markup
    inputs: list[Field]
    outputs: list[Field]
    features: list[Field] | None
    generics: list[str]
    options: frozenset[str]
    parameters: list[str]
    gives: Markup
    promise: Markup
    run: Markup
    sample: list[Markup]
    wants_picture: bool

    @property
    def head(self) -> Markup:
        """The method's first line in JavaScript."""
        return layout.fit(2, f"{self.name.ident}(", ["inputs", "options"], ") {")

    @property
    def declaration(self) -> Markup:
        """The method without its body, in TypeScript."""
        return layout.fit(2, self._typed_name, self.parameters, f"): {self.promise};")

    @property
    def typed_head(self) -> Markup:
        """The method's first line in TypeScript."""
        return layout.fit(2, self._typed_name, self.parameters, f"): {self.promise} {{")

    @property
    def _typed_name(self) -> str:
        if not self.generics:
            return f"{self.name.ident}("
        return str(layout.fit(2, f"{self.name.ident}<", self.generics, ">("))


def methods(
    model: Model,
    outputs: Mapping[str, Sequence[str]] = MappingProxyType({}),
    *,
    rest_only: bool = False,
) -> list[Method]:
    """The methods of a model's client, one for each signature.

    Args:
        model: the part of it that the client can call.
        outputs: what calls ask for by name, of signatures that have other outputs, too.
        rest_only: whether there is no gRPC.
    """
    names = claim(
        model.signatures, lambda w: camel(w, "signature")[:LONGEST], _METHODS, separator=""
    )
    types = claim(
        model.signatures, lambda w: pascal(w, "signature")[:LONGEST], _TYPES, separator=""
    )
    constants = claim(
        model.signatures, lambda w: snake(w, "signature")[:LONGEST].upper(), ["MODEL"]
    )
    return [
        _method(
            s, names[wire], types[wire].ident, constants[wire].ident, outputs.get(wire), rest_only
        )
        for wire, s in model.signatures.items()
    ]


def together(found: Sequence[Method], *, rest_only: bool) -> list[Method]:
    """The methods that can run in one call, on the same Examples; none if it is not several."""
    on_examples = [m for m in found if m.kind != "predict"]
    return on_examples if len(on_examples) > 1 and not rest_only else []


def imports(found: Sequence[Method], *, rest_only: bool) -> list[str]:
    """The runtime's types that a client's own types are made of."""
    used = {"ClientOptions", "Model"} if rest_only else {"ClientOptions", "Connection", "Model"}
    if together(found, rest_only=rest_only):
        used |= {"RunOptions", "Example"}
    for method in found:
        used |= method.options
        fields = method.features or []
        if method.kind == "predict":
            fields = [*fields, *method.inputs, *method.outputs]
        else:
            used |= {"Examples"} | ({"Example"} if method.features is None else set())
        if method.kind == "classify":
            used.add("Classification")
        used = used.union(*(field.imports for field in fields))
    return sorted(used)


def _method(
    signature: Signature,
    name: Name,
    type_: Markup,
    constant: Markup,
    asked: Collection[str] | None,
    rest_only: bool,
) -> Method:
    kind, ins = signature.kind, signature.inputs
    outs = {n: t for n, t in signature.outputs.items() if asked is None or n in asked}
    defaults = frozenset[str]() if rest_only else signature.defaults
    outputs = _fields(outs, "tensor", output_type)
    gives_text = kind == "predict" and any("StringArray" in f.imports for f in outputs)
    features = _features(signature)
    example = "Example" if features is None else f"{type_}Example"
    generics, options = list[str](), dict[str, str]()
    if kind == "predict":
        given, promise = f"{type_}Input", f"{type_}Result{'<S>' if gives_text else ''}"
        if len(outputs) > 1:
            generics.append(f"K extends keyof {type_}Result")
            options["OutputOptions"] = "<K>"
            promise = f"Pick<{promise}, K>"
        if gives_text:
            generics.append(_STRINGS)
            options["StringOptions"] = "<S>"
    else:
        given = f"Examples<{example}>"
        promise = "Classification[][]" if kind == "classify" else "Float32Array"
    options = options or {"RunOptions": ""}
    if kind == "predict" and features is not None:
        inputs = _fields(ins, "tensor", lambda _: examples_type(example))
        examples = str(inputs[0].name.ident)
    else:
        inputs = _fields(ins, "tensor", input_type, defaults)
        examples = "" if kind == "predict" else "examples"
    if examples:
        known = signature.features or {}
        fields = features or []
        # One of those that may be left out, if all of them may.
        told = [f for f in fields if not f.optional] or fields[:1]
        shown = {str(f.name.ident): known[f.name.wire] for f in told}
        sample = [samples.examples(examples, None if features is None else shown)]
        wants_picture = any(map(is_picture, shown.values()))
    else:
        sample = [samples.tensor(f.name.ident, ins[f.name.wire]) for f in inputs]
        wants_picture = any(map(is_picture, ins.values()))
    optional = "?" if kind == "predict" and all(f.optional for f in inputs) else ""
    return Method(
        name=name,
        doc=js_doc(
            f"Run the signature {quoted(signature.name)}{_GIVES[kind]}.{_grpc_only(signature)}"
        ),
        quoted=js_doc(quoted(signature.name)),
        grpc_only=signature.why_not_over_rest or "",
        not_over_rest=layout.text(2, "notOverRest:", signature.why_not_over_rest or ""),
        serializes=kind == "predict" and features is not None,
        draws=any("Pictures" in f.imports for f in inputs),
        asks_by_name=asked is not None,
        constant=constant,
        wire=js_string(signature.name),
        kind=kind,
        verified_kind=(signature.callable_part() or signature).kind,
        input=code(f"{type_}Input"),
        result=_interface(f"{type_}Result", [_STRINGS] if gives_text else []),
        example=code(example),
        inputs=inputs,
        outputs=outputs,
        features=features,
        generics=generics,
        options=frozenset(options) | ({"Strings"} if gives_text else frozenset()),
        parameters=[
            f"inputs{optional}: {given}",
            f"options?: {' & '.join(f'{name}{generic}' for name, generic in options.items())}",
        ],
        gives=code(promise),
        promise=code(f"Promise<{promise}>"),
        run=layout.fit(4, f"return this.#model.{kind}(", [constant, "inputs", "options"], ");"),
        sample=sample,
        wants_picture=wants_picture,
    )


def _interface(name: str, parameters: Sequence[str]) -> Markup:
    """The first line of an interface."""
    head = f"export interface {name}"
    return layout.fit(0, f"{head}<", parameters, "> {") if parameters else code(f"{head} {{")


def quoted(name: str) -> str:
    """A name in the quotes that it does not hold itself, if there are such."""
    mark = "'" if '"' in name else '"'
    return mark + name.replace(mark, f"\\{mark}") + mark


def _grpc_only(signature: Signature) -> str:
    return f" Over gRPC only: {why}." if (why := signature.why_not_over_rest) else ""


def _features(signature: Signature) -> list[Field] | None:
    """What Examples hold; None if they are serialized, or if that is not known."""
    if signature.features is None:
        return None
    if signature.kind == "predict" and list(signature.inputs) != [signature.example_input]:
        return None
    return _fields(signature.features, "feature", feature_type)


_Spec = TypeVar("_Spec", TensorSpec, FeatureSpec)


def _fields(
    specs: Mapping[str, _Spec],
    fallback: str,
    type_of: Callable[[_Spec], Type],
    defaults: Collection[str] = (),
) -> list[Field]:
    names = claim(specs, lambda w: camel(w, fallback)[:LONGEST], _OBJECT, separator="")
    return [
        _field(spec, names[wire], type_of(spec), has_default=wire in defaults)
        for wire, spec in specs.items()
    ]


def _meaning(spec: TensorSpec | FeatureSpec) -> str:
    text = meaning_text(spec).rstrip(".") if isinstance(spec, TensorSpec) else ""
    return f": {text}" if text else ""


def _field(spec: TensorSpec | FeatureSpec, name: Name, type_: Type, *, has_default: bool) -> Field:
    called = "" if name.ident == spec.name else f"; called {quoted(spec.name)} by the server"
    parts = [f"name: {js_string(spec.name)}", f'dtype: "{spec.dtype}"', layout.shape(6, spec.shape)]
    required = not has_default if isinstance(spec, TensorSpec) else bool(spec.required)
    if isinstance(spec, FeatureSpec) and required:
        parts.append("required: true")
    if has_default:
        parts.append("hasDefault: true")
        called += ". Over gRPC, it may be left out: the model has a default"
    return Field(
        name=name,
        doc=js_doc(f"{spec}{form(spec)}{called}{_meaning(spec)}."),
        type=code(type_.text),
        imports=type_.imports,
        optional=not required,
        spec=layout.fit(4, f"{name.ident}: {{ ", parts, " },"),
    )
