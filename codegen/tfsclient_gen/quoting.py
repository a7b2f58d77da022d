"""The only makers of text that may reach a page: literals, comments and prose, per language.

Names come from SavedModels and may hold anything: quotes, comment ends, line separators that only
some languages see, bidirectional controls.  Every filter here returns ``Markup``; the renderer
refuses plain ``str``, so that a forgotten filter is an error and not a security hole.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable
from functools import wraps

from markupsafe import Markup

_TAB = 4  # columns


def code(text: str) -> Markup:
    """Text that the generator itself wrote: a type expression, a number; never a wire name."""
    return Markup(text)  # noqa: S704


def code_join(items: Iterable[Markup | int], separator: str = ", ") -> Markup:
    """Join code with code; plain text among the items is refused."""
    parts = list(items)
    if not all(isinstance(part, Markup) or type(part) is int for part in parts):
        raise TypeError(f"plain text among {parts!r}")
    return code(separator.join(str(part) for part in parts))


def visible(text: str) -> str:
    """``text`` on one line, with everything that cannot be seen written as an escape."""
    # Characters that are not printable may end lines, reorder them, or be invisible.
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(char: str) -> str:
    point = ord(char)
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if char in short:
        return short[char]
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def _quote_mark(text: str) -> str:
    """The quotation mark that needs fewer escapes, as ruff and prettier choose it."""
    return "'" if text.count('"') > text.count("'") else '"'


def py_string(text: str) -> Markup:
    """A Python string literal, ASCII only."""
    mark = _quote_mark(text)
    body = ascii(text + "'\"")[1:-1]  # both marks inside: ascii() then escapes the single ones
    body = body[: -len("\\'\"")].replace("\\'", "'")
    return code(mark + _escape_mark(body, mark) + mark)


def _escape_mark(body: str, mark: str) -> str:
    return body.replace(mark, "\\" + mark)


def js_string(text: str) -> Markup:
    """A JavaScript or TypeScript string literal, ASCII only."""
    mark = _quote_mark(text)
    body = json.dumps(text)[1:-1].replace('\\"', '"')
    return code(mark + _escape_mark(body, mark) + mark)


def json_string(text: str) -> Markup:
    """A JSON string, ASCII only."""
    return code(json.dumps(text))


def go_string(text: str) -> Markup:
    """A Go interpreted string literal, ASCII only, of the text's UTF-8 bytes."""
    out = []
    for char in text:
        point = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif 0x20 <= point < 0x7F:
            out.append(char)
        elif point < 0x80:
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char, f"\\x{point:02x}"))
        else:
            out.append(f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}")
    return code('"' + "".join(out) + '"')


def java_string(text: str) -> Markup:
    """A Java string literal, ASCII only."""
    out = []
    for char in text:
        point = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif 0x20 <= point < 0x7F:
            out.append(char)
        elif point < 0x80:  # not as \u, which Java reads before it knows of literals
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char, f"\\{point:03o}"))
        else:
            units = char.encode("utf-16-be", "surrogatepass")
            out += [f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)]
    return code('"' + "".join(out) + '"')


def java_doc(text: str) -> Markup:
    """Text inside ``/** ... */``, where it is HTML with tags of Java's own."""
    special = {c: f"&#{ord(c)};" for c in "\\@{}*"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    return code("".join(special.get(c, c) for c in visible(text)))


def rust_string(text: str) -> Markup:
    """A Rust string literal, ASCII only."""
    out = []
    for char in text:
        point = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif 0x20 <= point < 0x7F:
            out.append(char)
        else:
            short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
            out.append(short.get(char, f"\\u{{{point:x}}}"))
    return code('"' + "".join(out) + '"')


def rust_prose(text: str) -> Markup:
    """Markdown prose for rustdoc: nothing is markup, not even an address or a number."""
    escaped = re.sub(r"([\\`*_{}\[\]()<>#+!|~&:=$^-])", r"\\\1", visible(text))
    return code(re.sub(r"(\d)\.", r"\1\\.", escaped))


def sh_word(text: str) -> Markup:
    """One word of a POSIX shell command; ValueError for NUL, which no shell can hold."""
    if re.fullmatch(r"[A-Za-z0-9_./:=@%+-]+", text, re.ASCII):
        return code(text)
    return sh_quoted(text)


def sh_quoted(text: str) -> Markup:
    """The same word, in quotes even where it needs none."""
    if "\0" in text:
        raise ValueError("a shell word cannot hold NUL")
    return code("'" + text.replace("'", "'\\''") + "'")


def py_doc(text: str) -> Markup:
    """Text inside a Python docstring (any kind of quotes, not raw)."""
    return code(visible(text).replace("\\", "\\\\").replace('"""', '\\"\\"\\"'))


def py_comment(text: str, width: int = 100, indent: int = 0) -> Markup:
    """Comment lines, each with its ``# ``, wrapped; all but the first are indented."""
    return _comment("# ", visible(text), width - indent, " " * indent)


def go_comment(text: str, width: int = 100, tabs: int = 0) -> Markup:
    """Comment lines, each with its ``// ``, wrapped; all but the first are indented by ``tabs``."""
    # gofmt would turn these pairs into typographic quotes.
    shown = visible(text).replace("''", "'\\x27").replace("``", "`\\x60")
    return _comment("// ", shown, width - tabs * _TAB, "\t" * tabs)


def js_doc(text: str) -> Markup:
    """Text inside ``/** ... */``."""
    return code(visible(text).replace("*/", "*\\/"))


def js_comment(text: str, width: int = 80, indent: int = 0) -> Markup:
    """Comment lines, each with its ``// ``, wrapped; all but the first are indented."""
    return _comment("// ", visible(text), width - indent, " " * indent)


def sh_comment(text: str, width: int = 100, indent: int = 0) -> Markup:
    """Comment lines, each with its ``# ``, wrapped; all but the first are indented."""
    return _comment("# ", visible(text), width - indent, " " * indent)


def _comment(lead: str, text: str, width: int, margin: str) -> Markup:
    # Wrapping belongs here: wrapped afterwards, a continuation line would lose its lead.
    lines = textwrap.wrap(text, max(width - len(lead), 20), break_on_hyphens=False)
    return code(f"\n{margin}".join((lead + line).rstrip() for line in lines or [""]))


def md_code(text: str) -> Markup:
    """A Markdown code span."""
    shown = visible(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") or not shown.strip() else ""
    return code(fence + pad + shown + pad + fence)


def md_text(text: str) -> Markup:
    """Markdown prose in which nothing is markup."""
    return code(re.sub(r"([\\`*_{}\[\]()<>#+!|~&-])", r"\\\1", visible(text)))


def _filter(make: Callable[..., Markup]) -> Callable[..., Markup]:
    @wraps(make)
    def of_plain_text(value: object, *args: object, **options: object) -> Markup:
        # Code may be quoted again (JSON in a shell word), but Markup's methods escape for HTML.
        return make(str(value) if isinstance(value, Markup) else value, *args, **options)

    return of_plain_text


FILTERS: dict[str, Callable[..., Markup]] = {
    f.__name__: _filter(f)
    for f in (
        code_join, py_string, py_doc, py_comment, go_string, go_comment, java_string, js_string,
        js_doc, js_comment, json_string, rust_string, sh_word, sh_comment, md_code, md_text,
    )
}  # fmt: skip
