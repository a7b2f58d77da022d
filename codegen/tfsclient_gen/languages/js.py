"""JavaScript: ES modules with declarations for TypeScript, over a small runtime of their own."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.schema import DEFAULT_SIGNATURE, Model, Signature, TensorSpec
from tfsclient_gen.generate import LeftOut, Options
from tfsclient_gen.names import Name, camel, claim, identifier, pascal, snake, words
from tfsclient_gen.quoting import code, js_doc, js_string
from tfsclient_gen.render import read_static, render
from tfsclient_gen.samples import PNG_BASE64, dims, is_picture

_WIDTH: Final = 80  # prettier's default
_LONGEST: Final = 48  # characters of an identifier: with these, every line can be broken to fit
_RUNTIME: Final = ("errors.js", "inputs.js", "outputs.js", "serving.d.ts", "serving.js")

# A method so named would change what the language itself does with a client.
_METHODS: Final = frozenset(
    [
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "then",
        "toJSON",
        "toLocaleString",
        "toString",
        "valueOf",
    ]
)

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

# 1 rather than 0, for a 0 is often refused as a size.
_SAMPLES: Final = {"float": "0", "int": "1", "bool": "false", "string": '""'}


@dataclass(frozen=True, slots=True)
class _Tensor:
    """An input or output: its names, what its docs say, its TypeScript types, its spec."""

    name: Name
    doc: Markup
    given: Markup
    got: Markup
    spec: Markup


@dataclass(frozen=True, slots=True)
class _Method:
    """A signature: its names, its tensors, and the lines that depend on how long names are."""

    name: Name
    constant: Markup
    wire: Markup
    input: Markup
    result: Markup
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    head: Markup
    run: Markup
    declaration: Markup
    sample: list[Markup]
    wants_picture: bool


def files(
    model: Model,
    options: Options,
    left_out: Sequence[LeftOut] = (),
) -> dict[str, str]:
    """The package of ``model``; a comment in it tells which signatures are ``left_out``."""
    client = identifier(pascal(model.name, "model")[:_LONGEST] + "Client")
    methods = _methods(model)
    arguments = ["baseUrl", js_string(model.name), "options"]
    view = {
        "model": model.name,
        "client": client,
        "methods": methods,
        "left_out": [f"Left out: {gone.signature!r}: {gone.reason}" for gone in left_out],
        "made": _fit(4, "this.#model = new ServedModel(", arguments, ");"),
        "imports": _imports(methods),
        "package": "-".join([*(w.lower() for w in words(model.name)), "client"])[-200:],
        "example": sorted(methods, key=lambda m: m.name.wire != DEFAULT_SIGNATURE)[:1],
        "png": PNG_BASE64,
        "opened": _fit(0, f"const client = new {client}(", ['"http://localhost:8501"'], ");"),
    }
    made = {
        name: render(f"js/{name}.j2", **view)
        for name in ("README.md", "index.d.ts", "index.js", "package.json")
    }
    return made | {name: read_static(f"js/{name}") for name in _RUNTIME}


def _methods(model: Model) -> list[_Method]:
    names = claim(
        model.signatures, lambda w: camel(w, "signature")[:_LONGEST], _METHODS, separator=""
    )
    types = claim(model.signatures, lambda w: pascal(w, "signature")[:_LONGEST], separator="")
    constants = claim(model.signatures, lambda w: snake(w, "signature")[:_LONGEST].upper())
    return [
        _method(signature, names[wire], types[wire].ident, constants[wire].ident)
        for wire, signature in model.signatures.items()
    ]


def _method(signature: Signature, name: Name, type_: Markup, constant: Markup) -> _Method:
    ins = _tensors(signature.inputs.values())
    parameters = [f"inputs: {type_}Input", "options?: CallOptions"]
    return _Method(
        name=name,
        constant=constant,
        wire=js_string(signature.name),
        input=code(f"{type_}Input"),
        result=code(f"{type_}Result"),
        inputs=ins,
        outputs=_tensors(signature.outputs.values()),
        head=_fit(2, f"{name.ident}(", ["inputs", "options"], ") {"),
        run=_fit(4, "return this.#model.predict(", [constant, "inputs", "options"], ");"),
        declaration=_fit(2, f"{name.ident}(", parameters, f"): Promise<{type_}Result>;"),
        sample=[_sample(t.name.ident, signature.inputs[t.name.wire]) for t in ins],
        wants_picture=any(is_picture(spec) for spec in signature.inputs.values()),
    )


def _tensors(specs: Iterable[TensorSpec]) -> list[_Tensor]:
    specs = list(specs)
    names = claim((s.name for s in specs), lambda w: camel(w, "tensor")[:_LONGEST], separator="")
    return [_tensor(spec, names[spec.name]) for spec in specs]


def _tensor(spec: TensorSpec, name: Name) -> _Tensor:
    given, got = _TYPES[spec.dtype]
    if spec.dtype == "string" and spec.name.endswith("_bytes"):
        got = "Uint8Array[]"  # such outputs travel as base64
    called = "" if name.ident == spec.name else f'; called "{spec.name}" by the server'
    parts = [f"name: {js_string(spec.name)}", f'dtype: "{spec.dtype}"', _shape(6, spec.shape)]
    return _Tensor(
        name=name,
        doc=js_doc(f"{spec}{called}."),
        given=code(given),
        got=code(got),
        spec=_fit(4, f"{name.ident}: {{ ", parts, " },"),
    )


def _imports(methods: Sequence[_Method]) -> Markup:
    used = {"ClientOptions", *(t.given for m in methods for t in m.inputs)}
    if methods:
        used |= {"CallOptions", "Tensor"}
    return _fit(0, "import type { ", sorted(used), ' } from "./serving.js";')


# Lines as prettier breaks them.


def _fit(indent: int, head: str, items: Iterable[str], tail: str) -> Markup:
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
    array = _TYPES[spec.dtype][1]
    if array.endswith("[]"):
        data = f"new Array({count}).fill({element})"
    elif spec.dtype.kind == "float":
        data = f"new {array}({count})"
    else:
        data = f"new {array}({count}).fill({element}{'n' if array.startswith('Big') else ''})"
    return _fit(2, f"{ident}: {{ ", [f"data: {data}", _shape(4, shape)], " },")
