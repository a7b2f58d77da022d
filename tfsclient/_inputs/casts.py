"""Arrays to a signature's dtypes: casts are made only where they mean the same number."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._inputs.misfits import Misfit, Path, at, first, refuse_kind
from tfsclient.dtypes import STRING, USERS, DType
from tfsclient.errors import shown

Array: TypeAlias = npt.NDArray[Any]


def cast(array: Array, want: DType, name: str, given: Any = None) -> Array:
    """``array`` as ``want``: itself where it is that already.

    Args:
        array: numbers, or an object array of bytes where ``want`` is string.
        want: what the signature wants.
        name: the input, for the line to write.
        given: what the user gave, if numpy may have changed items of it: text among numbers.

    Raises:
        Misfit: the dtypes differ in kind, or a value would not survive.
    """
    target = want.numpy
    if array.dtype == target and array.dtype.kind != "O":
        return array
    if want == STRING:
        return array
    have = DType.of_numpy(array.dtype)
    kinds = ("" if have is None else have.kind, want.kind)
    if have is not None and have.numpy == target:
        return array.astype(target)  # the other byte order
    if kinds in (("float", "float"), ("complex", "complex")):
        return float_to_float(array, target)
    if kinds == ("int", "int"):
        if not fits(array, target):
            info = iinfo(target)
            wide = array.astype(np.int64) if array.dtype.kind == "V" else array
            path = first((wide < info.min) | (wide > info.max))
            raise beyond(_ends(array), want, int(array[path]), path)
        return array.astype(target)
    if kinds == ("int", "float"):
        with np.errstate(over="ignore"):
            floats = array.astype(target)
        if (lost := _inexact(array, floats, want)) is not None:
            raise inexact(int(array[lost]), want, lost)
        return floats
    raise refuse_kind(array if given is None else given, array, want, name)


def beyond(ends: tuple[int, int], want: DType, number: int, path: Path) -> Misfit:
    """The refusal of integers, from the least to the greatest, of which this one does not fit."""
    info = iinfo(want.numpy)
    low, high = map(shown, ends)
    which = f" ({shown(number)}{at(path)})" if path and low != high else at(path)
    span = low if low == high else f"{low}..{high}"
    return Misfit(f"holds {span}{which}, but the range of {want} is {info.min}..{info.max}")


def inexact(number: int, want: DType, path: Path, advice: str = "") -> Misfit:
    """The refusal of an integer that a float cannot be."""
    return Misfit(f"holds {shown(number)}{at(path)}, which {want} cannot hold exactly{advice}")


def is_exact(number: int, want: DType) -> bool:
    """Whether a float can be an integer, of any size."""
    try:
        wide = np.float64(number)
    except OverflowError:
        return False
    with np.errstate(over="ignore"):
        return int(wide) == number and bool(wide.astype(want.numpy).astype(np.float64) == wide)


def every_integer(want: DType) -> int:
    """Up to here a float can be every integer."""
    finfo: Any = np.finfo
    if want.numpy.isbuiltin == USERS:
        from ml_dtypes import finfo  # loaded by whoever has such a dtype
    return 1 << (int(finfo(want.numpy).nmant) + 1)


def iinfo(dtype: np.dtype[Any]) -> Any:
    """``numpy.iinfo`` of any integers, those of ml_dtypes included."""
    if dtype.isbuiltin != USERS:
        return np.iinfo(dtype)
    from ml_dtypes import iinfo

    return iinfo(dtype)


def float_to_float(array: Array, target: np.dtype[Any]) -> Array:
    """``array`` rounded to ``target``.

    Raises:
        Misfit: a finite value would become infinite, or an infinite one not a number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        rounded: Array = array.astype(target)
    if array.dtype.itemsize < target.itemsize or np.isfinite(rounded).all():
        return rounded
    if not np.array_equal(np.isfinite(rounded), np.isfinite(array)):
        path = first(np.isfinite(array) & ~np.isfinite(rounded))
        raise Misfit(
            f"holds {shown(array[path].item())}{at(path)}, which {target} cannot hold: it would "
            "become infinite"
        )
    if not np.array_equal(np.isnan(rounded), np.isnan(array)):
        path = first(np.isnan(rounded) & ~np.isnan(array))
        raise Misfit(f"holds infinite values{at(path)}, which {target} does not have")
    return rounded


def fits(array: Array, target: np.dtype[Any]) -> bool:
    """Whether every one of the integers in ``array`` is one of ``target``."""
    info, have = iinfo(target), iinfo(array.dtype)
    if (info.min <= have.min and have.max <= info.max) or not array.size:
        return True
    low, high = _ends(array)
    return bool(info.min <= low and high <= info.max)


def _ends(array: Array) -> tuple[int, int]:
    return int(array.min()), int(array.max())


def _inexact(array: Array, floats: Array, want: DType) -> Path | None:
    """Where ``floats`` are not the integers in ``array``."""
    whole = every_integer(want)
    info = iinfo(array.dtype)
    if (-whole <= info.min and info.max <= whole) or not array.size:
        return None
    low, high = _ends(array)
    if -whole <= low and high <= whole:
        return None
    wide = floats.astype(np.float64)  # holds every value of every narrower float
    limit = float(int(info.max) + 1)
    outside = ~((wide < limit) & (wide >= -limit))
    changed = np.where(outside, 0, wide).astype(array.dtype) != array
    lost = outside | changed
    return first(lost) if lost.any() else None
