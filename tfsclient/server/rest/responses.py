"""Answers of the REST interface: tensors and messages as JSON, in TF Serving's layout."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidArgument
from tfsclient.server.rapidjson import writer
from tfsclient.server.rest.tensors import dtype_name, flushed


def error(text: str) -> str:
    """The body of an error."""
    return writer.members([("error", writer.string(text))], 0)


def predictions(outputs: Mapping[str, Tensor], *, row: bool) -> str:
    """The body that answers a predict request, in the form that the request had.

    Raises:
        InvalidArgument: JSON cannot carry an output, or the outputs are not rows of one batch.
    """
    if not outputs:
        raise InvalidArgument("Cannot convert empty tensor map to JSON")
    return _rows(outputs) if row else _columns(outputs)


def _columns(outputs: Mapping[str, Tensor]) -> str:
    level = 1 if len(outputs) == 1 else 2
    texts = [
        (name, _nested(_elements(name, t, level + t.array.ndim), t.array.shape, level, False))
        for name, t in outputs.items()
    ]
    body = texts[0][1] if len(texts) == 1 else writer.members(texts, 1)
    return writer.members([("outputs", body)], 0)


def _rows(outputs: Mapping[str, Tensor]) -> str:
    batch: int | None = None
    for name, tensor in outputs.items():
        if not tensor.array.ndim:
            raise InvalidArgument(f"Tensor name: {name} has no shape information ")
        size = tensor.array.shape[0]
        if batch not in (None, size):
            raise InvalidArgument(
                f"Tensor name: {name} has inconsistent batch size: {size} expecting: {batch}"
            )
        batch = size
    if not batch:
        return writer.members([("predictions", "[]")], 0)
    level = 2 if len(outputs) == 1 else 3
    columns = [
        _row_texts(_elements(name, t, level + t.array.ndim - 1), t.array.shape, level)
        for name, t in outputs.items()
    ]
    if len(columns) == 1:
        # The writer is on one line while it writes values, and no longer when it closes the list.
        body = f"[{', '.join(columns[0])}\n{writer.INDENT}]"
    else:
        items = [
            writer.members(list(zip(outputs, texts, strict=True)), 2)
            for texts in zip(*columns, strict=True)
        ]
        body = writer.array(items, 1, single_line=False)
    return writer.members([("predictions", body)], 0)


def _row_texts(elements: list[str], shape: tuple[int, ...], level: int) -> Iterator[str]:
    size = prod(shape[1:])
    for index in range(shape[0]):
        row = elements[index * size : (index + 1) * size]
        yield _nested(row, shape[1:], level, True)


def _nested(
    texts: list[str],
    shape: tuple[int, ...],
    level: int,
    single_line: bool,
) -> str:
    """Printed elements as nested lists, the outermost at ``level``."""
    for axis in reversed(range(len(shape))):
        size = shape[axis]
        texts = [
            writer.array(
                texts[index * size : (index + 1) * size], level + axis, single_line=single_line
            )
            for index in range(prod(shape[:axis]))
        ]
    return texts[0]


# --- elements ----------------------------------------------------------------------------------


def _elements(name: str, tensor: Tensor, level: int) -> list[str]:
    """Every element in print, themselves at ``level``."""
    dtype, array = tensor
    flat = array.ravel()
    if not flat.size:
        return []
    if not dtype.rest:
        raise InvalidArgument(
            f"Failed to write JSON value for tensor type: {dtype_name(dtype.number)}"
        )
    if dtype == STRING:
        if name.endswith("_bytes"):
            return [
                writer.members([("b64", f'"{base64.b64encode(item).decode()}"')], level)
                for item in flat.tolist()
            ]
        return [writer.string(item.decode(errors="surrogateescape")) for item in flat.tolist()]
    if dtype == "bool":
        return ["true" if item else "false" for item in flat.tolist()]
    if flat.dtype.kind == "f":
        return decimals(flat)
    return list(map(str, flat.tolist()))


def decimals(array: npt.NDArray[Any]) -> list[str]:
    """Floats as TF Serving prints them: six digits if that is exact, else as many as it takes."""
    array = flushed(array)
    values = array.tolist()
    texts = [f"{value:g}" for value in values]
    digits = 9 if array.dtype == np.float32 else 17
    with np.errstate(over="ignore", under="ignore"):
        back = np.array(list(map(float, texts))).astype(array.dtype)
    for index in np.flatnonzero(back != array).tolist():
        texts[index] = f"{values[index]:.{digits}g}"
    return [_DECIMAL_NAMES.get(t) or (t if "." in t or "e" in t else t + ".0") for t in texts]


_DECIMAL_NAMES = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
