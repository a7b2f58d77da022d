"""The values of a tf.Example's features: from what Python and numpy have to one of three lists."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._codec.example import FLOAT32, Values
from tfsclient._codec.nested import object_array
from tfsclient._inputs import tables
from tfsclient._inputs.casts import cast
from tfsclient._inputs.misfits import Misfit, at, ragged, refuse_masked
from tfsclient.dtypes import INT64, STRING, DType
from tfsclient.errors import InvalidInput, did_you_mean, of_type, shown
from tfsclient.schema import Features, FeatureSpec

Array: TypeAlias = npt.NDArray[Any]

_KINDS: Final = {bool, int, float, str, bytes}  # what features are made of
_PLAIN: Final = (*_KINDS, bytearray, memoryview, list, tuple, np.ndarray)


def convert(
    features: Mapping[str, Any], spec: Features | None, shared: Iterable[str] | None
) -> dict[str, Values]:
    """The values of each feature.

    Args:
        features: what the user gave, by name.
        spec: what the model parses; None if not known.
        shared: names of features that may be missing; None for any.

    Raises:
        InvalidInput: a value has no place in an Example, or does not fit ``spec``.
    """
    if spec is not None:
        _check_names(features, spec, shared)
    converted = {}
    for name, value in features.items():
        try:
            converted[name] = _values(value, None if spec is None else spec[name])
        except Misfit as misfit:
            raise InvalidInput(f"feature {name!r} {misfit.details}") from misfit.__cause__
    return converted


def _check_names(given: Mapping[str, Any], spec: Features, shared: Iterable[str] | None) -> None:
    problems = []
    missing = [
        name
        for name, feature in spec.items()
        if feature.required and name not in given and shared is not None and name not in shared
    ]
    for name in given:
        if name not in spec:
            guess = did_you_mean(name, missing or spec, cutoff=0.4)
            problems.append(f"there is no feature {name!r}{guess}")
    problems += [f"feature {name!r} is missing" for name in missing]
    if problems:
        listed = ", ".join(f"{name} {feature}" for name, feature in spec.items())
        raise InvalidInput(f"{'; '.join(problems)}; the features are {listed}")


def _values(value: Any, spec: FeatureSpec | None) -> Values:
    """A feature's values, flat and checked."""
    refuse_masked(value)
    if not isinstance(value, _PLAIN):
        value = _plain_values(value)
    shape: tuple[int, ...]
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OSUT":
        shape = value.shape
        found = _numbers(value.reshape(-1), spec)
    else:
        items, shape, kinds = _flatten(value)
        found = _items(items, shape, kinds, spec)
    if spec is not None:
        _check_count(len(found.values), shape, spec)
    elif len(shape) > 1:
        raise Misfit(f"has shape {shape}, but an Example's features are flat: write .ravel()")
    return found


def _plain_values(value: Any) -> Any:
    """A column's values, or what numpy makes of a scalar or a tensor."""
    value = tables.adopt(value)
    if tables.is_table(value):
        raise Misfit("is a table, but a feature is a list of values")
    if tables.is_column(value):
        return tables.column_values(value)
    return np.asarray(value) if hasattr(value, "__array__") else value


def _flatten(value: Any) -> tuple[list[Any], tuple[int, ...], set[type[Any]]]:
    """The elements of nested lists, the lists' shape, and the elements' types."""
    if not isinstance(value, list | tuple | np.ndarray):
        return [value], (), {type(value)}
    if not isinstance(value, np.ndarray):
        kinds = set(map(type, value))
        if kinds <= _KINDS or not any(issubclass(k, list | tuple | np.ndarray) for k in kinds):
            return list(value), (len(value),), kinds
    try:
        array = object_array(value, lambda item: item)
    except ValueError as error:
        raise ragged(value, strings=True) or Misfit(f"is ragged: {error}") from error
    items = array.reshape(-1).tolist()
    return items, array.shape, set(map(type, items))


def _numbers(array: Array, spec: FeatureSpec | None) -> Values:
    """Values of a numpy array."""
    kind = _kind(array.dtype)
    have = {"int": INT64, "bool": INT64, "float": FLOAT32}.get(kind)
    if have is None:
        raise Misfit(f"is of dtype {array.dtype}, which no feature has")
    want = have if spec is None else spec.dtype
    if kind == "bool" and want == INT64:
        array = array.astype(np.int64)
    if have != want and (kind, want) != ("int", FLOAT32):
        assert spec is not None
        raise _wrong(f"dtype {array.dtype}", spec)
    return Values(want, cast(array, want, "values"))


def _kind(dtype: np.dtype[Any]) -> str:
    known = DType.of_numpy(dtype)
    return "" if known is None else known.kind


def _items(
    items: list[Any], shape: tuple[int, ...], kinds: set[type[Any]], spec: FeatureSpec | None
) -> Values:
    """Values of a flat list, whose elements are of these types, and had this shape."""
    if not kinds <= _KINDS:
        items = [_plain(item, number, shape) for number, item in enumerate(items)]
        kinds = set(map(type, items))
    if not kinds:
        if spec is None:
            raise Misfit("is an empty list, which has no type: leave it out")
        return Values(spec.dtype, [] if spec.dtype == STRING else np.empty(0, spec.dtype.numpy))
    if kinds <= {str, bytes}:
        want = STRING
    elif kinds <= {bool, int}:
        want = INT64
    elif kinds == {float} or (spec is not None and kinds == {int, float}):
        want = FLOAT32
    elif kinds <= {int, float}:
        raise Misfit("mixes int and float, and which is meant is not known: write floats, 3.0")
    else:
        raise Misfit(f"mixes {_first_of_each(items, shape)}")
    if spec is not None and spec.dtype != want:
        if spec.dtype != FLOAT32 or kinds != {int}:
            raise _wrong(" and ".join(sorted(kind.__name__ for kind in kinds)), spec)
        want = FLOAT32
    if want == STRING:
        return Values(STRING, items if str not in kinds else _encoded(items, shape))
    if want == INT64:
        return Values(INT64, _integers(items, shape))
    return Values(FLOAT32, _floats(items, shape, mixed=int in kinds))


def _first_of_each(items: list[Any], shape: tuple[int, ...]) -> str:
    """The types of the elements, and where each of them comes first."""
    where = {type(items[i]): i for i in reversed(range(len(items)))}
    return " and ".join(
        f"{kind.__name__} ({shown(items[i])}{_at(i, shape)})"
        for kind, i in sorted(where.items(), key=lambda item: item[1])
    )


def _at(number: int, shape: tuple[int, ...]) -> str:
    """Where an element of a flat list was in one of this shape, to follow it in a sentence."""
    return at(tuple(map(int, np.unravel_index(number, shape)))) if shape else ""


def _plain(item: Any, number: int, shape: tuple[int, ...]) -> bool | int | float | str | bytes:
    """A value of one of the five types that features are made of."""
    if isinstance(item, np.generic):
        to_plain = {"bool": bool, "int": int, "float": float}.get(_kind(item.dtype))
        item = item if to_plain is None else to_plain(item)
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item)
    for kind in (bool, int, float, str):
        if isinstance(item, kind):
            return kind(item)
    holds = f"holds {{}}{_at(number, shape)}" if shape else "is {}"
    if item is None:
        raise Misfit(f"{holds.format(None)}: leave out what is missing")
    what = f"{of_type(item)}, which no feature has"
    raise Misfit((holds if shape else "holds {}").format(what))


def _encoded(items: list[Any], shape: tuple[int, ...]) -> list[Any]:
    try:
        return [item.encode() if type(item) is str else item for item in items]
    except UnicodeEncodeError as error:
        wrong = next(n for n, item in enumerate(items) if item == error.object)
        raise Misfit(f"holds text{_at(wrong, shape)} that is not Unicode: {error}") from error


def _integers(items: list[Any], shape: tuple[int, ...]) -> Array:
    try:
        return np.array(items, np.int64)
    except OverflowError:
        wrong = next(n for n, item in enumerate(items) if not -1 << 63 <= item < 1 << 63)
        raise Misfit(
            f"holds an integer of {items[wrong].bit_length()} bits{_at(wrong, shape)}, more than "
            "int64 has"
        ) from None


def _floats(items: list[Any], shape: tuple[int, ...], *, mixed: bool) -> Array:
    try:
        # Only with a byte order does struct refuse what would become infinite.
        floats = np.frombuffer(struct.pack(f"<{len(items)}f", *items), "<f4")
    except (OverflowError, struct.error):
        wrong = next(n for n, item in enumerate(items) if not _is_float32(item))
        raise Misfit(
            f"holds {shown(items[wrong])}{_at(wrong, shape)}, which float32 cannot hold: it would "
            "become infinite"
        ) from None
    if mixed:
        for number, (item, kept) in enumerate(zip(items, floats.tolist(), strict=True)):
            if type(item) is int and item != kept:
                raise Misfit(
                    f"holds {shown(item)}{_at(number, shape)}, which float32 cannot hold exactly"
                )
    return floats


def _is_float32(number: float) -> bool:
    try:
        struct.pack("<f", number)
    except (OverflowError, struct.error):
        return False
    return True


def _wrong(came: str, spec: FeatureSpec) -> Misfit:
    return Misfit(f"is of {came}, but the model wants {spec}")


def _check_count(count: int, shape: tuple[int, ...], spec: FeatureSpec) -> None:
    if spec.shape is None:
        if len(shape) > 1:
            raise Misfit(f"has shape {shape}, but the model wants a flat list ({spec})")
        return
    variable = spec.shape[:1] == (-1,)
    size = math.prod(spec.shape[1:] if variable else spec.shape)
    fits = count % size == 0 if variable and size else count == (0 if variable else size)
    if len(shape) > 1:
        fits = fits and shape[variable:] == spec.shape[variable:] and len(shape) == len(spec.shape)
    if not fits:
        raise Misfit(f"has shape {shape}, but the model wants {spec}")
