"""Identifiers of Java: which are taken, and names that are one file on every disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient_gen.names import Name, camel, claim, identifier, pascal

_LONGEST: Final = 40  # characters; a number may follow

KEYWORDS: Final = frozenset(
    """
    abstract assert boolean break byte case catch char class const continue default do double else
    enum extends final finally float for goto if implements import instanceof int interface long
    native new package private protected public return short static strictfp super switch
    synchronized this throw throws transient try void volatile while true false null
    var record yield sealed permits
    """.split()
)
# Methods that every object has, and those that builders have.
OBJECT: Final = frozenset(
    """
    getClass hashCode equals clone toString notify notifyAll wait finalize builder build of
    """.split()
)
# What clients and their fakes have of their own, in lower case.
_CLIENT: Final = frozenset(
    """
    close status statusasync metadata metadataasync waituntilready waituntilreadyasync
    multiinference multiinferenceasync open on client model typed input
    """.split()
)


@dataclass(frozen=True, slots=True)
class SignatureName:
    """A signature's wire name, its method, and what its types begin with."""

    wire: str
    ident: Markup
    type: str


def signatures(wires: Iterable[str]) -> dict[str, SignatureName]:
    """Names that differ in more than casing: each is the name of a file, too."""
    taken = {word.lower() for word in KEYWORDS | OBJECT} | _CLIENT
    found = {}
    for wire, name in claim(wires, lambda w: _method(w).lower(), taken, separator="").items():
        method = _method(wire)
        more = str(name.ident)[len(method) :]
        type_ = pascal(wire, "signature")[: len(method)]
        found[wire] = SignatureName(wire, identifier(method + more), type_ + more)
    return found


def _method(wire: str) -> str:
    name = camel(wire, "signature")[:_LONGEST]
    # xAsync is the other method of x.
    return f"{name[:-5]}Asynchronous" if name.endswith("Async") else name


def fields(
    wires: Iterable[str], taken: frozenset[str], fallback: str = "tensor"
) -> dict[str, Name]:
    """Names of fields, and of the methods that give them."""
    return claim(
        wires,
        lambda wire: camel(wire, fallback)[:_LONGEST],
        KEYWORDS | OBJECT | taken,
        separator="",
    )
