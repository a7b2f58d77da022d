"""pandas and pyarrow tables, known by their looks: neither library is imported or needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._inputs.casts import Misfit

Array: TypeAlias = npt.NDArray[Any]

_TIMES = ("timestamp", "date", "time", "duration", "month_day_nano_interval")
_LISTS = ("list", "large_list", "fixed_size_list")


def is_table(value: Any) -> bool:
    """Whether it is a pandas DataFrame, or a pyarrow Table or RecordBatch."""
    library = _library(value)
    if library == "pandas":
        return hasattr(value, "iloc") and hasattr(value, "columns")
    return library == "pyarrow" and hasattr(value, "column_names")


def is_column(value: Any) -> bool:
    """Whether it is a pandas Series, Index or array, or a pyarrow Array or ChunkedArray."""
    library = _library(value)
    if library == "pandas":
        return hasattr(value, "isna") and getattr(value, "ndim", 0) == 1
    return library == "pyarrow" and hasattr(value, "null_count") and hasattr(value, "to_numpy")


def _library(value: Any) -> str:
    return str(type(value).__module__).partition(".")[0]  # a message may have None


def columns(table: Any) -> dict[Any, Any]:
    """The columns by name.

    Raises:
        Misfit: two columns have the same name.
    """
    names = list(table.columns) if _library(table) == "pandas" else table.column_names
    if len(set(names)) != len(names):
        raise Misfit(f"has two columns of the same name among {names}")
    return {name: table[name] for name in names}


def without(table: Any, names: Iterable[Any]) -> str:
    """The line that drops columns."""
    drop = list(names)
    if _library(table) == "pandas":
        return f"table.drop(columns={drop})"
    return f"table.select({[name for name in table.column_names if name not in drop]})"


def to_rows(table: Any) -> str:
    """The call that makes a list of dicts of it."""
    return 'to_dict("records")' if _library(table) == "pandas" else "to_pylist()"


def rows(table: Any) -> list[dict[Any, Any]]:
    """The rows as dicts of Python values; a null is left out.

    Raises:
        Misfit: a column holds times or categories.
    """
    made: list[dict[Any, Any]] = [{} for _ in range(len(table))]
    for name, column in columns(table).items():
        try:
            _check_kind(column)
        except Misfit as misfit:
            raise Misfit(f"has the column {name!r}, which {misfit}") from None
        for row, value, null in zip(made, _to_list(column), _nulls(column), strict=True):
            if not null:
                row[name] = value
    return made


def column_values(column: Any) -> Array | list[Any]:
    """The column's values: numbers as an array, anything else as a list.

    Raises:
        Misfit: it holds nulls, times or categories, or lists of different lengths.
    """
    _check_kind(column)
    nulls = _nulls(column)
    if nulls.any():
        raise Misfit(
            f"holds {nulls.sum()} nulls, the first in row {nulls.argmax()}: fill them "
            f"({'column.fillna' if _library(column) == 'pandas' else 'column.fill_null'}(...)) "
            "or drop those rows"
        )
    if _library(column) == "pyarrow":
        return _from_arrow(column)
    array: Array = column.to_numpy()
    return array.tolist() if array.dtype.kind == "O" else array


def _to_list(column: Any) -> list[Any]:
    values: list[Any] = column.tolist() if _library(column) == "pandas" else column.to_pylist()
    return values


def _check_kind(column: Any) -> None:
    if _library(column) == "pandas":
        kind, name = column.dtype.kind, str(column.dtype)
        categories, times = name == "category", kind in "mM"
        to_labels, to_codes, to_numbers = "astype(str)", "cat.codes", 'astype("int64")'
    else:
        name = str(column.type)
        categories, times = name.startswith("dictionary<"), name.startswith(_TIMES)
        to_labels, to_codes = "cast(column.type.value_type)", "indices"
        to_numbers = f'cast("{"int32" if name.startswith(("date32", "time32")) else "int64"}")'
    if categories:
        raise Misfit(
            "holds categories, which may mean their labels or their codes: write "
            f"column.{to_labels} or column.{to_codes}"
        )
    if times:
        raise Misfit(f"holds {name}, which no tensor has: write column.{to_numbers} for numbers")


def _nulls(column: Any) -> npt.NDArray[np.bool_]:
    """Which rows hold nulls; NaN among numpy's floats is a value."""
    if _library(column) == "pandas":
        if isinstance(column.dtype, np.dtype) and column.dtype.kind != "O":
            return np.zeros(len(column), np.bool_)
        return np.asarray(column.isna(), np.bool_)
    if not column.null_count:
        return np.zeros(len(column), np.bool_)
    return np.asarray(column.is_null(), np.bool_)


def _from_arrow(column: Any) -> Array | list[Any]:
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    if hasattr(column, "to_numpy_ndarray"):
        tensors: Array = column.to_numpy_ndarray()
        return tensors
    if str(column.type).partition("<")[0] in _LISTS and len(column):
        lengths = np.asarray(column.value_lengths())
        if (other := lengths != lengths[0]).any():
            row = int(other.argmax())
            raise Misfit(
                f"is ragged: row 0 holds {lengths[0]} values, but row {row} holds {lengths[row]}"
            )
        inner = column_values(column.flatten())
        if isinstance(inner, list):
            step = int(lengths[0])
            return [inner[i * step : (i + 1) * step] for i in range(len(column))]
        return inner.reshape(len(column), int(lengths[0]), *inner.shape[1:])
    try:
        array: Array = column.to_numpy(zero_copy_only=False)
    except (NotImplementedError, ValueError, TypeError) as error:
        raise Misfit(f"holds {column.type}, which numpy cannot take: {error}") from error
    return array.tolist() if array.dtype.kind == "O" else array
