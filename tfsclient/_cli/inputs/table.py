"""CSV: a line of names, then a row for each item of the batch.

x         an element of input x: a number, true or false, text; or, where x has more dimensions
          than the batch's, a JSON list of one item's values
x.0, x.1  the elements of an item, a column each, where x has two dimensions
age       a feature, where Examples are wanted; an empty cell leaves it out unless it is text
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tfsclient._cli.inputs.cells import feature_cell, guessed_dtype, input_cell, scalar
from tfsclient.errors import InvalidInput, shown
from tfsclient.schema import Features, FeatureSpec, Signature, TensorSpec

_ELEMENT: Final = re.compile(r"(.+)\.(0|[1-9][0-9]{0,8})", re.DOTALL)
_LONGEST: Final = 1 << 30  # characters of a cell: a picture in base64 passes csv's own limit


@dataclass(frozen=True)
class Table:
    """A CSV file, none of whose cells are read yet.

    Attributes:
        name: what errors call it.
        header: the names of its columns.
        rows: the cells, as many in each row as there are names.
        lines: the line on which each row begins.
    """

    name: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def inputs(self, signature: Signature) -> dict[str, Any]:
        """The columns as inputs: a list of a row's values for each.

        Raises:
            InvalidInput: a column is not an input's, or a cell does not hold what that wants.
        """
        specs = signature.inputs
        for name in self.header:
            if name not in specs and self._whose(name, signature) is None:
                raise self._no_input(name, signature)
        return {n: values for n, spec in specs.items() if (values := self.input(spec)) is not None}

    def input(self, spec: TensorSpec) -> list[Any] | None:
        """The values of an input, an item for each row; None if no column is its.

        Raises:
            InvalidInput: a cell does not hold what it wants.
        """
        elements = self._elements(spec)
        if spec.name in self.header:
            if elements:
                raise InvalidInput(f"{self.name}:1: there is {spec.name!r} and {elements[0]!r}")
            return self._column(spec.name, lambda text: input_cell(text, spec))
        if not elements:
            return None
        columns = [self._column(name, lambda text: scalar(text, spec.dtype)) for name in elements]
        return [list(row) for row in zip(*columns, strict=True)]

    def examples(self, features: Features | None) -> list[dict[str, Any]]:
        """The rows as features of Examples.

        Args:
            features: what the model parses.  If that is not known, a column of integers is of
                int64, one of numbers of float32, and every other of text.

        Raises:
            InvalidInput: a cell does not hold what the feature wants.
        """
        examples: list[dict[str, Any]] = [{} for _ in self.rows]
        for number, name in enumerate(self.header):
            spec = (features or {}).get(name)
            if spec is None:
                spec = FeatureSpec(
                    name, guessed_dtype(row[number] for row in self.rows), shape=(1,)
                )
            values = self._column(name, lambda text, spec=spec: feature_cell(text, spec))  # type: ignore[misc]
            for example, value in zip(examples, values, strict=True):
                if value is not None:
                    example[name] = value
        return examples

    def has(self, spec: TensorSpec) -> bool:
        """Whether a column is this input's."""
        return spec.name in self.header or bool(self._elements(spec))

    def is_of(self, signature: Signature) -> bool:
        """Whether every column is an input's."""
        return all(name in signature.inputs or self._whose(name, signature) for name in self.header)

    def _column(self, name: str, read: Callable[[str], Any]) -> list[Any]:
        number = self.header.index(name)
        values = []
        for line, row in zip(self.lines, self.rows, strict=True):
            try:
                values.append(read(row[number]))
            except ValueError as error:
                raise InvalidInput(
                    f"{self.name}:{line}, column {name!r}: the cell {shown(row[number])} {error}"
                ) from None
        return values

    def _elements(self, spec: TensorSpec) -> list[str]:
        """The columns that each hold an element of this input's items, in order."""
        if spec.shape is not None and len(spec.shape) != 2:
            return []
        found = {}
        for name in self.header:
            match = _ELEMENT.fullmatch(name)
            if match and match[1] == spec.name:
                found[int(match[2])] = name
        for number in range(len(found)):
            if number not in found:
                raise InvalidInput(f"{self.name}:1: there is no column '{spec.name}.{number}'")
        return [found[number] for number in range(len(found))]

    def _whose(self, column: str, signature: Signature) -> TensorSpec | None:
        """The input that this column holds an element of."""
        match = _ELEMENT.fullmatch(column)
        spec = signature.inputs.get(match[1]) if match else None
        return spec if spec is not None and column in self._elements(spec) else None

    def _no_input(self, name: str, signature: Signature) -> InvalidInput:
        close = difflib.get_close_matches(name, signature.inputs, n=1)
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        return InvalidInput(
            f"{self.name}:1: the column {shown(name)} is not an input{guess}; the first line names "
            f"the inputs, separated by commas: {_listed(signature.inputs.values())}",
            signature=signature.name,
        )

    def no_input(self, spec: TensorSpec) -> InvalidInput:
        """The refusal of a table without a column for this input."""
        return InvalidInput(
            f"{self.name}:1: there is no column {spec.name!r}, but {shown(self.header)}; the first "
            f"line names the inputs, separated by commas"
        )


def _listed(specs: Iterable[TensorSpec]) -> str:
    return ", ".join(f"{spec.name} {spec}" for spec in specs)


def read_header(data: bytes) -> list[str]:
    """The names that CSV would begin with; [] if this cannot be CSV with at least one row."""
    first, newline, rest = data.partition(b"\n")
    if not newline or not rest.strip():
        return []
    try:
        return next(_records(first, ""), (1, []))[1]
    except InvalidInput:
        return []


def read_table(data: bytes, name: str) -> Table:
    """The table in a CSV file: UTF-8, with commas, and quotes around what holds one.

    Raises:
        InvalidInput: it is not that, is ragged, has no rows, or names a column twice or not.
    """
    rows, lines = [], []
    for line, row in _records(data, name):
        rows.append(row)
        lines.append(line)
    while len(rows) > 1 and not rows[-1]:  # empty lines at the end
        rows.pop()
        lines.pop()
    if not rows:
        raise InvalidInput(f"{name} is empty")
    header, *rows = rows
    for number, column in enumerate(header):
        if not column:
            raise InvalidInput(f"{name}:1: column {number + 1} has no name")
        if header.index(column) != number:
            raise InvalidInput(f"{name}:1: the column {shown(column)} is there twice")
    if not header or not rows:
        raise InvalidInput(f"{name} has no rows after the line of names")
    for line, row in zip(lines[1:], rows, strict=True):
        if len(row) != len(header):
            raise InvalidInput(
                f"{name}:{line} has {len(row)} cells, but the first line names {len(header)}"
            )
    return Table(name, header, rows, lines[1:])


def _records(data: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    """The records, each with the line that it begins on."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{name}:{line} is not UTF-8: {error.reason}") from None
    csv.field_size_limit(_LONGEST)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise InvalidInput(f"{name}:{line} is not CSV: {error}") from None
        if record is None:
            return
        yield line, record
