"""CSV: a line of names, then a row for each item of the batch.

x         an element of input x: a number, true or false, text; or, where x has more dimensions
          than the batch's, a JSON list of one item's values
x.0, x.1  the elements of an item, a column each, where x has two dimensions
age       a feature, where Examples are wanted; an empty cell leaves it out unless it is text
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tfsclient._cli.inputs.cells import (
    Reader,
    feature_reader,
    guess,
    input_reader,
    scalar_reader,
    widest,
)
from tfsclient.errors import InvalidInput, counted, did_you_mean, shown
from tfsclient.schema import Features, FeatureSpec, Signature, TensorSpec

_ELEMENT: Final = re.compile(r"(.+)\.(0|[1-9][0-9]{0,8})", re.DOTALL)
_LONGEST: Final = 1 << 30  # characters of a cell: a picture in base64 passes csv's own limit


@dataclass(frozen=True)
class Header:
    """The names of a table's columns.

    Attributes:
        where: what errors call it.
        names: the columns'.
    """

    where: str
    names: list[str]

    def check(self, signature: Signature) -> None:
        """Refuse a column that is not an input's.

        Raises:
            InvalidInput: there is one.
        """
        wrong = next((name for name in self.names if not self._is_of(name, signature)), None)
        if wrong is None:
            return
        guessed = did_you_mean(wrong, signature.inputs)
        listed = ", ".join(f"{name} {spec}" for name, spec in signature.inputs.items())
        raise InvalidInput(
            f"{self.where}: the column {shown(wrong)} is not an input{guessed}; the first line "
            f"names the inputs, separated by commas: {listed}",
            signature=signature.name,
        )

    def is_of(self, signature: Signature) -> bool:
        """Whether every column is an input's."""
        return all(self._is_of(name, signature) for name in self.names)

    def _is_of(self, column: str, signature: Signature) -> bool:
        match = _ELEMENT.fullmatch(column)
        spec = signature.inputs.get(match[1]) if match else None
        return column in signature.inputs or (spec is not None and column in self.columns(spec))

    def columns(self, spec: TensorSpec) -> list[str]:
        """The columns of this input: its own, or one for each element of its items, in order.

        Raises:
            InvalidInput: there are both, or one of the elements is missing.
        """
        own = [spec.name] if spec.name in self.names else []
        if spec.shape is not None and len(spec.shape) != 2:
            return own
        found = {}
        for name in self.names:
            match = _ELEMENT.fullmatch(name)
            if match and match[1] == spec.name:
                found[int(match[2])] = name
        if own and found:
            raise InvalidInput(f"{self.where}: there is {spec.name!r} and {min(found.values())!r}")
        for number in range(len(found)):
            if number not in found:
                raise InvalidInput(f"{self.where}: there is no column '{spec.name}.{number}'")
        return own or [found[number] for number in range(len(found))]


class Table:
    """A CSV file: UTF-8, with commas, and quotes around what holds one.

    Args:
        data: its bytes.
        name: what errors call it.

    Raises:
        InvalidInput: it is not that, has no rows, or names a column twice or not.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        _, names = next(_records(data, name), (1, []))
        self.header = Header(f"{name}:1", names)
        if not names:
            raise InvalidInput(f"{name} does not begin with a line of names")
        for number, column in enumerate(names):
            if not column:
                raise InvalidInput(f"{name}:1: column {number + 1} has no name")
            if names.index(column) != number:
                raise InvalidInput(f"{name}:1: the column {shown(column)} appears twice")

    def inputs(self, signature: Signature) -> dict[str, Any]:
        """The columns as inputs: a list of a row's values for each.

        Raises:
            InvalidInput: a column is not an input's, or a cell does not hold what that wants.
        """
        self.header.check(signature)
        return self._inputs(signature.inputs.values())

    def input(self, spec: TensorSpec) -> list[Any]:
        """The values of an input, an item for each row.

        Raises:
            InvalidInput: no column is its, or a cell does not hold what it wants.
        """
        if not self.header.columns(spec):
            raise InvalidInput(
                f"{self.header.where}: there is no column {spec.name!r}, but "
                f"{shown(self.header.names)}; the first line names the inputs, separated by commas"
            )
        values: list[Any] = self._inputs([spec])[spec.name]
        return values

    def examples(self, features: Features | None) -> list[dict[str, Any]]:
        """The rows as features of Examples.

        Args:
            features: what the model parses.  If that is not known, a column of integers is of
                int64, one of numbers of float32, and every other of text.

        Raises:
            InvalidInput: a cell does not hold what the feature wants.
        """
        names = self.header.names
        known = features or {}
        guessed: dict[str, set[str]] = {name: set() for name in names if name not in known}
        if guessed:
            places = [
                (guessed[name], number) for number, name in enumerate(names) if name in guessed
            ]
            for _, row in self._rows():
                for kinds, number in places:
                    kinds.add(guess(row[number]))
        readers = {
            name: feature_reader(
                known.get(name) or FeatureSpec(name, widest(guessed[name]), shape=(1,))
            )
            for name in names
        }
        columns = self._read(readers).values()
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in zip(*columns, strict=True)
        ]

    def _inputs(self, specs: Iterable[TensorSpec]) -> dict[str, Any]:
        columns = {spec.name: self.header.columns(spec) for spec in specs}
        readers: dict[str, Reader] = {}
        for spec in specs:
            for column in columns[spec.name]:
                alone = column == spec.name
                readers[column] = input_reader(spec) if alone else scalar_reader(spec.dtype)
        values = self._read(readers)
        return {
            name: values[name]
            if found == [name]
            else [list(row) for row in zip(*(values[column] for column in found), strict=True)]
            for name, found in columns.items()
            if found
        }

    def _read(self, readers: Mapping[str, Reader]) -> dict[str, list[Any]]:
        """The values of these columns, as these make them of cells."""
        values: dict[str, list[Any]] = {name: [] for name in readers}
        columns = [
            (self.header.names.index(name), read, values[name].append)
            for name, read in readers.items()
        ]
        for line, row in self._rows():
            for number, read, append in columns:
                try:
                    append(read(row[number]))
                except ValueError as error:
                    raise InvalidInput(
                        f"{self._name}:{line}, column {self.header.names[number]!r}: the cell "
                        f"{shown(row[number])} {error}"
                    ) from None
        return values

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows, each with the line that it begins on; empty lines are let be at the end."""
        width, empty, none = len(self.header.names), 0, True
        records = _records(self._data, self._name)
        next(records)
        for line, row in records:
            if not row:
                empty = empty or line
                continue
            if empty or len(row) != width:
                raise InvalidInput(
                    f"{self._name}:{empty or line} has "
                    f"{counted(0 if empty else len(row), 'cell')}, but the first line names {width}"
                )
            none = False
            yield line, row
        if none:
            raise InvalidInput(f"{self._name} has no rows after the line of names")


def read_header(data: bytes) -> Header | None:
    """The names that CSV would begin with; None if this cannot be CSV with at least one row."""
    first, newline, rest = data.partition(b"\n")
    if not newline or not rest.strip():
        return None
    try:
        return Header("", next(_records(first, ""), (1, []))[1])
    except InvalidInput:
        return None


def _records(data: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    """The records, each with the line that it begins on."""
    csv.field_size_limit(_LONGEST)
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except UnicodeDecodeError:
            raise _not_utf8(data, name) from None
        except csv.Error as error:
            raise InvalidInput(f"{name}:{line} is not CSV: {error}") from None
        if record is None:
            return
        yield line, record


def _not_utf8(data: bytes, name: str) -> InvalidInput:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return InvalidInput(f"{name}:{line} is not UTF-8: {error.reason}")
    return InvalidInput(f"{name} is not UTF-8")
