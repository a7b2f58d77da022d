"""On which line of a TOML file a key stands, which the standard library's reader does not tell."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

Keys: TypeAlias = tuple[str | int, ...]  # an integer is a place in an array of tables

# Text is in quotes of four kinds, in which an escaped quote ends nothing; what is left is bare.
_TOKEN: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
    r"|#[^\n]*|[\[\]{}=,.\n]|[^\s\[\]{}=,.#\"']+",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where keys stand.

    Attributes:
        file: the name of the file.
        lines: the lines, by key.
    """

    file: str
    lines: Mapping[Keys, int]

    def place(self, keys: Keys) -> str:
        """``meaning.toml:7``: where a key stands, or else the nearest that it is in."""
        for end in range(len(keys), 0, -1):
            if keys[:end] in self.lines:
                return f"{self.file}:{self.lines[keys[:end]]}"
        return self.file


def find_lines(text: str) -> dict[Keys, int]:
    """The line of each table and key in text that is known to be TOML."""
    lines: dict[Keys, int] = {}
    arrays: dict[Keys, int] = {}  # of tables: which is the last in each
    table: Keys = ()
    for number, statement in _statements(text):
        if statement[0] == "[":
            names = _names(part for part in statement if part not in "[]")
            table = _table(names, arrays, another=statement[1] == "[")
            keys = table
        else:
            keys = (*table, *_names(statement[: statement.index("=")]))
        for end in range(1, len(keys) + 1):
            lines.setdefault(keys[:end], number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """The parts of each table's head and of each key with its value, and the line."""
    line = number = 1
    depth = position = 0
    parts: list[str] = []
    for match in _TOKEN.finditer(text):
        part = match.group()
        line += text.count("\n", position, match.start())
        position = match.start()
        if part == "\n":
            if parts and not depth:
                yield number, parts
                parts = []
        elif not part.startswith("#"):
            number = number if parts else line
            depth += (part in "[{") - (part in "]}")
            parts.append(part)
    if parts:
        yield number, parts


def _names(parts: Iterable[str]) -> list[str]:
    """The parts of a dotted key."""
    named = [part for part in parts if part != "."]
    return [next(iter(tomllib.loads(f"{n} = 0"))) if n[0] in "\"'" else n for n in named]


def _table(names: Sequence[str], arrays: dict[Keys, int], *, another: bool) -> Keys:
    """The table that a head is for, which may be another one in an array."""
    keys: Keys = ()
    for number, name in enumerate(names, 1):
        keys += (name,)
        if another and number == len(names):
            arrays[keys] = arrays.get(keys, -1) + 1
        if keys in arrays:
            keys += (arrays[keys],)
    return keys
