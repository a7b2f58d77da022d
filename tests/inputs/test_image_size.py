"""Image(max_pixels=): large pictures are refused before memory is taken for them."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfsclient import Image, InvalidInput, TensorSpec

try:
    PIL: Any = import_module("PIL.Image")
except ImportError:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip("Pillow is not installed", allow_module_level=True)

GREY = TensorSpec("x", "uint8", (-1, 8, 8, 1))

pytestmark = pytest.mark.filterwarnings("error")  # Pillow's own about large pictures, above all


def encoded(image: Any, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def frame_larger_than_the_gif(width: int, height: int) -> bytes:
    """A GIF of 1 x 1 whose only frame is of another size."""
    data = bytearray(encoded(PIL.new("P", (1, 1)), "GIF"))
    table = 3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0  # of colours, which may be commas
    start = data.index(b",", 13 + table)
    data[start + 5 : start + 9] = struct.pack("<HH", width, height)
    return bytes(data)


@pytest.mark.parametrize("form", ["AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP"])
def test_the_limit_is_on_the_pixels_of_every_format(form: str) -> None:
    PIL.init()
    if form not in PIL.SAVE:
        pytest.skip(f"this Pillow writes no {form}")
    data = encoded(PIL.new("RGB", (30, 20)), form)
    assert Image(data, max_pixels=600).to_array(GREY).shape == (1, 8, 8, 1)
    with pytest.raises(InvalidInput, match=r"of 20 x 30 = 600 pixels, more than .*max_pixels=599"):
        Image(data, max_pixels=599).to_array(GREY)
    with pytest.raises(InvalidInput, match=r"of 20 x 30 = 600 pixels, more than .*max_pixels=599"):
        Image(data, max_pixels=599, encode="png").to_bytes()
    assert Image(data, max_pixels=599).to_bytes() == data  # which is not decoded


@pytest.mark.parametrize(
    "data",
    [
        frame_larger_than_the_gif(10_000, 10_000),  # about which Pillow would warn
        frame_larger_than_the_gif(60_000, 60_000),  # which Pillow would refuse
        encoded(PIL.new("1", (100, 100)), "TIFF", save_all=True,
                append_images=[PIL.new("1", (9500, 9500))]),
    ],
)  # fmt: skip
def test_sizes_that_lie_are_refused_in_words_of_ours(data: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"max_pixels=50000000|MAX_IMAGE_PIXELS|2 frames"):
        Image(data).to_array(GREY)


def test_what_pillow_would_refuse_is_taken_where_the_limit_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PIL, "MAX_IMAGE_PIXELS", 100)
    for form in ("PNG", "TIFF", "JPEG", "GIF"):
        data = encoded(PIL.new("L", (14, 14), 255), form)
        assert Image(data).to_array(GREY).min() == 255, form


def test_a_pil_image_that_is_not_decoded_yet_counts() -> None:
    image = PIL.open(io.BytesIO(encoded(PIL.new("L", (30, 20)), "PNG")))
    with pytest.raises(InvalidInput, match="max_pixels=599"):
        Image(image, max_pixels=599).to_array(GREY)
    own = pickle.loads(pickle.dumps(Image(np.zeros((30, 20), np.uint8), max_pixels=63)))
    with pytest.raises(InvalidInput, match="wants images of 8 x 8 = 64 pixels, more than"):
        own.to_array(GREY)


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "1", None])
def test_a_limit_is_a_positive_integer(limit: Any) -> None:
    with pytest.raises(InvalidInput, match="max_pixels must be a positive integer"):
        Image(b"", max_pixels=limit)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it is looked up in /proc")
def test_a_picture_is_decoded_once(tmp_path: Path) -> None:
    side = 7000
    (tmp_path / "grey.png").write_bytes(encoded(PIL.new("L", (side, side), 200), "PNG"))
    program = (  # ru_maxrss would be at least that of the process which it was forked from
        "import re, sys; import PIL.Image; from tfsclient import Image, TensorSpec\n"
        "status = lambda: open('/proc/self/status').read()\n"
        "PIL.Image.init(); peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', status())[1])\n"
        "before = peak()\n"
        "Image(sys.argv[1]).to_array(TensorSpec('x', 'float32', (-1, 8, 8, 1)))\n"
        "print(peak() - before)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "grey.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0.5 * side * side < int(done.stdout) * 1024 < 1.5 * side * side
