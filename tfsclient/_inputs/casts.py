"""Arrays to a signature's dtypes: casts are made only where they mean the same number."""

from __future__ import annotations

from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

from tfsclient.dtypes import STRING, DType
from tfsclient.errors import InvalidInput

Array: TypeAlias = npt.NDArray[Any]


class Misfit(InvalidInput):
    """A value that does not fit, before it is known which input of what it was meant for.

    Its details continue "input 'x' ".
    """


class Unreadable(Misfit):
    """A value that cannot be read at all, whatever a signature wants."""


def cast(array: Array, want: DType, name: str) -> Array:
    """``array`` as ``want``: itself where it is that already.

    Args:
        array: numbers, or an object array of bytes where ``want`` is string.
        want: what the signature wants.
        name: the input, for the line to write.

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
            low, high = _ends(array)
            info = ml_dtypes.iinfo(target)
            raise Misfit(f"holds {low}..{high}, but {want} ends at {info.min}..{info.max}")
        return array.astype(target)
    if kinds == ("int", "float"):
        with np.errstate(over="ignore"):
            floats = array.astype(target)
        if not _exact(array, floats):
            raise Misfit(
                f"holds integers that {want} cannot hold exactly; round them yourself: "
                f"{identifier(name)}.astype({_numpy_name(want)})"
            )
        return floats
    came = "Python objects" if array.dtype.kind == "O" else f"dtype {array.dtype}"
    raise Misfit(
        f"is of {came}, but the signature wants {want}; convert it yourself if that is meant: "
        f"numpy.asarray({identifier(name)}).astype({_numpy_name(want)})"
    )


def identifier(name: str) -> str:
    """What to call this input in a line of code."""
    return name if name.isidentifier() else "value"


def _numpy_name(dtype: DType) -> str:
    target = dtype.numpy
    return f"{'numpy' if target.isbuiltin == 1 else 'ml_dtypes'}.{target.name}"


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
        raise Misfit(f"holds finite values that {target} cannot hold: they would become infinite")
    if not np.array_equal(np.isnan(rounded), np.isnan(array)):
        raise Misfit(f"holds infinite values, which {target} does not have")
    return rounded


def fits(array: Array, target: np.dtype[Any]) -> bool:
    """Whether every one of the integers in ``array`` is one of ``target``."""
    info, have = ml_dtypes.iinfo(target), ml_dtypes.iinfo(array.dtype)
    if (info.min <= have.min and have.max <= info.max) or not array.size:
        return True
    low, high = _ends(array)
    return bool(info.min <= low and high <= info.max)


def _ends(array: Array) -> tuple[int, int]:
    return int(array.min()), int(array.max())


def _exact(array: Array, floats: Array) -> bool:
    """Whether ``floats`` are the integers in ``array``."""
    whole = 1 << (ml_dtypes.finfo(floats.dtype).nmant + 1)  # up to here every integer is a float
    info = ml_dtypes.iinfo(array.dtype)
    if (-whole <= info.min and info.max <= whole) or not array.size:
        return True
    low, high = _ends(array)
    if -whole <= low and high <= whole:
        return True
    wide = floats.astype(np.float64)  # holds every value of every narrower float
    limit = float(int(info.max) + 1)
    if not np.all((wide < limit) & (wide >= -limit)):
        return False
    return bool(np.array_equal(wide.astype(array.dtype), array))
