"""The pictures that an input takes, as clients of languages other than Python read them."""

from __future__ import annotations

from tfsclient._inputs.samples import is_picture
from tfsclient.schema import TensorSpec
from tfsclient.schema._meaning import COLOURS

_CHANNELS = (1, 3, 4)


def picture_shape(spec: TensorSpec) -> list[int] | None:
    """Height, width and, if there are any, channels of one picture of a batch.

    None where no picture is wanted, or its shape is not known well enough.
    """
    meaning, shape = spec.meaning, spec.shape
    if meaning is None or meaning.kind != "image" or spec.dtype not in ("float32", "uint8"):
        return None
    if shape is None or len(shape) not in (3, 4):
        return None
    layout = meaning.layout or ("HWC" if len(shape) == 4 else "HW")
    if len(shape) != len(layout) + 1:
        return None
    sizes = dict(zip(layout, shape[1:], strict=True))
    if layout == "HW":
        return [sizes["H"], sizes["W"]]
    channels = sizes["C"]
    if channels == -1 and meaning.colour is not None:
        channels = COLOURS[meaning.colour]
    return [sizes["H"], sizes["W"], channels] if channels in _CHANNELS else None


def takes_image_files(spec: TensorSpec) -> bool:
    """Whether an input wants a list of encoded pictures."""
    return is_picture(spec) and (spec.shape is None or len(spec.shape) == 1)
