"""Lines of Java as google-java-format breaks them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from markupsafe import Markup

from tfsclient_gen.quoting import code, java_doc

WIDTH = 100
_SHORT = 10  # characters of an argument
_PAIRED = re.compile("[\U00010000-\U0010ffff]")
_FORMAT = re.compile(r"%|\{\d\}")  # to google-java-format
_MORE = 4  # columns that a continued line is indented by


def doc(text: str, indent: int = 0) -> Markup:
    """A Javadoc comment of one paragraph; all lines but the first are indented."""
    words = _units(" ".join(str(java_doc(text)).split()))
    if indent + len(words) + len("/**  */") <= WIDTH:
        return code(_text(f"/** {words} */"))
    margin = " " * indent
    width = WIDTH - indent - len(" * ")
    lines = textwrap.wrap(words, width, break_long_words=False, break_on_hyphens=False)
    text = "\n".join(["/**", *(f"{margin} * {line}" for line in lines), f"{margin} */"])
    return code(_text(text))


def _units(text: str) -> str:
    """Text whose length is the one that Java counts: in units of UTF-16."""
    return _PAIRED.sub(lambda found: "".join(map(chr, _pair(ord(found[0])))), text)


def _pair(number: int) -> tuple[int, int]:
    return 0xD7C0 + (number >> 10), 0xDC00 + (number & 0x3FF)


def _text(units: str) -> str:
    return units.encode("utf-16", "surrogatepass").decode("utf-16")


def call(head: str, args: Sequence[str], tail: str, indent: int) -> Markup:
    """A call with its arguments, whose lines but the first are indented by ``indent``."""
    line = f"{head}({', '.join(args)}){tail}"
    if (indent + len(line) <= WIDTH and "\n" not in line) or not args:
        return code(line)
    margin = " " * (indent + _MORE)
    if len(margin) + len(inner := f"{', '.join(args)}){tail}") <= WIDTH and "\n" not in inner:
        return code(f"{head}(\n{margin}{inner}")
    if all(len(arg) < _SHORT for arg in args):  # as many on a line as there is room for
        return code(f"{head}(\n{margin}" + f"\n{margin}".join(_filled(args, tail, len(margin))))
    return code(f"{head}(\n{margin}" + f",\n{margin}".join(args) + f"){tail}")


def _filled(args: Sequence[str], tail: str, indent: int) -> list[str]:
    """Arguments, as many on a line as there is room for."""
    lines = [""]
    for number, arg in enumerate(args, 1):
        text = f"{arg}){tail}" if number == len(args) else f"{arg},"
        longer = f"{lines[-1]} {text}".lstrip()
        if lines[-1] and indent + len(longer) > WIDTH:
            lines.append(text)
        else:
            lines[-1] = longer
    return lines


def declare(result: str, name: str, parameters: Sequence[str], end: str, indent: int) -> Markup:
    """The head of a method; ``result`` has its modifiers, too, and ``end`` is what follows."""
    margin = " " * indent
    listed = ", ".join(parameters)
    if indent + len(line := f"{result} {name}({listed}){end}") <= WIDTH:
        return code(line)
    head, deep = f"{result} {name}(", 2 * _MORE - _MORE
    if indent + len(head) > WIDTH:
        head = f"{result}\n{margin}    {name}("
        if indent + _MORE + len(f"{name}({listed}){end}") <= WIDTH:
            return code(f"{head}{listed}){end}")
        deep = 2 * _MORE
    inside = margin + " " * deep
    if len(inside) + len(f"{listed}){end}") <= WIDTH:
        return code(f"{head}\n{inside}{listed}){end}")
    return code(f"{head}\n{inside}" + f",\n{inside}".join(parameters) + f"){end}")


def assign(left: str, right: str, indent: int) -> Markup:
    """A statement, whose second line is indented by ``indent`` and more."""
    if indent + len(line := f"{left} = {right};") <= WIDTH:
        return code(line)
    return code(f"{left} =\n{' ' * (indent + _MORE)}{right};")


def assigned_call(left: str, head: str, args: Sequence[str]) -> Markup:
    """A field of a class that a call makes."""
    line = f"{left} = {head}({', '.join(args)});"
    if 2 + len(line) <= WIDTH:
        return code(line)
    return code(f"{left} =\n      {call(head, args, ';', 6)}")


def assigned_literals(left: str, head: str, literals: Sequence[str], indent: int) -> Markup:
    """A field that a call with literals of any length makes."""
    line = f"{left} = {head}({', '.join(literals)});"
    if indent + len(line) <= WIDTH:
        return code(line)
    margin = " " * (indent + 2 * _MORE)
    room = WIDTH - len(margin) - len(");")
    args = [
        f"\n{margin}{' ' * _MORE}+ ".join(_pieces(one, room)) if len(one) > room else one
        for one in literals
    ]
    inner = indent + _MORE
    fits = len(margin) + len(f"{', '.join(literals)});") <= WIDTH
    if fits or len(args) == 1 or not _FORMAT.search(args[0]):
        return code(f"{left} =\n{' ' * inner}{call(head, args, ';', inner)}")
    # What looks like a format stands before what follows it.
    rest = f"{', '.join(args[1:])});"
    if len(margin) + len(rest) > WIDTH or "\n" in rest:
        lines = [*(f"{one}," for one in args[1:-1]), f"{args[-1]});"]
        if all(len(one) < _SHORT for one in args[1:]):
            lines = _filled(args[1:], ";", len(margin))
        rest = f"\n{margin}".join(lines)
    return code(f"{left} =\n{' ' * inner}{head}(\n{margin}{args[0]},\n{margin}{rest}")


def chain(
    left: str,
    head: tuple[str, Sequence[str]],
    links: Sequence[tuple[str, Sequence[str]]],
    indent: int,
) -> Markup:
    """An assignment of a chain of calls, each a name and its arguments."""
    flat = f"{head[0]}({', '.join(head[1])})"
    flat += "".join(f".{name}({', '.join(args)})" for name, args in links) + ";"
    if indent + len(left) + len(" = ") + len(flat) <= WIDTH:
        return code(f"{left} = {flat}")
    inner = indent + _MORE
    if inner + len(flat) <= WIDTH:
        return code(f"{left} =\n{' ' * inner}{flat}")
    # Arguments of what starts the chain stand deeper than the chain.
    lines = [f"{' ' * inner}{_call(head[0], head[1], '', inner, 2 * _MORE)}"]
    for number, (name, args) in enumerate(links, 1):
        tail = ";" if number == len(links) else ""
        margin = inner + _MORE
        lines.append(f"{' ' * margin}{_call(f'.{name}', args, tail, margin, _MORE)}")
    return code("\n".join([f"{left} =", *lines]))


def _call(head: str, args: Sequence[str], tail: str, indent: int, more: int) -> str:
    line = f"{head}({', '.join(args)}){tail}"
    if not args or (indent + len(line) <= WIDTH and "\n" not in line):
        return line
    margin = " " * (indent + more)
    if len(margin) + len(inner := f"{', '.join(args)}){tail}") <= WIDTH:
        return f"{head}(\n{margin}{inner}"
    if len(args) == 1 and (pieces := _pieces(args[0], WIDTH - len(margin) - len(f"){tail}"))):
        return f"{head}(\n{margin}" + f"\n{margin}{' ' * _MORE}+ ".join(pieces) + f"){tail}"
    return f"{head}(\n{margin}" + f",\n{margin}".join(args) + f"){tail}"


def _pieces(literal: str, width: int) -> list[str]:
    """A literal that is too long, in parts: no escape sequence has a space in it."""
    words = literal[1:-1].split(" ")
    lines: list[str] = []
    line = words[0]
    for word in words[1:]:
        room = width - len('""') - (len("    + ") if lines else 0)
        if len(f"{line} {word}") > room:
            lines.append(line)
            line = f" {word}"
        else:
            line = f"{line} {word}"
    lines.append(line)
    return [f'"{one}"' for one in lines]
