"""A prediction in other forms: text, a table of pandas; ``_json`` has one more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient.dtypes import DType
from tfsclient.errors import Hint, InvalidInput, MissingExtra, shown

if TYPE_CHECKING:
    import pandas as pd

    from tfsclient.results import Classes, Prediction

Array = npt.NDArray[Any]

STRINGS: Final = "OSU"  # kinds of numpy dtypes
NO_LABELS: Final = Hint(
    "no_labels",
    "give them by Client(meanings={model: tfsclient.meaning.read(path)}); `out[name].argmax(-1)` "
    "gives the numbers of classes",
)


def equal(one: Mapping[str, Array], other: Mapping[Any, Any]) -> bool:
    """Whether these have the same names, shapes and values."""
    return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)


def _same(one: Array, other: object) -> bool:
    if one is other:
        return True
    try:
        array = np.asarray(other)
    except ValueError:  # lists of different lengths
        return False
    if one.shape != array.shape:
        return False
    return bool(np.all((one == array) | ((one != one) & (array != array))))  # NaN


def text(outputs: Prediction, name: str) -> Any:
    """See :meth:`tfsclient.Prediction.text`."""
    array = outputs[name]
    if array.dtype.kind not in STRINGS:
        raise InvalidInput(
            f"output {name!r} holds {DType.of_numpy(array.dtype) or array.dtype}, not strings",
            model=outputs.model,
            signature=outputs.signature,
        )
    try:
        texts = _decoded(array.reshape(-1).tolist())
    except UnicodeDecodeError:
        raise _no_text(outputs, name) from None
    return objects(texts, array.shape)[()]


def _decoded(strings: list[Any]) -> list[Any]:
    """Bytes as text; what a fake answered as text is that already."""
    return [item.decode() if isinstance(item, bytes) else item for item in strings]


def _no_text(outputs: Prediction, name: str) -> InvalidInput:
    array = outputs[name]
    first = next(n for n, item in enumerate(array.reshape(-1)) if not is_text(item))
    index = list(map(int, np.unravel_index(first, array.shape)))
    bad = array[tuple(index)]
    return InvalidInput(
        f"output {name!r}{index or ''} is not UTF-8: {bad[:40]!r}",
        model=outputs.model,
        signature=outputs.signature,
        hint=f"out[{name!r}] holds the bytes as they came",
    )


def is_text(item: Any) -> bool:
    """Whether a string can be read as text."""
    try:
        _decoded([item])
    except UnicodeDecodeError:
        return False
    return True


def objects(flat: list[Any], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(flat), object)
    array[:] = flat
    return array.reshape(shape)


# Labels.


def top(outputs: Prediction, name: str, k: int) -> Classes:
    """See :meth:`tfsclient.Prediction.top`."""
    array, labels = outputs[name], (outputs.labels or {}).get(name)
    try:
        return top_classes(name, array, labels, k)
    except InvalidInput as error:
        error.model, error.signature = outputs.model, outputs.signature
        raise


def top_classes(name: str, array: Array, labels: Sequence[str] | None, k: int) -> Classes:
    """The labels of the highest scores in each row of an output, with the scores.

    Raises:
        InvalidInput: the output is not one of scores, or not for so many labels, or for none.
    """
    if labels is None:
        raise InvalidInput(f"the labels of output {name!r} are not known", hint=NO_LABELS)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InvalidInput(f"k must be a positive integer, not {shown(k)}")
    rows = array[np.newaxis] if array.ndim == 1 else array
    shape = f"{DType.of_numpy(array.dtype) or array.dtype} {list(array.shape)}"
    if rows.ndim != 2 or array.dtype.kind in (*STRINGS, "b", "c"):
        raise InvalidInput(f"output {name!r} is {shape}, not scores of [batch, classes]")
    if rows.shape[1] != len(labels):
        raise InvalidInput(
            f"output {name!r} is {shape}, but there are {len(labels)} labels for its classes"
        )
    scores = plain(rows)
    order = np.argsort(-scores.astype(np.float64), axis=1, kind="stable")[:, :k]  # NaN is last
    return [
        [(labels[int(n)], float(row[n])) for n in picked]
        for picked, row in zip(order.tolist(), scores, strict=True)
    ]


def plain(array: Array) -> Array:
    """The same values in a type that is numpy's own, and everybody's: no half, bfloat16 or int4."""
    own = np.dtype(array.dtype.type)  # which a dtype that was pickled does not say of itself
    array = array.astype(own, copy=False)  # in the byte order of this machine
    if own.isbuiltin == 1 and own != np.float16:
        return array
    dtype = DType.of_numpy(array.dtype)
    return array.astype(np.float32 if dtype is not None and dtype.kind == "float" else np.int8)


# pandas.


def to_pandas(outputs: Prediction) -> pd.DataFrame:
    """See :meth:`tfsclient.Prediction.to_pandas`."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra(f"to_pandas() needs pandas ({error}): pip install pandas") from error
    lengths = {name: len(array) for name, array in outputs.items() if array.ndim}
    if len(set(lengths.values())) > 1:
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in outputs.items())
        raise InvalidInput(
            f"the outputs have no rows in common, for their first dimensions differ: {shapes}",
            model=outputs.model,
            signature=outputs.signature,
            hint="ask for those that go together by outputs=[...]",
        )
    rows = next(iter(lengths.values()), 1 if outputs else 0)
    return pd.DataFrame(
        {name: _column(array, rows, pd) for name, array in outputs.items()},
        index=pd.RangeIndex(rows),
    )


def _column(array: Array, rows: int, pd: Any) -> Any:
    if array.dtype.kind in STRINGS:
        flat = array.reshape(-1).tolist()
        with suppress(UnicodeDecodeError):
            flat = _decoded(flat)
        array = objects(flat, array.shape)
    else:
        array = plain(array)
    if array.ndim == 0:
        return pd.Series([array[()]] * rows, dtype=array.dtype)
    if array.ndim == 1:
        return pd.Series(array.copy())
    return pd.Series(objects(list(array), (rows,)), dtype=object)
