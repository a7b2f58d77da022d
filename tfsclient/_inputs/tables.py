"""Tables and their columns, of any library that has Arrow's interface.

pandas and pyarrow are known by their looks: neither is imported or needed for its own tables.  What
exports Arrow's PyCapsules, as polars does, is read by pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._inputs.misfits import Misfit
from tfsclient.errors import MissingExtra

Array: TypeAlias = npt.NDArray[Any]

_TIMES = ("timestamp", "date", "time", "duration", "month_day_nano_interval")
_LISTS = ("list", "large_list", "fixed_size_list")


class Foreign:
    """A table or a column of another library, as pyarrow reads it.

    Attributes:
        arrow: a pyarrow Table or ChunkedArray.
        library: the library that it comes from.
        made: what makes the pyarrow object of it, in a line of code.
    """

    __slots__ = ("arrow", "library", "made")

    def __init__(self, arrow: Any, library: str, made: str) -> None:
        self.arrow, self.library, self.made = arrow, library, made

    def __len__(self) -> int:
        return len(self.arrow)


def adopt(value: Any) -> Any:
    """The value itself; or a table or a column that its library exports by Arrow's interface.

    Raises:
        Misfit: pyarrow cannot read it.
        MissingExtra: pyarrow is not installed.
    """
    kind = type(value)
    if kind is np.ndarray or not (
        hasattr(kind, "__arrow_c_stream__") or hasattr(kind, "__arrow_c_array__")
    ):
        return value
    library = _library(value)
    if library in ("pandas", "pyarrow") or hasattr(value, "__array_interface__"):
        return value  # the latter is numpy's own interface: a picture, an array
    pyarrow = _pyarrow(f"a {library} {kind.__name__}")
    streams = hasattr(kind, "__arrow_c_stream__")
    try:
        column = (pyarrow.chunked_array if streams else pyarrow.array)(value)
        if str(column.type).startswith("struct<") and not hasattr(kind, "dtype"):  # of a Series
            if streams and not column.num_chunks:  # from which older pyarrow makes no columns
                table = pyarrow.schema(list(column.type)).empty_table()
            else:
                chunked = column if streams else pyarrow.chunked_array([column])
                table = pyarrow.Table.from_struct_array(chunked)
            return Foreign(table, library, "pyarrow.table(table)")
    except Exception as error:  # the library may raise anything
        raise Misfit(f"is a {kind.__name__} that pyarrow cannot read: {error}") from error
    if library == "polars" and str(column.type).startswith("fixed_size_binary"):
        raise _objects(library)  # polars exports the addresses of its Objects
    return Foreign(column, library, f"pyarrow.{'chunked_array' if streams else 'array'}(column)")


def _pyarrow(what: str) -> Any:
    try:
        return import_module("pyarrow")
    except ImportError as error:
        raise MissingExtra(
            f"{what} is read through Arrow, which needs pyarrow: pip install pyarrow"
        ) from error


def is_table(value: Any) -> bool:
    """Whether it is a pandas DataFrame, a pyarrow Table or RecordBatch, or adopted as a table."""
    if type(value) is np.ndarray:
        return False
    if type(value) is Foreign:
        return hasattr(value.arrow, "column_names")
    library = _library(value)
    if library == "pandas":
        return hasattr(value, "iloc") and hasattr(value, "columns")
    return library == "pyarrow" and hasattr(value, "column_names")


def is_column(value: Any) -> bool:
    """Whether it is a pandas Series, Index or array, a pyarrow array, or adopted as a column."""
    if type(value) is Foreign:
        return not hasattr(value.arrow, "column_names")
    library = _library(value)
    if library == "pandas":
        return hasattr(value, "isna") and getattr(value, "ndim", 0) == 1
    return library == "pyarrow" and hasattr(value, "null_count") and hasattr(value, "to_numpy")


def _library(value: Any) -> str:
    kind: Any = type(value)
    return _library_of(kind)


@lru_cache(maxsize=256)
def _library_of(kind: type[Any]) -> str:
    """The library that defines a type, or the one known here that it is derived from."""
    roots = [str(base.__module__).partition(".")[0] for base in kind.__mro__]
    return next((root for root in roots if root in ("pandas", "pyarrow")), roots[0])


def columns(table: Any) -> dict[Any, Any]:
    """The columns by name.

    Raises:
        Misfit: two columns have the same name, or hold Python objects that pyarrow does not read.
    """
    names = _names(table)
    if len(set(names)) != len(names):
        raise Misfit(f"has two columns of the same name among {names}")
    if type(table) is not Foreign:
        return {name: table[name] for name in names}
    found = {}
    for name in names:
        column = table.arrow[name]
        if table.library == "polars" and str(column.type).startswith("fixed_size_binary"):
            raise Misfit(f"has the column {name!r}, which {_objects(table.library).details}")
        found[name] = Foreign(column, table.library, f"{table.made}[{name!r}]")
    return found


def _names(table: Any) -> list[Any]:
    if type(table) is Foreign:
        table = table.arrow
    return list(table.columns) if _library(table) == "pandas" else table.column_names


def _objects(library: str) -> Misfit:
    return Misfit(f"holds Python objects, which {library} does not export; write column.to_list()")


def without(table: Any, names: Iterable[Any]) -> str:
    """The line that drops columns."""
    drop = list(names)
    words = _words(table)
    if words.drop_columns is not None:
        return words.drop_columns.format(drop=drop)
    keep = [name for name in _names(table) if name not in drop]
    return f"{words.table}.select({keep})"


def to_rows(table: Any) -> str:
    """The line that makes a list of dicts of it."""
    return _words(table).rows


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
    nulls = _nulls(column)
    if nulls.any():
        raise _holds_nulls(column, int(nulls.sum()), int(nulls.argmax()))
    _check_kind(column)
    if _library(column) == "pandas":
        array: Array = column.to_numpy()
        return array.tolist() if array.dtype.kind == "O" else array
    return _from_arrow(column, _arrow(column))


def _holds_nulls(column: Any, count: int, row: int) -> Misfit:
    words = _words(column)
    if count == 1:
        which, it, rows = f"a null in row {row}", "it", "that row"
    else:
        which, it, rows = f"{count} nulls, the first in row {row}", "them", "those rows"
    return Misfit(f"holds {which}: fill {it} ({words.fill}) or drop {rows} ({words.drop})")


# The same advice in the words of each library; "column" and "table" stand for what was given.


class _Words(NamedTuple):
    """What to write.

    Attributes:
        fill: to replace nulls.
        drop: to drop rows that have one.
        labels: to make categories their labels.
        codes: to make categories their codes.
        numbers: to make times numbers.
        rows: to make a list of dicts of a table.
        drop_columns: to drop columns; None selects the others.
        table: a pyarrow table, to select of.
    """

    fill: str
    drop: str
    labels: str
    codes: str
    numbers: str
    rows: str
    drop_columns: str | None = None
    table: str = "table"


_PANDAS: Final = _Words(
    fill="column.fillna(...)",
    drop="column.dropna()",
    labels="column.astype(str)",
    codes="column.cat.codes",
    numbers='column.astype("int64")',
    rows='table.to_dict("records")',
    drop_columns="table.drop(columns={drop})",
)
_POLARS: Final = _Words(
    fill="column.fill_null(...)",
    drop="column.drop_nulls()",
    labels="column.cast(str)",
    codes="column.to_physical()",
    numbers="column.to_physical()",
    rows="table.to_dicts()",
    drop_columns="table.drop({drop})",
)


def _words(value: Any) -> _Words:
    if type(value) is not Foreign:
        if _library(value) != "pandas":
            return _arrow_words(value, "column")
        return _PANDAS if hasattr(value, "cat") else _PANDAS._replace(codes="column.codes")
    if value.library == "polars":
        return _POLARS
    return _arrow_words(value.arrow, value.made)


def _arrow_words(value: Any, made: str) -> _Words:
    """pyarrow's, for what ``made`` is in a line of code."""
    kind = str(getattr(value, "type", ""))
    codes = f"{made}.indices"
    if hasattr(value, "chunks"):
        codes = f"{made}.unify_dictionaries().combine_chunks().indices"
    table = "table" if made == "column" else made
    return _Words(
        fill=f"{made}.fill_null(...)",
        drop=f"{made}.drop_null()",
        labels=f"{made}.cast({made}.type.value_type)",
        codes=codes,
        numbers=f'{made}.cast("{"int32" if kind.startswith(("date32", "time32")) else "int64"}")',
        rows=f"{table}.to_pylist()",
        table=table,
    )


def _arrow(column: Any) -> Any:
    return column.arrow if type(column) is Foreign else column


def _to_list(column: Any) -> list[Any]:
    pandas = _library(column) == "pandas"
    values: list[Any] = column.tolist() if pandas else _arrow(column).to_pylist()
    return values


def _check_kind(column: Any) -> None:
    if _library(column) == "pandas":
        kind, name = column.dtype.kind, str(column.dtype)
        categories, times = name == "category", kind in "mM"
    else:
        name = str(_arrow(column).type)
        categories, times = name.startswith("dictionary<"), name.startswith(_TIMES)
    if categories:
        words = _words(column)
        raise Misfit(
            "holds categories, which may mean their labels or their codes: write "
            f"{words.labels} or {words.codes}"
        )
    if times:
        advice = "" if "interval" in name else f": write {_words(column).numbers} for numbers"
        raise Misfit(f"holds {name}, which no tensor has{advice}")


def _nulls(column: Any) -> npt.NDArray[np.bool_]:
    """Which rows hold nulls; NaN among numpy's floats is a value, NaT is not."""
    if _library(column) == "pandas":
        if isinstance(column.dtype, np.dtype) and column.dtype.kind not in "OmM":
            return np.zeros(len(column), np.bool_)
        return np.asarray(column.isna(), np.bool_)
    arrow = _arrow(column)
    if not arrow.null_count:
        return np.zeros(len(arrow), np.bool_)
    return np.asarray(arrow.is_null(), np.bool_)


def _from_arrow(column: Any, arrow: Any) -> Array | list[Any]:
    """The values of a pyarrow array that has no nulls itself.

    Args:
        column: what they are a part of, for errors.
        arrow: the array.
    """
    if hasattr(arrow, "combine_chunks"):
        arrow = arrow.combine_chunks()
    if hasattr(arrow, "to_numpy_ndarray"):
        tensors: Array = arrow.to_numpy_ndarray()
        return tensors
    if str(arrow.type).partition("<")[0] in _LISTS and len(arrow):
        return _from_lists(column, arrow)
    try:
        array: Array = arrow.to_numpy(zero_copy_only=False)
    except (NotImplementedError, ValueError, TypeError) as error:
        raise Misfit(f"holds {arrow.type}, which numpy cannot take: {error}") from error
    # What numpy makes of anything nested has NaN for its nulls.
    return arrow.to_pylist() if array.dtype.kind == "O" else array


def _from_lists(column: Any, arrow: Any) -> Array | list[Any]:
    lengths = np.asarray(arrow.value_lengths())
    if (other := lengths != lengths[0]).any():
        row = int(other.argmax())
        raise Misfit(
            f"is ragged: row 0 holds {lengths[0]} values, but row {row} holds {lengths[row]}"
        )
    step = int(lengths[0])
    flat = arrow.flatten()
    nulls = _nulls(flat)
    if nulls.any():
        raise Misfit(f"holds a null inside the list in row {int(nulls.argmax()) // step}")
    name = str(flat.type)
    if name.startswith(("dictionary<", *_TIMES)):
        raise Misfit(f"holds lists of {name}, which no tensor has")
    inner = _from_arrow(column, flat)
    if isinstance(inner, list):
        return [inner[i * step : (i + 1) * step] for i in range(len(arrow))]
    return inner.reshape(len(arrow), step, *inner.shape[1:])
