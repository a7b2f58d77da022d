"""Identifiers of Rust: which are taken, and which are raw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tfsclient_gen.names import Name, claim, identifier, is_windows_device, snake
from tfsclient_gen.quoting import code

_LONGEST: Final = 40  # characters; a number may follow
_LONGEST_FIELD: Final = 36  # what `self.x.map(Into::into)` has room for on a line

_NEVER_RAW: Final = frozenset({"crate", "self", "super"})
KEYWORDS: Final = _NEVER_RAW | frozenset(
    """
    abstract as async await become box break const continue do dyn else enum extern false final fn
    for gen if impl in let loop macro match mod move mut override priv pub ref return static struct
    trait true try type typeof unsafe unsized use virtual where while yield
    """.split()
)
# What clients and their fakes have of their own, and methods that come with traits.
_CLIENT: Final = frozenset(
    """
    open on with status metadata wait_until_ready multi_inference client model new default
    borrow borrow_mut clone clone_from clone_into eq fmt from into ne to_owned try_from try_into
    type_id
    """.split()
)
# Methods of fakes that clippy takes for those of operators.
OPERATORS: Final = frozenset("add bitand bitor bitxor div mul rem shl shr sub".split())
# Crates of these names would hide others, or types.
_CRATES: Final = KEYWORDS | frozenset(
    """
    alloc core proc_macro std test
    bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize
    """.split()
)
_FILES: Final = frozenset({"build", "lib", "main", "tfs"})  # what a module would be another file of


@dataclass(frozen=True, slots=True)
class SignatureName:
    """A signature's wire name, its method, its static, and what its types begin with."""

    wire: str
    ident: Markup
    constant: Markup
    type: str


def signatures(wires: Iterable[str]) -> dict[str, SignatureName]:
    """Names that differ in more than underscores, for those of types have none."""

    def method(wire: str) -> str:
        return snake(wire, "signature")[:_LONGEST].rstrip("_")

    def key(wire: str) -> str:
        return method(wire).replace("_", "")

    taken = {name.replace("_", "") for name in _CLIENT | _NEVER_RAW}
    found = {}
    for wire, name in claim(wires, key, taken, separator="").items():
        number = str(name.ident)[len(key(wire)) :]
        ident = f"{method(wire)}_{number}" if number else method(wire)
        type_ = "".join(word.capitalize() for word in ident.split("_"))
        found[wire] = SignatureName(wire, _raw(ident), identifier(ident.upper()), type_)
    return found


def fields(
    wires: Iterable[str], taken: frozenset[str] = frozenset(), fallback: str = "tensor"
) -> dict[str, Name]:
    """Names of fields."""
    found = claim(wires, lambda wire: snake(wire, fallback)[:_LONGEST_FIELD], _NEVER_RAW | taken)
    return {wire: Name(wire, _raw(str(name.ident))) for wire, name in found.items()}


def _raw(ident: str) -> Markup:
    return code(f"r#{identifier(ident)}") if ident in KEYWORDS else identifier(ident)


def module_name(name: str) -> Markup:
    """The module of a client of this name."""
    name = plain_name(name)
    return identifier(f"{name}_model" if why_not_module(name) else name)


def plain_name(name: str) -> str:
    """What the module would be called if no name was taken."""
    return snake(name, "model")[:_LONGEST].rstrip("_")


def why_not_module(name: str) -> str | None:
    """Why there can be no module of this name."""
    if name == "tfs":
        return "the module that clients share"
    if name in _CRATES | _FILES:
        return "a name that Rust uses itself"
    return "a device on Windows" if is_windows_device(name) else None


def crate_is_possible(name: str) -> bool:
    """Whether a crate may have this name."""
    return name.replace("-", "_") not in _CRATES
