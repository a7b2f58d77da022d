"""What two answers to the same rows differ in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfsclient.results._forms import plain

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """How an output of one answer differs from the other's.

    Attributes:
        name: the output.
        largest: the largest difference of two elements, NaN where there is none to tell: of
            strings, or where one is NaN or infinite and the other is not.
        rows: the numbers of the rows that differ by more than the tolerance.
        apart: of each of them, the largest difference of two elements; NaN as in ``largest``.
        argmax: the share of rows whose largest element stands at the same place; None where rows
            have no elements to choose from.
        why: what keeps the output from being compared: the other does not have it, its dtype or its
            shape; "" if nothing does.
    """

    name: str
    largest: float
    rows: list[int]
    apart: list[float]
    argmax: float | None = None
    why: str = ""

    @property
    def same(self) -> bool:
        """Whether nothing differs by more than the tolerance."""
        return not self.rows and not self.why


def differences(
    left: Mapping[str, Array], right: Mapping[str, Array], tolerance: float
) -> list[Difference]:
    """Compare two answers output by output; NaN is the same as NaN.

    Args:
        left: the outputs of one, whose first dimension is the rows.
        right: the outputs of the other.
        tolerance: how far two numbers may be apart.
    """
    names = [*left, *(name for name in right if name not in left)]
    return [_difference(name, left.get(name), right.get(name), tolerance) for name in names]


def rows_of(arrays: Mapping[str, Array]) -> int | None:
    """The rows that arrays have in common; None where there are none."""
    counts = {len(array) if array.ndim else None for array in arrays.values()}
    return counts.pop() if len(counts) == 1 else None


def _difference(name: str, left: Array | None, right: Array | None, tolerance: float) -> Difference:
    if left is None or right is None:
        return _unlike(name, f"only the {'left' if right is None else 'right'}")
    if left.shape != right.shape:
        return _unlike(name, f"shape {list(left.shape)}, {list(right.shape)}")
    if left.dtype != right.dtype:
        return _unlike(name, f"dtype {left.dtype}, {right.dtype}")
    if left.dtype.kind in "OSU":
        apart = np.where(left == right, 0.0, np.nan)
    else:
        apart = _apart(plain(left), plain(right))
    by_row = np.atleast_1d(apart.max(axis=tuple(range(1, apart.ndim)), initial=0.0))
    rows = np.flatnonzero(~(by_row <= tolerance))  # NaN, too
    return Difference(
        name,
        float(by_row.max(initial=0.0)),
        rows.tolist(),
        by_row[rows].tolist(),
        _argmax(left, right),
    )


def _unlike(name: str, why: str) -> Difference:
    """An output that cannot be compared."""
    return Difference(name, np.nan, [], [], why=why)


def _apart(left: Array, right: Array) -> Array:
    """How far the elements are apart; NaN where only one of them is finite."""
    if left.dtype.kind in "biu":
        if left.dtype.kind == "b":
            left, right = left.astype(np.int8), right.astype(np.int8)
        low, high = np.minimum(left, right), np.maximum(left, right)
        # The difference of two int64 may need 64 bits without a sign.
        return (high.astype(np.uint64) - low.astype(np.uint64)).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(left.astype(_wide(left)) - right.astype(_wide(right)))
        apart = np.where(np.isfinite(apart) & np.isfinite(left) & np.isfinite(right), apart, np.nan)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    return np.where(same, 0.0, apart)


def _wide(array: Array) -> Any:
    return np.complex128 if array.dtype.kind == "c" else np.float64


def _argmax(left: Array, right: Array) -> float | None:
    """The share of rows in which the largest element of the last dimension is the same."""
    if left.ndim < 2 or left.shape[-1] < 2 or not left.size or left.dtype.kind in "OSUbc":
        return None
    same = plain(left).argmax(axis=-1) == plain(right).argmax(axis=-1)
    return float(same.all(axis=tuple(range(1, same.ndim))).mean())
