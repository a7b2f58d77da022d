"""Inputs to tensors: their names, and the checks against a signature.

Nothing is sent from here and nothing is looked up: a signature goes in, tensors or an
``InvalidInput`` that says what to write come out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations, count, takewhile
from typing import Any, Final, TypeAlias, TypeGuard

import numpy.typing as npt

from tfsclient._codec.tensor import Tensor
from tfsclient._inputs import tables
from tfsclient._inputs.convert import guess_tensor, to_tensor
from tfsclient._inputs.example import serialize
from tfsclient._inputs.misfits import Misfit, Unreadable, identifier
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import Hint, InvalidInput, did_you_mean
from tfsclient.schema import CLASSIFY, REGRESS, Signature, TensorSpec

Inputs: TypeAlias = "Mapping[str, Any] | npt.ArrayLike | Sequence[Mapping[str, Any]] | Any"

_FLOAT32, _FLOAT64 = DType("float32"), DType("float64")
_LONGEST_ADVICE = 8  # the rank up to which ways to insert 1s are tried out

AS_THEY_ARE: Final = Hint(
    "validate", "a signature may be wrong: validate=False sends the inputs as they are"
)
BY_NAME: Final = Hint("by_name", "pass a dict of name to value")


def prepare(inputs: Inputs, signature: Signature, *, model: str) -> dict[str, Tensor]:
    """The tensors to send for ``inputs``, checked against ``signature`` and cast to its dtypes.

    Casts are made only where they mean the same number: float to float (rounding; a finite value
    may not become infinite), int to int where every value fits, int to float where exact.

    Raises:
        InvalidInput: an unknown, missing or extra input, or a wrong dtype, rank or dimension.
    """
    if type(inputs) is not dict:
        inputs = _adopt(inputs, signature, model)
    named = name_inputs(inputs, signature, model=model)
    _check_names(named, signature, model, inputs)
    tensors = {}
    for name, value in named.items():
        spec = signature.inputs[name]
        features = signature.features if name == signature.example_input else None
        try:
            tensors[name] = to_tensor(value, spec, features)
            _check_shape(tensors[name].array.shape, spec)
        except Misfit as misfit:
            raise InvalidInput(
                f"input {name!r} {misfit.details}",
                model=model,
                signature=signature.name,
                hint=None if isinstance(misfit, Unreadable) else AS_THEY_ARE,
            ) from misfit.__cause__
    return tensors


def as_they_are(
    inputs: Mapping[str, Any],
    *,
    model: str,
    signature: str | None,
    specs: Mapping[str, TensorSpec] | None = None,
) -> dict[str, Tensor]:
    """The tensors for inputs that are not checked against a signature.

    What has a dtype keeps it.  Python numbers become float32 and int32 (int64 where they do not
    fit), as TensorFlow reads them; str and bytes become strings, an image its encoded bytes.
    Python's floats keep their digits where ``specs`` say float64: JSON would carry what is left.

    Raises:
        InvalidInput: a value has no tensor form.
    """
    tensors = {}
    double = {name for name, spec in (specs or {}).items() if spec.dtype == _FLOAT64}
    for name, value in inputs.items():
        try:
            tensors[name] = guess_tensor(value, _FLOAT64 if name in double else _FLOAT32)
        except Misfit as misfit:
            raise InvalidInput(
                f"input {name!r} {misfit.details}", model=model, signature=signature
            ) from misfit.__cause__
    return tensors


def name_inputs(inputs: Inputs, signature: Signature, *, model: str) -> Mapping[str, Any]:
    """The inputs by name.

    As given; the columns of a table, or its rows where the signature takes Examples; stacked from a
    list of dicts; or a lone value's only place.

    Raises:
        InvalidInput: a lone value for a signature that does not have exactly one input.
    """
    if isinstance(inputs, Mapping):
        return inputs
    inputs = _adopt(inputs, signature, model)
    if tables.is_table(inputs):
        return _name_columns(inputs, signature, model)
    only = next(iter(signature.inputs)) if len(signature.inputs) == 1 else None
    if _is_rows(inputs):
        if only is not None and _takes_examples(signature) and only not in inputs[0]:
            return {only: inputs}
        return _stack(inputs, signature, model)
    if only is None:
        raise InvalidInput(
            f"one value was given, but the signature has {len(signature.inputs)} inputs: "
            f"{_list_specs(signature)}",
            model=model,
            signature=signature.name,
            hint=_parts_advice(signature, signature.inputs) or BY_NAME,
        )
    return {only: inputs}


def _adopt(inputs: Any, signature: Signature, model: str) -> Any:
    """The inputs themselves, or a table of another library's in a form that is known."""
    try:
        return tables.adopt(inputs)
    except Misfit as misfit:
        raise InvalidInput(
            f"what was given {misfit.details}", model=model, signature=signature.name
        ) from misfit.__cause__


def _name_columns(table: Any, signature: Signature, model: str) -> dict[Any, Any]:
    try:
        columns = tables.columns(table)
        if _takes_examples(signature) and signature.inputs.keys().isdisjoint(columns):
            return {next(iter(signature.inputs)): tables.rows(table)}
    except Misfit as misfit:
        raise InvalidInput(
            f"the table {misfit.details}", model=model, signature=signature.name
        ) from misfit.__cause__
    return columns


def _takes_examples(signature: Signature) -> bool:
    """Whether the one input takes serialized Examples, as far as that is known."""
    if len(signature.inputs) != 1:
        return False
    if signature.example_input is not None:
        return True
    only = next(iter(signature.inputs.values()))
    return signature.method in (CLASSIFY, REGRESS) and only.dtype == STRING


def _is_rows(inputs: Any) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    return (
        isinstance(inputs, Sequence)
        and not isinstance(inputs, str | bytes | memoryview)
        and len(inputs) > 0
        and all(isinstance(row, Mapping) for row in inputs)
    )


def _stack(
    rows: Sequence[Mapping[str, Any]], signature: Signature, model: str
) -> dict[str, list[Any]]:
    names = rows[0].keys()
    for number, row in enumerate(rows):
        if row.keys() != names:
            raise InvalidInput(
                f"row {number} has the inputs {_sorted(row)}, but row 0 has {_sorted(names)}",
                model=model,
                signature=signature.name,
                hint=_example_advice(rows, signature),
            )
    return {name: [row[name] for row in rows] for name in names}


def _sorted(names: Iterable[Any]) -> list[Any]:
    """The names in order; not all of them may be text."""
    return sorted(names, key=str)


def _list_specs(signature: Signature) -> str:
    return ", ".join(f"{name} {spec}" for name, spec in signature.inputs.items()) or "none"


def _check_names(
    named: Mapping[str, Any], signature: Signature, model: str, inputs: Inputs
) -> None:
    wrong = [name for name in named if name not in signature.inputs]
    missing = [n for n in signature.inputs if n not in named and n not in signature.defaults]
    if not wrong and not missing:
        return
    problems = []
    for name in wrong:
        guess = did_you_mean(str(name), missing or signature.inputs, cutoff=0.4)
        if not guess and len(missing) == len(wrong) == 1:
            guess = did_you_mean(missing[0], missing)
        problems.append(f"there is no input {name!r}{guess}")
    problems += [f"input {name!r} is missing" for name in missing]
    if tables.is_table(inputs):
        hint = _table_advice(inputs, signature, wrong)
    else:
        hint = (
            _parts_advice(signature, missing) or _example_advice(inputs, signature) or AS_THEY_ARE
        )
    raise InvalidInput(
        f"{'; '.join(problems)}; the inputs are {_list_specs(signature)}",
        model=model,
        signature=signature.name,
        hint=hint,
    )


def _table_advice(table: Any, signature: Signature, wrong: Sequence[Any]) -> str:
    advice = f"columns are inputs of the same name; drop others: {tables.without(table, wrong)}"
    if len(signature.inputs) != 1:
        return advice
    spec = next(iter(signature.inputs.values()))
    if spec.dtype == STRING:
        row = f"{{{spec.name!r}: [Example(row) for row in {tables.to_rows(table)}]}}"
        return f"{advice}; or, if the model takes tf.Examples: {row}"
    return f"{advice}; or, to send the whole table as one matrix: {{{spec.name!r}: table}}"


def _example_advice(inputs: Inputs, signature: Signature) -> str | None:
    """What to write if names that are not inputs may be features of tf.Examples."""
    several = _is_rows(inputs)
    rows: Any = inputs if several else [inputs]
    if len(signature.inputs) != 1:
        return None
    ((only, spec),) = signature.inputs.items()
    if spec.dtype != STRING or not all(isinstance(row, Mapping) and row for row in rows):
        return None
    if any(only in row for row in rows):
        return None
    try:
        for row in rows:
            serialize(row, signature.features)
    except InvalidInput:
        return None
    line = "[Example(row) for row in rows]" if several else "Example({...})"
    if _takes_examples(signature):
        return f"the model takes tf.Examples: write {line}"
    return f"if the model takes tf.Examples, write {line}"


def _parts_advice(signature: Signature, wanted: Collection[str]) -> str | None:
    """What to send for one of ``wanted`` that looks like a part of a SparseTensor or RaggedTensor.

    TF2 exports such an argument as the dense tensors that make it up, and names them after the
    argument: x, x_1 and so on.  Only that and their types set them apart from other inputs.
    """
    for name, first in signature.inputs.items():
        names = list(takewhile(signature.inputs.__contains__, (f"{name}_{i}" for i in count(1))))
        specs = [signature.inputs[part] for part in names]
        if _is_sparse(first, specs[:2]):
            names, whole = names[:2], "SparseTensor: its indices, values and dense_shape"
        elif not _is_ragged(first, specs):
            continue
        elif len(specs) == 1:
            whole = "RaggedTensor: its flat_values and row_splits"
        else:
            whole = "RaggedTensor: its flat_values and nested_row_splits, the outermost first"
        if not {name, *names}.isdisjoint(wanted):
            return f"{', '.join([name, *names[:-1]])} and {names[-1]} look like one {whole}"
    return None


def _is_sparse(indices: TensorSpec, others: Sequence[TensorSpec]) -> bool:
    """Whether these may be int64 [n, rank], values [n] and int64 [rank]."""
    if len(others) != 2:
        return False
    values, dense_shape = others
    return (
        indices.dtype == dense_shape.dtype == "int64"
        and len(dense_shape.shape or ()) == 1
        and indices.shape == (-1, *(dense_shape.shape or ()))
        and values.shape == (-1,)
    )


def _is_ragged(flat_values: TensorSpec, splits: Sequence[TensorSpec]) -> bool:
    """Whether these may be values and, for each ragged dimension, where its rows begin and end."""
    return (
        bool(splits)
        and (flat_values.shape or ())[:1] == (-1,)
        and all(spec.shape == (-1,) and spec.dtype in ("int64", "int32") for spec in splits)
    )


# Shapes.


def _check_shape(shape: tuple[int, ...], spec: TensorSpec) -> None:
    if spec.shape is None or _matches(shape, spec.shape):
        return
    text = f"has shape {shape}, but the signature wants {spec}"
    fitting = _fitting(shape, spec.shape)
    if fitting is not None:
        text += f"; {fitting} would fit: numpy.reshape({identifier(spec.name)}, {fitting})"
    raise Misfit(text)


def _matches(shape: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    return len(shape) == len(declared) and all(
        want in (-1, have) for have, want in zip(shape, declared, strict=True)
    )


def _fitting(shape: tuple[int, ...], declared: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape to reshape to, where that only adds or drops 1s or unfolds flattened rows.

    Any other reshape with the right number of elements could scramble the data (channels first
    against channels last), so it is not proposed.
    """
    bare = tuple(size for size in shape if size != 1)
    if len(bare) <= len(declared) <= _LONGEST_ADVICE:
        for ones in combinations(range(len(declared)), len(declared) - len(bare)):
            sizes = iter(bare)
            candidate = tuple(1 if i in ones else next(sizes) for i in range(len(declared)))
            if _matches(candidate, declared):
                return candidate
    row = 1
    for size in declared[1:]:
        row *= size
    if declared and row > 0 and shape[-1:] == (row,) and len(shape) <= 2:
        candidate = (shape[0] if len(shape) == 2 else 1, *declared[1:])
        return candidate if _matches(candidate, declared) else None
    return None
