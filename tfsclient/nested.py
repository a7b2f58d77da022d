"""Nested lists to object arrays, without numpy's guesses about what is a sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


def object_array(value: Any, convert: Callable[[Any], object]) -> npt.NDArray[np.object_]:
    """An object array of the shape of nested lists, with ``convert`` applied to each element.

    Only lists, tuples and numpy arrays nest: bytes, bytearrays and the like are elements.  Memory
    is bounded by what ``value`` really holds.

    Raises:
        ValueError: lists on one level have different lengths.
    """
    shape = []
    level = [_plain(value)]
    while level and isinstance(level[0], list | tuple):
        length = len(level[0])
        if not all(isinstance(row, list | tuple) and len(row) == length for row in level):
            raise ValueError("its lists have different lengths")
        shape.append(length)
        level = [_plain(item) for row in level for item in row]
    array = np.empty(len(level), dtype=np.object_)
    for i, item in enumerate(level):
        if isinstance(item, list | tuple):
            raise ValueError("its lists have different lengths")  # noqa: TRY004 (it is ragged)
        array[i] = convert(item)
    return array.reshape(shape)


def _plain(item: Any) -> Any:
    return item.tolist() if isinstance(item, np.ndarray) else item
