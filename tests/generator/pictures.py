"""Pictures in files, and what the library makes of them, for readers in other languages."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tests.conftest import missing
from tfsclient import DType, Image, TensorSpec

FITS: list[Literal["stretch", "crop", "pad"]] = ["stretch", "crop", "pad"]
_SAME_SIZE = ([-1, -1, 3], [-1, -1, 1], [-1, -1, 4])
_SHAPES = (*_SAME_SIZE, [37, 23, 4], [16, 16, 3], [50, 9], [64, 64, 1], [8, 50, 4], [1, 1, 3])


@dataclass(frozen=True)
class Case:
    """A file that is read for an input of this shape, in one of the ways to fit it."""

    file: bytes
    fit: Literal["stretch", "crop", "pad"]
    shape: list[int]
    is_photo: bool

    def check(self, found: npt.NDArray[np.uint8]) -> None:
        """Whether pixels are those of the library, as far as that can be."""
        spec = TensorSpec("x", DType("uint8"), (-1, *self.shape))
        want = Image(self.file, resize=self.fit).to_array(spec)
        assert found.shape == want.shape
        apart = np.abs(found.astype(int) - want.astype(int))
        alpha = self.shape[2:] == [4]
        if alpha:  # the colours of what is nearly transparent hardly matter
            apart[..., :3] = apart[..., :3] * want[..., 3:] // 255
        # Versions of Pillow differ in the axis that they stretch first, and so in the last bit.
        slack = 8 if self.is_photo else 0 if self.shape in _SAME_SIZE else 2 if alpha else 1
        assert apart.max() <= slack, (self.file[:8], self.fit, self.shape)


def cases() -> list[Case]:
    """Pictures of every kind, in every way, for every kind of shape."""
    if find_spec("PIL") is None:
        missing("Pillow")
    files = [(file, False) for file in _files()] + [(file, True) for file in _photos()]
    found = itertools.product(files, FITS, _SHAPES)
    return [Case(file, fit, shape, is_photo) for (file, is_photo), fit, shape in found]


def animations() -> list[bytes]:
    """Files of two frames."""
    from PIL import Image as Pillow

    first, second = (Pillow.new("RGB", (20, 30), colour) for colour in ("blue", "red"))
    options = {"save_all": True, "append_images": [second]}
    return [_encoded(first, form, **options) for form in ("PNG", "GIF")]


def _encoded(picture: Any, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _files() -> Iterator[bytes]:
    """A picture in each form and each kind of pixels."""
    from PIL import Image as Pillow

    random = np.random.default_rng(7)
    colours = random.integers(0, 256, (37, 23, 4), np.uint8)
    deep = random.integers(0, 1 << 16, (37, 23), np.uint16)
    picture = Pillow.fromarray(colours, "RGBA")
    for mode in ("RGBA", "RGB", "L", "LA", "P", "1"):
        yield _encoded(
            picture.convert("RGB").convert(mode) if mode == "P" else picture.convert(mode), "PNG"
        )
    yield _encoded(Pillow.fromarray(deep), "PNG")
    yield _encoded(picture.convert("RGB"), "GIF")
    for turned in range(1, 9):
        exif = Pillow.Exif()
        exif[0x0112] = turned
        yield _encoded(picture.convert("RGB"), "PNG", exif=exif)


def _photos() -> Iterator[bytes]:
    """JPEGs, whose decoders may differ a little."""
    from PIL import Image as Pillow

    y, x = np.mgrid[0:90, 0:60]
    smooth = np.stack([x * 4, y * 2, 255 - x - y], axis=-1).astype(np.uint8)
    exif = Pillow.Exif()
    exif[0x0112] = 6
    yield _encoded(Pillow.fromarray(smooth), "JPEG", exif=exif)
    yield _encoded(Pillow.fromarray(smooth).convert("L"), "JPEG")
