"""Tables for people: as text of 80 columns, and as HTML for notebooks.

Names and values come from models, so they are text and never markup, nor do they steer a terminal.
Text is as wide on a terminal as in a pipe, and a cell that is too wide is wrapped: names are what
callers have to type, and must not lose their ends.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

WIDTH: Final = 80  # columns
_GAP: Final = 2
_NARROWEST: Final = 6  # columns of a cell, where there are too many

_MOST_NAMES: Final = 8  # in one line, and
_LONGEST_NAME: Final = 60  # characters of one there

_MOST_ROWS: Final = 200  # in HTML, and
_LONGEST: Final = 2000  # characters of a cell there
_ROOT: Final = '<div class="tex2jax_ignore mathjax_ignore">'  # dollar signs are no formulas
_STYLE: Final = "text-align: left; vertical-align: top"

Rows = Sequence[Sequence[str]]


def visible(text: str) -> str:
    """Text as it is, with control characters escaped: a model may try to steer the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def short(text: str) -> str:
    """Text with its end left out where it is too long for a line."""
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 3] + "..."


def listed(names: Sequence[str]) -> str:
    """Names in one line: the first of them, and how many more there are."""
    more = len(names) - _MOST_NAMES
    shown = [*names[:_MOST_NAMES], *([f"... {more} more"] if more > 0 else [])]
    return ", ".join(shown) or "nothing"


def quoted(data: bytes) -> str:
    """A model's string as text in quotes, or as Python's bytes where it is not UTF-8."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return repr(data)
    return '"' + visible(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def columns(text: str) -> int:
    """How many columns visible text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrap(text: str, width: int = WIDTH) -> list[str]:
    """Lines of at most ``width`` columns, broken after blanks where there are any; nothing is lost.

    Line ends in ``text`` are kept.
    """
    return [part for line in text.split("\n") for part in _wrap(line, width)]


def _wrap(line: str, width: int) -> list[str]:
    if columns(line) <= width:
        return [line]
    lines = []
    start = used = blank = 0
    for position, character in enumerate(line):
        size = _columns(character)
        if used + size > width and position > start:
            end = blank if blank > start else position
            lines.append(line[start:end])
            start, used = end, columns(line[end:position])
        used += size
        if character == " ":
            blank = position + 1
    return [*lines, line[start:]]


def table(rows: Rows, indent: str = "") -> list[str]:
    """The lines of a table of visible text; a column without any text takes no room."""
    kept = [column for column in zip(*rows, strict=True) if any(column)]
    wanted = [max(map(columns, column)) for column in kept]
    widths = _fit(wanted, WIDTH - len(indent) - _GAP * (len(wanted) - 1))
    lines = []
    for row in zip(*kept, strict=True):
        cells = [wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            padded = (
                part + " " * (width - columns(part))
                for part, width in zip(parts, widths, strict=True)
            )
            lines.append((indent + (" " * _GAP).join(padded)).rstrip())
    return lines


def _fit(wanted: list[int], room: int) -> list[int]:
    """The widths, with the widest made narrower until all have room."""
    most = max(room, _NARROWEST)
    while most > _NARROWEST and sum(min(width, most) for width in wanted) > room:
        most -= 1
    return [min(width, most) for width in wanted]


def html_table(title: str, rows: Rows) -> str:
    """A table in HTML, of bounded size; the first row is its head.

    Args:
        title: what stands above it.
        rows: text that need not be visible; a cell with several lines keeps them.
    """
    head, *body = rows
    left_out = len(body) - _MOST_ROWS
    lines = [_ROOT, f"<p>{_cell(title)}</p>", "<table>", _row("th", head)]
    lines += [_row("td", row) for row in body[:_MOST_ROWS]]
    lines.append("</table>")
    if left_out > 0:
        lines.append(f"<p>and {left_out} more rows</p>")
    return "\n".join([*lines, "</div>"])


def html_text(text: str) -> str:
    """A paragraph of HTML, of bounded size; lines are kept."""
    return f"{_ROOT}<p>{_cell(text)}</p></div>"


def _row(tag: str, cells: Sequence[str]) -> str:
    cells = [f'<{tag} style="{_STYLE}">{_cell(cell)}</{tag}>' for cell in cells]
    return f"<tr>{''.join(cells)}</tr>"


def _cell(text: str) -> str:
    import html  # which only notebooks need

    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    lines = [html.escape(visible(line)) for line in cut.split("\n")]
    if len(lines) == 1:
        return lines[0]
    return f'<pre style="margin: 0">{"<br>".join(lines)}</pre>'
