"""The parts of a schema, checked when they are made: by hand, from JSON or from a server's answer.

Every error is an InvalidInput whose text starts with the attribute that is wrong.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from operator import index
from os import PathLike
from typing import Any, Final, NoReturn, TypeVar, cast

from tfsclient.dtypes import STRING, DType
from tfsclient.errors import InvalidInput, shown

K = TypeVar("K")
V = TypeVar("V")

MAX_SIZE: Final = 1 << 63
_LONGEST_TEXT: Final = 10_000  # characters

# What types are called in errors.
TYPES: Final[dict[Any, str]] = {
    str: "text", bool: "True or False", list: "a list", tuple: "a tuple", dict: "an object",
    int: "an integer", Mapping: "a dict", PathLike: "a path",
}  # fmt: skip


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise TypeError(
        "a signature is read-only; change a copy of the dict and make a new signature: "
        "dataclasses.replace(signature, inputs={**signature.inputs, ...})"
    )


_REFUSED: Any = _refuse


class ReadOnlyDict(dict[K, V]):
    """A dict that cannot be changed, and can be hashed if its values can.

    Requests are remembered together with the signature that they were checked against, so a
    signature must stay what it is.
    """

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _REFUSED
    clear = pop = popitem = setdefault = update = _REFUSED

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (dict(self),))


def check_type(what: str, value: object, kind: type[Any] | tuple[type[Any], ...]) -> None:
    """Refuse a value that is not of one of these types."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(TYPES.get(one, f"a {one.__name__.lower()}") for one in kinds)
        raise InvalidInput(f"{what} must be {names}, not {shown(value)}")


def check_text(what: str, value: object, longest: int = _LONGEST_TEXT) -> None:
    """Refuse what is not text, or is endless."""
    check_type(what, value, str)
    if len(cast("str", value)) > longest:
        raise InvalidInput(f"{what} has more than {longest} characters")


def read_dtype(dtype: object) -> DType:
    """A dtype, or the one of this name."""
    if isinstance(dtype, DType):
        return dtype
    if not isinstance(dtype, str):
        raise InvalidInput(
            f'dtype must be the name of a tensor type, such as "float32", not {shown(dtype)}'
        )
    try:
        return DType(dtype)
    except ValueError as error:
        raise InvalidInput(f"dtype is not known: {error}") from None


def read_shape(shape: object, inner: int = -1) -> tuple[int, ...]:
    """A shape's sizes; ``inner`` is the least that those after the first may be."""
    if not isinstance(shape, list | tuple):
        raise InvalidInput(f"shape must be a list of sizes, not {shown(shape)}")
    sizes: list[int] = []
    for size in shape:
        try:
            number = None if isinstance(size, bool) else index(size)
        except TypeError:
            number = None
        if number is None or not (inner if sizes else -1) <= number < MAX_SIZE:
            first = "" if inner < 0 else " (the first from -1)"
            hint = None if size is not None else "a dimension of any size is -1"
            raise InvalidInput(
                f"shape must be integers from {inner}{first}, not {shown(size)}", hint=hint
            )
        sizes.append(number)
    return tuple(sizes)


def read_value(value: object, dtype: DType) -> float | bytes:
    """A default value of a feature."""
    if dtype == STRING:
        if isinstance(value, bytes):
            return bytes(value)
        if isinstance(value, str):
            with suppress(UnicodeEncodeError):
                return value.encode()
    elif dtype == "int64":
        if isinstance(value, int | float) and not isinstance(value, bool):
            whole = isinstance(value, int) or value.is_integer()
            if whole and -MAX_SIZE <= value < MAX_SIZE:
                return value
    elif isinstance(value, float) or (type(value) is int and abs(value) <= 2 * MAX_SIZE):
        number = float(value)
        if not math.isfinite(number) or _is_float32(number):
            return math.nan if math.isnan(number) else number  # itself: equal specs stay equal
    raise InvalidInput(f"default holds {shown(value)}, which is not of type {dtype}")


def _is_float32(number: float) -> bool:
    try:
        struct.pack("<f", number)
    except OverflowError:
        return False
    return True


def read_specs(what: str, specs: object, kind: type[V]) -> ReadOnlyDict[str, V]:
    """Inputs, outputs, features or signatures by name, read-only."""
    check_type(what, specs, Mapping)
    read = specs if type(specs) is ReadOnlyDict else ReadOnlyDict(specs)  # type: ignore[call-overload]
    for name, spec in read.items():
        check_type(f"a name in {what}", name, str)
        if not isinstance(spec, kind):
            raise InvalidInput(f"{what}[{name!r}] must be a {kind.__name__}, not {shown(spec)}")
    return read


def read_defaults(names: object) -> frozenset[str]:
    """The names of the inputs that have a default."""
    if not isinstance(names, Iterable) or isinstance(names, str | bytes | Mapping):
        raise InvalidInput(f"defaults must be a list of inputs, not {shown(names)}")
    listed = list(names)
    for name in listed:
        check_type("each of defaults", name, str)
    return frozenset(listed)


def read_groups(groups: object) -> tuple[tuple[str, ...], ...]:
    """Names of inputs in groups of two or more."""
    check_type("same_tensors", groups, (list, tuple))
    read: list[tuple[str, ...]] = []
    for group in groups:  # type: ignore[attr-defined]
        check_type("each of same_tensors", group, (list, tuple))
        for name in group:
            check_type("each name in same_tensors", name, str)
        if len(set(group)) < 2:
            raise InvalidInput(f"each of same_tensors must name several inputs, not {shown(group)}")
        read.append(tuple(sorted(set(group))))
    return tuple(sorted(read))
