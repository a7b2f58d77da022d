"""Nested lists to object arrays, without numpy's guesses about what is a sequence."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

_DEEPEST = 64  # levels: numpy's own limit, which a list that holds itself would pass for ever


def object_array(value: Any, convert: Callable[[Any], object]) -> npt.NDArray[np.object_]:
    """An object array of the shape of nested lists, with ``convert`` applied to each element.

    Only lists, tuples and numpy arrays nest: bytes, bytearrays and the like are elements.  Memory
    is bounded by what ``value`` really holds.

    Raises:
        ValueError: lists on one level have different lengths, or there are too many levels.
    """
    shape: list[int] = []
    level = [value]
    while True:
        kinds = set(map(type, level))
        if any(issubclass(kind, np.ndarray) for kind in kinds):
            level = [item.tolist() if isinstance(item, np.ndarray) else item for item in level]
            kinds = set(map(type, level))
        nested = [issubclass(kind, list | tuple) for kind in kinds]
        if not any(nested):
            break
        lengths = set(map(len, level)) if all(nested) else set()
        if len(lengths) != 1:
            raise ValueError("its lists have different lengths")
        if len(shape) == _DEEPEST:
            raise ValueError(f"its lists are nested more than {_DEEPEST} deep")
        shape.append(lengths.pop())
        level = list(chain.from_iterable(level))
    array = np.empty(len(level), dtype=np.object_)
    array[:] = list(map(convert, level))
    return array.reshape(shape)
