"""Lines of Rust as rustfmt breaks them.

An expression with a literal that no line is wide enough for is left by rustfmt as it stands.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from markupsafe import Markup

from tfsclient_gen.quoting import code, code_join, md_code, rust_prose

WIDTH = 100
_ARGUMENTS = 60  # columns of a call's arguments, of a chain, and of an array, on one line
_STRUCT = 18  # columns of a struct's fields on one line
_SHORT = 10  # columns of an element that shares its line with others
_MORE = 4  # columns that a continued line is indented by


def doc(*parts: str, indent: int = 0, lead: str = "/// ") -> Markup:
    """A doc comment of one paragraph; all lines but the first are indented.

    Each part is a word, whatever it holds, if it is a code span; else words. Text that is not
    ours has to pass through :func:`prose` or :func:`span` before.
    """
    words: list[str] = []
    for part in parts:
        words += [str(part)] if part.startswith("`") else part.split(" ")
    lines, line = [], ""
    for word in words:
        # What ends a sentence follows a code span without a space.
        joined = line + word if word[:1] in (",", ".", ":", ";") else f"{line} {word}".strip()
        if line and indent + len(lead) + len(joined) > WIDTH and joined.startswith(f"{line} "):
            lines.append(line)
            line = word
        else:
            line = joined
    return code(f"\n{' ' * indent}".join(lead + one for one in [*lines, line]))


def prose(text: str) -> Markup:
    """Text of others for :func:`doc`, in which nothing is markup."""
    return rust_prose(text)


def span(name: str) -> Markup:
    """A name for :func:`doc`."""
    return md_code(name)


def call(head: str, args: Sequence[str], tail: str, indent: int) -> Markup:
    """A call with its arguments, whose lines but the first are indented by ``indent``."""
    listed = ", ".join(args)
    line = f"{head}({listed}){tail}"
    fits = len(args) < 2 or len(listed) <= _ARGUMENTS
    if (fits and indent + len(line) <= WIDTH) or not args:
        return code(line)
    margin = " " * indent
    inner = "".join(f"{margin}    {arg},\n" for arg in args)
    return code(f"{head}(\n{inner}{margin}){tail}")


def function(head: str, parameters: Sequence[str], tail: str, indent: int) -> Markup:
    """The head of a function: on one line if that has room for it."""
    if indent + len(line := f"{head}({', '.join(parameters)}){tail}") <= WIDTH:
        return code(line)
    margin = " " * indent
    inner = "".join(f"{margin}    {parameter},\n" for parameter in parameters)
    return code(f"{head}(\n{inner}{margin}){tail}")


def bounds(of: str, traits: Sequence[str], indent: int) -> Markup:
    """A line of a where clause."""
    if indent + len(line := f"{of}: {' + '.join(traits)},") <= WIDTH:
        return code(line)
    margin = " " * (indent + _MORE)
    return code(f"{of}: " + f"\n{margin}+ ".join(traits) + ",")


def array(head: str, items: Sequence[str], tail: str, indent: int) -> Markup:
    """A list in brackets of short expressions, whose later lines are indented by ``indent``."""
    listed = ", ".join(items)
    if len(listed) <= _ARGUMENTS and indent + len(line := f"{head}[{listed}]{tail}") <= WIDTH:
        return code(line)
    return code(f"{head}[\n{_elements(items, indent)}{' ' * indent}]{tail}")


def assigned_array(left: str, items: Sequence[str], indent: int) -> Markup:
    """A constant that is a reference to a list."""
    listed, deep = ", ".join(items), indent + _MORE
    short = len(listed) <= _ARGUMENTS
    if short and indent + len(f"{left} = &[{listed}];") > WIDTH >= deep + len(f"&[{listed}];"):
        return code(f"{left} =\n{' ' * deep}&[{listed}];")
    return array(f"{left} = &", items, ";", indent)


def _elements(items: Sequence[str], indent: int, *, fill: bool = False) -> str:
    margin = " " * (indent + _MORE)
    lines = list(items)
    if fill or all(len(item) <= _SHORT for item in items):  # as many on a line as there is room for
        lines = textwrap.wrap(", ".join(items), WIDTH - len(margin) - len(","))
    return "".join(f"{margin}{line.rstrip(',')},\n" for line in lines)


def chain(left: str, receiver: str, links: Sequence[str], end: str, indent: int) -> Markup:
    """A statement or a value that is a chain of fields and calls."""
    flat = receiver + "".join(links)
    longest = _ARGUMENTS - flat.endswith("?")
    if len(links) == 1:  # which is hardly a chain: its arguments may take lines of their own
        longest, flat_end = WIDTH, flat.partition("\n")[0]
        if "\n" in flat and indent + len(left + flat_end) <= WIDTH:
            return code(f"{left}{flat}{end}")
    if len(flat) <= longest and indent + len(f"{left}{flat}{end}") <= WIDTH:
        return code(f"{left}{flat}{end}")
    first, rest = receiver, list(links)
    if not left and len(receiver) <= _MORE:
        first += rest.pop(0)
    margin = " " * (indent + _MORE)
    return code(left + first + "".join(f"\n{margin}{link}" for link in rest) + end)


def borrowed(head: str, literal: str, tail: str, indent: int) -> Markup:
    """A field that holds a literal in brackets."""
    if indent + len(line := f"{head}({literal}){tail}") <= WIDTH:
        return code(line)
    return code(f"{head}(\n{' ' * (indent + _MORE)}{literal},\n{' ' * indent}){tail}")


def shape(sizes: Sequence[int] | None, indent: int) -> Markup:
    """The field of a shape."""
    if sizes is None:
        return code("shape: None,")
    head, listed = "shape: Some(Cow::Borrowed(&[", code_join(sizes)
    if len(f"Cow::Borrowed(&[{listed}])") <= _ARGUMENTS:
        return code(f"{head}{listed}])),")
    return code(f"{head}\n{_elements(list(map(str, sizes)), indent)}{' ' * indent}])),")


def some_borrowed(literal: str, indent: int) -> Markup:
    """A value that holds a literal in two brackets."""
    if len(f"Cow::Borrowed({literal})") <= _ARGUMENTS:
        return code(f"Some(Cow::Borrowed({literal}))")
    margin = " " * indent
    return code(f"Some(Cow::Borrowed(\n{margin}    {literal},\n{margin}))")


def struct(name: str, members: Sequence[str], indent: int) -> Markup:
    """A struct in brackets of Ok."""
    if len(listed := ", ".join(members)) <= _STRUCT:
        return code(f"Ok({name} {{ {listed} }})" if members else f"Ok({name} {{}})")
    margin = " " * indent
    inner = "".join(f"{margin}    {member},\n" for member in members)
    return code(f"Ok({name} {{\n{inner}{margin}}})")


def taken(field: str, receiver: str, method: str, literal: str, indent: int) -> Markup:
    """A field of a struct that a method gives by name."""
    if indent + len(line := f"{field}: {receiver}.{method}({literal}),") <= WIDTH:
        return code(line)
    margin = " " * (indent + _MORE)
    if len(line := f"{margin}.{method}({literal}),") <= WIDTH:
        return code(f"{field}: {receiver}\n{line}")
    return code(f"{field}: {receiver}.{method}(\n{margin}{literal},\n{' ' * indent}),")


def constant(left: str, literal: str, indent: int) -> Markup:
    """A constant that is a literal."""
    if indent + len(line := f"{left} = {literal};") <= WIDTH:
        return code(line)
    return code(f"{left} =\n{' ' * (indent + _MORE)}{literal};")


def imports(path: str, names: Sequence[str]) -> list[Markup]:
    """The lines that name what is used of a module."""
    if len(names) == 1:
        return [code(f"{path}::{names[0]};")]
    if len(line := f"{path}::{{{', '.join(names)}}};") <= WIDTH:
        return [code(line)]
    return [
        code(f"{path}::{{"),
        *map(code, _elements(names, 0, fill=True).splitlines()),
        code("};"),
    ]
