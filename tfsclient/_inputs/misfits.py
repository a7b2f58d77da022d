"""What to say of values that do not fit: which item it is, what it is, and what can be done.

Advice is given only after it was tried on the value at hand.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from numbers import Number
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput, of_type, shown

Array: TypeAlias = npt.NDArray[Any]
Path: TypeAlias = tuple[int, ...]

_DEEPEST = 64  # numpy's own limit, which a list that holds itself would pass for ever
_MOST = 1 << 20  # elements that advice is tried on one by one
_TEXT = "USTO"  # numpy's kinds of dtypes that are not numbers

# How encoded pictures start.
_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")


class Misfit(InvalidInput):
    """A value that does not fit, before it is known which input of what it was meant for.

    Its details continue "input 'x' ".
    """


class Unreadable(Misfit):
    """A value that cannot be read at all, whatever a signature wants."""


def refuse_masked(value: Any) -> None:
    """Refuse masked elements, which no tensor has.

    Raises:
        Misfit: there are some.
    """
    masks = sys.modules.get("numpy.ma")  # it takes long to load; who has masked arrays has done so
    if masks is not None and isinstance(value, masks.MaskedArray) and masks.is_masked(value):
        raise Misfit("is a masked array with masked elements: fill them first")


def identifier(name: str) -> str:
    """What to call this input in a line of code."""
    return name if name.isidentifier() else "value"


def at(path: Path) -> str:
    """Where an item is, to follow it in a sentence."""
    return " at " + "".join(f"[{index}]" for index in path) if path else ""


def first(mask: npt.NDArray[np.bool_]) -> Path:
    """Where the first True is."""
    return tuple(map(int, np.unravel_index(mask.argmax(), mask.shape)))


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The items of nested lists and of arrays of objects or strings, each with its place."""
    if isinstance(value, np.ndarray) and value.dtype.kind in _TEXT:
        value = value.tolist()
    if isinstance(value, list | tuple) and len(path) < _DEEPEST:
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield path, value


# Numbers.


def no_numbers(value: Any, want: DType | None) -> Misfit | None:
    """The refusal of the first item that is not a number; None if all of them are numbers.

    Args:
        value: what the user gave.
        want: what the signature wants; None if it is not asked.
    """
    wrong: tuple[Path, Any] | None = None
    for count, (path, item) in enumerate(leaves(value)):
        if _is_number(item):
            continue
        if len(path) == _DEEPEST:
            return Misfit(f"is nested more than {_DEEPEST} deep")
        wrong = wrong or (path, item)
        if not (isinstance(item, str | bytes) and _reads_as_number(item)):
            wrong = path, item  # worse than the text of a number
            break
        if count > _MOST:
            break
    if wrong is None:
        return None
    path, item = wrong
    wanted = "which is not a number" if want is None else f"but the signature wants {want}"
    what = f"holds {_described(item)}{at(path)}" if path else f"is {_described(item)}"
    return Misfit(f"{what}, {wanted}{_remedy(item)}")


def _is_number(item: Any) -> bool:
    if isinstance(item, np.generic | np.ndarray):
        known = DType.of_numpy(item.dtype)
        return known is not None and known.kind != "string"
    return isinstance(item, Number) or hasattr(item, "__array__")


def _described(item: Any) -> str:
    """An item as it is written, or by its type where that says more."""
    if isinstance(item, str | bytes | Mapping | list | tuple | None) or hasattr(item, "__fspath__"):
        return shown(item)
    return f"{of_type(item)} ({shown(item)})"


def _remedy(item: Any) -> str:
    if _is_null(item):
        return "; leave out what is missing, or put a number in its place"
    # Only what has a suffix may be the name of a file.
    if isinstance(item, str) and os.path.splitext(item)[1] and not _reads_as_number(item):
        return f"; for a picture, write Image({shown(item)})"
    if isinstance(item, os.PathLike):
        return f"; for a picture, write Image({os.fspath(item)!r})"
    if isinstance(item, bytes | bytearray) and bytes(item[:4]).startswith(_PICTURES):
        return "; it looks like a picture: write Image(...) around it"
    if isinstance(item, dt.datetime):
        return "; item.timestamp() makes it a number"
    if isinstance(item, dt.date):
        return "; item.toordinal() makes it a number"
    if isinstance(item, dt.timedelta):
        return "; item.total_seconds() makes it a number"
    return ""


def _is_null(item: Any) -> bool:
    return item is None or type(item).__name__ in ("NAType", "NaTType")  # pandas'


def _reads_as_number(text: str | bytes) -> bool:
    with suppress(ValueError):
        complex(text if isinstance(text, str) else text.decode())
        return True
    return False


def refuse_kind(given: Any, array: Array, want: DType, name: str) -> Misfit:
    """The refusal of an array of another kind than the signature wants.

    Args:
        given: what the user gave.
        array: what numpy makes of it.
        want: what the signature wants.
        name: the input, for the line to write.
    """
    if _keeps_all(array, want):
        came = "holds Python objects" if array.dtype.kind == "O" else f"is of dtype {array.dtype}"
        return Misfit(
            f"{came}, but the signature wants {want}; convert it yourself if that is meant: "
            f"numpy.asarray({identifier(name)}).astype({_numpy_name(want)})"
        )
    if array.dtype.kind in _TEXT:
        misfit = no_numbers(given, want) or no_numbers(array, want)
        if misfit is not None:
            return misfit
    if array.dtype.kind == "c" and array.size and want.kind in ("float", "int"):
        return _refuse_complex(array, want, name)
    return _refuse_lossy(array, _first_lost(array, want), want)


def _refuse_lossy(array: Array, lost: Path | None, want: DType) -> Misfit:
    text = f"is of dtype {array.dtype}, but the signature wants {want}"
    if lost is not None:
        item = array[lost]
        number = item.item() if isinstance(item, np.number | np.bool_) else item
        text += f", which cannot hold {shown(number)}{at(lost)}"
    return Misfit(text)


def _numpy_name(dtype: DType) -> str:
    target = dtype.numpy
    name = "bool_" if target == np.bool_ else target.name  # numpy 1 has no numpy.bool
    return f"{'numpy' if target.isbuiltin == 1 else 'ml_dtypes'}.{name}"


def _refuse_complex(array: Array, want: DType, name: str) -> Misfit:
    imaginary = np.imag(array) != 0  # of NaN, too
    if imaginary.any():
        path = first(imaginary)
        return Misfit(
            f"holds {array[path].item()}{at(path)}, but the signature wants {want}, which has no "
            "imaginary part"
        )
    real = np.real(array)
    made = _converted(real, want)
    # A whole number may have been an integer before numpy made it complex.
    lost = None if made is None else (made != real) & (real == np.rint(real))
    if lost is None or lost.any() or (want.kind == "int" and not _keeps_all(real, want)):
        where = first(lost) if lost is not None and lost.any() else None
        return _refuse_lossy(array, where or _first_lost(real, want), want)
    line = f"numpy.real({identifier(name)})"
    if want.kind == "int":
        line += f".astype({_numpy_name(want)})"
    return Misfit(
        f"is of dtype {array.dtype}, but the signature wants {want}; no imaginary part would be "
        f"lost: {line}"
    )


def _converted(array: Array, want: DType) -> Array | None:
    """What ``astype`` makes of it; None where that fails or would warn."""
    if array.dtype.kind == "c" and want.kind != "complex":
        return None
    with (
        np.errstate(over="raise", invalid="raise"),
        suppress(ValueError, TypeError, ArithmeticError),
    ):
        made: Array = array.astype(want.numpy)
        return made
    return None


def _keeps_all(array: Array, want: DType) -> bool:
    """Whether ``astype`` works on it and silently loses nothing but digits of a fraction."""
    if array.dtype.kind in _TEXT:
        if array.size > _MOST:
            return False
    elif array.dtype.kind not in "mM" and DType.of_numpy(array.dtype) is None:
        return False
    made = _converted(array, want)
    return made is not None and not _lost(array, made, want).any()


def _first_lost(array: Array, want: DType) -> Path | None:
    """Where an element is that ``astype`` would change; None where that cannot be said."""
    if not array.size or array.size > _MOST:
        return None
    if array.dtype.kind in _TEXT:
        items = array.ravel().tolist()
        lost = np.array([not _keeps_all(_boxed(item), want) for item in items], np.bool_)
        lost = lost.reshape(array.shape)
    else:
        with np.errstate(all="ignore"):
            try:
                lost = _lost(array, array.astype(want.numpy), want)
            except (ValueError, TypeError):  # numpy has no such cast
                return None
    return first(lost) if lost.any() else None


def _boxed(item: Any) -> Array:
    box = np.empty((), object)
    box[()] = item
    return box


def _lost(before: Array, after: Array, want: DType) -> npt.NDArray[np.bool_]:
    """Which elements are not what they were."""
    if before.dtype.kind in _TEXT:
        pairs = zip(before.ravel().tolist(), after.ravel().tolist(), strict=True)
        lost = [not _is_kept(old, new, want) for old, new in pairs]
        return np.array(lost, np.bool_).reshape(before.shape)
    if before.dtype.kind in "mM":
        same = before.astype(np.int64) == after
        return np.asarray(np.isnat(before) | ~same)
    # ml_dtypes' arrays, whose kind is V, are not compared with every other.
    old, new = (a.astype(np.float64) if a.dtype.kind == "V" else a for a in (before, after))
    same = np.asarray(old == new, np.bool_)
    if before.dtype.kind != "b" and want.kind in ("float", "complex"):
        same |= (old != old) & (new != new)
    return ~same


def _is_kept(old: Any, new: Any, want: DType) -> bool:
    """Whether a number or its text became the number that it is."""
    if want.kind == "bool":
        return isinstance(old, bool)
    try:
        if isinstance(old, bytes):
            old = old.decode()
        if isinstance(old, str):
            if want.kind == "complex":
                return bool(complex(old) == new)
            with suppress(ValueError):
                return bool(int(old) == new)
            if math.isinf(new):
                return "inf" in old.lower()
            return want.kind == "float"
        if not _is_number(old) or want.kind == "complex":
            return bool(_is_number(old) and old == new)
        if old == new or (old != old and new != new):
            return True
        return want.kind == "float" and math.isfinite(new) and old != int(old)
    except (ValueError, TypeError, ArithmeticError):
        return False


# Strings.


def no_string(item: Any, path: Path = ()) -> Misfit:
    """The refusal of what is neither text nor bytes."""
    advice = ""
    if item is None:
        advice = "; leave out what is missing, or put a text in its place"
    elif hasattr(item, "__fspath__"):
        advice = "; write Image(path) for a picture, path.read_bytes() for any file"
    elif callable(getattr(type(item), "read", None)):
        advice = "; write Image(file) for a picture, file.read() for any other"
    elif hasattr(type(item), "__iter__") and not isinstance(item, Mapping):
        advice = "; make it a list"
    return Misfit(
        f"holds {_described(item)}{at(path)}, but the signature wants str or bytes{advice}"
    )


# Shapes.


def no_array(value: Any, want: DType, name: str, error: Exception | None) -> Misfit:
    """The refusal of what numpy does not make an array of numbers of."""
    kind = type(value)
    reason = f": {error}" if error else ""
    if isinstance(value, list | tuple):
        return no_numbers(value, want) or ragged(value) or Misfit(f"is not an array{reason}")
    if _is_null(value) or isinstance(value, os.PathLike | dt.date | dt.timedelta):
        return no_numbers(value, want) or Misfit(f"is {of_type(value)}")
    if str(kind.__module__).partition(".")[0] == "torch":
        return Misfit(
            f"is {of_type(value)} that numpy cannot take{reason}{_torch_line(value, name)}"
        )
    for method in ("toarray", "collect", "read_all"):  # scipy's, polars' and pyarrow's
        if callable(getattr(kind, method, None)):
            line = f"{identifier(name)}.{method}()"
            return Misfit(f"is {of_type(value)}, which is not an array; write {line}")
    if callable(getattr(kind, "read", None)):
        return Misfit(
            f"is {of_type(value)}, which is not an array; for a picture, write "
            f"Image({identifier(name)})"
        )
    if hasattr(kind, "__iter__") and not isinstance(value, Mapping | str | bytes):
        line = f"list({identifier(name)})"
        return Misfit(f"is {of_type(value)}, which is not an array; write {line}")
    return Misfit(f"is {of_type(value)}, which is not an array{reason}")


def _torch_line(value: Any, name: str) -> str:
    """The first line that numpy takes the result of."""
    for calls in (("detach", "cpu", "numpy"), ("detach", "cpu", "float", "numpy")):
        made = value
        with suppress(Exception):  # a foreign library may raise anything
            for call in calls:
                made = getattr(made, call)()
            if isinstance(made, np.ndarray):
                return f"; write {identifier(name)}" + "".join(f".{call}()" for call in calls)
    return ""


def ragged(value: Any, *, strings: bool = False) -> Misfit | None:
    """The refusal of lists of different lengths; None if they are not.

    Args:
        value: nested lists.
        strings: whether bytearrays and the like are elements.
    """
    above: list[int] = []
    level = [value]
    while level and len(above) <= _DEEPEST:
        shape = _outer_shape(level[0], strings)
        for number, item in enumerate(level):
            if (other := _outer_shape(item, strings)) != shape:
                here, there = (at(_place(n, above)).removeprefix(" at ") for n in (0, number))
                return Misfit(
                    f"is ragged: item {here} {_sized(shape)}, but item {there} {_sized(other)}"
                )
        if not isinstance(level[0], list | tuple):
            return None
        above.append(len(level[0]))
        level = list(chain.from_iterable(level))
    return Misfit(f"is nested more than {_DEEPEST} deep") if level else None


def _place(number: int, shape: list[int]) -> Path:
    return tuple(map(int, np.unravel_index(number, shape))) if shape else ()


def _outer_shape(item: Any, strings: bool) -> tuple[int, ...] | None:
    """An array's shape, the length of a list, and nothing of an element."""
    if isinstance(item, list | tuple):
        return (len(item),)
    if strings and not isinstance(item, np.ndarray):
        return None
    with suppress(ValueError, TypeError, RuntimeError):
        return np.shape(item) or None
    return None


def _sized(shape: tuple[int, ...] | None) -> str:
    return "is not a list" if shape is None else f"has shape {shape}"
