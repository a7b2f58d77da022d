"""What a caller may say about one call, beside the model and its inputs."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from tfsclient._calls.deadline import read_seconds
from tfsclient.errors import InvalidInput, of_type


class _Default(enum.Enum):
    DEFAULT = "the client's own setting"

    def __repr__(self) -> str:
        return "<DEFAULT>"


DEFAULT: Final = _Default.DEFAULT
Timeout: TypeAlias = float | None | Literal[_Default.DEFAULT]
Flag: TypeAlias = bool | Literal[_Default.DEFAULT]
Headers: TypeAlias = Mapping[str, str] | None
Token: TypeAlias = str | Callable[[], str] | None
Outputs: TypeAlias = Sequence[str] | Iterable[str] | str | None


class _Options(NamedTuple):
    outputs: tuple[str, ...] | None
    timeout: Timeout
    headers: Headers
    validate: Flag
    copy: Flag


class Options(_Options):
    """One call's options, checked when they are made; DEFAULT is the client's own setting.

    Attributes:
        outputs: the outputs to return; None for all.
        timeout: seconds for all that the call sends, retries included; None for no limit.
        headers: metadata for this call, added to the client's.
        validate: whether to check the inputs first.
        copy: whether to return writable copies.

    Raises:
        InvalidInput: one of them is of a wrong type or makes no sense; the error names it.
    """

    __slots__ = ()

    def __new__(
        cls,
        outputs: Outputs = None,
        timeout: Timeout = DEFAULT,
        headers: Headers = None,
        validate: Flag = DEFAULT,
        copy: Flag = DEFAULT,
    ) -> Options:
        """Options as a caller gives them."""
        if headers is outputs is None and timeout is validate is copy is DEFAULT:
            return _DEFAULTS
        if outputs is not None:
            outputs = read_names(outputs, "outputs")
        if timeout is not DEFAULT and timeout is not None:
            timeout = read_seconds(timeout)
        if validate is not DEFAULT:
            validate = read_flag(validate, "validate")
        if copy is not DEFAULT:
            copy = read_flag(copy, "copy")
        return tuple.__new__(cls, (outputs, timeout, headers, validate, copy))


_DEFAULTS: Final = tuple.__new__(Options, (None, DEFAULT, None, DEFAULT, DEFAULT))


def read_names(value: object, argument: str) -> tuple[str, ...]:
    """One name or several, each of them once.

    Raises:
        InvalidInput: they are not text, there are none, or one comes twice.
    """
    if isinstance(value, str):
        return (value,)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise InvalidInput(f"{argument} must be a list of names, not {of_type(value)}")
    names = tuple(value)
    for name in names:
        if not isinstance(name, str):
            raise InvalidInput(f"{argument} must be names, not {of_type(name)}: {name!r:.50}")
    if not names:
        raise InvalidInput(f"{argument} is empty: leave it out to get all of them")
    if len(set(names)) != len(names):
        raise InvalidInput(f"{argument} has a name twice: {list(names)}")
    return names


def read_flag(value: object, argument: str) -> bool:
    """A yes or a no.

    Raises:
        InvalidInput: it is neither True nor False.
    """
    if not isinstance(value, bool | np.bool_):
        raise InvalidInput(f"{argument} must be True or False, not {value!r:.50}")
    return bool(value)


def read_count(value: Any, argument: str, least: int = 1, most: int | None = None) -> int:
    """A whole number.

    Raises:
        InvalidInput: it is not an integer from ``least`` to ``most``.
    """
    try:
        number = None if isinstance(value, bool | np.bool_) else index(value)
    except TypeError:
        number = None
    if number is None:
        raise InvalidInput(f"{argument} must be an integer, not {value!r:.50}")
    if number < least or (most is not None and number > most):
        ends = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidInput(f"{argument} must be {ends}, not {number}")
    return number
