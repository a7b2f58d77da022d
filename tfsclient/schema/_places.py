"""A schema as JSON: its objects, each with its place for errors, and the values in them."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any, TypeVar

from tfsclient.errors import InvalidInput, shown
from tfsclient.schema._checks import TYPES

V = TypeVar("V")
ROOT = "schema"  # the path of the whole


class Place:
    """A JSON object and where it is, so that errors can say so.

    Raises:
        InvalidInput: it is not an object; or, later, a member is not what it should be.
    """

    def __init__(self, path: str, value: Any) -> None:
        if not isinstance(value, dict):
            subject = "it" if path == ROOT else path  # a whole file, whose name the error shows
            raise InvalidInput(f"{subject} must be a JSON object, not {shown(value)}")
        self.path, self.value = path, value

    def get(self, key: str, kind: type[V]) -> V:
        """A member of just this type."""
        value = self.value.get(key)
        if type(value) is not kind:
            raise InvalidInput(f"{self.path}.{key} must be {TYPES[kind]}, not {shown(value)}")
        return value

    def items(self, key: str) -> list[tuple[str, Place]]:
        """The members of an object of objects, sorted by name."""
        inner = Place(f"{self.path}.{key}", self.value.get(key))
        return [(n, Place(f"{inner.path}[{n!r}]", v)) for n, v in sorted(inner.value.items())]

    def make(self, what: Callable[..., V], *args: Any, **more: Any) -> V:
        """What these values make, checked by itself."""
        try:
            return what(*args, **more)
        except InvalidInput as error:
            raise InvalidInput(f"{self.path}.{error.details}") from None


def value_to_json(value: float | bytes) -> Any:
    """A default value; JSON has no bytes, no NaN and no infinities."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return value if math.isfinite(value) else str(value)


def value_from_json(value: Any, dtype: str) -> Any:
    """What :func:`value_to_json` wrote, whether or not it suits the feature."""
    if dtype == "float32" and value in ("inf", "-inf", "nan"):
        return float(value)
    if dtype == "int64" and type(value) is not int:
        raise InvalidInput(f"{shown(value)} is not of type int64")
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        return base64.b64decode(value["b64"], validate=True)
    return value
