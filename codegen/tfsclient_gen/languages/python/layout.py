"""Python code laid out as ruff lays it out, and the literals in it."""

from __future__ import annotations

import ast
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import PREDICT, Features, FeatureSpec, Signature, TensorSpec
from tfsclient_gen.quoting import code, py_doc, py_string, visible

_WIDTH: Final = 88  # ruff's and black's default
_STEP: Final = 4

# What a module may import, in the order that ruff wants.
_STANDARD: Final = {
    "collections.abc": "Mapping Sequence",
    "contextlib": "AbstractAsyncContextManager AbstractContextManager",
    "dataclasses": "dataclass",
    "types": "TracebackType",
    "typing": "Any",
}
_RUNTIME: Final = {
    "tfsclient": "DEFAULT AsyncClient Client DType Example FeatureSpec Image Signature TensorSpec "
    "Timeout",
    "tfsclient.generated": "AnyExample plain_examples verify_signatures without_none",
}
IMPORTED: Final = frozenset(
    ["annotations", "np", "npt", *" ".join([*_STANDARD.values(), *_RUNTIME.values()]).split()]
)


def fits(indent: int, line: str) -> bool:
    """Whether this is a line that ruff leaves whole."""
    return "\n" not in line and indent + len(line) <= _WIDTH


def fit(
    indent: int, head: str, items: Iterable[str], tail: str, *, comma: bool = True, after: int = 0
) -> Markup:
    """``head items tail`` on one line where that fits, else broken as ruff breaks it.

    Args:
        indent: the column where it starts.
        head: what stands before the items, with the bracket that opens.
        items: what may be put on lines of their own.
        tail: the bracket that closes, and what follows it.
        comma: whether a broken list ends with a comma.
        after: the characters that the template puts behind it: inside brackets, a comma.
    """
    items = list(items)
    line = f"{head}{', '.join(items)}{tail}"
    if not items or fits(indent + after, line):
        return code(line)
    inner = "".join(f"{' ' * (indent + _STEP)}{item}{',' if comma else ''}\n" for item in items)
    return code(f"{head}\n{inner}{' ' * indent}{tail}")


def assignment(target: str, value: str) -> Markup:
    """``target = value`` at module level, where neither can be broken."""
    line = f"{target} = {value}"
    return code(line if fits(0, line) else f"{target} = (\n    {value}\n)")


def class_head(name: str, manager: str) -> Markup:
    """The first line of a class that is its own context manager."""
    base = fit(_STEP, f"{manager}[", [f'"{name}"'], "]", comma=False, after=1)
    return fit(0, f"class {name}(", [base], "):")


def parameter(name: str, types: Sequence[str], *, optional: bool = False) -> Markup:
    """A method's parameter: any of the types, and None by default where it is optional."""
    types = [*types, "None"] if optional else types
    end = " = None," if optional else ","
    indent = 2 * _STEP
    for separator in (" | ", f"\n{' ' * indent}| "):
        text = f"{name}: {separator.join(types)}{end}"
        if fits(indent, text):
            break
    return code(text)


def listed(name: str, item: str) -> Markup:
    """A method's parameter that takes a sequence."""
    return code(fit(2 * _STEP, f"{name}: Sequence[", [item], "]", comma=False, after=1) + ",")


def field(name: str, types: Sequence[str], *, optional: bool = False) -> Markup:
    """A dataclass's field: any of the types, and None by default where it is optional."""
    union = " | ".join([*types, "None"] if optional else types)
    line = f"{name}: {union} = None" if optional else f"{name}: {union}"
    if fits(_STEP, line) or " " not in union:
        return code(line)
    if optional and fits(_STEP, f"{name}: {union} = ("):
        return code(f"{name}: {union} = (\n        None\n    )")
    return code(f"{name}: (\n        {union}\n    )" + (" = None" if optional else ""))


def array_field(name: str, element: str) -> Markup:
    """A dataclass's field that is an array."""
    return fit(_STEP, f"{name}: npt.NDArray[", [element], "]", comma=False)


def doc(indent: int, text: str) -> Markup:
    """A docstring's entry, wrapped; its first line is not indented."""
    width = _WIDTH - indent
    lines = textwrap.wrap(
        visible(text),
        width,
        subsequent_indent=" " * _STEP,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return code(("\n" + " " * indent).join(py_doc(line) for line in lines))


def imports(body: str) -> Markup:
    """The imports of what ``body`` uses.

    Raises:
        InvalidInput: it is no Python, which only a user's own template can make of it.
    """
    try:
        tree = ast.parse(body)
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(f"the module's body is no Python: {error}") from error
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    third = ["import numpy as np"] if "np" in used else []
    third += ["import numpy.typing as npt"] if "npt" in used else []
    return code("\n".join([*_from(_STANDARD, used), "", *third, *_from(_RUNTIME, used)]))


def _from(modules: Mapping[str, str], used: set[str]) -> Iterator[Markup]:
    for module, names in modules.items():
        wanted = [name for name in names.split() if name in used]
        head = f"from {module} import "
        line = head + ", ".join(wanted)
        if wanted:
            yield code(line) if fits(0, line) else fit(0, head + "(", wanted, ")")


def ruff_order(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """Sorts as ruff sorts ``__all__`` and imports: constants first, numbers by value."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", name)
    return not name.isupper(), [(int(number or 0), letters) for number, letters in parts]


def numpy_type(dtype: DType) -> str:
    """The numpy type of a dtype that numpy has itself."""
    # `np.bool` is not in numpy 1.
    return "np.bool_" if dtype == "bool" else f"np.{dtype.numpy.type.__name__}"


def signature(constant: str, spec: Signature, features: str | None) -> Markup:
    """The constant that holds a signature; its features may have one of their own."""
    parts = [
        f"name={py_string(spec.name)}",
        _tensors("inputs", spec.inputs.values()),
        _tensors("outputs", spec.outputs.values()),
    ]
    if spec.method != PREDICT:
        parts.append(f"method={py_string(spec.method)}")
    if spec.defaults:
        defaults = [py_string(name) for name in sorted(spec.defaults)]
        parts.append(fit(_STEP, "defaults=frozenset({", defaults, "})", after=1))
    if spec.example_input is not None:
        parts.append(f"example_input={py_string(spec.example_input)}")
    if features is not None:
        parts.append(f"features={features}")
    elif spec.features is not None:
        told = [_feature(feature, 2 * _STEP) for feature in spec.features.values()]
        parts.append(fit(_STEP, "features={", told, "}", after=1))
    return fit(0, f"{constant} = Signature(", parts, ")")


def _tensors(kind: str, specs: Iterable[TensorSpec]) -> Markup:
    return fit(_STEP, f"{kind}={{", [_tensor(spec) for spec in specs], "}", after=1)


def _tensor(spec: TensorSpec) -> Markup:
    wire = py_string(spec.name)
    parts = [wire, f"DType({py_string(spec.dtype)})", repr(spec.shape)]
    return fit(2 * _STEP, f"{wire}: TensorSpec(", parts, ")", after=1)


def features(constant: str, specs: Features) -> Markup:
    """The constant that holds the features of Examples."""
    return fit(0, f"{constant} = {{", [_feature(spec, _STEP) for spec in specs.values()], "}")


def _feature(spec: FeatureSpec, indent: int) -> Markup:
    wire = py_string(spec.name)
    parts = [wire, f"DType({py_string(spec.dtype)})"]
    if spec.kind != "dense":
        parts.append(f"kind={py_string(spec.kind)}")
    if spec.shape != ():
        parts.append(f"shape={spec.shape!r}")
    if spec.required is not False:
        parts.append(f"required={spec.required}")
    if spec.default is not None:
        parts.append(_default([_value(value) for value in spec.default], indent + _STEP))
    return fit(indent, f"{wire}: FeatureSpec(", parts, ")", after=1)


def _default(values: Sequence[str], indent: int) -> Markup:
    line = f"default=({', '.join(values)}{',' if len(values) == 1 else ''})"
    if fits(indent + 1, line):
        return code(line)
    inner = "".join(f"{' ' * (indent + _STEP)}{value},\n" for value in values)
    return code(f"default=(\n{inner}{' ' * indent})")


def _value(value: float | bytes) -> str:
    if isinstance(value, bytes):
        return f"b{py_string(value.decode('latin-1'))}"
    return repr(value) if math.isfinite(value) else f'float("{value}")'
