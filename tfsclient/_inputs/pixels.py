"""Pictures by way of Pillow, the extra ``image``: open, turn upright, convert, resize, encode."""

from __future__ import annotations

import struct
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._inputs.misfits import Misfit, Unreadable
from tfsclient.errors import MissingExtra

Array: TypeAlias = npt.NDArray[Any]

MODES: Final = {1: "L", 3: "RGB", 4: "RGBA"}  # by the number of channels

# What may be opened.  Pillow knows more formats, and some of those run other programs (EPS).
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

_GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
_PNG_MODES = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")
_JPEG_MODES = ("L", "RGB")
_JPEG_QUALITY = 95  # as TensorFlow's own encoder

_ORIENTATION = 0x0112  # EXIF's tag
_filters = threading.Lock()  # of warnings, which all threads share


class OwnImage:
    """What :class:`tfsclient.Image` is, whose module need not be loaded to know one."""


def is_image(value: Any) -> bool:
    """Whether it is a :class:`tfsclient.Image` or a PIL image."""
    return isinstance(value, OwnImage) or is_pil(value)


def is_pil(value: Any) -> bool:
    """Whether it is a PIL image; Pillow is not imported to find out."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)


def open_upright(source: Any, name: str, max_pixels: int) -> Any:
    """The PIL image in encoded bytes, a uint8 array or a PIL image, turned as its EXIF data say.

    Raises:
        Unreadable: it is broken, not a picture, several pictures or of more than ``max_pixels``.
        MissingExtra: Pillow is not installed.
    """
    pil = _pillow()
    try:
        if isinstance(source, np.ndarray):
            return pil.fromarray(source)
        if isinstance(source, bytes):
            return _upright(_open(source, name, max_pixels))
        check_size(source.height, source.width, f"holds {name}", max_pixels)
        return _upright(source)
    except Misfit:
        raise
    except pil.DecompressionBombError as error:  # some formats are checked before we can
        raise Unreadable(
            f"holds {name}, which has more than twice PIL.Image.MAX_IMAGE_PIXELS, "
            f"{pil.MAX_IMAGE_PIXELS}"
        ) from error
    except Exception as error:  # a broken file makes Pillow raise anything
        reason = str(error) or type(error).__name__
        raise Unreadable(f"holds {name}, which cannot be decoded: {reason}") from error


def _open(data: bytes, name: str, max_pixels: int) -> Any:
    image = _read_header(data, name)
    check_size(image.height, image.width, f"holds {name}", max_pixels)
    # An MPO is a JPEG with further views of the same scene.
    if image.format != "MPO" and (frames := getattr(image, "n_frames", 1)) > 1:
        raise Unreadable(
            f"holds {name}, which has {frames} frames: pick one with PIL.Image.open(...) and its "
            "seek(), and pass that"
        )
    return image


def _read_header(data: bytes, name: str) -> Any:
    """The picture before its pixels are decoded.

    PIL.Image.open does the same, but warns about large pictures or refuses them by a limit of its
    own, and both depend on settings of the whole process.
    """
    pil = _pillow()
    pil.init()
    for form in _FORMATS:
        factory, accepts = pil.OPEN.get(form, (None, None))
        # Text in place of True says that this Pillow was built without the format.
        if factory is None or (accepts is not None and accepts(data[:16]) is not True):
            continue
        try:
            with _without_warnings(form == "GIF"):  # whose first frame may exceed the picture
                return factory(BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue  # so say Pillow's readers that it is not theirs
    raise Unreadable(
        f"holds {name}, which is in no format that is decoded here ({', '.join(_FORMATS)})"
    )


def _upright(image: Any) -> Any:
    limit = _pillow().MAX_IMAGE_PIXELS
    with _without_warnings(limit is not None and image.height * image.width > limit):
        image.load()
    upright = image
    if image.getexif().get(_ORIENTATION, 1) != 1:  # else Pillow would make a copy
        upright = import_module("PIL.ImageOps").exif_transpose(image)
    # Pillow 10 has no mode of its own for a PNG of 16 bits.
    sixteen_bits = image.mode == "I" and image.format == "PNG"
    return upright.convert("I;16") if sixteen_bits else upright


@contextmanager
def _without_warnings(needed: bool) -> Iterator[None]:
    """Keep Pillow's warnings of large pictures from the user, who has a limit of ours."""
    if not needed:
        yield
        return
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore", _pillow().DecompressionBombWarning)
        yield


def check_size(height: int, width: int, what: str, max_pixels: int) -> None:
    """Refuse a size before memory is taken for it.

    Raises:
        Unreadable: the picture has no pixels, or more than ``max_pixels``.
    """
    if not height * width:
        raise Unreadable(f"{what} of {height} x {width} pixels")
    if height * width > max_pixels:
        raise Unreadable(
            f"{what} of {height} x {width} = {height * width} pixels, more than Image(..., "
            f"max_pixels={max_pixels})"
        )


def own_channels(image: Any) -> int:
    """How many channels the picture itself has: 1, 3 or 4."""
    if {"A", "a"} & set(image.getbands()) or "transparency" in image.info:
        return 4
    return 1 if image.mode in _GREY else 3


def convert(image: Any, channels: int, name: str) -> Any:
    """The picture with 8 bits in each of 1, 3 or 4 channels.

    Raises:
        Misfit: Pillow does not convert this kind of picture, or not to 8 bits.
    """
    mode = MODES[channels]
    if image.mode in ("F", "I"):
        raise Misfit(
            f"holds {name} with pixels of 32 bits, which are not 0..255; make the array yourself: "
            "numpy.asarray(PIL.Image.open(path))"
        )
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255, or does not, by version.
        image = _pillow().fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # anything else would warn about transparent colours
    try:
        return image if image.mode == mode else image.convert(mode)
    except ValueError as error:
        raise Misfit(f"holds {name}, which Pillow cannot make {mode}: {error}") from error


def resize(image: Any, height: int, width: int, how: str | None) -> Any:
    """The picture in this size: stretched, or see :class:`tfsclient.Image`; bilinear."""
    if image.size == (width, height):
        return image
    pil = _pillow()
    if how == "crop":
        scale = max(width / image.width, height / image.height)
        left = max((image.width - width / scale) / 2, 0)
        top = max((image.height - height / scale) / 2, 0)
        box = (left, top, image.width - left, image.height - top)
        return image.resize((width, height), pil.Resampling.BILINEAR, box=box)
    if how == "pad":
        scale = min(width / image.width, height / image.height)
        inner_width = min(max(round(image.width * scale), 1), width)
        inner_height = min(max(round(image.height * scale), 1), height)
        inner = image.resize((inner_width, inner_height), pil.Resampling.BILINEAR)
        padded = pil.new(image.mode, (width, height))
        padded.paste(inner, ((width - inner_width) // 2, (height - inner_height) // 2))
        return padded
    return image.resize((width, height), pil.Resampling.BILINEAR)


def encode(image: Any, form: str, name: str) -> bytes:
    """The picture as a PNG, or as a JPEG, which has no alpha channel.

    Raises:
        Misfit: Pillow cannot.
    """
    jpeg = form == "jpeg"
    if image.mode not in (_JPEG_MODES if jpeg else _PNG_MODES):
        channels = own_channels(image)
        image = convert(image, min(channels, 3) if jpeg else channels, name)
    out = BytesIO()
    try:
        image.save(out, form, **({"quality": _JPEG_QUALITY} if jpeg else {}))
    except (OSError, ValueError) as error:
        raise Misfit(f"holds {name}, which cannot be encoded as {form}: {error}") from error
    return out.getvalue()


def _pillow() -> Any:
    try:
        return import_module("PIL.Image")
    except ImportError as error:
        raise MissingExtra(
            "images are decoded and encoded by Pillow: pip install 'tfsclient[image]'"
        ) from error
