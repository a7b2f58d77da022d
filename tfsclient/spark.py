"""A model on the rows of a Spark DataFrame; needs ``tfsclient[spark]`` on the driver and workers.

import tfsclient.spark

scored = tfsclient.spark.predict(df, "models:8500", "digits", inputs={"images": "scan"})
digit = tfsclient.spark.predict_udf("models:8500", "digits", outputs="digit")
df.select("id", digit("scan"))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tfsclient.errors import InvalidInput, MissingExtra, did_you_mean
from tfsclient.score._options import Auto

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame  # pyright: ignore[reportMissingImports]

    from tfsclient.schema import Signature
    from tfsclient.score._arrow import RecordBatch, Schema
    from tfsclient.score._columns import Columns
    from tfsclient.score._plan import Plan

__all__ = ["predict", "predict_udf"]


def __dir__() -> list[str]:
    return __all__


def predict(
    df: DataFrame,
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
    batch: Auto = "auto",
    concurrency: Auto = "auto",
    on_error: str = "stop",
    **client: Any,
) -> DataFrame:
    """A DataFrame with the model's answers beside the columns that are kept.

    The server is asked here, on the driver, for the signature and the version that all workers are
    to call; columns that do not fit are refused before there is a job.  Each worker keeps several
    calls under way, and slows down and tries again while the server is busy, restarting or slow; a
    task fails after five minutes without any answer.

    Args:
        df: the rows.
        target: the server, as for :class:`tfsclient.Client`, as workers reach it.
        model: the model's name.
        inputs: columns by input where they have other names; ``"@column"`` for cells that name
            files, ``"*"`` for an Example of the whole row.
        keep: the columns to keep; "all" of them.
        outputs: the outputs to add; None for all.
        prefix: what stands before the name of an output that a kept column has.
        signature: the signature to run; None as for :meth:`tfsclient.Client.predict`.
        version: the version to run; None for the one that has the label, or is the latest, now.
        label: the version label to run.
        binary: the outputs of strings that are bytes, beside those whose names end in ``_bytes``;
            all others are text.
        batch: the most rows of a call; "auto" finds out what is fastest.
        concurrency: the most calls that a worker has under way; likewise.
        on_error: "stop" to fail at the first row that cannot be scored, which the error names; or
            "dead-letter" to leave its outputs null, and say why in the column ``error``.
        client: more options of :class:`tfsclient.Client`.  ``token`` is ``"module:function"``: each
            worker imports and calls it; without it, workers send the token in their environment
            variable TFSCLIENT_TOKEN, if there is one.

    Returns:
        The columns that are kept, one for each output, and with "dead-letter" ``error``.  An output
        of shape [batch, 3, 4] is an array of arrays; types that Spark does not have become the next
        larger.  Its field's metadata say which model, signature and version answered.

    Raises:
        InvalidInput: a column, an option, the signature or an output does not exist or does not
            fit, or a secret would be written into the job's plan.
        MissingExtra: pyspark or pyarrow is not installed.
        TFSError: the server does not know the model, or cannot be reached from here.
    """
    types = _pyspark("pyspark.sql.types")
    plan = _plan(
        target, model, signature=signature, version=version, label=label, inputs=inputs, keep=keep,
        outputs=outputs, prefix=prefix, binary=binary, batch=batch, concurrency=concurrency,
        on_error=on_error, settings=client, folds=_folds(df.sparkSession),
    )  # fmt: skip
    schema, unusable = _arrow_schema(df, plan)
    columns = _columns(plan, schema, df, unusable)
    kept = plan.kept(schema.names)
    answer = _spark_schema(plan, schema, columns)
    about = {"model": model, "signature": plan.spec.name, "version": plan.version}
    for field in answer.fields:
        field.metadata = {"tfsclient": about}
    fields = [*(df.schema[name] for name in kept), *answer.fields]
    wanted = [name for name in schema.names if not columns.leaves_out(name)]
    # Under plain names, for mapInArrow takes no others.
    numbered = [f"c{number}" for number in range(len(wanted))]
    sent = df.select(*(df[_quoted(n)].alias(c) for n, c in zip(wanted, numbered, strict=True)))

    def run(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        yield from _score(plan, (batch.rename_columns(wanted) for batch in batches))

    return sent.mapInArrow(run, types.StructType(fields))


def predict_udf(
    target: str | Sequence[str],
    model: str,
    *,
    outputs: str | Sequence[str] | None = None,
    signature: str | Signature | None = None,
    version: int | None = None,
    label: str | None = None,
    binary: Sequence[str] = (),
    batch: Auto = "auto",
    concurrency: Auto = "auto",
    on_error: str = "stop",
    **client: Any,
) -> Callable[..., Column]:
    """A function of columns that gives what the model answers; needs pyspark 4.1.

    It takes the column of the only input, ``f("x")``; or columns by the names of inputs, or of
    features where the model takes Examples: ``f(x="price", n=df.count)``.  As
    ``spark.udf.register("digit", f)`` registers it for SQL, it takes one column, too: the input's,
    or a struct of several: ``digit(struct(price AS x, count AS n))``.

    A column does not say what it holds before the job runs: types that do not fit are told by the
    workers, where :func:`predict` tells them on the driver.

    Args:
        target: as for :func:`predict`, and so are the rest.
        model: the model's name.
        outputs: the outputs to give; None for all.
        signature: the signature to run.
        version: the version to run.
        label: the version label to run.
        binary: the outputs of strings that are bytes, beside those whose names end in ``_bytes``;
            all others are text.
        batch: the most rows of a call.
        concurrency: the most calls that a worker has under way.
        on_error: "stop" or "dead-letter".
        client: more options of :class:`tfsclient.Client`; ``token`` is ``"module:function"``.

    Returns:
        The function.  Its column holds the output, or a struct of several; with "dead-letter"
        always a struct, with ``error`` as its last field.

    Raises:
        InvalidInput: an option, the signature or an output does not exist or does not fit, or a
            secret would be written into the job's plan.
        MissingExtra: pyspark or pyarrow is not installed, or pyspark is older.
        TFSError: the server does not know the model, or cannot be reached from here.
    """
    functions = _pyspark("pyspark.sql.functions")
    if not hasattr(functions, "arrow_udf"):
        raise MissingExtra("predict_udf needs pyspark 4.1 or newer; predict does not")
    session = _pyspark("pyspark.sql").SparkSession.getActiveSession()
    plan = _plan(
        target, model, signature=signature, version=version, label=label, inputs=None, keep=(),
        outputs=outputs, prefix="pred_", binary=binary, batch=batch, concurrency=concurrency,
        on_error=on_error, settings=client, folds=_folds(session),
    )  # fmt: skip
    from tfsclient.score._arrow import pa

    names = list(plan.spec.inputs)
    schema = pa.schema([(name, pa.null()) for name in names])
    answer = _spark_schema(plan, schema, plan.columns(schema))
    single = len(answer.fields) == 1

    def run(arrays: Iterator[Any]) -> Iterator[Any]:
        for batch in _score(plan, (_unpacked(plan, array) for array in arrays)):
            if single:
                yield batch.column(0)
            else:
                yield pa.StructArray.from_arrays(batch.columns, fields=list(batch.schema))

    kind = answer.fields[0].dataType if single else answer
    run.__name__ = model  # as plans and columns show it
    udf = functions.arrow_udf(run, kind, functions.ArrowUDFType.SCALAR_ITER).asNondeterministic()

    @wraps(udf)
    def call(*columns: Column | str, **named: Column | str) -> Column:
        if named and not columns:
            try:
                mapped = plan.columns(pa.schema([(name, pa.null()) for name in named]))
                unknown = [n for n in named if n not in mapped.of and not mapped.makes_examples]
            except InvalidInput as error:
                error.hint = f"f({', '.join(f'{name}=...' for name in names)})"
                unknown = [name for name in named if name not in names]
                if not unknown:
                    raise
            if unknown:
                guess = did_you_mean(unknown[0], names)
                raise InvalidInput(
                    f"there is no input {unknown[0]!r}{guess}; the inputs are {', '.join(names)}",
                    model=model,
                )
            given = (functions.col(c) if isinstance(c, str) else c for c in named.values())
            return udf(functions.struct(*(c.alias(n) for n, c in zip(named, given, strict=True))))
        if named or len(columns) != 1:
            raise InvalidInput(
                "give one column, or columns by the names of inputs: "
                f"f({', '.join(f'{name}=...' for name in names)})",
                model=model,
            )
        return udf(*columns)

    return call


def _pyspark(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"tfsclient.spark needs more packages ({error}): pip install 'tfsclient[spark]'"
        ) from error


def _folds(session: Any) -> bool:
    """Whether names that differ in case alone are one to Spark, as they are unless it is told."""
    return session is None or session.conf.get("spark.sql.caseSensitive") != "true"


def _plan(target: str | Sequence[str], model: str, **options: Any) -> Plan:
    from tfsclient.score._arrow import pa
    from tfsclient.score._plan import make_plan

    # Spark's integers all have a sign.
    types = {
        "uint8": pa.int16(), "quint8": pa.int16(), "uint16": pa.int32(), "quint16": pa.int32(),
        "uint32": pa.int64(), "uint64": pa.decimal128(20, 0),
    }  # fmt: skip
    return make_plan(target, model, types=types, **options)


# What the driver knows of the columns.


def _arrow_schema(df: DataFrame, plan: Plan) -> tuple[Schema, dict[str, InvalidInput]]:
    """The columns, and what is wrong with those that cannot be sent, which the schema has as null.

    They matter only if they are wanted.
    """
    from tfsclient.score._arrow import pa

    fold = plan.options.fold
    often = Counter(map(fold, df.columns))
    kinds: dict[str, Any] = {}
    unusable: dict[str, InvalidInput] = {}
    for field in df.schema.fields:
        name = field.name
        kinds[name] = pa.null()
        if often[fold(name)] > 1:
            unusable[name] = InvalidInput(
                f"the table has several columns that are called {name!r}"
                f"{', in whatever case' if df.columns.count(name) == 1 else ''}",
                hint="rename or drop one; where it is not needed, keep=... without it will do",
            )
        elif (kind := _arrow_type(field.dataType)) is None:
            unusable[name] = InvalidInput(
                f"column {name!r} is of type {field.dataType.simpleString()}, which cannot be sent "
                "to workers",
                hint="cast it; where it is not needed, keep=... without it will do",
            )
        else:
            kinds[name] = kind
    return pa.schema(list(kinds.items())), unusable


def _arrow_type(kind: Any) -> Any:
    """What Arrow calls a type; None if it does not have it."""
    to_arrow_type = _pyspark("pyspark.sql.pandas.types").to_arrow_type
    failures = (TypeError, _pyspark("pyspark.errors").PySparkException)
    for options in ({"timezone": "UTC"}, {}):  # pyspark 4.0 asks for no time zone
        with suppress(*failures):
            return to_arrow_type(kind, **options)
    return None


def _columns(
    plan: Plan, schema: Schema, df: DataFrame, unusable: Mapping[str, InvalidInput]
) -> Columns:
    """The mapping of columns to inputs.

    Raises:
        InvalidInput: a column does not fit in any row, or is wanted and unusable.
    """
    try:
        columns = plan.columns(schema)
    except InvalidInput as error:
        if error.hint is None and "VectorUDT()" in map(
            repr, (f.dataType for f in df.schema.fields)
        ):
            error.hint = "pyspark.ml.functions.vector_to_array(column) makes lists of vectors"
        raise
    if wanted := [name for name in unusable if not columns.leaves_out(name)]:
        raise unusable[wanted[0]]
    for name, taken in columns.of.items():
        for column in taken:
            if str(schema.field(column).type) == "null":
                raise InvalidInput(
                    f"column {column!r}, which is input {name!r}, is void: it is null in every row",
                    signature=plan.spec.name,
                )
    return columns


def _spark_schema(plan: Plan, schema: Schema, columns: Columns) -> Any:
    """What comes of rows, as Spark calls it.

    Raises:
        InvalidInput: that cannot be known.
    """
    fields = plan.fields(schema, columns)
    assert fields is not None
    types, arrow = _pyspark("pyspark.sql.types"), _pyspark("pyspark.sql.pandas.types")
    kept = plan.kept(schema.names)
    answer = [
        types.StructField(field.name, arrow.from_arrow_type(field.type))
        for field in fields
        if field.name not in kept
    ]
    if not plan.options.stops:
        answer.append(types.StructField(plan.error_name(fields.names), types.StringType()))
    return types.StructType(answer)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


# On the workers.


def _score(plan: Plan, batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
    from tfsclient.score._workers import score

    context = _pyspark("pyspark").TaskContext.get()
    return score(plan, batches, f"partition {context.partitionId() if context else '?'}")


def _unpacked(plan: Plan, array: Any) -> RecordBatch:
    """The columns of what a column function was given: a struct of several, or the only input.

    Raises:
        InvalidInput: it is neither.
    """
    from tfsclient.score._arrow import pa

    inputs = list(plan.spec.inputs)
    if isinstance(array, pa.StructArray):
        return pa.RecordBatch.from_arrays(array.flatten(), [f.name for f in array.type])
    if isinstance(array, tuple) or len(inputs) > 1:
        raise InvalidInput(
            f"the model takes {', '.join(inputs)}: give one struct whose fields have these names",
            model=plan.options.model,
            signature=plan.spec.name,
        )
    return pa.RecordBatch.from_arrays([array], inputs)
