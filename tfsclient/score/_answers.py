"""What a model answers, as columns beside those that are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfsclient.errors import InvalidInput, counted
from tfsclient.results import Prediction
from tfsclient.schema import Signature
from tfsclient.score._arrow import Array, RecordBatch, Schema, pa, to_column
from tfsclient.score._options import Options


class Answers:
    """Makes rows of answers.

    Args:
        spec: the signature.
        names: the columns of the input.
        options: which of them are kept, and which outputs are wanted.
        row_by_row: whether a call has one row, and no batch.
        schema: of the rows that were written before; None to take it from the first answer.

    Raises:
        InvalidInput: a column or an output does not exist, or two would have the same name.
    """

    def __init__(
        self,
        spec: Signature,
        names: Sequence[str],
        options: Options,
        row_by_row: bool,
        schema: Schema | None,
    ) -> None:
        self._spec = spec
        kept = list(names if options.keep is None else options.keep)
        if missing := [name for name in kept if name not in names]:
            raise InvalidInput(
                f"there is no column {missing[0]!r} to keep; the columns are {', '.join(names)}"
            )
        wanted = list(spec.fetchable().outputs if options.outputs is None else options.outputs)
        if missing := [name for name in wanted if name not in spec.outputs]:
            raise InvalidInput(
                f"there is no output {missing[0]!r}; the outputs are {', '.join(spec.outputs)}",
                model=options.model,
                signature=spec.name,
            )
        self._kept = kept
        # Rows of a stream may have more columns than the first ones, and of other types.
        self._loose = options.streams
        self._all = options.streams and options.keep is None
        self._row_by_row = row_by_row
        self._single = options.batch == 1  # so that all of an answer is the row's
        self.schema = schema
        prefix = options.prefix
        fold = options.fold
        there = set(map(fold, kept))
        self._names = {name: f"{prefix}{name}" if fold(name) in there else name for name in wanted}
        named = [*kept, *self._names.values()]
        often = Counter(map(fold, named))
        twice = next((name for name in named if often[fold(name)] > 1), None)
        if twice is not None:
            raise _twice(twice)

    @property
    def names(self) -> Mapping[str, str]:
        """What the column of each output is called."""
        return self._names

    def rows(self, answer: Prediction, count: int) -> dict[str, Array]:
        """The outputs with a first dimension for ``count`` rows.

        Raises:
            InvalidInput: one does not have it.
        """
        found = {}
        for name in self._names:
            array = answer[name]
            if self._row_by_row:
                shape = self._spec.outputs[name].shape if name in self._spec.outputs else None
                has_row = bool(shape) and shape[0] in (-1, 1) and array.shape[:1] == (1,)  # type: ignore[index]
                array = array if has_row else array[np.newaxis, ...]
            elif self._single and array.shape[:1] != (1,):
                array = array[np.newaxis, ...]
            elif array.shape[:1] != (count,):
                raise InvalidInput(
                    f"output {name!r} has shape {list(array.shape)} for {counted(count, 'row')}: "
                    "it cannot be told which row is whose",
                    model=answer.model,
                    signature=answer.signature,
                    hint="batch=1, or outputs=... without it",
                )
            found[name] = array
        return found

    def table(self, kept: RecordBatch, outputs: Mapping[str, Array]) -> RecordBatch:
        """Rows to write.

        Strings are text as long as all of them are UTF-8.  From the first one on that is not, the
        column is one of bytes, and so :attr:`schema` may change.

        Raises:
            InvalidInput: an output is of another type than in the rows before.
        """
        names = kept.schema.names if self._all else self._kept
        columns = [kept.column(name) for name in names]
        fields = [kept.schema.field(name) for name in names]
        for output, name in self._names.items():
            if self._all and name in names:
                raise _twice(name)
            before = None if self.schema is None else self.schema.field(name).type
            column = to_column(outputs[output], text=not (before and _is_binary(before)))
            columns.append(column)
            fields.append(pa.field(name, column.type))
            if before is not None and _is_binary(column.type) and not _is_binary(before):
                number = self.schema.get_field_index(name)  # type: ignore[union-attr]
                self.schema = self.schema.set(number, fields[-1])  # type: ignore[union-attr]
        batch = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
        if self.schema is None or self._loose:
            self.schema = batch.schema
        elif not batch.schema.equals(self.schema):
            try:
                return batch.cast(self.schema)
            except (pa.ArrowException, ValueError) as error:
                raise InvalidInput(f"the rows differ in type from those before: {error}") from None
        return batch


def _twice(name: str) -> InvalidInput:
    return InvalidInput(
        f"two columns would be called {name!r}",
        hint="another prefix=..., fewer columns by keep=..., or fewer outputs by outputs=...",
    )


def _is_binary(kind: Any) -> bool:
    while pa.types.is_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_binary(kind))
