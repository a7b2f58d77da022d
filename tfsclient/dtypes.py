"""The tensor types of TensorFlow: one table of what each is called, stored as and sent in.

The numbers are those of ``tensorflow.DataType``.  A ``_REF`` twin (number + 100) found in an old
SavedModel is the type itself: a reference type never travels.
"""

from __future__ import annotations

import logging  # noqa: F401 (before _Loading, which says why)
import os
import threading
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tfsclient.errors import InvalidInput, MissingExtra, shown

__all__ = ["INVALID", "STRING", "DType"]


def __dir__() -> list[str]:
    return __all__


# TensorProto's value fields, by number.
FLOAT_VAL, DOUBLE_VAL, INT_VAL, STRING_VAL = 5, 6, 7, 8
SCOMPLEX_VAL, INT64_VAL, BOOL_VAL, DCOMPLEX_VAL = 9, 10, 11, 12
HALF_VAL, UINT32_VAL, UINT64_VAL, FLOAT8_VAL = 13, 16, 17, 18


# What kind of value a field holds, and so what can be cast to what.
_KINDS = {
    FLOAT_VAL: "float", DOUBLE_VAL: "float", HALF_VAL: "float", FLOAT8_VAL: "float",
    INT_VAL: "int", INT64_VAL: "int", UINT32_VAL: "int", UINT64_VAL: "int",
    SCOMPLEX_VAL: "complex", DCOMPLEX_VAL: "complex", BOOL_VAL: "bool", STRING_VAL: "string",
}  # fmt: skip

_REF = 100  # DT_FLOAT_REF = DT_FLOAT + 100 and so on


class _Loading:
    """Held while a module is loaded that was not needed before some call.

    A fork waits for it, so that no child finds a half-loaded module whose thread it does not have.
    It does not wait for ever: what is being loaded may need a lock that the fork already holds.
    To keep logging's lock from being one of those, logging is imported before this is made: the
    hooks that run before a fork do so in the reverse order of their registration.
    """

    _LONGEST = 5.0  # seconds

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._fork = threading.local()
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(
                before=self._before, after_in_parent=self._after, after_in_child=self._in_child
            )

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _before(self) -> None:
        self._fork.holds = self._lock.acquire(timeout=self._LONGEST)

    def _after(self) -> None:
        if self._fork.holds:
            self._lock.release()

    def _in_child(self) -> None:
        if self._fork.holds:
            self._lock.release()
        else:
            self._lock = threading.RLock()  # who has the other is not here


LOADING: Final = _Loading()

_ML_DTYPES: Final = "ml_dtypes"  # what has the type, by the same name; loaded when one is met
USERS: Final = 2  # ``isbuiltin`` of dtypes that numpy does not bring


class _Facts(NamedTuple):
    number: int
    enum: str
    numpy: np.dtype[Any] | str | None = None
    field: int = 0
    rest: bool = False


def _facts() -> dict[str, _Facts]:
    rows: list[tuple[int, str, str, npt.DTypeLike, int, bool]] = [
        # number, DataType, name, numpy, value field, has a JSON form in TF Serving
        (1, "DT_FLOAT", "float32", np.float32, FLOAT_VAL, True),
        (2, "DT_DOUBLE", "float64", np.float64, DOUBLE_VAL, True),
        (3, "DT_INT32", "int32", np.int32, INT_VAL, True),
        (4, "DT_UINT8", "uint8", np.uint8, INT_VAL, True),
        (5, "DT_INT16", "int16", np.int16, INT_VAL, True),
        (6, "DT_INT8", "int8", np.int8, INT_VAL, True),
        (7, "DT_STRING", "string", np.object_, STRING_VAL, True),
        (8, "DT_COMPLEX64", "complex64", np.complex64, SCOMPLEX_VAL, False),
        (9, "DT_INT64", "int64", np.int64, INT64_VAL, True),
        (10, "DT_BOOL", "bool", np.bool_, BOOL_VAL, True),
        (11, "DT_QINT8", "qint8", np.int8, INT_VAL, False),
        (12, "DT_QUINT8", "quint8", np.uint8, INT_VAL, False),
        (13, "DT_QINT32", "qint32", np.int32, INT_VAL, False),
        (14, "DT_BFLOAT16", "bfloat16", _ML_DTYPES, HALF_VAL, False),
        (15, "DT_QINT16", "qint16", np.int16, INT_VAL, False),
        (16, "DT_QUINT16", "quint16", np.uint16, INT_VAL, False),
        (17, "DT_UINT16", "uint16", np.uint16, INT_VAL, False),
        (18, "DT_COMPLEX128", "complex128", np.complex128, DCOMPLEX_VAL, False),
        (19, "DT_HALF", "float16", np.float16, HALF_VAL, False),
        (22, "DT_UINT32", "uint32", np.uint32, UINT32_VAL, True),
        (23, "DT_UINT64", "uint64", np.uint64, UINT64_VAL, True),
        (24, "DT_FLOAT8_E5M2", "float8_e5m2", _ML_DTYPES, FLOAT8_VAL, False),
        (25, "DT_FLOAT8_E4M3FN", "float8_e4m3fn", _ML_DTYPES, FLOAT8_VAL, False),
        (26, "DT_FLOAT8_E4M3FNUZ", "float8_e4m3fnuz", _ML_DTYPES, FLOAT8_VAL, False),
        (27, "DT_FLOAT8_E4M3B11FNUZ", "float8_e4m3b11fnuz", _ML_DTYPES, FLOAT8_VAL, False),
        (28, "DT_FLOAT8_E5M2FNUZ", "float8_e5m2fnuz", _ML_DTYPES, FLOAT8_VAL, False),
        (29, "DT_INT4", "int4", _ML_DTYPES, INT_VAL, False),
        (30, "DT_UINT4", "uint4", _ML_DTYPES, INT_VAL, False),
        (31, "DT_INT2", "int2", _ML_DTYPES, INT_VAL, False),
        (32, "DT_UINT2", "uint2", _ML_DTYPES, INT_VAL, False),
    ]  # fmt: skip
    table = {
        name: _Facts(number, enum, numpy if numpy is _ML_DTYPES else np.dtype(numpy), field, rest)
        for number, enum, name, numpy, field, rest in rows
    }
    # No value of these can be sent: they have no numpy form.
    table["invalid"] = _Facts(0, "DT_INVALID")
    table["resource"] = _Facts(20, "DT_RESOURCE")
    table["variant"] = _Facts(21, "DT_VARIANT")
    return table


_FACTS = _facts()


@cache
def _of_ml_dtypes(name: str) -> np.dtype[Any]:
    try:
        with LOADING:
            import ml_dtypes
    except ImportError as error:
        raise MissingExtra(
            f"{name} tensors need ml_dtypes ({error}): pip install ml_dtypes"
        ) from error
    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return dtype


class DType(str):
    """The type of a tensor's elements, by TensorFlow's name for it: ``DType("float32")``.

    It is a string, so ``spec.dtype == "float32"`` and JSON work as expected.  A type number that
    this version does not know is kept as ``dtype_N``: it can be shown, not sent.
    """

    __slots__ = ("_facts",)
    _facts: _Facts

    def __new__(cls, name: str) -> DType:
        """Look up ``name`` ("float32", "string", ...); InvalidInput if there is no such type."""
        if not isinstance(name, str):
            raise InvalidInput(f"a tensor type is given by its name, not {shown(name)}")
        facts = _FACTS.get(name)
        if facts is None:
            prefix, _, digits = name.partition("_")
            if prefix != "dtype" or not digits.removeprefix("-").isdecimal():
                raise InvalidInput(
                    f"no tensor type is called {shown(name)}; known are {', '.join(_FACTS)}"
                )
            facts = _Facts(int(digits), name)
        self = super().__new__(cls, name)
        self._facts = facts
        return self

    def __reduce__(self) -> tuple[type[DType], tuple[str]]:
        return DType, (str(self),)  # numpy's dtypes are not themselves again once they are pickled

    @staticmethod
    def of_number(number: int) -> DType:
        """The type with this DataType number; a ``_REF`` number gives the type itself."""
        if _REF < number < 2 * _REF:
            number -= _REF
        known = _BY_NUMBER.get(number)
        return DType(f"dtype_{number}") if known is None else known

    @staticmethod
    def of_enum(enum: str) -> DType:
        """The type with this DataType name ("DT_FLOAT", "DT_FLOAT_REF"), as metadata JSON has it.

        Raises:
            ValueError: there is no such name.
        """
        known = _BY_ENUM.get(enum.removesuffix("_REF"))
        if known is None:
            raise ValueError(f"no DataType is called {enum!r}")
        return known

    @staticmethod
    def of_numpy(dtype: np.dtype[Any]) -> DType | None:
        """The type that carries arrays of this numpy dtype; None where there is none.

        Any string or object dtype is "string".  Quantized types share numpy's integer dtypes, so
        only a signature can ask for them.
        """
        if dtype.kind in "OSUT":
            return STRING
        native = dtype.newbyteorder("=")
        if dtype.isbuiltin == USERS and dtype.name in _FACTS:
            named = DType(dtype.name)
            return named if named.numpy == native else None
        return _BY_NUMPY.get(native)

    @property
    def number(self) -> int:
        """The DataType number, as it stands on the wire."""
        return self._facts.number

    @property
    def enum(self) -> str:
        """The DataType name, e.g. "DT_FLOAT"."""
        return self._facts.enum

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype of arrays of this type; ``object`` (holding bytes) for strings.

        Raises:
            TypeError: resource, variant, invalid and unknown types have none.
        """
        known = self._facts.numpy
        if isinstance(known, np.dtype):
            return known
        if known is None:
            raise TypeError(f"{self} tensors have no numpy form")
        return _of_ml_dtypes(str(self))

    @property
    def sendable(self) -> bool:
        """Whether a client can send and receive tensors of this type at all."""
        return self._facts.numpy is not None

    @property
    def field(self) -> int:
        """The number of the TensorProto field that holds values of this type."""
        return self._facts.field

    @property
    def kind(self) -> str:
        """One of "float", "int", "complex", "bool" and "string"; "" for what cannot be sent."""
        return _KINDS.get(self._facts.field, "")

    @property
    def rest(self) -> bool:
        """Whether TF Serving's REST interface can carry this type."""
        return self._facts.rest


_BY_NUMBER = {facts.number: DType(name) for name, facts in _FACTS.items()}
_BY_ENUM = {facts.enum: DType(name) for name, facts in _FACTS.items()}
_BY_NUMPY = {
    facts.numpy: DType(name)
    for name, facts in reversed(_FACTS.items())  # int8 is int8 before it is qint8
    if isinstance(facts.numpy, np.dtype) and not name.startswith("q")
}
STRING = DType("string")
INT64 = DType("int64")
INVALID = DType("invalid")
