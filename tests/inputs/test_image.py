"""Image: what a picture becomes, by what the signature wants."""

from __future__ import annotations

import base64
import io
import os
import pickle
import struct
import sys
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import CONFORMANCE
from tfsclient import DType, InvalidInput, MissingExtra, Signature, TensorSpec, build_predict
from tfsclient._inputs.image import Image
from tfsclient._inputs.prepare import as_they_are

try:
    PIL: Any = import_module("PIL.Image")
except ImportError:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip("Pillow is not installed", allow_module_level=True)

DIGIT = CONFORMANCE / "data" / "digit_7.png"
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def prepare(value: Any, dtype: str, shape: tuple[int, ...] | None) -> Any:
    outputs = {"y": TensorSpec("y", DType("float32"), None)}
    signature = Signature("s", {"x": TensorSpec("x", DType(dtype), shape)}, outputs)
    return build_predict("m", {"x": value}, signature=signature).tensors["x"].array


def refused(value: Any, dtype: str, shape: tuple[int, ...] | None) -> str:
    with pytest.raises(InvalidInput, match="input 'x'") as caught:
        prepare(value, dtype, shape)
    return str(caught.value)


def picture(*rows: list[tuple[int, ...]], mode: str = "RGB") -> Any:
    return PIL.fromarray(np.array(rows, np.uint8), mode=None).convert(mode)


def encoded(image: Any, form: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


# Strings: the encoded picture.


@pytest.mark.parametrize("shape", [(-1,), (), (-1, 1), (1,), None])
def test_a_string_input_gets_the_file_as_it_is(shape: tuple[int, ...] | None) -> None:
    data = DIGIT.read_bytes()
    with DIGIT.open("rb") as file:
        for source in (DIGIT, str(DIGIT), data, bytearray(data), io.BytesIO(data), file):
            array = prepare(Image(source), "string", shape)
            assert array.reshape(-1).tolist() == [data]
            assert array.ndim == (1 if shape is None else len(shape))
    many = prepare([Image(DIGIT), Image(data)], "string", (-1, 1))
    assert many.tolist() == [[data], [data]]


def test_a_file_is_read_once_and_sent_as_often_as_wanted() -> None:
    image = Image(io.BytesIO(b"data"))
    assert image.to_bytes() == image.to_bytes() == b"data"
    assert pickle.loads(pickle.dumps(image)).to_bytes() == b"data"


def test_base64url_is_what_the_mnist_model_wants() -> None:
    image = Image(DIGIT, base64url=True)
    assert image.to_bytes() == base64.urlsafe_b64encode(DIGIT.read_bytes())


def test_arrays_and_pil_images_are_sent_as_png_without_loss() -> None:
    array = np.random.default_rng(1).integers(0, 256, (5, 4, 3), np.uint8)
    for source in (array, PIL.fromarray(array)):
        sent = PIL.open(io.BytesIO(Image(source).to_bytes()))
        assert sent.format == "PNG"
        np.testing.assert_array_equal(sent, array)
    deep = PIL.fromarray(np.array([[1, 60000]], np.uint16))
    np.testing.assert_array_equal(PIL.open(io.BytesIO(Image(deep).to_bytes())), deep)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_any_picture_can_be_encoded_anew(mode: str) -> None:
    image = PIL.new(mode, (3, 2))
    for form in ("png", "jpeg"):
        data = Image(image, encode=form).to_bytes()
        assert PIL.open(io.BytesIO(data)).format == form.upper()
        assert PIL.open(io.BytesIO(data)).size == (3, 2)


def test_what_is_encoded_anew_is_upright() -> None:
    exif = PIL.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    data = encoded(picture([RED, BLUE]), exif=exif)
    sent = PIL.open(io.BytesIO(Image(data, encode="png").to_bytes()))
    np.testing.assert_array_equal(sent, [[RED], [BLUE]])
    assert 0x0112 not in sent.getexif()
    assert Image(data).to_bytes() == data


def test_without_a_signature_an_image_is_its_bytes() -> None:
    tensor = as_they_are({"x": Image(DIGIT)}, model="m", signature=None)["x"]
    assert tensor.dtype == "string"
    assert tensor.array.tolist() == [DIGIT.read_bytes()]


# Numbers: the decoded picture.


@pytest.mark.parametrize(
    ("shape", "want"),
    [
        ((-1, 28, 28, 1), (1, 28, 28, 1)),
        ((-1, 28, 28, 3), (1, 28, 28, 3)),
        ((-1, 28, 28, 4), (1, 28, 28, 4)),
        ((-1, 28, 28), (1, 28, 28)),
        ((1, 28, 28), (1, 28, 28)),
        ((28, 28, 3), (28, 28, 3)),
        ((-1, -1, 3), (28, 28, 3)),
        ((-1, -1, -1, 3), (1, 28, 28, 3)),
        ((-1, -1, -1, -1), (1, 28, 28, 1)),
        ((-1, 14, -1, 1), (1, 14, 28, 1)),
        ((-1, 224, 200, 3), (1, 224, 200, 3)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64", "bfloat16"])
def test_a_numeric_input_gets_pixels_of_its_shape_and_dtype(
    shape: tuple[int, ...], want: tuple[int, ...], dtype: str
) -> None:
    array = prepare(Image(DIGIT), dtype, shape)
    assert array.shape == want
    assert array.dtype == DType(dtype).numpy
    assert 100 < array.astype(np.float64).max() <= 255


def test_every_kind_of_picture_becomes_the_same_colours() -> None:
    rgb = picture([RED, GREEN, BLUE], [(0, 0, 0), (255, 255, 255), RED])
    want = np.asarray(rgb)[np.newaxis]
    for mode in ("RGB", "RGBA", "P", "CMYK"):
        np.testing.assert_array_equal(
            prepare(Image(rgb.convert(mode)), "uint8", (-1, -1, -1, 3)), want
        )
    for form in ("PNG", "BMP", "TIFF", "GIF", "PPM"):
        data = encoded(rgb, form)
        np.testing.assert_array_equal(prepare(Image(data), "uint8", (-1, -1, -1, 3)), want)
    np.testing.assert_array_equal(prepare(Image(want[0]), "uint8", (-1, 2, 3, 3)), want)


def test_greys_of_1_and_16_bits_are_0_to_255() -> None:
    deep = PIL.fromarray(np.array([[0, 255, 256, 0x1234, 65535]], np.uint16))
    for source in (deep, encoded(deep), encoded(deep, "TIFF")):
        array = prepare(Image(source), "float32", (-1, 1, 5, 1))
        assert array.reshape(-1).tolist() == [0, 0, 1, 0x12, 255]
    bits = PIL.fromarray(np.array([[True, False]]))
    assert prepare(Image(encoded(bits)), "uint8", (-1, 1, 2)).tolist() == [[[255, 0]]]


@pytest.mark.filterwarnings("error")
def test_alpha_is_kept_where_there_is_a_channel_for_it_and_else_dropped() -> None:
    image = PIL.fromarray(np.array([[(10, 20, 30, 0)]], np.uint8))
    assert prepare(Image(image), "uint8", (-1, 1, 1, 4)).tolist() == [[[[10, 20, 30, 0]]]]
    assert prepare(Image(image), "uint8", (-1, 1, 1, 3)).tolist() == [[[[10, 20, 30]]]]
    assert prepare(Image(image), "uint8", (-1, -1, -1, -1)).shape == (1, 1, 1, 4)
    palette = encoded(picture([RED, BLUE]).convert("P"), transparency=b"\x00\x80")
    assert prepare(Image(palette), "uint8", (-1, 1, 2, 3)).tolist() == [[[[*RED], [*BLUE]]]]


def test_exif_turns_a_photo_upright() -> None:
    exif = PIL.Exif()
    exif[0x0112] = 6
    data = encoded(picture([RED, BLUE]), "PNG", exif=exif)
    assert prepare(Image(data), "uint8", (-1, 2, 1, 3)).tolist() == [[[[*RED]], [[*BLUE]]]]


def test_resizing_stretches_crops_or_pads() -> None:
    image = picture([RED, GREEN, GREEN, BLUE], [RED, GREEN, GREEN, BLUE])
    crop = prepare(Image(image, resize="crop"), "uint8", (-1, 2, 2, 3))
    assert crop.tolist() == [[[[*GREEN]] * 2] * 2]
    pad = prepare(Image(image, resize="pad"), "uint8", (-1, 4, 4, 3))[0]
    assert not pad[0].any()
    assert not pad[3].any()
    np.testing.assert_array_equal(pad[1:3], np.asarray(image))
    assert prepare(Image(image), "uint8", (-1, 9, 5, 3)).shape == (1, 9, 5, 3)
    text = refused(Image(image, resize=None), "uint8", (-1, 4, 4, 3))
    assert "of 2 x 4, but the signature wants 4 x 4" in text
    assert prepare(Image(image, resize=None), "uint8", (-1, 2, 4, 3)).shape == (1, 2, 4, 3)


@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40),
    st.sampled_from(["stretch", "crop", "pad"]), st.sampled_from([1, 3, 4]),
)  # fmt: skip
def test_any_size_becomes_any_size(
    height: int, width: int, to_height: int, to_width: int, how: Any, channels: int
) -> None:
    source = np.full((height, width, 3), 200, np.uint8)
    array = prepare(Image(source, resize=how), "uint8", (-1, to_height, to_width, channels))
    assert array.shape == (1, to_height, to_width, channels)
    assert array[..., 0].max() == 200
    if how != "pad":
        assert array[..., 0].min() == 200


def test_a_line_of_pixels_can_be_cropped_and_padded() -> None:
    line = np.full((1, 20000), 7, np.uint8)
    for how in ("crop", "pad", "stretch"):
        assert prepare(Image(line, resize=how), "uint8", (-1, 8, 8)).max() == 7


def test_scale_and_offset() -> None:
    grey = np.array([[0, 51, 255]], np.uint8)
    array = prepare(Image(grey, scale=1 / 255), "float32", (-1, 1, 3, 1))
    np.testing.assert_array_equal(array.reshape(-1), np.array([0, 0.2, 1], np.float32))
    array = prepare(Image(grey, scale=2 / 255, offset=-1), "float16", (-1, 1, 3, 1))
    np.testing.assert_allclose(array.reshape(-1), [-1, -0.6, 1], atol=1e-3)
    assert prepare(Image(grey, offset=-128), "int8", (-1, 1, 3, 1)).tolist() == [
        [[[-128], [-77], [127]]]
    ]
    assert prepare(Image(grey, scale=2), "int32", (-1, 1, 3, 1)).tolist() == [[[[0], [102], [510]]]]
    for image, dtype in (
        (Image(grey), "int8"),
        (Image(grey, scale=0.5), "int32"),
        (Image(grey, scale=1 / 255), "uint8"),
        (Image(grey, scale=1e30), "int64"),
        (Image(grey, scale=1e300), "float32"),
        (Image(grey, scale=1e307), "float64"),
        (Image(grey), "float8_e4m3fn"),
    ):
        assert f"{dtype}, which cannot hold the pixel values" in refused(
            image, dtype, (-1, 1, 3, 1)
        )
    assert prepare(Image(grey, scale=1), "float8_e4m3fn", (-1, 1, 3, 1)).dtype == (
        ml_dtypes.float8_e4m3fn
    )


def test_a_list_of_images_is_a_batch_of_one_size() -> None:
    small, large = np.zeros((2, 3), np.uint8), np.ones((4, 4), np.uint8)
    batch = prepare([Image(small), Image(large)], "float32", (-1, 8, 8, 1))
    assert batch.shape == (2, 8, 8, 1)
    assert batch[1].min() == 1
    text = refused([Image(small), Image(small), Image(large)], "uint8", (-1, -1, -1, 1))
    assert "Image(uint8 [2, 3]) makes [1, 2, 3, 1]" in text
    assert "Image(uint8 [4, 4]) makes [1, 4, 4, 1]" in text
    assert "among images" in refused([Image(small), small], "uint8", (-1, -1, -1, 1))
    assert "has shape (2, 2, 3, 1)" in refused([Image(small)] * 2, "uint8", (2, 3, 1))


def test_a_bare_pil_image_is_taken_in_its_own_size_only() -> None:
    palette = picture([RED, BLUE]).convert("P")
    assert prepare(palette, "uint8", (-1, 1, 2, 3)).tolist() == [[[[*RED], [*BLUE]]]]
    assert prepare([palette] * 2, "uint8", (-1, 1, 2, 3)).shape == (2, 1, 2, 3)
    assert "resize=" in refused(palette, "uint8", (-1, 2, 2, 3))


# What is refused.


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((-1, 3, 224, 200), ".convert('RGB').resize((200, 224))).transpose(2, 0, 1)[None]"),
        ((-1, 1, 28, 28), ".convert('L').resize((28, 28)))[None][None]"),
        ((3, 224, 224), ".transpose(2, 0, 1)"),
        ((-1, 3, -1, -1), ".transpose(2, 0, 1)[None]"),
        (None, "make the array yourself"),
        ((-1, 784), "make the array yourself"),
        ((-1, 28, 1), "make the array yourself"),
        ((-1, -1, -1), "in a meaning.toml does; make the array yourself"),
        ((-1, 28, 28, 2), "make the array yourself"),
        ((-1, 0, 28, 1), "of 0 x 28 pixels"),
        ((-1, 10**6, 10**6, 3), "more than Image(..., max_pixels=50000000)"),
    ],
)
def test_a_shape_that_is_no_picture_is_not_guessed_at(
    shape: tuple[int, ...] | None, words: str
) -> None:
    assert words in refused(Image(DIGIT), "float32", shape)


@pytest.mark.parametrize(("shape", "c"), [((-1, 3, 9, 7), "RGB"), ((3, 9, 7), "RGB")])
def test_the_line_for_channels_first_is_right(shape: tuple[int, ...], c: str) -> None:
    line = refused(Image(DIGIT), "float32", shape).partition("write: ")[2].partition("\n")[0]
    module = import_module("PIL")
    value = eval(line, {"numpy": np, "PIL": module, "path": DIGIT})
    assert prepare(value, "float32", shape).shape[-3:] == (3, 9, 7)


def png(width: int, height: int) -> bytes:
    def block(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", b"") + block(b"IEND", b"")


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) show\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "in no format"),
        (b"no picture at all", "in no format"),
        (EPS, "in no format"),
        (DIGIT.read_bytes()[:-40], "cannot be decoded"),
        (encoded(PIL.new("RGB", (64, 64), RED), "JPEG")[:-200], "cannot be decoded"),
        (png(12000, 12000), "max_pixels=50000000"),  # Pillow would only warn
        (
            png(60000, 60000),
            "of 60000 x 60000 = 3600000000 pixels, more than Image(..., max_pixels=",
        ),
        (encoded(PIL.new("F", (2, 2)), "TIFF"), "pixels of 32 bits"),
        (
            encoded(
                PIL.new("L", (2, 2)), "GIF", save_all=True, append_images=[PIL.new("L", (2, 2), 9)]
            ),
            "has 2 frames",
        ),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_no_good_picture_is_refused_by_name(
    data: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "it.png"
    path.write_bytes(data)
    text = refused(Image(path), "float32", (-1, 28, 28, 1))
    assert words in text
    assert str(path) in text
    assert words in refused([Image(data)], "float32", (-1, 28, 28, 1))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.png", "does not exist"), (tmp_path, "is not a file")):
        for dtype, shape in (("string", (-1,)), ("uint8", (-1, 28, 28))):
            text = refused(Image(path), dtype, shape)
            assert words in text
            assert str(path) in text
            assert "validate=False" not in text
    assert "x\\x00y" in refused(Image("x\0y"), "string", (-1,))


@given(st.binary(max_size=200), st.integers(0, 400))
def test_broken_bytes_give_pixels_or_a_typed_error(noise: bytes, where: int) -> None:
    data = DIGIT.read_bytes()
    for broken in (noise, data[:where] + noise + data[where + len(noise) :]):
        try:
            array = prepare(Image(broken), "uint8", (-1, 28, 28, 1))
        except InvalidInput:
            continue
        assert array.shape == (1, 28, 28, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Image(7),
        lambda: Image(io.StringIO("text")),
        lambda: Image(np.zeros((2, 2), np.float32)),
        lambda: Image(np.zeros((2, 2, 2), np.uint8)),
        lambda: Image(np.zeros((0, 2), np.uint8)),
        lambda: Image(DIGIT, resize="fit"),  # type: ignore[arg-type]
        lambda: Image(DIGIT, encode="gif"),  # type: ignore[arg-type]
        lambda: Image(DIGIT, scale=float("nan")),
        lambda: Image(DIGIT, offset="1"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_refused_at_once(make: Any) -> None:
    with pytest.raises(InvalidInput):
        make()


def test_options_of_the_other_kind_of_input_are_refused() -> None:
    assert "for numbers" in refused(Image(DIGIT, scale=0.5), "string", (-1,))
    assert "for strings" in refused(Image(DIGIT, encode="png"), "uint8", (-1, 28, 28))
    assert "for strings" in refused(Image(DIGIT, base64url=True), "uint8", (-1, 28, 28))
    assert "no image" in refused(Image(DIGIT), "bool", (-1, 28, 28))
    assert "no image" in refused(Image(DIGIT), "complex64", (-1, 28, 28))


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert prepare(Image(DIGIT), "string", (-1,)).tolist() == [DIGIT.read_bytes()]
    with pytest.raises(MissingExtra, match=r"pip install 'tfsclient\[image\]'"):
        prepare(Image(DIGIT), "float32", (-1, 28, 28, 1))
