"""Where a picture goes in a numeric input: by what is told of it, or else by the input's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tfsclient._inputs import pixels
from tfsclient._inputs.misfits import Misfit
from tfsclient.schema import TensorMeaning, TensorSpec
from tfsclient.schema._meaning import COLOURS


class Place(NamedTuple):
    """Where a picture goes in an input; -1 for a size that is open, 0 for open channels."""

    batched: bool
    height: int
    width: int
    channels: int
    grey: bool = False  # no dimension for channels
    first: bool = False  # channels before height and width


def place(spec: TensorSpec, meaning: TensorMeaning | None) -> Place:
    """The place that a picture has in this input.

    Args:
        spec: the input.
        meaning: what is told of it as a picture; None if nothing is.

    Raises:
        Misfit: there is none.
    """
    if meaning is None:
        return _by_shape(spec)
    found = _by_shape(spec) if meaning.layout is None else _by_layout(spec, meaning.layout)
    if found.channels == 0 and meaning.colour is not None:
        return found._replace(channels=COLOURS[meaning.colour])
    return found


def _by_layout(spec: TensorSpec, layout: str) -> Place:
    shape = (-1,) * (len(layout) + 1) if spec.shape is None else spec.shape
    batch = len(shape) - len(layout)
    sizes = dict(zip(layout, shape[max(batch, 0) :], strict=False))
    channels = sizes.get("C", 1)
    if batch not in (0, 1) or channels not in (-1, *pixels.MODES):
        raise Misfit(f"wants {spec}, which does not hold pictures as {layout}")
    return Place(
        batch == 1,
        sizes["H"],
        sizes["W"],
        max(channels, 0),
        grey=layout == "HW",
        first=layout == "CHW",
    )


def _by_shape(spec: TensorSpec) -> Place:
    shape = spec.shape or ()
    if len(shape) == 4:
        _, height, width, channels = shape
        if channels in pixels.MODES:
            return Place(True, height, width, channels)
        if shape[1] in pixels.MODES:
            raise _channels_first(spec, shape[1:])
        if channels == -1:
            return Place(True, height, width, 0)
    if len(shape) == 3:
        first, second, last = shape
        if last in pixels.MODES:
            if (first == -1) == (second == -1):  # else it may be a batch of sequences
                return Place(False, first, second, last)
        elif first in (3, 4):
            raise _channels_first(spec, shape)
        elif shape != (-1, -1, -1):
            return Place(True, second, last, 1, grey=True)
        raise Misfit(
            f"wants {spec}, of which the shape does not say what the dimensions are to a picture: "
            'layout = "HW" or "HWC" in a meaning.toml does; make the array yourself: '
            "numpy.asarray(PIL.Image.open(path))"
        )
    raise Misfit(
        f"wants {spec}, and an Image fits [batch, height, width, channels], [batch, height, width] "
        "and [height, width, channels] with 1, 3 or 4 channels; make the array yourself: "
        "numpy.asarray(PIL.Image.open(path))"
    )


def _channels_first(spec: TensorSpec, shape: Sequence[int]) -> Misfit:
    channels, height, width = shape
    line = f"numpy.asarray(PIL.Image.open(path).convert({pixels.MODES[channels]!r})"
    if height > 0 and width > 0:
        line += f".resize(({width}, {height}))"
    line += ")[None]" if channels == 1 else ").transpose(2, 0, 1)"
    if len(spec.shape or ()) == 4:
        line += "[None]"
    return Misfit(f"wants {spec}, which looks like channels first; write: {line}")
