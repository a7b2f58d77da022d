"""Examples of calls, as docstrings of generated Python show them; they run as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient._inputs.samples import dims, is_picture
from tfsclient.dtypes import STRING
from tfsclient.schema import Signature, TensorSpec
from tfsclient_gen.languages.python import layout
from tfsclient_gen.languages.python.examples import ExampleClass, takes_examples
from tfsclient_gen.names import Name
from tfsclient_gen.quoting import code

_SCALARS: Final = {"float": "0.0", "int": "1", "bool": "False"}
_NUMPY: Final = "import numpy as np"
_IMAGE: Final = "from tfsclient import Image"


@dataclass(frozen=True, slots=True)
class Usage:
    """An example of a call.

    Attributes:
        imports: the statements that import what it needs besides the client.
        example: the name of the Example class that it uses.
        call: the statements, at the indent of a docstring's example.
        awaited: the statements inside an ``async with``.
    """

    imports: list[Markup]
    example: Markup | None
    call: Markup
    awaited: Markup


def usage(
    signature: Signature,
    name: Name,
    inputs: Mapping[str, Name],
    outputs: Mapping[str, Name],
    example: Markup | None,
    typed: ExampleClass | None,
) -> Usage:
    """An example of a call of ``signature``, whose names in the code are given."""
    samples: list[_Sample] = []
    if takes_examples(signature):
        shown = '{"feature": 1.0}' if typed is None else "example"
        lone = signature.kind == "predict" and signature.inputs[next(iter(inputs))].shape == ()
        arguments = [shown if lone else f"[{shown}]"]
        if signature.kind == "predict":
            arguments = [f"{ident.ident}={arguments[0]}" for ident in inputs.values()]
    else:
        required = {w: s for w, s in signature.inputs.items() if w not in signature.defaults}
        samples = [_sample(spec) for spec in required.values()]
        pairs = zip(required, samples, strict=True)
        arguments = [f"{inputs[wire].ident}={sample.text}" for wire, sample in pairs]
    output = f".{next(iter(outputs.values())).ident}" if signature.kind == "predict" else ""

    def statements(indent: int, awaited: str) -> Markup:
        lines = []
        if typed is not None:
            head = f"example = {example}("
            many = len(typed.sample) > 1
            lines.append(layout.fit(indent, head, typed.sample, ")", comma=many))
        head = f"result = {awaited}client.{name.ident}("
        many = len(arguments) > 1
        lines.append(layout.fit(indent, head, arguments, ")", comma=many))
        lines.append(code(f"print(result{output})"))
        return code(("\n" + " " * indent).join(lines))

    needed = {statement for sample in samples for statement in sample.imports}
    imports = [code(statement) for statement in (_NUMPY, _IMAGE) if statement in needed]
    return Usage(imports, example, statements(8, ""), statements(12, "await "))


@dataclass(frozen=True, slots=True)
class _Sample:
    """An expression, and the statements that import what it needs."""

    text: str
    imports: tuple[str, ...] = ()


def _sample(spec: TensorSpec) -> _Sample:
    """An expression that makes a value of this dtype and shape."""
    told = spec.meaning is not None and spec.meaning.kind == "image"
    if is_picture(spec) or told:
        return _Sample("Image(np.zeros((8, 8), np.uint8))", (_NUMPY, _IMAGE))
    shape = dims(spec)
    if spec.dtype == STRING:
        text = '"..."'
        for size in reversed(shape):
            text = f"[{text}]" if size == 1 else f"[{text}] * {size}"
        return _Sample(text)
    if not shape and spec.dtype.kind in _SCALARS:
        return _Sample(_SCALARS[spec.dtype.kind])
    known = spec.dtype.numpy.isbuiltin == 1
    sizes = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    dtype = layout.numpy_type(spec.dtype) if known else "np.uint8"
    return _Sample(f"np.zeros({sizes}, {dtype})", (_NUMPY,))
