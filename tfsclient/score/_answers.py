"""What a model answers, as columns beside those that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfsclient.errors import InvalidInput
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
        self._row_by_row = row_by_row
        self._single = options.batch == 1  # so that all of an answer is the row's
        self.schema = schema
        prefix = options.prefix
        self._names = {name: f"{prefix}{name}" if name in kept else name for name in wanted}
        named = [*kept, *self._names.values()]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise InvalidInput(
                f"two columns would be called {twice!r}",
                hint="another prefix=..., or fewer columns by keep=...",
            )

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
                    f"output {name!r} has shape {list(array.shape)} for {count} rows: it cannot be "
                    "told which row is whose",
                    model=answer.model,
                    signature=answer.signature,
                    hint="batch=1, or outputs=... without it",
                )
            found[name] = array
        return found

    def table(self, kept: RecordBatch, outputs: Mapping[str, Array]) -> RecordBatch:
        """Rows to write.

        Raises:
            InvalidInput: an output is of another type than in the rows before.
        """
        columns = [kept.column(name) for name in self._kept]
        fields = [kept.schema.field(name) for name in self._kept]
        for output, name in self._names.items():
            before = None if self.schema is None else self.schema.field(name).type
            text = None if before is None else _leaf_is_text(before)
            try:
                column = to_column(outputs[output], text=text)
            except InvalidInput as error:
                raise InvalidInput(f"output {output!r} {error.details}") from None
            columns.append(column)
            fields.append(pa.field(name, column.type))
        if self.schema is None:
            self.schema = pa.schema(fields)
        batch = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
        if not batch.schema.equals(self.schema):
            try:
                return batch.cast(self.schema)
            except (pa.ArrowException, ValueError) as error:
                raise InvalidInput(f"the rows differ in type from those before: {error}") from None
        return batch


def _leaf_is_text(kind: object) -> bool | None:
    while pa.types.is_list(kind):
        kind = kind.value_type  # type: ignore[attr-defined]
    if pa.types.is_string(kind):
        return True
    return False if pa.types.is_binary(kind) else None
