"""Wire names to identifiers.

A wire name is whatever a SavedModel says; an identifier is what the target language allows.  The
two never share a variable: a ``Name`` carries both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LONGEST = 64  # characters; a longer identifier could become a file name that no disk takes
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


_DEVICES = frozenset(
    ["aux", "clock$", "con", "conin$", "conout$", "nul", "prn"]
    + [f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"]
)


@dataclass(frozen=True, slots=True)
class Name:
    """What the server calls a thing, and what the generated code calls it."""

    wire: str
    ident: Markup


def words(wire: str) -> list[str]:
    """The ASCII words of a name: "inputImage_2:0" gives input, Image, 2, 0.

    Accents are dropped and compatibility forms folded; characters without an ASCII form separate
    words.  The list is empty when nothing is left.
    """
    folded = unicodedata.normalize("NFKD", wire)
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)))


def snake(wire: str, fallback: str) -> str:
    """The name as snake_case; ``fallback`` stands in where no ASCII word is left.

    A name that is snake_case already stays to the letter.
    """
    if _SNAKE.fullmatch(wire):
        return wire
    return _led(fallback, "_".join(w.lower() for w in words(wire)), "_")


def pascal(wire: str, fallback: str) -> str:
    """The name as PascalCase."""
    return _led(fallback.capitalize(), "".join(w[0].upper() + w[1:] for w in _parts(wire)), "")


def camel(wire: str, fallback: str) -> str:
    """The name as camelCase."""
    first, *rest = _parts(wire) or [fallback]
    first = first.lower() if first.isupper() else first[0].lower() + first[1:]
    return _led(fallback, first + "".join(w[0].upper() + w[1:] for w in rest), "")


def _parts(wire: str) -> list[str]:
    """Words for a casing without separators; letters and digits that touched stay together."""
    if _PLAIN.fullmatch(wire):
        return [part for part in wire.split("_") if part]
    return words(wire)


def _led(fallback: str, ident: str, separator: str) -> str:
    """An identifier can neither start with a digit nor be empty."""
    if not ident:
        return fallback
    return f"{fallback}{separator}{ident}" if ident[0].isdigit() else ident


def claim(
    wires: Iterable[str],
    to_ident: Callable[[str], str],
    taken: Iterable[str] = (),
    *,
    separator: str = "_",
) -> dict[str, Name]:
    """Give each wire name an identifier of its own in one scope.

    Healthy names are served first, so that an awkward newcomer never moves them aside.  An
    identifier that is taken gets ``separator`` appended, then a number.

    Args:
        wires: the wire names; all of one scope at once.
        to_ident: the language's casing.
        taken: keywords, and the imports and locals that the scope's template uses itself.
        separator: what is put between an identifier and its number; "" is always followed by one.
    """
    used = set(taken)
    claimed: dict[str, Name] = {}
    # The last number tried: from 1 each time, a thousand equal names would try half a million.
    numbers: dict[str, int] = {}

    def order(wire: str) -> tuple[bool, int, str]:
        ident = to_ident(wire)
        return ident in used, _awkwardness(wire, ident), wire

    for wire in sorted(set(wires), key=order):
        base = to_ident(wire)[:_LONGEST].rstrip("_")
        ident = base + separator if base in used else base
        while ident in used:
            numbers[base] = numbers.get(base, 1) + 1
            ident = f"{base}{separator}{numbers[base]}"
        used.add(ident)
        claimed[wire] = Name(wire, identifier(ident))
    return {wire: claimed[wire] for wire in sorted(claimed)}


def is_windows_device(name: str) -> bool:
    """Whether Windows takes a file or a folder of this name for a device, whatever its ending."""
    return name.partition(".")[0].rstrip(" ").lower() in _DEVICES


def _awkwardness(wire: str, ident: str) -> int:
    if ident == wire:
        return 0
    if _SNAKE.fullmatch(wire):
        return 1
    return 2 if _PLAIN.fullmatch(wire) else 3


def identifier(text: str) -> Markup:
    """``text`` as code; ValueError if it could be anything but an ASCII identifier."""
    if not _IDENTIFIER.fullmatch(text):
        raise ValueError(f"{text!r} is not an identifier")
    return Markup(text)  # noqa: S704 (just checked)
