"""An answer for the page: bounded, whatever a server sends; and whole, as files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from tfsclient._cli import outfile
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.results import Prediction
from tfsclient.results._forms import plain
from tfsclient.results._json import json_values
from tfsclient.schema import Signature

Array = npt.NDArray[Any]

MOST_VALUES: Final = 20_000  # that are sent with the answer; a page of the others at a time
_MOST_BYTES: Final = 4 << 20  # of strings
_PAGE: Final = 1000
_MOST_SHOWN: Final = 4096  # bytes of a string on such a page
_SAFE: Final = 1 << 53  # integers from here on are no numbers to JavaScript
KINDS: Final = ("json", "npz", "npy", "csv", "jsonl")


def shown(answer: Prediction, spec: Signature) -> list[dict[str, Any]]:
    """The outputs as JSON-ready data, large ones without their values."""
    return [_output(name, array, spec) for name, array in answer.items()]


def _output(name: str, array: Array, spec: Signature) -> dict[str, Any]:
    declared = spec.outputs.get(name)
    dtype = DType.of_numpy(array.dtype)
    if declared is not None and declared.dtype.sendable and declared.dtype.numpy == array.dtype:
        dtype = declared.dtype
    whole = array.size <= MOST_VALUES and _bytes(array) <= _MOST_BYTES
    return {
        "name": name,
        "dtype": str(dtype),
        "shape": list(array.shape),
        "count": array.size,
        "numeric": array.dtype.kind not in "OSU",
        "stats": _stats(array),
        "labels": _labels(array, spec, name),
        "values": values(array) if whole else None,
    }


def _labels(array: Array, spec: Signature, name: str) -> list[str] | None:
    """What the classes are called, where the last dimension is theirs."""
    labels = (spec.labels or {}).get(name)
    if labels is None or not array.ndim or array.shape[-1] != len(labels):
        return None
    return list(labels)


def values(array: Array) -> Any:
    """The values as JSON-ready nested lists, each as it is: large integers are texts."""
    if array.dtype.kind in "iu" and array.size and array.dtype.itemsize == 8:
        high, low = int(array.max()), int(array.min())
        if high >= _SAFE or low <= -_SAFE:
            return array.astype(str).tolist()
    return orjson.loads(json_values(array))


def page(array: Array, start: int) -> Any:
    """Some of the values, flat."""
    some = array.reshape(-1)[start : start + _PAGE]
    if some.dtype.kind == "O":
        some = np.array([*map(_begun, some), None], object)[:-1]  # a list of bytes makes no objects
    return values(some)


def _begun(item: bytes) -> bytes:
    """A string to be looked at: of a long one, how it begins."""
    if len(item) <= _MOST_SHOWN:
        return item
    return (
        item[:_MOST_SHOWN].decode(errors="ignore").encode() + f"… of {len(item):,} bytes".encode()
    )


def floats(array: Array) -> bytes:
    """All values as little-endian float32, to be drawn.

    Raises:
        InvalidInput: they are no numbers.
    """
    if array.dtype.kind in "OSU":
        raise InvalidInput("strings cannot be drawn")
    real = np.abs(array) if array.dtype.kind == "c" else plain(array)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(real, "<f4").tobytes()


def number(value: int | None) -> int | str | None:
    """A whole number, such as a version: as text where it is no number to JavaScript."""
    return str(value) if value is not None and value >= _SAFE else value


def _bytes(array: Array) -> int:
    if array.dtype.kind != "O":
        return array.nbytes
    return sum(len(item) for item in array.reshape(-1))


def _stats(array: Array) -> dict[str, Any] | None:
    if array.dtype.kind not in "fiubV" or not array.size or array.dtype.kind == "b":
        return None
    numbers = plain(array).astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return None
    return {
        "min": float(finite.min()),
        "max": float(finite.max()),
        "mean": float(finite.mean()),
        "not_finite": int(numbers.size - finite.size),
    }


def as_file(answer: Prediction, spec: Signature, kind: str) -> bytes:
    """The whole answer as a file of this kind.

    Raises:
        InvalidInput: files of this kind cannot hold it.
    """
    if kind not in KINDS:
        raise InvalidInput(f"an answer is saved as one of {', '.join(KINDS)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"answer.{kind}"
        outfile.check_outputs(path, answer)
        outfile.write(path, answer, spec)
        return path.read_bytes()


def of_classes(classes: list[list[tuple[str, float]]]) -> dict[str, Array]:
    """Classify's answer as outputs: labels and scores, a row an example."""
    width = max(map(len, classes), default=0)
    labels = np.full((len(classes), width), "", object)
    scores = np.full((len(classes), width), np.nan, np.float32)
    for number, row in enumerate(classes):
        for column, (label, score) in enumerate(row):
            labels[number, column] = label.encode()
            scores[number, column] = score
    return {"classes": labels, "scores": scores}


def compare(one: Mapping[str, Array], other: Mapping[str, Array]) -> list[dict[str, Any]]:
    """How far two answers are apart, output by output."""
    rows = []
    for name in dict.fromkeys([*one, *other]):
        left, right = one.get(name), other.get(name)
        row: dict[str, Any] = {"name": name, "same": False, "difference": None, "why": None}
        if left is None or right is None:
            row["why"] = "only one of them has it"
        elif left.shape != right.shape:
            row["why"] = f"shapes differ: {list(left.shape)} and {list(right.shape)}"
        elif left.dtype.kind in "OSUb" or right.dtype.kind in "OSUb":
            row["difference"] = int(np.sum(left != right))
            row["same"] = row["difference"] == 0
        else:
            row["same"] = bool(np.array_equal(plain(left), plain(right), equal_nan=True))
            gap = 0.0 if row["same"] else _largest_gap(left, right)
            row["difference"] = gap if np.isfinite(gap) else str(gap)  # JSON has no such numbers
            if left.ndim > 1 and left.shape[-1] > 1:
                agree = np.argmax(_wide(left), -1) == np.argmax(_wide(right), -1)
                row["argmax"] = float(np.mean(agree)) if agree.size else 1.0
        rows.append(row)
    return rows


def _largest_gap(left: Array, right: Array) -> float:
    """How far the numbers are apart at most; NaN where none of them can be told."""
    if left.dtype.kind in "iu" and right.dtype.kind in "iu":  # floats would round them
        return float(np.abs(left.astype(object) - right.astype(object)).max())
    with np.errstate(invalid="ignore", over="ignore"):
        if "c" in (left.dtype.kind, right.dtype.kind):
            gap = np.abs(plain(left) - plain(right))
        else:
            gap = np.abs(_wide(left) - _wide(right))
    known = gap[~np.isnan(gap)]
    return float(known.max()) if known.size else float("nan")


def _wide(array: Array) -> Array:
    if array.dtype.kind == "c":
        return np.abs(array)
    wide: Array = plain(array).astype(np.float64)
    return wide
