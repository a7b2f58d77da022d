"""What the pixel values 0 to 255 become: as the user says, or as the input's meaning does."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._inputs.casts import cast
from tfsclient._inputs.misfits import Misfit
from tfsclient.dtypes import DType
from tfsclient.schema import TensorMeaning

Array: TypeAlias = npt.NDArray[Any]

_WHOLE = 1 << 53  # up to here every integer is a float64


class Levels:
    """The numbers that pixel values become, each looked up among all 256.

    Args:
        scale: what the user wants pixel values multiplied with; None if that is not said.
        offset: what is to be added to them afterwards.
        meaning: what is told of the input as a picture, which holds where the user says nothing.
    """

    def __init__(self, scale: float | None, offset: float, meaning: TensorMeaning | None) -> None:
        pixels = np.arange(256, dtype=np.float64)
        self._channels: list[Array] = []  # one for all channels, or one for each; none: as they are
        self._by = f"scale={scale} and offset={offset}"
        with np.errstate(over="ignore", invalid="ignore"):
            if scale is not None or offset:
                self._channels = [pixels * float(1 if scale is None else scale) + offset]
            elif meaning is not None and meaning.range is not None:
                low, high = meaning.range
                self._channels = [pixels * ((high - low) / 255) + low]
                self._by = f"range={list(meaning.range)}"
            elif meaning is not None and (meaning.mean or meaning.std):
                mean, std = meaning.mean or (0.0,), meaning.std or (1.0,)
                count = max(len(mean), len(std))
                each = zip(mean * (count // len(mean)), std * (count // len(std)), strict=True)
                self._channels = [(pixels - m) / s for m, s in each]
                self._by = f"mean={list(mean)} and std={list(std)}"

    def apply(self, picture: Array, want: DType) -> Array:
        """A picture's numbers, in this dtype.

        Args:
            picture: uint8 of shape [height, width] or [height, width, channels].
            want: the input's dtype.

        Raises:
            Misfit: the dtype cannot hold them, or they are not for as many channels.
        """
        tables = [self._cast(values, want) for values in self._channels]
        if not tables:
            if want.numpy == np.uint8:
                return picture
            return picture.astype(self._cast(np.arange(256, dtype=np.uint8), want).dtype)
        # No value is out of range, and "clip" makes numpy not look for one.
        if len(tables) == 1:
            return tables[0].take(picture, mode="clip")
        if picture.ndim != 3 or picture.shape[2] != len(tables):
            raise Misfit(f"is scaled by {self._by}, which is for {len(tables)} channels")
        return np.stack(
            [table.take(picture[..., n], mode="clip") for n, table in enumerate(tables)], axis=-1
        )

    def _cast(self, values: Array, want: DType) -> Array:
        if want.kind == "int" and values.dtype.kind == "f":
            whole = np.array_equal(values, np.rint(values)) and np.abs(values).max() <= _WHOLE
            values = values.astype(np.int64) if whole else values
        try:
            table: Array | None = cast(values, want, "pixels")
        except Misfit:
            table = None
        if table is None or not np.isfinite(values).all():
            raise Misfit(f"is of {want}, which cannot hold the pixel values 0..255 with {self._by}")
        return table
