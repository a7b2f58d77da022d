"""How a client was made, so that it can be pickled, copied and sent to workers.

Connections are made when they are needed, so a client is as good as its settings.
"""

from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from tfsclient.errors import InvalidInput

if TYPE_CHECKING:
    from typing_extensions import Self


class Recipe:
    """A client's class and arguments.

    Args:
        make: the class.
        arguments: the names and values of its arguments; "self" is passed over.
        part: the attribute of the client that is meant; None for the client itself.
    """

    def __init__(
        self, make: Callable[..., Any], arguments: Mapping[str, Any], part: str | None = None
    ) -> None:
        self._make = make
        self._arguments = {k: v for k, v in arguments.items() if k not in ("self", "__class__")}
        self._part = part

    def of(self, part: str) -> Recipe:
        """The recipe for an attribute of the client."""
        return Recipe(self._make, self._arguments, part)

    def argument(self, name: str) -> Any:
        """The value of an argument."""
        return self._arguments[name]

    def given(self) -> list[str]:
        """The names of the arguments that are not at their defaults."""
        parameters = inspect.signature(self._make).parameters
        return [
            name
            for name, value in self._arguments.items()
            if name in parameters and value is not parameters[name].default
        ]

    def __call__(self) -> Any:
        """A client like it, or the part of one, with connections of its own."""
        client = self._make(**self._arguments)
        return client if self._part is None else getattr(client, self._part)

    def __reduce__(self) -> tuple[Any, ...]:
        for name, value in self._arguments.items():
            _check(name, value)
        return Recipe, (self._make, self._arguments, self._part)


class Remade:
    """What is pickled and copied by its recipe."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (self._recipe,)

    def __copy__(self) -> Self:
        return cast("Self", self._recipe())

    def __deepcopy__(self, memo: object) -> Self:
        del memo
        return cast("Self", self._recipe())


def _remake(recipe: Recipe) -> Any:
    return recipe()


def _check(name: str, value: object) -> None:
    """Refuse, by its name, what cannot be sent to another process.

    Raises:
        InvalidInput: neither pickle nor, where it is loaded, cloudpickle can.
    """
    try:
        pickle.dumps(value)
    except Exception as error:
        cloudpickle = sys.modules.get("cloudpickle")
        if cloudpickle is not None:
            try:
                cloudpickle.dumps(value)
            except Exception:  # noqa: BLE001, S110 (pickle's own error is reported)
                pass
            else:
                return
        raise InvalidInput(
            f"the client cannot be pickled, because its {name} cannot: {error}",
            hint="use a function that a module defines, or make the client where it is used",
        ) from error
