"""JavaScript and TypeScript code laid out as prettier lays it out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup

from tfsclient_gen.quoting import code, js_string

_WIDTH: Final = 80  # prettier's default


def fit(indent: int, head: str, items: Iterable[str], tail: str) -> Markup:
    """``head items tail`` on one line if that fits, else with a line for each item."""
    items = list(items)
    line = f"{head}{', '.join(items)}{tail}"
    if "\n" not in line and indent + len(line) <= _WIDTH:
        return code(line)
    inner = "".join(f"{' ' * (indent + 2)}{item},\n" for item in items)
    return code(f"{head.rstrip()}\n{inner}{' ' * indent}{tail.lstrip()}")


def alias(name: str, client: str) -> Markup:
    """The type of what a client has, but for its model."""
    line = f'export type {name} = Omit<{client}, "model">;'
    if len(line) <= _WIDTH:
        return code(line)
    return code(f'export type {name} = Omit<\n  {client},\n  "model"\n>;')


def member(indent: int, key: str, value: str) -> str:
    """The property ``key``, whose value has a line of its own if it does not fit."""
    line = f"{key}: {value}"
    if indent + len(line) + 1 <= _WIDTH:
        return line
    return f"{key}:\n{' ' * (indent + 2)}{value}"


def text(indent: int, key: str, value: str) -> Markup:
    """The property ``key`` with a string, which has a line of its own if it does not fit."""
    quoted = js_string(value)
    fits = indent + len(f"{key} {quoted},") <= _WIDTH
    return code(f"{key}{' ' if fits else chr(10) + ' ' * (indent + 2)}{quoted},")


def shape(indent: int, sizes: Sequence[int] | None) -> str:
    """The property ``shape``; numbers that do not fit one line fill several."""
    if sizes is None:
        return "shape: null"
    numbers = ", ".join(map(str, sizes))
    line = f"shape: [{numbers}]"
    if indent + len(line) + 1 <= _WIDTH:
        return line
    lead = " " * (indent + 2)
    lines = textwrap.wrap(f"{numbers},", _WIDTH, initial_indent=lead, subsequent_indent=lead)
    return "\n".join(["shape: [", *lines, f"{' ' * indent}]"])
