"""Values in the README's example, of the right dtype and shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from tfsclient.dtypes import DType
from tfsclient.schema import FeatureSpec, TensorSpec
from tfsclient.schema._samples import dims, is_picture
from tfsclient_gen.languages.js import layout
from tfsclient_gen.languages.js.types import array
from tfsclient_gen.quoting import code

# 1 rather than 0, because a 0 is often refused as a size.
_ELEMENTS: Final = {
    "float": "0",
    "complex": "[0, 0]",
    "int": "1",
    "bool": "false",
    "string": '""',
}
_BIG: Final = frozenset(["int64", "uint64"])  # their elements are bigint


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
