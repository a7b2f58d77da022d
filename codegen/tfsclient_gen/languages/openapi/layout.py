"""JSON laid out to be read: an object or a list on one line if it fits."""

from __future__ import annotations

import json
import textwrap
from typing import Any, Final

_WIDTH: Final = 100  # columns
_COMMA: Final = ",\n"


def dumps(value: Any, before: int = 0, indent: str = "") -> str:
    """A value as JSON in ASCII.

    Args:
        value: what ``json.dumps`` takes.
        before: the columns that are taken on its first line.
        indent: what its last line begins with.
    """
    text = json.dumps(value)
    if not isinstance(value, dict | list) or before + len(text) < _WIDTH:
        return text
    deeper = indent + "  "
    if isinstance(value, dict):
        keys = [f"{deeper}{json.dumps(key)}: " for key in value]
        pairs = zip(keys, value.values(), strict=True)
        lines = [key + dumps(inner, len(key), deeper) for key, inner in pairs]
        return f"{{\n{_COMMA.join(lines)}\n{indent}}}"
    if not _is_numeric(value):
        lines = [deeper + dumps(inner, len(deeper), deeper) for inner in value]
        return f"[\n{_COMMA.join(lines)}\n{indent}]"
    # As many numbers as a line takes.
    numbers = textwrap.fill(
        text[1:-1], _WIDTH, initial_indent=deeper, subsequent_indent=deeper, break_on_hyphens=False
    )
    return f"[\n{numbers}\n{indent}]"


def _is_numeric(value: Any) -> bool:
    """Whether a value is a number, or lists of nothing else."""
    if isinstance(value, list):
        return all(map(_is_numeric, value))
    return not isinstance(value, str | dict)
