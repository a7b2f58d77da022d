"""Pictures as inputs: pixels become what the library makes of them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from tests.conftest import Zoo, missing
from tests.generator.js.clients import ROOT, node
from tests.generator.js.live import on_both
from tfsclient import Client, Image
from tfsclient.dtypes import DType
from tfsclient.schema import TensorSpec

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]

SHAPES = [
    [-1, 8, 8], [-1, 7, 60, 3], [-1, 16, 31, 1], [-1, 40, 9, 3], [-1, 7, 37, 4], [-1, 23, 80, 3],
    [64, 23, 3], [-1, -1, -1, 3], [-1, 23, 37, 4], [5, 5, 1],
]  # fmt: skip
RESIZES: list[Literal["stretch", "crop", "pad"]] = ["stretch", "crop", "pad"]


def a_picture() -> npt.NDArray[np.uint8]:
    """23 rows of 37 pixels, some of them transparent."""
    pixels = np.random.default_rng(7).integers(0, 256, (23, 37, 4), np.uint8)
    pixels[:3, :, 3] = 0
    pixels[3:9, :, 3] = 255
    return pixels


def pixels_of(picture: npt.NDArray[np.uint8]) -> dict[str, Any]:
    height, width, _ = picture.shape
    return {"data": picture.ravel().tolist(), "width": width, "height": height}


def test_pixels_are_what_the_library_makes_of_them(tmp_path: Path) -> None:
    try:
        import PIL  # noqa: F401
    except ImportError:
        missing("Pillow")
    program = """
    const { toTensor } = await import(given.module);
    const { data, width, height } = given.picture;
    for (const resize of given.resizes) {
      const picture = { data: Uint8ClampedArray.from(data), width, height, resize };
      for (const shape of given.shapes) show(toTensor(picture, { shape }));
    }
    """
    picture = a_picture()
    given = {
        "module": (ROOT / "templates" / "js" / "serving" / "pixels.js").as_uri(),
        "picture": pixels_of(picture), "shapes": SHAPES, "resizes": RESIZES,
    }  # fmt: skip
    cases = itertools.product(RESIZES, SHAPES)
    for came, (resize, shape) in zip(node(program, tmp_path, given), cases, strict=True):
        spec = TensorSpec("x", DType("uint8"), tuple(shape))
        wanted = Image(picture, resize=resize).to_array(spec)
        assert came["shape"] == list(wanted.shape)
        away = np.array(came["data"]) - wanted.ravel().astype(int)
        assert np.abs(away).max() <= 1, (resize, shape)
        # Along one axis there is one way to do it.
        if resize == "stretch" and (23 in shape or 37 in shape):
            assert not away.any(), shape


def test_pictures_are_inputs(generated: Path, zoo: Zoo) -> None:
    picture = np.resize(a_picture(), (28, 28, 4))
    given = f"{{ data: Uint8Array.from({picture.ravel().tolist()}), width: 28, height: 28 }}"
    one = "{ data: new Uint8Array(4), width: 1, height: 1 }"
    calls = [
        f"call({{ images: {given} }})",
        f"call({{ images: [{given}, {one}] }})",
        "call({ images: { data: new Uint8Array(3), width: 1, height: 1 } })",
        "call({ images: { data: [0, 0, 0, 0], width: 1, height: 1 } })",
        "call({ images: { data: new Uint8Array(4), width: 1, height: 1, resize: 'fit' } })",
    ]
    first, both, short, untyped, unfit = on_both(generated / "js", zoo, "mlp", calls)
    with Client(zoo.grpc) as client:
        wanted = client.predict("mlp", Image(picture), signature="call")
    assert first["output0"]["data"] == wanted["output_0"].ravel().tolist()
    assert both["output0"]["shape"] == [2, 10]
    assert "1 x 1 pixels in 3 bytes; RGBA, which it must be, takes 4" in short["details"]
    assert "must be a Uint8Array" in untyped["details"]
    assert 'resize is "fit", not "stretch", "crop" or "pad"' in unfit["details"]
