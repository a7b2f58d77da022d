"""Which columns become which inputs, and a batch of rows as what ``predict`` takes."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tfsclient._inputs.casts import cast
from tfsclient._inputs.image import Image
from tfsclient._inputs.misfits import Misfit
from tfsclient._inputs.tables import column_values
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import InvalidInput, did_you_mean
from tfsclient.schema import CLASSIFY, REGRESS, Signature, TensorSpec
from tfsclient.score._arrow import Array, Column, RecordBatch, Schema, pa, pc
from tfsclient.score._cells import loads, to_numbers
from tfsclient.score._examples import ExampleRows
from tfsclient.score._files import Source, read_uri

_UINT64: Final = DType("uint64")
_EVERY: Final = "*"  # x=* makes an Example of each row
_FILE: Final = "@"  # x=@column: its cells name files, as @FILE does for predict

# By the kind of an input, what the values in its column may be; prepare looks at each.
_FITS: Final = {
    "int": (pa.types.is_integer,),
    "float": (pa.types.is_integer, pa.types.is_floating),
    "bool": (pa.types.is_boolean,),
    "complex": (),  # which no column has
}


class Columns:
    """The mapping of a source's columns to a signature's inputs.

    Args:
        spec: the signature.
        names: the columns.
        given: what the user said: columns by input.
        source: the first one that has these columns.
        word: the argument that said it.
        keep: the columns that are kept; None for all.

    Attributes:
        row_by_row: whether a call has one row, and no batch.
        row_bytes: as many as a row has at least, in a request.

    Raises:
        InvalidInput: an input has no column, or what was given does not exist.
    """

    def __init__(
        self,
        spec: Signature,
        names: Sequence[str],
        given: Mapping[str, str],
        source: Source,
        *,
        word: str = "map",
        keep: Sequence[str] | None = None,
    ) -> None:
        self._word = word
        self._spec = spec
        self._source = source
        self._kind = source.kind
        self._of: dict[str, list[str]] = {}
        self._files: set[str] = set()
        self._keep = keep
        self._examples: str | None = None  # the input that is made of whole rows
        for name, column in given.items():
            self._take(name, column, names)
        for name, tensor in spec.inputs.items():
            if name not in self._of and name != self._examples:
                self._find(name, tensor, names)
        self._rows = None
        if self._examples is not None:
            self._rows = self._examples, ExampleRows(spec.features, source.kind)
        self._taken = {column for columns in self._of.values() for column in columns}
        taken = [spec.inputs[name] for name in (*self._of, self._examples) if name is not None]
        self.row_by_row = any(not _is_batch(tensor) for tensor in taken)
        self.row_bytes = sum(map(_size, spec.inputs.values()))
        if self._kind == "pictures":
            self.row_bytes = max(self.row_bytes, source.size // len(source.files))

    def _take(self, name: str, column: str, names: Sequence[str]) -> None:
        if name not in self._spec.inputs:
            guess = did_you_mean(name, self._spec.inputs)
            raise self._refusal(
                f"there is no input {name!r}{guess}; the inputs are {self._listed()}"
            )
        if column == _EVERY:
            if (tensor := self._spec.inputs[name]).dtype != STRING:
                said = f"{self._word}={{{name!r}: '*'}}"
                raise self._refusal(f"{said} makes Examples, but input {name!r} wants {tensor}")
            self._examples = name
            return
        if column.startswith(_FILE) and column not in names:
            column = column.removeprefix(_FILE)
            self._files.add(name)
        if column not in names:
            guess = did_you_mean(column, names)
            raise self._refusal(
                f"there is no column {column!r} for input {name!r}{guess}; the columns are "
                f"{', '.join(names)}"
            )
        self._of[name] = [column]

    def _find(self, name: str, tensor: TensorSpec, names: Sequence[str]) -> None:
        """The columns of an input that nothing was said of."""
        only = len(self._spec.inputs) == 1
        elements = [f"{name}.{number}" for number in range(len(names))]
        if name in names:
            self._of[name] = [name]
        elif elements[:1] and elements[0] in names:
            self._of[name] = [element for element in elements if element in names]
        elif only and self._kind in ("npy", "tfrecord", "pictures"):
            self._of[name] = [names[0]]
            if self._kind == "pictures":
                self._files.add(name)
        elif only and tensor.dtype == STRING and self._takes_examples():
            self._examples = name
        elif name not in self._spec.defaults:
            left = [column for column in names if column not in self._spec.inputs]
            example = f"; {self._word}={{{name!r}: '*'}} makes a tf.Example of each row"
            hint = f"{self._word}={{{name!r}: ...}} says which one it is{example if only else ''}"
            if self._kind == "csv" and len(names) == 1 and re.search(r"[;\t|]", names[0]):
                hint = "CSV has commas between cells"
            raise self._refusal(
                f"no column is called as input {name!r}{did_you_mean(name, left)}; the columns are "
                f"{', '.join(names) or 'none'}",
                hint,
            )

    def _takes_examples(self) -> bool:
        spec = self._spec
        return spec.example_input is not None or spec.method in (CLASSIFY, REGRESS)

    def _listed(self) -> str:
        return ", ".join(f"{name} {tensor}" for name, tensor in self._spec.inputs.items())

    def _refusal(self, text: str, hint: str | None = None) -> InvalidInput:
        return InvalidInput(text, signature=self._spec.name, hint=hint)

    @property
    def of(self) -> Mapping[str, Sequence[str]]:
        """The columns of each input that has some of its own."""
        return self._of

    @property
    def makes_examples(self) -> bool:
        """Whether an input gets an Example of the whole row."""
        return self._examples is not None

    # What readers ask.

    def leaf(self, column: str) -> str | None:
        """What text becomes for the input that takes this column; None if none does."""
        for name, columns in self._of.items():
            if column in columns:
                tensor = self._spec.inputs[name]
                if name in self._files or tensor.dtype.kind not in ("int", "float", "bool"):
                    return "text"
                nested = _row_rank(tensor, self.row_by_row) > 0 and columns == [column]
                if nested and self._kind == "csv":
                    return "text"
                return "uint" if tensor.dtype == _UINT64 else tensor.dtype.kind
        return None if self._rows is None else self._rows[1].leaf(column)

    def floats(self, column: str) -> DType | None:
        """See :class:`tfsclient.score._chunks.Wanted`."""
        for name, columns in self._of.items():
            if column in columns:
                dtype = self._spec.inputs[name].dtype
                return dtype if dtype.kind == "float" and name not in self._files else None
        return None if self._rows is None else self._rows[1].floats(column)

    def leaves_out(self, column: str) -> bool:
        """See :class:`tfsclient.score._chunks.Wanted`."""
        if self._keep is None or column in self._keep or column in self._taken:
            return False
        return not self.misses(column) and (self._rows is None or not self._rows[1].takes(column))

    def misses(self, column: str) -> bool:
        """See :class:`tfsclient.score._chunks.Wanted`."""
        return column in self._spec.inputs and column not in (*self._of, self._examples)

    def check(self, schema: Schema) -> None:
        """Refuse columns whose types an input cannot take in any row.

        Raises:
            InvalidInput: there is one.
        """
        for name, columns in self._of.items():
            tensor = self._spec.inputs[name]
            for column in columns:
                kind = schema.field(column).type
                if not self._may_fit(name, tensor, kind):
                    raise self._refusal(
                        f"column {column!r} holds {kind}, but input {name!r} wants {tensor}"
                    )
            kinds = [schema.field(column).type for column in columns]
            if not self._may_fill(name, tensor, kinds):
                has = (
                    f"column {columns[0]!r} has one value in each row"
                    if len(columns) == 1
                    else f"columns {columns[0]!r} to {columns[-1]!r} have {len(columns)} values"
                )
                raise self._refusal(f"{has}, but input {name!r} wants {tensor}")

    def _may_fill(self, name: str, tensor: TensorSpec, kinds: Sequence[Any]) -> bool:
        """Whether columns without lists have as many values as a row of the input."""
        plain = all(_leaf(kind) is kind and not pa.types.is_null(kind) for kind in kinds)
        if name in self._files or tensor.shape is None or not plain:
            return True
        if tensor.dtype != STRING and any(map(_is_text, kinds)):
            return True  # of pictures, or lists
        inner = _inner(tensor, self.row_by_row)
        size = math.prod(size for size in inner if size > 0)
        exact = all(size >= 0 for size in inner)
        return 0 in inner or (len(kinds) == size if exact else len(kinds) % size == 0)

    def _may_fit(self, name: str, tensor: TensorSpec, kind: Any) -> bool:
        leaf = _leaf(kind)
        text = _is_text(leaf)
        if tensor.dtype == STRING or name in self._files:
            return text or pa.types.is_null(leaf)
        if text:  # of a picture, its name or bytes; of CSV, a list
            return _row_rank(tensor, self.row_by_row) > 0
        fits = _FITS.get(tensor.dtype.kind)
        return pa.types.is_null(leaf) or fits is None or any(of(leaf) for of in fits)

    # Rows.

    def refused(self, table: RecordBatch) -> dict[int, str]:
        """What is wrong with rows that have a null where an input wants a value."""
        found: dict[int, str] = {}
        for name, columns in self._of.items():
            for column in columns:
                for row in _null_rows(table.column(column)):
                    found.setdefault(row, f"column {column!r}, which is input {name!r}, is null")
        return found

    def inputs(self, table: RecordBatch) -> dict[str, Any]:
        """The inputs of a call for these rows; of a call without a batch, for the only row.

        Raises:
            InvalidInput: a column does not hold what its input wants.
        """
        inputs: dict[str, Any] = {}
        for name, columns in self._of.items():
            tensor = self._spec.inputs[name]
            try:
                inputs[name] = self._values(name, tensor, [table.column(c) for c in columns])
            except Misfit as misfit:
                raise self._refusal(f"column {columns[0]!r} {misfit.details}") from misfit
        if self._rows is not None:
            inputs[self._rows[0]] = self._rows[1].make(table)
        return inputs

    @property
    def lessons(self) -> int:
        """How much was learnt from the server."""
        return 0 if self._rows is None else self._rows[1].lessons

    def learn(self, details: str, before: int) -> bool:
        """See :meth:`ExampleRows.learn`."""
        return self._rows is not None and self._rows[1].learn(details, before)

    def _values(self, name: str, tensor: TensorSpec, columns: list[Column]) -> Any:
        column = columns[0]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        picture = tensor.dtype != STRING and _row_rank(tensor, self.row_by_row) >= 2
        if name in self._files or (picture and self._kind != "csv" and _is_text(column.type)):
            return self._pictures(column, tensor)
        if tensor.dtype != STRING and _is_text(column.type):
            cells = column.to_pylist()
            if picture and not any(cell.lstrip().startswith("[") for cell in cells):
                return self._pictures(column, tensor)
            values: Any = [_read_list(cell) for cell in cells]
        elif _is_text(column.type) and not column.null_count:
            # As bytes, and not as a list: many times as fast.
            column = column.cast(pa.binary()) if pa.types.is_string(column.type) else column
            values = column.to_numpy(zero_copy_only=False)
        else:
            values = column_values(column)
        if len(columns) > 1:
            values = _side_by_side([column_values(each) for each in columns], name, tensor)
        return self._shaped(values, tensor)

    def _pictures(self, column: Column, tensor: TensorSpec) -> Any:
        images = [Image(self._place(cell)) for cell in column.to_pylist()]
        if self.row_by_row and not _has_one(tensor):
            return images[0]
        return images

    def _place(self, cell: Any) -> Any:
        """Where a picture is: as the cell names it, or beside the file that has the cell."""
        if isinstance(cell, bytes) or os.path.exists(cell):
            return cell
        if (data := read_uri(cell)) is not None:
            return data
        if self._source.is_remote() and self._kind == "pictures":
            return self._source.read(cell)
        beside = os.path.join(os.path.dirname(self._source.files[0].name), cell)
        return beside if os.path.exists(beside) else cell

    def _shaped(self, values: Any, tensor: TensorSpec) -> Any:
        """The values in the signature's shape, where only 1s or flat lists are in between."""
        if tensor.shape is None:
            return values[0] if self.row_by_row else values
        if not self.row_by_row:
            inner = tensor.shape[1:]
            if isinstance(values, np.ndarray):
                return _reshaped(values, (len(values), *inner))
            if tensor.dtype == STRING and inner and not any(isinstance(v, list) for v in values):
                return _reshaped(_objects(values), (len(values), *inner))
            return values
        value = np.asarray(values[0]) if not isinstance(values[0], bytes | str) else values[0]
        if isinstance(value, bytes | str):
            return _reshaped(_objects([value]), tensor.shape) if tensor.shape else value
        if _has_one(tensor) and value.ndim < len(tensor.shape):
            value = value[np.newaxis]
        return _reshaped(value, tensor.shape)


def _size(tensor: TensorSpec) -> int:
    """The bytes of a row, as far as the signature says; at least a few."""
    if tensor.dtype == STRING or not tensor.dtype.sendable:
        return 8
    return math.prod(size for size in (tensor.shape or ())[1:] if size > 0) * (
        tensor.dtype.numpy.itemsize
    )


def _is_batch(tensor: TensorSpec) -> bool:
    return tensor.shape is None or (bool(tensor.shape) and tensor.shape[0] == -1)


def _has_one(tensor: TensorSpec) -> bool:
    """Whether a call for one row has a first dimension of 1 for it."""
    return bool(tensor.shape) and tensor.shape[0] in (-1, 1)  # type: ignore[index]


def _inner(tensor: TensorSpec, row_by_row: bool) -> tuple[int, ...]:
    """The dimensions of a row's value."""
    shape = tensor.shape or ()
    return shape if row_by_row and not _has_one(tensor) else shape[1:]


def _row_rank(tensor: TensorSpec, row_by_row: bool) -> int:
    """How deep a row's value is nested; dimensions of 1 alone make it none."""
    inner = _inner(tensor, row_by_row)
    return 0 if all(size == 1 for size in inner) else len(inner)


def _reshaped(array: Array, shape: tuple[int, ...]) -> Array:
    """The array in this shape if that only unfolds flat rows or moves 1s; else as it is."""
    open_ = shape.count(-1)
    bare = tuple(size for size in array.shape[1:] if size != 1)
    wanted = tuple(size for size in shape[1:] if size != 1)
    flat = len(bare) <= 1
    same = len(bare) == len(wanted) and all(
        want in (-1, have) for want, have in zip(wanted, bare, strict=True)
    )
    if array.ndim == len(shape) or open_ > 1 or not (flat or same):
        return array
    size = math.prod(size for size in shape if size != -1)
    if (array.size % size if size else array.size) or (not open_ and array.size != size):
        return array
    if open_ and not array.size:
        return array
    return array.reshape(shape)


def _objects(values: list[Any]) -> Array:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _leaf(kind: Any) -> Any:
    while True:
        if pa.types.is_dictionary(kind) or _is_list(kind):
            kind = kind.value_type
        elif hasattr(kind, "storage_type"):
            kind = kind.storage_type
        else:
            return kind


def _is_list(kind: Any) -> bool:
    is_ = pa.types
    return bool(is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind))


def _is_text(kind: Any) -> bool:
    is_ = pa.types
    return any(
        of(kind)
        for of in (
            is_.is_string, is_.is_large_string, is_.is_binary, is_.is_large_binary,
            is_.is_fixed_size_binary, is_.is_string_view, is_.is_binary_view,
        )
    )  # fmt: skip


def _null_rows(column: Column) -> list[int]:
    """The rows that are null, or have a null within."""
    rows: set[int] = set()
    if hasattr(column, "storage"):
        column = column.storage  # of a tensor
    if column.null_count:
        rows.update(np.flatnonzero(np.asarray(column.is_null())).tolist())
    kind = column.type
    if _is_list(kind):
        inner = column.flatten()
        if of := _null_rows(inner):
            parents = pc.list_parent_indices(column)
            rows.update(parents.take(pa.array(of)).to_pylist())
    return sorted(rows)


def _side_by_side(columns: Sequence[Any], name: str, tensor: TensorSpec) -> Array:
    """Columns as the elements of a row; numpy would make floats of integers beside floats."""
    arrays = [np.asarray(column) for column in columns]
    if len({array.dtype for array in arrays}) > 1 and tensor.dtype.sendable:
        arrays = [cast(array, tensor.dtype, name) for array in arrays]
    return np.stack(arrays, axis=1)


def _read_list(cell: str) -> Any:
    try:
        return to_numbers(loads(cell))
    except (ValueError, RecursionError):
        raise Misfit(f"holds {cell[:40]!r}, which is not a list in JSON") from None
