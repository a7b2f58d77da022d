"""Python code laid out as ruff lays it out."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup

from tfsclient.dtypes import DType
from tfsclient_gen.quoting import code, py_doc, visible

_WIDTH: Final = 88  # ruff's and black's default
STEP: Final = 4


def fits(indent: int, line: str) -> bool:
    """Whether this is a line that ruff leaves whole."""
    return "\n" not in line and indent + len(line) <= _WIDTH


def fit(
    indent: int, head: str, items: Iterable[str], tail: str, *, comma: bool = True, after: int = 0
) -> Markup:
    """``head items tail`` on one line if that fits, else broken as ruff breaks it.

    Args:
        indent: the column where it starts.
        head: what comes before the items, with the bracket that opens.
        items: what may be put on lines of their own.
        tail: the bracket that closes, and what follows it.
        comma: whether a broken list ends with a comma.
        after: the characters that the template puts behind it: inside brackets, a comma.
    """
    items = list(items)
    line = f"{head}{', '.join(items)}{tail}"
    if not items or fits(indent + after, line):
        return code(line)
    inner = "".join(f"{' ' * (indent + STEP)}{item}{',' if comma else ''}\n" for item in items)
    return code(f"{head}\n{inner}{' ' * indent}{tail}")


def assignment(target: str, value: str) -> Markup:
    """``target = value`` at module level, where neither can be broken."""
    line = f"{target} = {value}"
    return code(line if fits(0, line) else f"{target} = (\n    {value}\n)")


def class_head(name: str, manager: str) -> Markup:
    """The first line of a class that is its own context manager."""
    base = fit(STEP, f"{manager}[", [f'"{name}"'], "]", comma=False, after=1)
    return fit(0, f"class {name}(", [base], "):")


def parameter(name: str, types: Sequence[str], *, optional: bool = False) -> Markup:
    """A method's parameter: any of the types, and None by default if it is optional."""
    types = [*types, "None"] if optional else types
    end = " = None," if optional else ","
    indent = 2 * STEP
    for separator in (" | ", f"\n{' ' * indent}| "):
        text = f"{name}: {separator.join(types)}{end}"
        if fits(indent, text):
            break
    return code(text)


def listed(name: str, item: str) -> Markup:
    """A method's parameter that takes a sequence."""
    return code(fit(2 * STEP, f"{name}: Sequence[", [item], "]", comma=False, after=1) + ",")


def field(name: str, types: Sequence[str], *, optional: bool = False) -> Markup:
    """A dataclass's field: any of the types, and None by default if it is optional."""
    union = " | ".join([*types, "None"] if optional else types)
    line = f"{name}: {union} = None" if optional else f"{name}: {union}"
    if fits(STEP, line) or " " not in union:
        return code(line)
    if optional and fits(STEP, f"{name}: {union} = ("):
        return code(f"{name}: {union} = (\n        None\n    )")
    return code(f"{name}: (\n        {union}\n    )" + (" = None" if optional else ""))


def array_field(name: str, element: str) -> Markup:
    """A dataclass's field that is an array."""
    return fit(STEP, f"{name}: npt.NDArray[", [element], "]", comma=False)


def doc(indent: int, text: str) -> Markup:
    """A docstring's entry, wrapped; its first line is not indented."""
    width = _WIDTH - indent
    lines = textwrap.wrap(
        visible(text),
        width,
        subsequent_indent=" " * STEP,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return code(("\n" + " " * indent).join(py_doc(line) for line in lines))


def ruff_order(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """Sorts as ruff sorts ``__all__`` and imports: constants first, numbers by value."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", name)
    return not name.isupper(), [(int(number or 0), letters) for number, letters in parts]


def numpy_type(dtype: DType) -> str:
    """The numpy type of a dtype that numpy has itself."""
    # `np.bool` is not in numpy 1.
    return "np.bool_" if dtype == "bool" else f"np.{dtype.numpy.type.__name__}"
