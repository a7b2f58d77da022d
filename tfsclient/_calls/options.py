"""What a caller may say about one call, beside the model and its inputs."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias


class _Default(enum.Enum):
    DEFAULT = "the client's own setting"

    def __repr__(self) -> str:
        return "<DEFAULT>"


DEFAULT: Final = _Default.DEFAULT
Timeout: TypeAlias = float | None | Literal[_Default.DEFAULT]
Flag: TypeAlias = bool | Literal[_Default.DEFAULT]
Headers: TypeAlias = Mapping[str, str] | None
Token: TypeAlias = str | Callable[[], str] | None


class Options(NamedTuple):
    """One call's options; what is left at DEFAULT is the client's own setting.

    Attributes:
        outputs: the outputs to return; None for all.
        timeout: seconds for all that the call sends, retries included; None for no limit.
        headers: metadata for this call, added to the client's.
        validate: whether to check the inputs first.
        copy: whether to return writable copies.
    """

    outputs: Sequence[str] | None = None
    timeout: Timeout = DEFAULT
    headers: Headers = None
    validate: Flag = DEFAULT
    copy: Flag = DEFAULT
