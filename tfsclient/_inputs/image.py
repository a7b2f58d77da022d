"""Pictures as inputs: encoded for a string tensor, decoded for a numeric one."""

from __future__ import annotations

import base64
import math
import os
from numbers import Real
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient._inputs import pixels
from tfsclient._inputs.example import string_rank
from tfsclient._inputs.levels import Levels
from tfsclient._inputs.misfits import Misfit, Unreadable
from tfsclient._inputs.places import Place, place
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput, of_type
from tfsclient.schema import TensorMeaning, TensorSpec

Array: TypeAlias = npt.NDArray[Any]

_MAX_PIXELS = 50_000_000
_RGB = 3  # channels


class Image(pixels.OwnImage):
    """A picture, made into what the signature wants when it is sent.

    For a string input it is the encoded file: the source's bytes as they are, or encoded anew.  For
    a numeric input of shape [batch, height, width, channels], [batch, height, width] (grey) or
    [height, width, channels] it is decoded (by Pillow: the extra ``image``), turned upright as its
    EXIF data say, converted to the shape's channels (1, 3 or 4), resized to its fixed height and
    width, and cast to its dtype.  One picture becomes a batch of one, a list of them a batch.

    Values are 0 to 255 in every dtype.  Of pixels of 16 bits the upper 8 are taken, and an alpha
    channel that the shape has no place for is dropped, both as TensorFlow's decoders do.

    Where the input's meaning is known (:mod:`tfsclient.meaning`), its colours and the order of its
    dimensions are taken from there, and so is the range of its values, unless ``scale`` or
    ``offset`` say otherwise.

    Args:
        source: a path, the bytes or the open binary file of an encoded picture, a PIL image, or a
            uint8 array of shape [height, width] or [height, width, 1, 3 or 4 channels].
        resize: how to get another size: "stretch" it, "crop" the centre, "pad" with zeros; None
            refuses a picture of another size.
        scale: what to multiply pixel values with, for a numeric input; None leaves it to the
            input's meaning, if that is known.
        offset: what to add to them afterwards.  Integer dtypes take only what stays whole.
        encode: for a string input, encode the upright picture as this.  None sends encoded bytes as
            they are, and arrays and PIL images as PNG.
        base64url: for a string input, send it as web-safe base64 text, as some models want.
        max_pixels: the most pixels that a picture may have to be decoded, or made for a shape; its
            header is asked first, for a small file may hold a picture that fills the memory.

    Raises:
        InvalidInput: this is not a picture, or an option makes no sense.  What cannot be read,
            decoded or fitted to the signature is refused by the call that it is an input of.
    """

    __slots__ = (
        "_base64url", "_encode", "_max_pixels", "_name", "_offset", "_resize", "_scale", "_source"
    )  # fmt: skip

    def __init__(
        self,
        source: Any,
        *,
        resize: Literal["stretch", "crop", "pad"] | None = "stretch",
        scale: float | None = None,
        offset: float = 0.0,
        encode: Literal["png", "jpeg"] | None = None,
        base64url: bool = False,
        max_pixels: int = _MAX_PIXELS,
    ) -> None:
        if resize not in ("stretch", "crop", "pad", None):
            raise InvalidInput(f"resize must be 'stretch', 'crop', 'pad' or None, not {resize!r}")
        if encode not in ("png", "jpeg", None):
            raise InvalidInput(f"encode must be 'png', 'jpeg' or None, not {encode!r}")
        for name, value in (("scale", 1 if scale is None else scale), ("offset", offset)):
            if not isinstance(value, Real) or not math.isfinite(value):
                raise InvalidInput(f"{name} must be a finite number, not {value!r}")
        if isinstance(max_pixels, bool) or not _is_integer(max_pixels) or max_pixels < 1:
            raise InvalidInput(f"max_pixels must be a positive integer, not {max_pixels!r}")
        self._resize = resize
        self._scale = scale
        self._offset = offset
        self._encode = encode
        self._base64url = base64url
        self._max_pixels = int(max_pixels)
        self._source, self._name = _check_source(source)

    def __repr__(self) -> str:
        return f"Image({self._name})"

    def to_bytes(self) -> bytes:
        """The encoded picture, as a string input gets it.

        Raises:
            InvalidInput: it cannot be read or encoded.
            MissingExtra: it must be encoded, and Pillow is not installed.
        """
        data = self._read()
        if self._encode is not None or not isinstance(data, bytes):
            upright = pixels.open_upright(data, repr(self), self._max_pixels)
            data = pixels.encode(upright, self._encode or "png", repr(self))
        return base64.urlsafe_b64encode(data) if self._base64url else data

    def to_array(self, spec: TensorSpec) -> Array:
        """The picture for this input; a batch of one where the input has a batch.

        Raises:
            InvalidInput: it cannot be read, or does not fit.
            MissingExtra: Pillow is needed and not installed.
        """
        if spec.dtype == STRING:
            if self._scale is not None or self._offset:
                raise Misfit(f"wants {spec}, and scale= and offset= are for numbers")
            encoded = np.empty(1, object)
            encoded[0] = self.to_bytes()
            return encoded.reshape((1,) * string_rank(spec))
        if self._encode is not None or self._base64url:
            raise Misfit(f"wants {spec}, and encode= and base64url= are for strings")
        if spec.dtype.kind not in ("float", "int"):
            raise Misfit(f"wants {spec}, which no image can be cast to")
        meaning = _told(spec)
        where = place(spec, meaning)
        picture = self._pixels(where)
        if meaning is not None and meaning.colour == "bgr" and where.channels == _RGB:
            picture = picture[..., ::-1]
        array = Levels(self._scale, self._offset, meaning).apply(picture, spec.dtype)
        if where.first:
            array = np.ascontiguousarray(np.moveaxis(array, -1, 0))
        return array[np.newaxis] if where.batched else array

    def _read(self) -> Any:
        """The encoded bytes, or the array or the PIL image."""
        if not isinstance(self._source, Path):
            return self._source
        try:
            if self._source.is_file():
                return self._source.read_bytes()
            reason = "which is not a file" if self._source.exists() else "which does not exist"
        except (OSError, ValueError) as error:
            reason = f"which cannot be read: {error}"
        raise Unreadable(f"holds {self}, {reason}")

    def _pixels(self, where: Place) -> Array:
        image = pixels.open_upright(self._read(), repr(self), self._max_pixels)
        channels = where.channels or pixels.own_channels(image)
        height = image.height if where.height < 0 else where.height
        width = image.width if where.width < 0 else where.width
        pixels.check_size(height, width, "wants images", self._max_pixels)
        if self._resize is None and image.size != (width, height):
            raise Misfit(
                f"holds {self} of {image.height} x {image.width}, but the signature wants "
                f"{height} x {width}; say how to change it: resize='stretch', 'crop' or 'pad'"
            )
        image = pixels.convert(image, channels, repr(self))
        array: Array = np.asarray(pixels.resize(image, height, width, self._resize))
        return array if where.grey else array.reshape(height, width, channels)


def _told(spec: TensorSpec) -> TensorMeaning | None:
    """What is told of the input as a picture."""
    meaning = spec.meaning
    return meaning if meaning is not None and meaning.kind == "image" else None


def _is_integer(value: object) -> bool:
    return isinstance(value, int | np.integer)


def images_to_array(value: Any, spec: TensorSpec) -> Array:
    """The tensor for an image or a list of them.

    A PIL image is taken as an :class:`Image` of just the right size.

    Raises:
        InvalidInput: the images do not fit the input, or cannot be read.
        MissingExtra: Pillow is needed and not installed.
    """
    if pixels.is_image(value):
        return _wrapped(value).to_array(spec)
    images = [_wrapped(image) for image in value]
    arrays = [image.to_array(spec) for image in images]
    for image, array in zip(images, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise Misfit(
                f"holds images of different sizes: {images[0]} makes {list(arrays[0].shape)}, but "
                f"{image} makes {list(array.shape)}"
            )
    batched = string_rank(spec) if spec.dtype == STRING else place(spec, _told(spec)).batched
    return np.concatenate(arrays) if batched else np.stack(arrays)


def _wrapped(image: Any) -> Image:
    if isinstance(image, Image):
        return image
    if not pixels.is_pil(image):
        raise Misfit(f"holds {of_type(image)} among images")
    return Image(image, resize=None)


def _check_source(source: Any) -> tuple[Any, str]:
    """What to keep of a source, and what to call it."""
    if isinstance(source, str | os.PathLike):
        return Path(source), repr(os.fspath(source))
    if pixels.is_pil(source):
        return source, f"PIL {source.mode}, {source.height} x {source.width}"
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        data = source.read()
        if not isinstance(data, bytes):
            raise InvalidInput("a file must be opened for bytes: open(path, 'rb')")
        return data, repr(name) if isinstance(name, str) else f"{len(data)} bytes"
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), f"{len(source)} bytes"
    if isinstance(source, np.ndarray):
        form = f"{source.dtype} {list(source.shape)}"
        fits = source.ndim == 2 or (source.ndim == 3 and source.shape[2] in pixels.MODES)
        if source.dtype != np.uint8 or not fits or not source.size:
            raise InvalidInput(
                f"an image of {form} was given, but an array must be uint8 of [height, width] or "
                "[height, width, 1, 3 or 4 channels]",
                hint="an array that is ready for the model is passed without Image(...)",
            )
        return source[..., 0] if source.shape[2:] == (1,) else source, form
    raise InvalidInput(
        f"{of_type(source)} is not an image: give a path, bytes, a file, a PIL image or a "
        "uint8 array"
    )
