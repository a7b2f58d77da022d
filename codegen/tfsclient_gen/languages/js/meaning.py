"""A module beside a model's own, where it is told what tensors stand for: pixels and labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from tfsclient.schema import Model, Signature, TensorSpec
from tfsclient_gen.languages.js import layout
from tfsclient_gen.languages.js.methods import Method, quoted
from tfsclient_gen.languages.js.types import array
from tfsclient_gen.names import claim
from tfsclient_gen.pictures import picture_shape
from tfsclient_gen.quoting import code, js_doc, js_string

RUNTIME: Final = "serving/meaning"
_FROM: Final = ' } from "./serving/meaning.js";'


@dataclass(frozen=True, slots=True)
class _Function:
    """A function that makes an input of pixels, or names the classes of an output."""

    doc: Markup
    name: Markup
    parameters: list[str]
    plain: list[str]
    returns: str
    told: Markup
    run: Markup

    @property
    def head(self) -> Markup:
        """Its first line in JavaScript."""
        return layout.fit(2, f"{self.name}(", self.plain, ") {")

    @property
    def typed_head(self) -> Markup:
        """Its first line in TypeScript."""
        return layout.fit(2, f"{self.name}(", self.parameters, f"): {self.returns} {{")

    @property
    def declaration(self) -> Markup:
        """The same without its body."""
        parameters = [p.replace("k = 5", "k?: number") for p in self.parameters]
        return layout.fit(2, f"{self.name}(", parameters, f"): {self.returns};")


@dataclass(frozen=True, slots=True)
class _Group:
    doc: Markup
    name: Markup
    methods: list[_Function]


def meaning_view(model: Model, methods: Sequence[Method]) -> dict[str, Any] | None:
    """What the templates of the module show; None if nothing is told that it could be made of."""
    groups: list[_Group] = []
    for signature, method in zip(model.signatures.values(), methods, strict=True):
        if method.kind == "predict":
            functions = [
                *_pictures(signature, method),
                *_tops(signature, method),
            ]
            if functions:
                doc = f"What the tensors of signature {quoted(signature.name)} stand for."
                groups.append(_Group(js_doc(doc), code(f"{method.name.ident}Meaning"), functions))
    if not groups:
        return None
    every = [function for group in groups for function in group.methods]
    pictures = any("Pixels" in p for function in every for p in function.parameters)
    names = any("Classification" in function.returns for function in every)
    values = [*(["fromPixels"] if pictures else []), *(["top"] if names else [])]
    types = [*(["Classification"] if names else []), "Tensor"]
    typed = [*values, *(["type Pixels"] if pictures else [])]
    return {
        "groups": groups,
        "pixels": pictures,
        "import_plain": layout.fit(0, "import { ", values, _FROM),
        "import_values": layout.fit(0, "import { ", typed, _FROM),
        "import_pixels": code(f"import type {{ Pixels{_FROM}"),
        "import_types": layout.fit(0, "import type { ", types, ' } from "./serving/types.js";'),
    }


def _pictures(signature: Signature, method: Method) -> list[_Function]:
    made = []
    for field in method.inputs:
        spec = signature.inputs[field.name.wire]
        shape = picture_shape(spec)
        if shape is None:
            continue
        numbers = array(spec.dtype)
        made.append(
            _Function(
                js_doc(f"The input {quoted(field.name.wire)}, made of pixels."),
                field.name.ident,
                ["pixels: readonly Pixels[]"],
                ["pixels"],
                f"Tensor<{numbers}>",
                layout.fit(4, "const picture = { ", _picture(spec, shape), " };"),
                code(f"return fromPixels({numbers}, picture, pixels);"),
            )
        )
    return made


def _tops(signature: Signature, method: Method) -> list[_Function]:
    told = signature.labels or {}
    fields = [
        field.name
        for field in method.outputs
        if field.name.wire in told
        and signature.outputs[field.name.wire].dtype in ("float32", "float64")
    ]
    taken = {str(field.name.ident) for field in method.inputs}
    idents = {name.wire: str(name.ident) for name in fields}
    names = claim(
        idents, lambda w: f"top{idents[w][0].upper()}{idents[w][1:]}", taken, separator=""
    )
    made = []
    for field in fields:
        labels = [js_string(label) for label in told[field.wire]]
        numbers = array(signature.outputs[field.wire].dtype)
        made.append(
            _Function(
                js_doc(f"The likeliest classes of each row of the output {quoted(field.wire)}."),
                names[field.wire].ident,
                [f"scores: Tensor<{numbers}>", "k = 5"],
                ["scores", "k = 5"],
                "Classification[][]",
                layout.fit(4, "const labels = [", labels, "];"),
                code("return top(scores, labels, k);"),
            )
        )
    return made


def _picture(spec: TensorSpec, shape: Sequence[int]) -> list[str]:
    """The properties of a Picture."""
    meaning = spec.meaning
    assert meaning is not None
    parts = [f"shape: {_list(shape)}"]
    if spec.dtype == "float32":
        for name, numbers in (
            ("range", meaning.range),
            ("mean", meaning.mean),
            ("std", meaning.std),
        ):
            parts += [f"{name}: {_list(numbers)}"] if numbers is not None else []
    parts += ["bgr: true"] if meaning.colour == "bgr" else []
    return [*parts, *(["channelsFirst: true"] if meaning.layout == "CHW" else [])]


def _list(numbers: Sequence[float]) -> str:
    return f"[{', '.join(map(_number, numbers))}]"


def _number(number: float) -> str:
    """A number as prettier writes it."""
    return re.sub(r"e([+-]?)0*", lambda m: f"e{m[1].rstrip('+')}", repr(number).removesuffix(".0"))
