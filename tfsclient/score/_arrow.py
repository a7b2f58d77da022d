"""pyarrow, which only scoring needs, and numpy's arrays as its columns."""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from importlib import import_module
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient.errors import MissingExtra
from tfsclient.results._forms import plain

try:
    pa: Any = import_module("pyarrow")
    pc: Any = import_module("pyarrow.compute")
    pq: Any = import_module("pyarrow.parquet")
    fs: Any = import_module("pyarrow.fs")
except ImportError as error:
    raise MissingExtra(
        f"scoring files needs more packages ({error}): pip install 'tfsclient[score]'"
    ) from error

# pyarrow has no types of its own to be checked.
RecordBatch: TypeAlias = Any
Column: TypeAlias = Any
Schema: TypeAlias = Any
FileSystem: TypeAlias = Any
Array: TypeAlias = npt.NDArray[Any]

# Marks a field of text whose cells are JSON, which JSON lines are to have as such.
AS_JSON: Final = {"tfsclient.json": "true"}

FAILURES = (OSError, EOFError, zlib.error, pa.ArrowException)  # of what reads and writes


def why(error: BaseException) -> str:
    """The first line of what pyarrow or the system says."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return (str(error) or type(error).__name__).splitlines()[0]


def to_column(array: Array, *, text: bool = True) -> Column:
    """An array as a column: a row for each item of its first dimension, lists for the others.

    Types that Arrow does not have become the next larger: bfloat16 float32, int4 int8.  A complex
    number becomes the list of its two parts.

    Args:
        array: of at least one dimension.
        text: whether its strings are to be text, if all of them are UTF-8.
    """
    if array.dtype.kind == "c":
        array = np.stack([np.real(array), np.imag(array)], axis=-1)
    flat = array.reshape(-1)
    strings = array.dtype.kind in "OSU"
    values = _strings(flat.tolist(), text) if strings else pa.array(plain(flat))
    for axis in range(array.ndim - 1, 0, -1):
        count = int(np.prod(array.shape[:axis], dtype=np.int64))
        offsets = np.arange(count + 1, dtype=np.int32) * np.int32(array.shape[axis])
        values = pa.ListArray.from_arrays(pa.array(offsets), values)
    return values


def _strings(values: list[Any], text: bool) -> Column:
    column = pa.array(values, pa.binary())  # text becomes UTF-8
    if text:
        with suppress(pa.ArrowInvalid):
            return column.cast(pa.string())
    return column
