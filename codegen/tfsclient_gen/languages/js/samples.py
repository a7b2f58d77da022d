"""Examples of a call: values of the right dtype and shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from tfsclient._inputs.samples import PNG_BASE64, dims, is_picture
from tfsclient.dtypes import DType
from tfsclient.schema import FeatureSpec, TensorSpec
from tfsclient_gen.languages.js import layout
from tfsclient_gen.languages.js.types import array
from tfsclient_gen.quoting import code, js_string

# 1 rather than 0, because a 0 is often refused as a size.
_ELEMENTS: Final = {
    "float": "0",
    "complex": "[0, 0]",
    "int": "1",
    "bool": "false",
    "string": '""',
}
_BIG: Final = frozenset(["int64", "uint64"])  # their elements are bigint

_PICTURE: Final = (
    code("const png ="),
    code(f"  {js_string(PNG_BASE64)};"),
    code("const picture = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));"),
)


def call(method: Markup, inputs: Sequence[Markup], *, picture: bool) -> list[Markup]:
    """The lines that call a method of ``client``; ``picture`` is whether an input is one."""
    head = f"const result = await client.{method}("
    given = [line for each in inputs for line in lines(code(f"  {each}"))]
    return [
        *(_PICTURE if picture else ()),
        *([code(f"{head}{{"), *given, code("});")] if given else [code(f"{head});")]),
        code("console.log(result);"),
    ]


def lines(text: Markup) -> list[Markup]:
    """Each line of code, as code."""
    return [code(line) for line in text.split("\n")]


def tensor(ident: Markup, spec: TensorSpec) -> Markup:
    """The property of an input: a value of its dtype and shape."""
    sizes = dims(spec)
    count = math.prod(sizes)
    element = _element(spec)
    if count == 1:
        return code(f"{ident}: {'[' * len(sizes)}{element}{']' * len(sizes)},")
    data = f"data: {_many(spec.dtype, count, element)}"
    return layout.fit(2, f"{ident}: {{ ", [data, layout.shape(4, sizes)], " },")


def examples(ident: str, features: Mapping[str, FeatureSpec] | None) -> Markup:
    """The property of an Example with these features, by identifier; None if they are not known."""
    if features is None:
        pairs = ["age: 35n", "height: 1.8", 'city: "Oslo"']
    else:
        pairs = [f"{name}: {_feature(spec)}" for name, spec in features.items()]
    return layout.fit(2, f"{ident}: [{{ ", pairs, " }],")


def _feature(spec: FeatureSpec) -> str:
    shape = () if spec.shape is None else spec.shape
    count = math.prod(1 if size == -1 else size for size in shape)
    element = _element(spec)
    if count == 1:
        return element if spec.shape in ((), (1,)) else f"[{element}]"
    return _many(spec.dtype, count, element)


def _element(spec: TensorSpec | FeatureSpec) -> str:
    return "picture" if is_picture(spec) else _ELEMENTS[spec.dtype.kind]


def _many(dtype: DType, count: int, element: str) -> str:
    """An array of ``count`` elements."""
    if dtype.kind in ("bool", "string"):
        return f"new Array({count}).fill({element})"
    if dtype.kind == "complex":
        return f"new {array(dtype)}({2 * count})"
    if dtype.kind == "float":
        return f"new {array(dtype)}({count})"  # zeros
    return f"new {array(dtype)}({count}).fill({element}{'n' if dtype in _BIG else ''})"
