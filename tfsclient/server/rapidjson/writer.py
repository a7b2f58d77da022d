"""JSON as rapidjson 1.1.0's PrettyWriter prints it, with TF Serving's settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from tfsclient.server.rapidjson.digits import shortest_digits
from tfsclient.server.rapidjson.reader import JsonObject, Value

INDENT: Final = "    "
_ECHO_LIMIT = 256  # bytes after which TF Serving stops printing a value that an error quotes

_ESCAPES = {code: f"\\u{code:04X}" for code in range(32)} | {
    8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\",
}  # fmt: skip


def string(text: str) -> str:
    """A string literal; bytes that are not UTF-8 stay surrogate escapes."""
    return f'"{text.translate(_ESCAPES)}"'


def array(items: Sequence[str], level: int, *, single_line: bool) -> str:
    """A list of printed values, itself at a nesting level."""
    if not items:
        return "[]"
    if single_line:
        return f"[{', '.join(items)}]"
    inner = "\n" + INDENT * (level + 1)
    return f"[{inner}{(',' + inner).join(items)}\n{INDENT * level}]"


def members(items: Sequence[tuple[str, str]], level: int) -> str:
    """An object of printed values, itself at a nesting level."""
    if not items:
        return "{}"
    inner = "\n" + INDENT * (level + 1)
    lines = (f"{string(name)}: {value}" for name, value in items)
    return f"{{{inner}{(',' + inner).join(lines)}\n{INDENT * level}}}"


class _Stop(Exception):
    """The printing ends here."""


class _Echo:
    """What has been printed of a value; refuses more once the limit is reached."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._size = 0

    def put(self, text: str) -> None:
        self.pieces.append(text)
        self._size += len(text.encode(errors="surrogateescape"))

    def check(self) -> None:
        if self._size >= _ECHO_LIMIT:
            raise _Stop


def echo(value: Value) -> str:
    """A parsed value as TF Serving's errors quote it: lists on one line, cut if it is long.

    The cut comes between values; NaN and Infinity end the printing, too.
    """
    out = _Echo()
    with suppress(_Stop):
        _print(value, out)
    return "".join(out.pieces)


def _print(root: Value, out: _Echo) -> None:
    # Iterative: a value may be nested deeper than Python's stack.
    pending: list[tuple[str, Value, int]] = [("", root, 0)]
    while pending:
        before, value, level = pending.pop()
        out.check()
        out.put(before)
        if isinstance(value, _Close):
            out.put(value.text)
        elif isinstance(value, JsonObject):
            out.put("{")
            inner = "\n" + INDENT * (level + 1)
            steps: list[tuple[str, Value, int]] = []
            for index, (name, member) in enumerate(value):
                steps.append(("," + inner if index else inner, name, level + 1))
                steps.append((": ", member, level + 1))
            steps.append(("\n" + INDENT * level if steps else "", _Close("}"), level))
            pending += reversed(steps)
        elif isinstance(value, list):
            out.put("[")
            steps = [(", " if index else "", item, level + 1) for index, item in enumerate(value)]
            steps.append(("", _Close("]"), level))
            pending += reversed(steps)
        else:
            out.put(_scalar(value))


class _Close:
    def __init__(self, text: str) -> None:
        self.text = text


def _scalar(value: str | float | None) -> str:
    if isinstance(value, str):
        return string(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise _Stop
    return double(value)


def double(value: float) -> str:
    """A float as rapidjson prints it: Grisu2's digits, laid out by its own rules."""
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    sign = "-" if value < 0 else ""
    digits, power = shortest_digits(abs(value))
    point = len(digits) + power  # the value is 0.DIGITS times ten to this power
    if len(digits) <= point <= 21:
        return f"{sign}{digits}{'0' * (point - len(digits))}.0"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1}"
