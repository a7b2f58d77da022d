"""Answers like earlier ones: what was parsed then is not parsed again.

Answers of a model repeat each other but for the elements of their outputs.  What is remembered
goes by an answer's length and first bytes; all else that is not elements is compared, so a wrong
guess costs time only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.tensor import Array, Outputs


def own_copy(view: Array) -> Array:
    """A read-only copy, which does not keep the whole answer in memory."""
    array = view.copy()
    array.flags.writeable = False
    return array


class _Place(NamedTuple):
    """Where in an answer the elements of an output are, and how to see them."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    at: int
    detach: bool


class Layout(NamedTuple):
    """An answer without the elements of its outputs: all that answers to like requests share."""

    size: int
    fixed: tuple[tuple[int, bytes], ...]  # where what stands that is not elements
    places: tuple[_Place, ...]
    model: ModelRef

    def fits(self, data: bytes) -> bool:
        """Whether an answer is laid out so."""
        if len(data) != self.size:
            return False
        for at, fixed in self.fixed:  # noqa: SIM110 (all() takes twice as long)
            if not data.startswith(fixed, at):
                return False
        return True

    def read(self, data: bytes, copy: bool) -> Outputs:
        """The outputs of an answer that fits."""
        outputs: Outputs = {}
        for name, dtype, shape, at, detach in self.places:
            array: Array = np.ndarray(shape, dtype, data, at)
            if copy:
                array = array.copy()
            elif detach:
                array = own_copy(array)
            outputs[name] = array
        return outputs


_layouts: dict[tuple[int, bytes], Layout] = {}
_MAX_LAYOUTS = 1024
_START = 24  # bytes; about the name of the first output
_MAX_FIXED = 2048  # bytes in all


def recall(data: bytes) -> Layout | None:
    """How the answer is laid out, if one like it was read before."""
    layout = _layouts.get((len(data), data[:_START]))
    return layout if layout is not None and layout.fits(data) else None


def remember(data: bytes, model: ModelRef, outputs: Outputs, detached: set[str]) -> None:
    """Keep the layout of an answer whose outputs are all plain memory in it."""
    # A bool's bytes have to be looked at each time; strings are not plain memory.
    if not outputs or any(array.dtype in (np.bool_, np.object_) for array in outputs.values()):
        return
    if sum(array.nbytes for array in outputs.values()) > len(data):  # varints, or repeated values
        return
    base = _address(np.frombuffer(data, np.uint8))
    places = []
    for name, array in outputs.items():
        at = _address(array) - base
        plain = array.nbytes and array.flags.c_contiguous and 0 <= at <= len(data) - array.nbytes
        if not plain:
            return
        places.append(_Place(name, array.dtype, array.shape, at, name in detached))
    fixed, position = [], 0
    for place in sorted(places, key=lambda place: place.at):
        fixed.append((position, data[position : place.at]))
        position = place.at + outputs[place.name].nbytes
    fixed.append((position, data[position:]))
    if sum(len(each) for _, each in fixed) <= _MAX_FIXED:
        if len(_layouts) >= _MAX_LAYOUTS:
            _layouts.clear()
        layout = Layout(len(data), tuple(fixed), tuple(places), model)
        _layouts[len(data), data[:_START]] = layout


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
