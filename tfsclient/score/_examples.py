"""Rows as tf.Examples: a column is a feature."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tfsclient._codec.example import FLOAT32
from tfsclient._inputs.casts import cast
from tfsclient._inputs.example import Example
from tfsclient._inputs.misfits import Misfit
from tfsclient.dtypes import INT64, STRING, DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import Features, FeatureSpec
from tfsclient.score._arrow import RecordBatch
from tfsclient.score._cells import loads, to_numbers

# In TensorFlow's words: Name: <unknown>, Key: x, Index: 0.  Data types don't match. Data type: ...
_MISMATCH: Final = re.compile(
    r"Key: (.*?)(?:, Index: [0-9]+)?\.\s+Data types don't match\. "
    r"Data type: (\w+) but expected type: (\w+)"
)
_TYPES: Final = {"float": FLOAT32, "int64": INT64, "string": STRING}


class ExampleRows:
    """Makes Examples of rows.

    3 is an integer to an Example, and 3.0 a float.  Text does not tell the two apart, and a server
    does not say which features there are, but refuses the wrong ones with the type that it wants:
    from then on the feature is made of that, where it means the same.

    Args:
        features: what the model parses; None if that is not known.
        kind: of the source.
    """

    def __init__(self, features: Features | None, kind: str) -> None:
        self._features = features
        self._csv = kind == "csv"  # whose cells may be lists in JSON
        self._text = kind in ("csv", "jsonl")
        self._learnt: dict[str, tuple[DType, int]] = {}

    @property
    def lessons(self) -> int:
        """How often something was learnt."""
        return len(self._learnt)

    def learn(self, details: str, before: int) -> bool:
        """Learn from what a server says of Examples that were made after so many lessons.

        Returns:
            Whether they would be others now.
        """
        found = _MISMATCH.search(details)
        if found is None or (want := _TYPES.get(found[3])) is None:
            return False
        if found[1] not in self._learnt and self._features is None:
            self._learnt[found[1]] = want, len(self._learnt)
        known, number = self._learnt.get(found[1], (None, 0))
        return known == want and number >= before

    def leaf(self, column: str) -> str | None:
        """See :class:`tfsclient.score._chunks.Wanted`."""
        spec = (self._features or {}).get(column)
        if spec is None:
            return None
        return "text" if spec.dtype == STRING or self._has_lists(spec) else spec.dtype.kind

    def floats(self, column: str) -> DType | None:
        """See :class:`tfsclient.score._chunks.Wanted`: an Example has floats of one type only."""
        return FLOAT32 if self.takes(column) else None

    def takes(self, column: str) -> bool:
        """Whether a column is a feature."""
        return self._features is None or column in self._features

    def make(self, table: RecordBatch) -> list[Example]:
        """An Example a row; a null leaves the feature out.

        Raises:
            InvalidInput: a value cannot be what the model wants.
        """
        features: dict[str, list[Any]] = {}
        for field in table.schema:
            if self.takes(field.name):
                cells = table.column(field.name).to_pylist()
                for read in self._readers(field):
                    cells = [_read(field.name, read, cell) for cell in cells]
                features[field.name] = cells
        return [
            Example({n: cells[row] for n, cells in features.items() if cells[row] is not None})
            for row in range(table.num_rows)
        ]

    def _readers(self, field: Any) -> list[Callable[[Any], Any]]:
        """What a column's cells go through."""
        readers: list[Callable[[Any], Any]] = []
        spec = (self._features or {}).get(field.name)
        if b"tfsclient.json" in (field.metadata or {}):
            readers.append(_from_json)
        elif spec is not None and self._has_lists(spec) and spec.dtype != STRING:
            readers.append(_number_or_list)
        if field.name in self._learnt:
            want = self._learnt[field.name][0]
            readers.append(lambda value: self._as_wanted(value, want))
        return readers

    def _has_lists(self, spec: FeatureSpec) -> bool:
        return self._csv and (spec.shape is None or any(size != 1 for size in spec.shape))

    def _as_wanted(self, value: Any, want: DType) -> Any:
        """The value in the type that the server asked for, if it is the same in that."""
        if isinstance(value, list):
            return [self._as_wanted(item, want) for item in value]
        if isinstance(value, str) and self._csv and want != STRING:  # beside one that is text
            return self._as_wanted(_number_or_list(value), want)
        if want == FLOAT32 and type(value) is int:
            return cast(np.asarray(value), FLOAT32, "values")[()]
        if want == INT64 and type(value) is float and self._text and value.is_integer():
            return int(value)
        if want == STRING and type(value) is int and self._csv:
            return str(value)  # as it was written
        return value


def _read(name: str, read: Callable[[Any], Any], cell: Any) -> Any:
    if cell is None:
        return None
    try:
        return read(cell)
    except Misfit as misfit:
        raise InvalidInput(f"column {name!r} {misfit.details}") from misfit


def _from_json(cell: str) -> Any:
    """A cell that was kept as JSON; one without text is no feature."""
    return loads(cell) if cell != '""' else None


def _number_or_list(cell: str) -> Any:
    if not cell.strip():
        return None
    try:
        return to_numbers(loads(cell))
    except (ValueError, RecursionError):
        raise Misfit(f"holds {cell[:40]!r}, which is neither a number nor a list in JSON") from None
