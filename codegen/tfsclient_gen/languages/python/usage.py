"""Examples of calls, as docstrings of generated Python show them; they run as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient.dtypes import STRING
from tfsclient.schema import Signature, TensorSpec
from tfsclient_gen.languages.python import layout
from tfsclient_gen.languages.python.examples import ExampleClass, takes_examples
from tfsclient_gen.names import Name
from tfsclient_gen.quoting import code
from tfsclient_gen.samples import dims, is_picture

_SCALARS: Final = {"float": "0.0", "int": "1", "bool": "False"}


@dataclass(frozen=True, slots=True)
class Usage:
    """An example of a call.

    Attributes:
        imports: what it needs besides the client.
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
    if takes_examples(signature):
        shown = '{"feature": 1.0}' if typed is None else "example"
        lone = signature.kind == "predict" and signature.inputs[next(iter(inputs))].shape == ()
        arguments = [shown if lone else f"[{shown}]"]
        if signature.kind == "predict":
            arguments = [f"{ident.ident}={arguments[0]}" for ident in inputs.values()]
    else:
        arguments = [
            f"{inputs[wire].ident}={_sample(spec)}"
            for wire, spec in signature.inputs.items()
            if wire not in signature.defaults
        ]
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

    text = " ".join(arguments)
    imports = [code("import numpy as np")] if "np." in text else []
    imports += [code("from tfsclient import Image")] if "Image(" in text else []
    return Usage(imports, example, statements(8, ""), statements(12, "await "))


def _sample(spec: TensorSpec) -> str:
    """An expression that makes a value of this dtype and shape."""
    if is_picture(spec):
        return "Image(np.zeros((8, 8), np.uint8))"
    shape = dims(spec)
    if spec.dtype == STRING:
        sample = '"..."'
        for size in reversed(shape):
            sample = f"[{sample}]" if size == 1 else f"[{sample}] * {size}"
        return sample
    if not shape and spec.dtype.kind in _SCALARS:
        return _SCALARS[spec.dtype.kind]
    known = spec.dtype.numpy.isbuiltin == 1
    sizes = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    return f"np.zeros({sizes}, {layout.numpy_type(spec.dtype) if known else 'np.uint8'})"
