"""A model on the rows of a Ray Dataset; needs ``tfsclient[ray]`` on the driver and workers.

from tfsclient.ray import Predictor, prepare

scored = ds.map_batches(
    Predictor,
    fn_constructor_kwargs=prepare(ds, "models:8500", "digits", inputs={"images": "scan"}),
    batch_size=256,
    compute=ray.data.ActorPoolStrategy(size=4),
)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsclient._inputs.misfits import Misfit
from tfsclient._inputs.tables import column_values, is_column
from tfsclient.errors import InvalidInput

if TYPE_CHECKING:
    from tfsclient.schema import Signature
    from tfsclient.score._arrow import Array, Column, Schema
    from tfsclient.score._plan import Plan

__all__ = ["Predictor", "prepare"]


def __dir__() -> list[str]:
    return __all__


class Predictor:
    """What ``Dataset.map_batches`` makes in each of its workers, to score batches by calls.

    A batch of Ray's is a call: ``batch_size`` says how many rows it has.  Ray gives each worker
    several batches at once.  While the server is busy, restarting or slow, the worker slows down
    and tries again; it fails after five minutes without any answer.

    Made without :func:`prepare`, each worker asks the server for the signature and the version when
    it starts.

    Args:
        target: the server, as for :class:`tfsclient.Client`, as workers reach it.
        model: the model's name.
        inputs: columns by input where they have other names; ``"@column"`` for cells that name
            files, ``"*"`` for an Example of the whole row.
        keep: the columns to keep; "all" of them.
        outputs: the outputs to add; None for all.
        prefix: what stands before the name of an output that a kept column has.
        signature: the signature to run; None as for :meth:`tfsclient.Client.predict`.
        version: the version to run; None for the one that has the label, or is the latest, when the
            worker starts.
        label: the version label to run.
        binary: the outputs of strings that are bytes, beside those whose names end in ``_bytes``;
            all others are text.
        on_error: "stop" to fail at the first row that cannot be scored, which the error names; or
            "dead-letter" to leave its outputs null, and say why in the column ``error``.
        client: more options of :class:`tfsclient.Client`.  ``token`` is ``"module:function"``: each
            worker imports and calls it; without it, workers send the token in their environment
            variable TFSCLIENT_TOKEN, if there is one.

    Raises:
        InvalidInput: an option, the signature or an output does not exist or does not fit.
        MissingExtra: pyarrow is not installed.
        TFSError: the server does not know the model, or cannot be reached.
    """

    def __init__(
        self,
        target: str | Sequence[str],
        model: str,
        *,
        inputs: Mapping[str, str] | None = None,
        keep: str | Sequence[str] = "all",
        outputs: str | Sequence[str] | None = None,
        prefix: str = "pred_",
        signature: str | Signature | None = None,
        version: int | None = None,
        label: str | None = None,
        binary: Sequence[str] = (),
        on_error: str = "stop",
        **client: Any,
    ) -> None:
        self._plan = _plan(
            target, model, inputs=inputs, keep=keep, outputs=outputs, prefix=prefix,
            signature=signature, version=version, label=label, binary=binary, on_error=on_error,
            settings=client,
        )  # fmt: skip

    async def __call__(self, batch: Any) -> AsyncIterator[Any]:
        """Score a batch.

        Args:
            batch: as Ray gives it: numpy arrays by column, a pyarrow table or a pandas DataFrame.

        Returns:
            The columns that are kept and the outputs: numpy arrays for numpy arrays, with all
            dimensions of an output of numbers; else, and with "dead-letter", a pyarrow table, in
            which rows of several dimensions are lists of lists.

        Raises:
            TFSError: a row or a call failed for good.
        """
        yield await asyncio.to_thread(self._score, batch)

    def _score(self, batch: Any) -> Any:
        from tfsclient.score._arrow import pa

        if isinstance(batch, pa.Table):
            return _tabled(self._plan, batch)
        if isinstance(batch, Mapping) and self._plan.options.stops:
            return _arrays(self._plan, {name: np.asarray(batch[name]) for name in batch})
        return _tabled(self._plan, _table(self._plan, {str(name): batch[name] for name in batch}))


def prepare(ds: Any, target: str | Sequence[str], model: str, **options: Any) -> dict[str, Any]:
    """The arguments of a :class:`Predictor`, with all that can be known before a job starts.

    The server is asked here, on the driver, for the signature and the version that all workers are
    to call; columns that do not fit are refused.  To know the columns, Ray may read the first rows.

    Args:
        ds: the ``ray.data.Dataset`` to score.
        target: the server, as workers reach it.
        model: the model's name.
        options: those of :class:`Predictor`.

    Returns:
        What to give as ``fn_constructor_kwargs``.

    Raises:
        InvalidInput: a column, an option, the signature or an output does not exist or does not
            fit, or a secret would be written into the job's plan.
        MissingExtra: pyarrow is not installed.
        TFSError: the server does not know the model, or cannot be reached from here.
    """
    predictor = Predictor(target, model, **options)
    plan = predictor._plan  # noqa: SLF001
    if (schema := ds.schema()) is not None:
        fields = _fields(schema)
        plan.fields(fields, plan.columns(fields))
    pinned = {"signature": plan.spec, "version": plan.version}
    return {**options, "target": target, "model": model, "label": None, **pinned}


def _fields(schema: Any) -> Schema:
    """A Dataset's columns; those of types that Arrow does not have as null, which fits anything."""
    from tfsclient.score._arrow import pa

    kinds = []
    for kind in schema.types:
        storage = getattr(kind, "storage_type", kind)  # of a tensor; a struct has any shape
        known = isinstance(kind, pa.DataType) and not (
            storage is not kind and pa.types.is_struct(storage)
        )
        kinds.append(kind if known else pa.null())
    return pa.schema(list(zip(schema.names, kinds, strict=True)))


def _plan(target: str | Sequence[str], model: str, **options: Any) -> Plan:
    from tfsclient.score._plan import make_plan

    return make_plan(target, model, batch="auto", concurrency="auto", **options)


def _tabled(plan: Plan, table: Any) -> Any:
    """A table with the model's answers."""
    from tfsclient.score._arrow import pa
    from tfsclient.score._workers import score

    batches = table.combine_chunks().to_batches()
    scored = list(score(plan, batches, f"a batch of {table.num_rows} rows", whole=True))
    if scored:
        return pa.Table.from_batches(scored)
    fields = plan.fields(table.schema, plan.columns(table.schema))
    return table if fields is None else fields.empty_table()


def _arrays(plan: Plan, batch: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays with the model's answers; those that are kept are left as they are."""
    names = plan.output_names(list(batch))
    bare = replace(plan, options=replace(plan.options, keep=()))
    scored = _tabled(bare, _table(bare, batch))
    kept = {name: batch[name] for name in plan.kept(list(batch))}
    return {**kept, **{names[name]: _to_array(scored[name]) for name in scored.column_names}}


def _table(plan: Plan, given: Mapping[str, Any]) -> Any:
    """The columns that are used or kept.

    Raises:
        InvalidInput: one is of a type that Arrow does not have.
    """
    from tfsclient.score._arrow import pa, why

    columns = plan.columns(pa.schema([(name, pa.null()) for name in given]))
    found = {}
    for name, values in given.items():
        if columns.leaves_out(name):
            continue
        try:
            found[name] = _to_column(values)
        except (pa.ArrowException, NotImplementedError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"column {name!r} cannot be read: {why(error)}",
                hint="give its values one type that Arrow has, or leave it out by keep=...",
            ) from error
    return pa.table(found)


def _to_column(values: Any) -> Column:
    """An array, or a column of pandas, as one of Arrow's; rows of several dimensions become lists.

    A null of pandas stays one, for which numpy has NaN.
    """
    from tfsclient.score._arrow import pa, to_column

    pandas = is_column(values)
    # Ray's own type for tensors is left to numpy.
    if pandas and type(values.dtype).__module__.partition(".")[0] == "pandas":
        column = pa.array(values)
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    array = np.asarray(values)
    if array.ndim > 1:
        return to_column(array)
    if array.dtype.kind != "O":
        return pa.array(array.tolist() if array.dtype.kind in "US" else array)
    rows = array.tolist()
    if not rows or not all(isinstance(row, np.ndarray) for row in rows):
        return pa.array(rows, from_pandas=pandas)
    if len({(row.dtype, row.shape) for row in rows}) == 1:
        return to_column(np.stack(rows))
    return pa.concat_arrays([to_column(row[np.newaxis]) for row in rows])


def _to_array(column: Column) -> Array:
    """A column as an array: with the dimensions of its lists, or of lists where those differ.

    Strings in several dimensions are lists, too: as an array of objects, Ray would pickle them.
    """
    with suppress(Misfit):
        values = column_values(column)
        if isinstance(values, np.ndarray):
            return values
    array = np.empty(len(column), object)
    array[:] = column.to_pylist()
    return array
