"""Signatures that take pictures as files: decoding and scaling inside the graph."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from tfsclient.errors import InvalidInput, shown
from tfsclient.schema import TensorMeaning
from tfsclient.server.models.tensorflow import import_tensorflow

Encoding: TypeAlias = Literal["png", "base64"]
Size: TypeAlias = tuple[int, int]
Range: TypeAlias = tuple[float, float]

INPUT_NAMES: Final = {"png": "image_bytes", "base64": "image_base64"}
_COLOURS: Final = {1: "gray", 3: "rgb"}
LARGEST: Final = 255.0
_MOST_PIXELS: Final = 1 << 26
_SIDE: Final = 32  # pixels of a sample where any number will do


@dataclass(frozen=True, slots=True)
class Picture:
    """An input that takes pictures as numbers, and how a file becomes one.

    Attributes:
        name: the input.
        dtype: its TensorFlow dtype.
        layout: "HWC", "CHW", "HW" or "flat".
        batch: how many pictures it takes: a number, or None for any; 0 for one without a batch
            dimension.
        height: of the pictures in pixels; None for any.
        width: the same.
        channels: 1 or 3.
        low: what the darkest pixel becomes.
        high: what the brightest pixel becomes.
    """

    name: str
    dtype: Any
    layout: str
    batch: int | None
    height: int | None
    width: int | None
    channels: int
    low: float
    high: float

    @property
    def colour(self) -> str:
        """As meaning.toml names it."""
        return _COLOURS[self.channels]

    @property
    def spec(self) -> Any:
        """The ``TensorSpec`` of the files."""
        tf = import_tensorflow()
        return tf.TensorSpec([] if self.batch == 0 else [self.batch], tf.string)

    def decode(self, files: Any, encoding: Encoding) -> Any:
        """The input's tensor, from a tensor of files."""
        tf = import_tensorflow()
        if encoding == "base64":
            files = tf.io.decode_base64(files)
        if self.batch == 0:
            return self._one(files)
        shape = tf.TensorSpec(self._shape(), self.dtype)
        return tf.map_fn(self._one, files, fn_output_signature=shape)

    def _one(self, file: Any) -> Any:
        tf = import_tensorflow()
        pixels = tf.io.decode_image(file, channels=self.channels, expand_animations=False)
        pixels.set_shape([None, None, self.channels])
        pixels = tf.cast(pixels, tf.float32)
        if self.height is not None:
            pixels = tf.image.resize(pixels, [self.height, self.width])
        if self.dtype.is_integer:
            pixels = tf.saturate_cast(tf.round(pixels), self.dtype)
        else:
            scaled = pixels / LARGEST * (self.high - self.low) + self.low
            pixels = tf.cast(scaled, self.dtype)
        if self.layout == "CHW":
            pixels = tf.transpose(pixels, [2, 0, 1])
        return tf.reshape(pixels, self._shape() if self._known() else self._open_shape(pixels))

    def _known(self) -> bool:
        return self.height is not None

    def _shape(self) -> list[int | None]:
        height, width, channels = self.height, self.width, self.channels
        if self.layout == "flat":
            return [(height or 0) * (width or 0) * channels]
        shapes = {
            "HWC": [height, width, channels],
            "CHW": [channels, height, width],
            "HW": [height, width],
        }
        return shapes[self.layout]

    def _open_shape(self, pixels: Any) -> Any:
        tf = import_tensorflow()
        shape = tf.shape(pixels)
        return shape[:2] if self.layout == "HW" else shape

    def sample(self) -> npt.NDArray[Any]:
        """Pictures as the input takes them, that files can hold exactly."""
        shape = [_SIDE if size is None else size for size in self._shape()]
        if self.batch != 0:
            shape = [2 if self.batch is None else self.batch, *shape]
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8).astype(np.float32)
        scaled = pixels / np.float32(LARGEST) * (self.high - self.low) + self.low
        whole = self.dtype.is_integer
        return np.asarray(pixels if whole else scaled).astype(self.dtype.as_numpy_dtype)

    def files(self, pictures: npt.NDArray[Any], encoding: Encoding) -> npt.NDArray[Any]:
        """Pictures as files."""
        tf = import_tensorflow()
        scaled = np.asarray(pictures, np.float32)
        if not self.dtype.is_integer:
            scaled = (scaled - self.low) / (self.high - self.low) * LARGEST
        pixels = np.rint(scaled).astype(np.uint8)
        if self.batch == 0:
            pixels = pixels[np.newaxis]
        if self.layout == "CHW":
            pixels = np.moveaxis(pixels, 1, -1)
        height, width = self.height or _SIDE, self.width or _SIDE
        pixels = pixels.reshape(-1, height, width, self.channels)
        encoded = [tf.io.encode_png(each).numpy() for each in pixels]
        if encoding == "base64":
            encoded = [base64.urlsafe_b64encode(each) for each in encoded]
        found = np.empty(len(encoded), object)
        found[:] = encoded
        return found.reshape(()) if self.batch == 0 else found


def find_picture(
    specs: Mapping[str, Any],
    size: Size | None,
    value_range: Range | None,
    told: Mapping[str, TensorMeaning | None],
    *,
    rescales: bool,
) -> Picture:
    """The input that takes pictures as numbers.

    Args:
        specs: the ``TensorSpec`` of each input.
        size: height and width; None takes what the input says.
        value_range: what the darkest and the brightest pixel become; None decides by what is told
            of the input, by its type and by ``rescales``.
        told: what the source's meaning says of each input.
        rescales: whether the model takes values of 0..255 and scales them itself.

    Raises:
        InvalidInput: there is none, or several; or its size is not known, or another.
    """
    size, value_range = _read_size(size), _read_range(value_range)
    found = {n: form for n, spec in specs.items() if (form := _form(spec, size)) is not None}
    if len(found) != 1:
        shapes = ", ".join(f"{n} {s.dtype.name} {_text(s.shape)}" for n, s in specs.items())
        what = "several inputs" if found else "none of the inputs"
        verb = "look" if found else "looks"
        raise InvalidInput(
            f"pictures: {what} {verb} like a picture ({shapes})",
            hint="a picture is a number for each pixel: [n, height, width, 1 or 3], [n, 1 or 3, "
            "height, width], [n, height, width]; flat ones need --input-size",
        )
    ((name, (layout, batch, height, width, channels)),) = found.items()
    dtype = specs[name].dtype
    if size is not None:
        for what, own, given in (("high", height, size[0]), ("wide", width, size[1])):
            if own not in (None, given):
                raise InvalidInput(
                    f"pictures: input {name!r} is {own} {what}, not {given} as --input-size says"
                )
        height, width = size
    if (height is None or width is None) and (layout == "flat" or batch not in (0, 1)):
        raise InvalidInput(
            f"pictures: input {name!r} does not say how large its pictures are",
            hint="--input-size HEIGHTxWIDTH, to which every picture is resized",
        )
    if height is None or width is None:
        height = width = None
    whole = dtype.is_integer
    own_range = _told_range(name, told.get(name), given=value_range is not None)
    value_range = own_range if value_range is None else value_range
    if value_range is None:
        low, high = (0.0, LARGEST) if whole or rescales else (0.0, 1.0)
    else:
        low, high = value_range
        if whole and (low, high) != (0.0, LARGEST):
            raise InvalidInput(f"pictures: input {name!r} is {dtype.name}: its range is 0,255")
    return Picture(name, dtype, layout, batch, height, width, channels, low, high)


def _told_range(name: str, told: TensorMeaning | None, *, given: bool) -> Range | None:
    """What a meaning says that the darkest and the brightest pixel become.

    Args:
        name: the input.
        told: the meaning; None if there is none.
        given: whether the user says so, too, which counts.

    Raises:
        InvalidInput: the meaning is not one of RGB or grey pictures that are scaled by a range.
    """
    if told is None:
        return None
    if told.colour == "bgr":
        raise InvalidInput(
            f"pictures: by its meaning.toml input {name!r} takes BGR, and files are decoded to RGB",
            hint="without --pictures: clients that have the meaning make BGR themselves",
        )
    if given or told.range is not None or (told.mean is None and told.std is None):
        return told.range
    mean, std = sorted({*(told.mean or (0.0,))}), sorted({*(told.std or (1.0,))})
    if len(mean) > 1 or len(std) > 1:
        raise InvalidInput(
            f"pictures: by its meaning.toml input {name!r} has numbers for each channel, and files "
            "are scaled by one range",
            hint="--range LOW,HIGH if that is close enough; or without --pictures: clients that "
            "have the meaning scale themselves",
        )
    return (0.0 - mean[0]) / std[0], (LARGEST - mean[0]) / std[0]


def _read_size(size: object) -> Size | None:
    if size is None:
        return None
    listed: list[Any] = list(size) if isinstance(size, tuple | list) else []
    if len(listed) != 2 or any(type(each) is not int or each < 1 for each in listed):
        raise InvalidInput(f"pictures: a size is a height and a width, not {shown(size)}")
    height, width = listed
    if height * width > _MOST_PIXELS:
        raise InvalidInput(f"pictures: {height} x {width} is too large for a picture")
    return height, width


def _read_range(value_range: object) -> Range | None:
    if value_range is None:
        return None
    try:
        low, high = map(float, cast("Range", value_range))
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(f"pictures: {shown(value_range)} is not a range of numbers") from None
    if not low < high or not math.isfinite(high - low):
        raise InvalidInput(f"pictures: {low:g},{high:g} is not a range of finite numbers")
    return low, high


_Form: TypeAlias = tuple[str, int | None, int | None, int | None, int]


def _form(spec: Any, size: Size | None) -> _Form | None:
    """Layout, batch, height, width and channels of an input that takes pictures; or None."""
    if not (spec.dtype.is_floating or spec.dtype.is_integer) or spec.shape.rank is None:
        return None
    dims = spec.shape.as_list()
    if len(dims) == 4 and dims[3] in _COLOURS:
        return "HWC", dims[0], dims[1], dims[2], dims[3]
    if len(dims) == 4 and dims[1] in _COLOURS:
        return "CHW", dims[0], dims[2], dims[3], dims[1]
    if len(dims) == 3 and dims[2] in _COLOURS:
        return "HWC", 0, dims[0], dims[1], dims[2]
    if len(dims) == 3:
        return "HW", dims[0], dims[1], dims[2], 1
    if len(dims) == 2 and size is not None and dims[1] is not None:
        for channels in _COLOURS:
            if dims[1] == size[0] * size[1] * channels:
                return "flat", dims[0], *size, channels
    return None


def _text(shape: Any) -> str:
    dims = "of any shape" if shape.rank is None else [-1 if d is None else d for d in shape]
    return str(dims)
