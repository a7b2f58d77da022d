"""Values to tensors: conversion, casts, and the checks against a signature.

Nothing is sent from here and nothing is looked up: a signature goes in, tensors or an
``InvalidInput`` that says what to write come out.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, TypeAlias, TypeGuard

import ml_dtypes
import numpy as np
import numpy.typing as npt

from tfsclient.dtypes import STRING, DType
from tfsclient.errors import InvalidInput
from tfsclient.nested import object_array
from tfsclient.schema import Signature, TensorSpec
from tfsclient.tensors import Tensor

Array: TypeAlias = npt.NDArray[Any]
Inputs: TypeAlias = "Mapping[str, Any] | npt.ArrayLike | Sequence[Mapping[str, Any]] | Any"

_LONGEST_ADVICE = 8  # the rank up to which ways to insert 1s are tried out

_AS_THEY_ARE = "a signature may be wrong: validate=False sends the inputs as they are"


class _Misfit(Exception):
    """A value that does not fit, before it is known which input of what it was meant for."""


def prepare(inputs: Inputs, signature: Signature, *, model: str) -> dict[str, Tensor]:
    """The tensors to send for ``inputs``, checked against ``signature`` and cast to its dtypes.

    Casts are made only where they mean the same number: float to float (rounding; a finite value
    may not become infinite), int to int where every value fits, int to float where exact.

    Raises:
        InvalidInput: an unknown, missing or extra input, or a wrong dtype, rank or dimension.
    """
    named = name_inputs(inputs, signature, model=model)
    _check_names(named, signature, model)
    tensors = {}
    for name, value in named.items():
        spec = signature.inputs[name]
        try:
            array = _cast(_to_array(value, spec.dtype), spec.dtype, name)
            _check_shape(array.shape, spec)
        except _Misfit as misfit:
            raise InvalidInput(
                f"input {name!r} {misfit}",
                model=model,
                signature=signature.name,
                hint=_AS_THEY_ARE,
            ) from misfit.__cause__
        tensors[name] = Tensor(spec.dtype, array)
    return tensors


def as_they_are(
    inputs: Mapping[str, Any], *, model: str, signature: str | None
) -> dict[str, Tensor]:
    """The tensors for inputs that no signature is asked about.

    numpy arrays keep their dtype.  Python numbers become float32 and int32 (int64 where they do not
    fit), as TensorFlow reads them; str and bytes become strings.

    Raises:
        InvalidInput: a value has no tensor form.
    """
    tensors = {}
    for name, value in inputs.items():
        try:
            tensors[name] = _guess(value)
        except _Misfit as misfit:
            raise InvalidInput(
                f"input {name!r} {misfit}", model=model, signature=signature
            ) from misfit.__cause__
    return tensors


def name_inputs(inputs: Inputs, signature: Signature, *, model: str) -> Mapping[str, Any]:
    """The inputs by name: as given, stacked from a list of dicts, or a lone value's only place.

    Raises:
        InvalidInput: a lone value for a signature that does not have exactly one input.
    """
    if isinstance(inputs, Mapping):
        return inputs
    if _is_rows(inputs):
        return _stack(inputs, signature, model)
    if len(signature.inputs) != 1:
        raise InvalidInput(
            f"one value was given, but the signature has {len(signature.inputs)} inputs: "
            f"{_list_specs(signature)}",
            model=model,
            signature=signature.name,
            hint="pass a dict of name to value",
        )
    return {next(iter(signature.inputs)): inputs}


def _is_rows(inputs: Any) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    return (
        isinstance(inputs, Sequence)
        and not isinstance(inputs, str | bytes)
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
                f"row {number} has the inputs {sorted(row)}, but row 0 has {sorted(names)}",
                model=model,
                signature=signature.name,
            )
    return {name: [row[name] for row in rows] for name in names}


def _list_specs(signature: Signature) -> str:
    return ", ".join(f"{name} {spec}" for name, spec in signature.inputs.items()) or "none"


def _check_names(named: Mapping[str, Any], signature: Signature, model: str) -> None:
    wrong = [name for name in named if name not in signature.inputs]
    missing = [n for n in signature.inputs if n not in named and n not in signature.defaults]
    if not wrong and not missing:
        return
    problems = []
    for name in wrong:
        close = difflib.get_close_matches(str(name), missing or signature.inputs, n=1, cutoff=0.4)
        if not close and len(missing) == 1:
            close = missing
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        problems.append(f"there is no input {name!r}{guess}")
    problems += [f"input {name!r} is missing" for name in missing]
    raise InvalidInput(
        f"{'; '.join(problems)}; the inputs are {_list_specs(signature)}",
        model=model,
        signature=signature.name,
        hint=_AS_THEY_ARE,
    )


# Values to arrays.


def _to_array(value: Any, dtype: DType) -> Array:
    """``value`` as numpy sees it; for a string tensor, an object array of bytes."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise _Misfit("is a masked array with masked elements: fill them first")
    if dtype == STRING:
        return _to_strings(value)
    if isinstance(value, np.ndarray):
        return value
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise _Misfit(f"is no array: {error}") from error


def _to_strings(value: Any) -> Array:
    if not isinstance(value, list | tuple | str | bytes | bytearray | memoryview | np.ndarray):
        value = np.asarray(value, dtype=object)  # a pandas or pyarrow column
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OSUT":
        raise _Misfit(f"is of dtype {value.dtype}, but the signature wants strings")
    if isinstance(value, np.ndarray) and value.size == 0:
        return value.astype(object)  # lists cannot say what follows a dimension of 0
    try:
        return object_array(value, _to_bytes)
    except ValueError as error:
        raise _Misfit(f"is ragged: {error}") from error


def _to_bytes(item: Any) -> bytes:
    if isinstance(item, bytes):
        return item
    if isinstance(item, str):
        try:
            return item.encode()
        except UnicodeEncodeError as error:
            raise _Misfit(f"holds text that is not Unicode: {error}") from error
    if isinstance(item, bytearray | memoryview):
        return bytes(item)
    raise _Misfit(f"holds a {type(item).__name__}, but the signature wants str or bytes")


def _guess(value: Any) -> Tensor:
    array = _to_array(value, DType("float32"))
    if not isinstance(value, np.ndarray | np.generic):
        if array.dtype.kind == "f" and array.dtype != np.float16:
            return Tensor(DType("float32"), _float_to_float(array, np.dtype(np.float32)))
        if array.dtype.kind == "i":
            small = _fits(array, np.dtype(np.int32))
            return Tensor(DType("int32"), array.astype(np.int32)) if small else _typed(array)
    return _typed(array, value)


def _typed(array: Array, value: Any = None) -> Tensor:
    dtype = DType.of_numpy(array.dtype)
    if dtype is None:
        raise _Misfit(f"is of dtype {array.dtype}, which no tensor has")
    if dtype == STRING:
        return Tensor(dtype, _to_strings(array if value is None else value))
    return Tensor(dtype, array.astype(dtype.numpy, copy=False))


# Casts.


def _cast(array: Array, want: DType, name: str) -> Array:
    target = want.numpy
    if array.dtype == target and array.dtype.kind != "O":
        return array
    if want == STRING:
        return array
    have = DType.of_numpy(array.dtype)
    kinds = ("" if have is None else have.kind, want.kind)
    if kinds in (("float", "float"), ("complex", "complex")):
        return _float_to_float(array, target)
    if kinds == ("int", "int"):
        if not _fits(array, target):
            info = ml_dtypes.iinfo(target)
            raise _Misfit(
                f"holds {array.min()}..{array.max()}, but {want} ends at {info.min}..{info.max}"
            )
        return array.astype(target)
    if kinds == ("int", "float"):
        with np.errstate(over="ignore"):
            cast = array.astype(target)
        if not _exact(array, cast):
            raise _Misfit(
                f"holds integers that {want} cannot hold exactly; round them yourself: "
                f"{_identifier(name)}.astype({_numpy_name(want)})"
            )
        return cast
    came = "Python objects" if array.dtype.kind == "O" else f"dtype {array.dtype}"
    raise _Misfit(
        f"is of {came}, but the signature wants {want}; convert it yourself if that is meant: "
        f"numpy.asarray({_identifier(name)}).astype({_numpy_name(want)})"
    )


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "value"


def _numpy_name(dtype: DType) -> str:
    target = dtype.numpy
    return f"{'numpy' if target.isbuiltin == 1 else 'ml_dtypes'}.{target.name}"


def _float_to_float(array: Array, target: np.dtype[Any]) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(target)
    widens = array.dtype.itemsize < target.itemsize
    if not widens and not np.array_equal(np.isfinite(cast), np.isfinite(array)):
        raise _Misfit(f"holds finite values that {target} cannot hold: they would become infinite")
    return cast


def _fits(array: Array, target: np.dtype[Any]) -> bool:
    info, have = ml_dtypes.iinfo(target), ml_dtypes.iinfo(array.dtype)
    if info.min <= have.min and have.max <= info.max:
        return True
    return array.size == 0 or (
        int(info.min) <= int(array.min()) and int(array.max()) <= int(info.max)
    )


def _exact(array: Array, cast: Array) -> bool:
    """Whether the floats in ``cast`` are the integers in ``array``."""
    whole = 1 << (ml_dtypes.finfo(cast.dtype).nmant + 1)  # up to here every integer is a float
    info = ml_dtypes.iinfo(array.dtype)
    if -whole <= info.min and info.max <= whole:
        return True
    wide = cast.astype(np.float64)  # holds every value of every narrower float
    limit = float(int(info.max) + 1)
    if not np.all((wide < limit) & (wide >= -limit)):
        return False
    return bool(np.array_equal(wide.astype(array.dtype), array))


# Shapes.


def _check_shape(shape: tuple[int, ...], spec: TensorSpec) -> None:
    if spec.shape is None or _matches(shape, spec.shape):
        return
    text = f"has shape {shape}, but the signature wants {spec}"
    fitting = _fitting(shape, spec.shape)
    if fitting is not None:
        text += f"; {fitting} would fit: numpy.reshape({_identifier(spec.name)}, {fitting})"
    raise _Misfit(text)


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
