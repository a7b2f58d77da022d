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
    level = [value]
    while level and isinstance(level[0], list | tuple | np.ndarray):
        rows = [item.tolist() if isinstance(item, np.ndarray) else item for item in level]
        length = len(rows[0]) if isinstance(rows[0], list | tuple) else -1
        if not all(isinstance(row, list | tuple) and len(row) == length for row in rows):
            raise ValueError("its lists have different lengths")
        shape.append(length)
        level = [item for row in rows for item in row]
    array = np.empty(len(level), dtype=np.object_)
    for i, item in enumerate(level):
        if isinstance(item, list | tuple):
            raise ValueError("its lists have different lengths")  # noqa: TRY004 (it is ragged)
        array[i] = convert(item)
    return array.reshape(shape)
