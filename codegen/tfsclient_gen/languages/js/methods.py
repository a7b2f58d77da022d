"""What JavaScript and TypeScript templates show: names, types, lines broken as prettier does."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from tfsclient.schema import DEFAULT_SIGNATURE, FeatureSpec, Model, Signature, TensorSpec
from tfsclient_gen.names import Name, camel, claim, identifier, pascal, snake, words
from tfsclient_gen.quoting import code, js_doc, js_string
from tfsclient_gen.render import Templates, template_names
from tfsclient_gen.samples import PNG_BASE64, dims, is_picture
from tfsclient_gen.target import LeftOut

_WIDTH: Final = 80  # prettier's default
_LONGEST: Final = 48  # characters of an identifier: with these, every line can be broken to fit

# What every object has: TypeScript takes a field so named for that.
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
# A method so named would change what the language itself does with a client.
_METHODS: Final = _OBJECT | {"then", "toJSON"}

# dtype: what an input takes, what holds a result.
_TYPES: Final = {
    "float32": ("FloatTensorLike", "Float32Array"),
    "float64": ("FloatTensorLike", "Float64Array"),
    "int8": ("IntegerTensorLike", "Int8Array"),
    "int16": ("IntegerTensorLike", "Int16Array"),
    "int32": ("IntegerTensorLike", "Int32Array"),
    "int64": ("IntegerTensorLike", "BigInt64Array"),
    "uint8": ("IntegerTensorLike", "Uint8Array"),
    "uint32": ("IntegerTensorLike", "Uint32Array"),
    "uint64": ("IntegerTensorLike", "BigUint64Array"),
    "bool": ("BooleanTensorLike", "boolean[]"),
    "string": ("StringTensorLike", "string[]"),
}

# dtype: what a feature of one value takes, of several, and of a list that may have one.
_FEATURE_TYPES: Final = {
    "float32": ("number", "FloatList", "FloatFeature"),
    "int64": ("number | bigint", "IntegerList", "IntegerFeature"),
    "string": ("string | Uint8Array", "StringList", "StringFeature"),
}

_GIVES: Final = {
    "predict": "",
    "classify": ": for each example, its classes",
    "regress": ": for each example, a number",
}

# 1 rather than 0, for a 0 is often refused as a size.
_SAMPLES: Final = {"float": "0", "int": "1", "bool": "false", "string": '""'}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an interface: an input, an output or a feature."""

    name: Name
    doc: Markup
    type: Markup
    optional: bool
    spec: Markup


@dataclass(frozen=True, slots=True)
class Method:
    """A signature: its names, its fields, and the lines that depend on how long names are.

    Attributes:
        name: the method's.
        doc: what it does.
        constant: the name of its spec.
        wire: the signature's name, quoted.
        kind: "predict", "classify" or "regress".
        input: the interface of a predict signature's inputs.
        result: the interface of a predict signature's outputs.
        example: the interface of its Examples.
        inputs: the inputs.
        outputs: the outputs.
        features: what its Examples hold; None where that is not known.
        parameters: what it takes, for TypeScript.
        promise: what it gives, for TypeScript.
        run: the statement that runs it.
        sample: the inputs of the README's example, a line each.
        wants_picture: whether that example needs a picture.
    """

    name: Name
    doc: Markup
    constant: Markup
    wire: Markup
    kind: str
    input: Markup
    result: Markup
    example: Markup
    inputs: list[Field]
    outputs: list[Field]
    features: list[Field] | None
    parameters: list[str]
    promise: Markup
    run: Markup
    sample: list[Markup]
    wants_picture: bool

    @property
    def head(self) -> Markup:
        """The method's first line in JavaScript."""
        return fit(2, f"{self.name.ident}(", ["inputs", "options"], ") {")

    @property
    def declaration(self) -> Markup:
        """The method without its body, in TypeScript."""
        return fit(2, f"{self.name.ident}(", self.parameters, f"): {self.promise};")

    @property
    def typed_head(self) -> Markup:
        """The method's first line in TypeScript."""
        return fit(2, f"{self.name.ident}(", self.parameters, f"): {self.promise} {{")


def view(model: Model, left_out: Sequence[LeftOut], *, typescript: bool) -> dict[str, Any]:
    """What the templates are given."""
    client = identifier(pascal(model.name, "model")[:_LONGEST] + "Client")
    found = methods(model)
    return {
        "model": model.name,
        "client": client,
        "typescript": typescript,
        "methods": found,
        "left_out": [
            f"Left out: {gone.signature!r}: {'; '.join([gone.reason, *gone.others])}"
            for gone in left_out
        ],
        "listed": fit(2, "signatures: [", [str(m.constant) for m in found], "],"),
        "imports": _imports(found),
        "package": "-".join([*(w.lower() for w in words(model.name)), "client"])[-200:],
        "example": sorted(found, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1],
        "takes_examples": any(m.kind != "predict" or m.features is not None for m in found),
        "guesses_features": any(m.kind != "predict" and m.features is None for m in found),
        "classifies": any(m.kind == "classify" for m in found),
        "regresses": any(m.kind == "regress" for m in found),
        "png": PNG_BASE64,
        "opened": fit(0, f"const client = new {client}(", ['"http://localhost:8501"'], ");"),
        "connected": fit(0, f"const client = new {client}(", ["connection"], ");"),
    }


def runtime(language: str, templates: Templates) -> dict[str, str]:
    """The modules that are the same for every model."""
    prefix = f"{language}/"
    names = [n for n in template_names() if n.startswith(prefix) and not n.endswith(".j2")]
    return {name.removeprefix(prefix): templates.read(name) for name in names}


def methods(model: Model) -> list[Method]:
    """The methods of a model's client, one for each signature."""
    names = claim(
        model.signatures, lambda w: camel(w, "signature")[:_LONGEST], _METHODS, separator=""
    )
    types = claim(model.signatures, lambda w: pascal(w, "signature")[:_LONGEST], separator="")
    constants = claim(
        model.signatures, lambda w: snake(w, "signature")[:_LONGEST].upper(), ["MODEL"]
    )
    return [
        _method(signature, names[wire], types[wire].ident, constants[wire].ident)
        for wire, signature in model.signatures.items()
    ]


def _method(signature: Signature, name: Name, type_: Markup, constant: Markup) -> Method:
    kind = signature.kind
    features = _features(signature)
    example = "Example" if features is None else f"{type_}Example"
    takes_examples = features is not None and kind == "predict"
    inputs = _tensors(signature.inputs.values(), f"ExampleTensorLike<{example}>" * takes_examples)
    if kind == "predict":
        given, promise = f"{type_}Input", f"{type_}Result"
        sample = [_sample(f.name.ident, signature.inputs[f.name.wire]) for f in inputs]
    else:
        given = f"Examples<{example}>"
        promise = "Classification[][]" if kind == "classify" else "Float32Array"
        sample = []
    if takes_examples or kind != "predict":
        ident = inputs[0].name.ident if takes_examples else "examples"
        sample = [fit(2, f"{ident}: [{{ ", _example_sample(signature, features), " }],")]
    return Method(
        name=name,
        doc=js_doc(f'Run the signature "{signature.name}"{_GIVES[kind]}.'),
        constant=constant,
        wire=js_string(signature.name),
        kind=kind,
        input=code(f"{type_}Input"),
        result=code(f"{type_}Result"),
        example=code(example),
        inputs=inputs,
        outputs=_tensors(signature.outputs.values(), "", results=True),
        features=features,
        parameters=[f"inputs: {given}", "options?: CallOptions"],
        promise=code(f"Promise<{promise}>"),
        run=fit(4, f"return this.#model.{kind}(", [constant, "inputs", "options"], ");"),
        sample=sample,
        wants_picture=any("picture" in line for line in sample),
    )


def _tensors(specs: Iterable[TensorSpec], type_: str, *, results: bool = False) -> list[Field]:
    """Inputs or outputs; ``type_`` is what an input takes, where that is no plain tensor."""
    specs = list(specs)
    names = _claim_fields([s.name for s in specs], "tensor")
    return [
        _field(spec, names[spec.name], _result(spec) if results else type_ or _TYPES[spec.dtype][0])
        for spec in specs
    ]


def _claim_fields(wires: Iterable[str], fallback: str) -> dict[str, Name]:
    return claim(wires, lambda w: camel(w, fallback)[:_LONGEST], _OBJECT, separator="")


def _result(spec: TensorSpec) -> str:
    is_bytes = spec.dtype == "string" and spec.name.endswith("_bytes")
    return f"Tensor<{'Uint8Array[]' if is_bytes else _TYPES[spec.dtype][1]}>"


def _features(signature: Signature) -> list[Field] | None:
    """What Examples hold; None where they are serialized, or it is not known."""
    if signature.features is None:
        return None
    if signature.kind == "predict" and list(signature.inputs) != [signature.example_input]:
        return None
    specs = signature.features
    names = _claim_fields(specs, "feature")
    return [_field(spec, names[wire], _feature_type(spec)) for wire, spec in specs.items()]


def _feature_type(spec: FeatureSpec) -> str:
    one, several, either = _FEATURE_TYPES[spec.dtype]
    if spec.shape == ():
        return one
    return either if spec.shape is not None and math.prod(spec.shape) == 1 else several


def _field(spec: TensorSpec | FeatureSpec, name: Name, type_: str) -> Field:
    called = "" if name.ident == spec.name else f'; called "{spec.name}" by the server'
    parts = [f"name: {js_string(spec.name)}", f'dtype: "{spec.dtype}"', _shape(6, spec.shape)]
    required = isinstance(spec, TensorSpec) or bool(spec.required)
    if isinstance(spec, FeatureSpec) and required:
        parts.append("required: true")
    return Field(
        name=name,
        doc=js_doc(f"{spec}{called}."),
        type=code(type_),
        optional=not required,
        spec=fit(4, f"{name.ident}: {{ ", parts, " },"),
    )


def _imports(found: Sequence[Method]) -> Markup:
    """The import of the types that a client's own types are made of."""
    used = {"ClientOptions", "Connection"}
    for method in found:
        used |= {"CallOptions"}
        if method.kind == "predict":
            used |= {"Tensor", *(f.type.partition("<")[0] for f in method.inputs)}
        else:
            used |= {"Examples"} | ({"Example"} if method.features is None else set())
        if method.kind == "classify":
            used.add("Classification")
        used |= {f.type for f in method.features or () if f.type.isidentifier()} - {"number"}
    return fit(0, "import type { ", sorted(used), ' } from "./serving/types.js";')


# Lines as prettier breaks them.


def fit(indent: int, head: str, items: Iterable[str], tail: str) -> Markup:
    """``head items tail`` on one line where that fits, else one item a line."""
    items = list(items)
    line = f"{head}{', '.join(items)}{tail}"
    if "\n" not in line and indent + len(line) <= _WIDTH:
        return code(line)
    inner = "".join(f"{' ' * (indent + 2)}{item},\n" for item in items)
    return code(f"{head.rstrip()}\n{inner}{' ' * indent}{tail.lstrip()}")


def _shape(indent: int, shape: Sequence[int] | None) -> str:
    """The property ``shape``; numbers that do not fit one line fill several."""
    if shape is None:
        return "shape: null"
    numbers = ", ".join(map(str, shape))
    line = f"shape: [{numbers}]"
    if indent + len(line) + 1 <= _WIDTH:
        return line
    lead = " " * (indent + 2)
    lines = textwrap.wrap(f"{numbers},", _WIDTH, initial_indent=lead, subsequent_indent=lead)
    return "\n".join(["shape: [", *lines, f"{' ' * indent}]"])


def _sample(ident: Markup, spec: TensorSpec) -> Markup:
    """A property of the README's example: a value of this dtype and shape."""
    shape = dims(spec)
    count = math.prod(shape)
    element = "picture" if is_picture(spec) else _SAMPLES[spec.dtype.kind]
    if count == 1:
        return code(f"{ident}: {'[' * len(shape)}{element}{']' * len(shape)},")
    data = _many(_TYPES[spec.dtype][1], count, element)
    return fit(2, f"{ident}: {{ ", [f"data: {data}", _shape(4, shape)], " },")


def _many(array: str, count: int, element: str) -> str:
    """An array of ``count`` elements."""
    if array.endswith("[]"):
        return f"new Array({count}).fill({element})"
    if array.startswith("Float"):
        return f"new {array}({count})"
    return f"new {array}({count}).fill({element}{'n' if array.startswith('Big') else ''})"


def _example_sample(signature: Signature, features: list[Field] | None) -> list[str]:
    """The properties of an Example: the features that it must have."""
    if features is None:
        return ["age: 35n", "height: 1.8", 'city: "Oslo"']
    return [
        f"{field.name.ident}: {_feature_sample(spec)}"
        for field in features
        if not field.optional
        for spec in [(signature.features or {})[field.name.wire]]
    ]


def _feature_sample(spec: FeatureSpec) -> str:
    element = "picture" if is_picture(spec) else _SAMPLES[spec.dtype.kind]
    shape = () if spec.shape is None else spec.shape
    count = math.prod(1 if size == -1 else size for size in shape)
    if count == 1:
        return element if spec.shape in ((), (1,)) else f"[{element}]"
    return _many(_TYPES[spec.dtype][1], count, element)
