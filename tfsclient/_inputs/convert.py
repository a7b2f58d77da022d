"""Values to arrays: whatever numpy takes, strings, pictures, tables and foreign messages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._codec.nested import object_array
from tfsclient._codec.strings import string_array
from tfsclient._codec.tensor import Tensor, decode_tensor
from tfsclient._inputs import tables
from tfsclient._inputs.casts import (
    beyond,
    cast,
    every_integer,
    fits,
    float_to_float,
    iinfo,
    inexact,
    is_exact,
)
from tfsclient._inputs.example import Example, serialize, string_rank
from tfsclient._inputs.messages import message_name
from tfsclient._inputs.misfits import (
    Misfit,
    Path,
    at,
    first,
    leaves,
    no_array,
    no_numbers,
    no_string,
    ragged,
    refuse_masked,
)
from tfsclient._inputs.pixels import is_image
from tfsclient._inputs.sequence import CompoundExample
from tfsclient.dtypes import LOADING, STRING, DType
from tfsclient.errors import DecodeError, InvalidInput
from tfsclient.schema import Features, TensorSpec

Array: TypeAlias = npt.NDArray[Any]

_TENSOR_PROTO = "tensorflow.TensorProto"
_FLOAT32, _INT32 = DType("float32"), DType("int32")
_PARTS = {DType("complex64"): _FLOAT32, DType("complex128"): DType("float64")}
_ANY_STRING = TensorSpec("value", STRING, None)
_ANY_INTEGER = TensorSpec("value", DType("uint64"), None)  # for those beyond int64


def to_tensor(value: Any, spec: TensorSpec, features: Features | None) -> Tensor:
    """``value`` for this input, cast to its dtype; its shape is not checked.

    Args:
        value: what the user gave.
        spec: the input.
        features: what Examples for this input hold, where that is known.

    Raises:
        InvalidInput: it cannot be read, or its dtype does not fit.
    """
    if type(value) is np.ndarray:
        return Tensor(spec.dtype, cast(_to_array(value, spec, features), spec.dtype, spec.name))
    value = tables.adopt(value)
    if tables.is_table(value):
        columns = [_named_column(*item, spec, features) for item in tables.columns(value).items()]
        shapes = {column.shape for column in columns}
        if not shapes:
            raise Misfit("is a table without columns")
        if len(shapes) != 1:
            raise Misfit(f"is a table whose columns have the shapes {sorted(shapes)}")
        return Tensor(spec.dtype, np.stack(columns, axis=1))
    given = value if isinstance(value, list | tuple) else None
    array = cast(_to_array(value, spec, features), spec.dtype, spec.name, given)
    shape = spec.shape or ()
    if len(shape) == array.ndim + 1 and shape[-1:] == (1,) and tables.is_column(value):
        array = array[..., np.newaxis]
    return Tensor(spec.dtype, array)


def _named_column(name: Any, column: Any, spec: TensorSpec, features: Features | None) -> Array:
    try:
        return cast(_to_array(column, spec, features), spec.dtype, spec.name)
    except Misfit as misfit:
        raise Misfit(f"has the column {name!r}, which {misfit.details}") from misfit.__cause__


def guess_tensor(value: Any, floats: DType = _FLOAT32) -> Tensor:
    """``value`` as it is: what has a dtype keeps it, Python numbers become int32 and ``floats``.

    Raises:
        InvalidInput: it cannot be read, or no tensor has its dtype.
    """
    if message_name(value) == _TENSOR_PROTO:
        return _decode(value)
    value = tables.adopt(value)
    if tables.is_table(value):
        raise Misfit("is a table, whose dtype is not known here; pass an array made of it")
    leaf = _first_leaf(value)
    if is_image(leaf) or isinstance(leaf, str | bytes) or _is_example(leaf):
        return Tensor(STRING, _to_array(value, _ANY_STRING, None))
    array = _to_array(value, _ANY_INTEGER, None)
    if isinstance(leaf, list | tuple):  # with nothing in it
        return Tensor(_FLOAT32, array.astype(np.float32))
    plain = isinstance(leaf, int | float) and not isinstance(leaf, np.generic)
    if isinstance(value, list | tuple) and array.dtype.kind in "fc":
        sent = floats if plain and array.dtype.kind == "f" else DType.of_numpy(array.dtype)
        if sent is not None:
            _refuse_inexact(value, array, sent, "; pass a numpy array of the dtype to send")
    if plain and array.dtype.kind == "f":
        return Tensor(floats, float_to_float(array, floats.numpy))
    if plain and array.dtype.kind == "i" and fits(array, _INT32.numpy):
        return Tensor(_INT32, array.astype(np.int32))
    dtype = DType.of_numpy(array.dtype)
    if dtype == STRING:
        listed = value if isinstance(value, list | tuple) else array
        if not _holds_strings(array):
            raise no_numbers(listed, None) or Misfit("holds Python objects, which no tensor does")
        if isinstance(listed, list | tuple) and (misfit := no_numbers(listed, None)) is not None:
            raise misfit
        return Tensor(STRING, _to_array(value, _ANY_STRING, None))
    if dtype is None:
        raise Misfit(f"is of dtype {array.dtype}, which no tensor has")
    return Tensor(dtype, array.astype(dtype.numpy, copy=False))


def _holds_strings(array: Array) -> bool:
    kinds = set(map(type, array.ravel().tolist())) if array.dtype.kind == "O" else set()
    return all(issubclass(kind, str | bytes | bytearray | memoryview) for kind in kinds)


def _first_leaf(value: Any) -> Any:
    for _ in range(64):
        if not isinstance(value, list | tuple) or not value:
            break
        value = value[0]
    return value


def _to_array(value: Any, spec: TensorSpec, features: Features | None) -> Array:
    """``value`` as numpy sees it; for a string tensor, an object array of bytes."""
    if isinstance(value, np.ndarray):
        refuse_masked(value)
        if spec.dtype != STRING:
            return np.asarray(value)
        if value.dtype.kind != "O" or not value.size:
            return _to_strings(value)
        if set(map(type, value.ravel().tolist())) == {bytes}:
            return np.asarray(value)
        value = value.tolist()
    one = value[0] if isinstance(value, list | tuple) and value else value
    if is_image(one):
        with LOADING:
            from tfsclient._inputs.image import images_to_array  # which few inputs need

        return images_to_array(value, spec)
    if message_name(value) == _TENSOR_PROTO:
        return _decode(value).array
    if tables.is_column(value):
        return _to_array(tables.column_values(value), spec, features)
    if one is not value and tables.is_column(tables.adopt(one)):
        # numpy would make NaN of their nulls.
        return _to_array([_item_values(*item) for item in enumerate(value)], spec, features)
    if spec.dtype != STRING:
        return _to_numbers(value, spec)
    if any(map(_is_example, _one_of_each_type(value))):
        return _to_examples(value, spec, features)
    return _to_strings(value)


def _item_values(number: int, value: Any) -> Any:
    try:
        value = tables.adopt(value)
        return tables.column_values(value) if tables.is_column(value) else value
    except Misfit as misfit:
        raise Misfit(f"has the item [{number}], which {misfit.details}") from misfit.__cause__


def _one_of_each_type(value: Any) -> Iterable[Any]:
    """Elements of a list, at least one of each type in it; or the value itself."""
    if isinstance(value, list | tuple):
        return dict(zip(map(type, value), value, strict=True)).values()
    return (value,)


def _to_numbers(value: Any, spec: TensorSpec) -> Array:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise no_array(value, spec.dtype, spec.name, error) from error
    if isinstance(value, list | tuple | int):
        if not array.size and array.dtype == np.float64:
            return array.astype(spec.dtype.numpy)  # an empty list has no dtype of its own
        if array.dtype.kind == "O" or (array.dtype.kind == "f" and _beyond_int64(array)):
            return _large_integers(value, array, spec.dtype)
    if array.dtype.kind == "O" and not array.ndim:
        raise no_array(value, spec.dtype, spec.name, None)
    kinds = array.dtype.kind, spec.dtype.kind
    if isinstance(value, list | tuple) and kinds in (("f", "float"), ("c", "complex")):
        _refuse_inexact(value, array, spec.dtype)
    return array


def _refuse_inexact(value: Any, array: Array, want: DType, advice: str = "") -> None:
    """Refuse integers beside floats, of which numpy makes floats, that ``want`` cannot be."""
    want = _PARTS.get(want, want)
    large = np.abs(array) >= np.float64(every_integer(want))
    if not large.any():
        return
    objects = np.array(value, dtype=object)
    if objects.shape != array.shape:  # of other libraries' tensors
        return
    for path in zip(*map(np.ndarray.tolist, np.nonzero(large)), strict=True):
        number = objects[path]
        if isinstance(number, np.ndarray):
            number = number[()]
        if isinstance(number, int | np.integer) and not is_exact(int(number), want):
            raise inexact(int(number), want, path, advice)


def _beyond_int64(array: Array) -> bool:
    return bool(array.size) and bool(np.abs(array).max() >= np.float64(2.0**63))


def _large_integers(value: Any, array: Array, want: DType) -> Array:
    """What numpy makes objects or floats of though all of them are Python's integers."""
    objects = np.array(value, dtype=object)
    integers = objects.ravel().tolist()
    if not all(type(number) is int for number in integers):
        return array
    if want.kind == "int":
        info = iinfo(want.numpy)
        wrong = [number < info.min or number > info.max for number in integers]
        if any(wrong):
            path = first(np.array(wrong).reshape(objects.shape))
            raise beyond((min(integers), max(integers)), want, objects[path], path)
        return objects.astype(want.numpy)
    if want.kind != "float":
        return array
    try:
        floats = float_to_float(objects.astype(np.float64), want.numpy)
    except OverflowError:
        floats = np.full(objects.shape, math.inf)
    wide = floats.astype(np.float64).ravel().tolist()
    wrong = [w != number for w, number in zip(wide, integers, strict=True)]
    if any(wrong):
        path = first(np.array(wrong).reshape(objects.shape))
        raise inexact(objects[path], want, path)
    return floats


# Strings.


def _to_strings(value: Any) -> Array:
    kinds = set(map(type, value)) if isinstance(value, list | tuple) else None
    if kinds in ({bytes}, {str}):  # as most are, and fast
        with suppress(UnicodeEncodeError):  # which is reported below
            return string_array([*value] if kinds == {bytes} else [*map(str.encode, value)])
    if not isinstance(value, list | tuple | str | bytes | bytearray | memoryview):
        array = _string_array(value)
        if array.size == 0:
            return array.astype(object)  # lists do not show what follows a dimension of 0
        value = array
    try:
        return object_array(value, _to_bytes)
    except Misfit:
        for path, item in leaves(value):
            _to_bytes(item, path)  # which raises it again, and says where
        raise
    except ValueError as error:
        raise ragged(value, strings=True) or Misfit(f"is ragged: {error}") from error


def _string_array(value: Any) -> Array:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise Misfit(f"is not an array of strings: {error}") from error
    if array.dtype.kind == "O" and not array.ndim and not isinstance(value, np.ndarray):
        raise no_string(value)
    if array.dtype.kind not in "OSUT":
        raise Misfit(f"is of dtype {array.dtype}, but the signature wants strings")
    return array


def _to_bytes(item: Any, path: Path = ()) -> bytes:
    if type(item) is bytes:
        return item
    if isinstance(item, str):
        try:
            return item.encode()
        except UnicodeEncodeError as error:
            raise Misfit(f"holds text{at(path)} that is not Unicode: {error}") from error
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item)
    raise no_string(item, path)


# Messages.


def _is_example(value: Any) -> bool:
    """Whether it is what a string tensor takes serialized: an Example, its dict, or a message."""
    return isinstance(value, Mapping | Example | CompoundExample) or message_name(value) is not None


def _to_examples(value: Any, spec: TensorSpec, features: Features | None) -> Array:
    several = isinstance(value, list | tuple)
    rows = value if several else [value]
    examples = []
    for number, row in enumerate(rows):
        try:
            examples.append(_serialize(row, features))
        except InvalidInput as error:
            raise Misfit(f"holds, as example {number}: {error.details}") from error.__cause__
    array = string_array(examples)
    return array if several else array.reshape((1,) * string_rank(spec))


def _serialize(example: Any, features: Features | None) -> bytes:
    name = message_name(example)
    if name is not None:
        if features is not None and name != "tensorflow.Example":
            raise InvalidInput(f"a {name} is not an Example, which is what the model parses")
        message: bytes = example.SerializeToString()  # also a SequenceExample and the like
        return message
    if isinstance(example, Mapping) and example.keys() == {"b64"} and "b64" not in (features or ()):
        raise InvalidInput("a dict with b64 is REST's form; write the bytes themselves")
    if isinstance(example, CompoundExample) and features is None:
        return example.to_bytes()  # else the model is known to parse Examples, unlike this
    return serialize(example, features)


def _decode(message: Any) -> Tensor:
    try:
        return decode_tensor(message.SerializeToString())
    except DecodeError as error:
        raise Misfit(f"is a TensorProto that cannot be read: {error.details}") from error
