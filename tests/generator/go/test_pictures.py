"""Generated Go makes of pictures what the library makes of them."""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from tests.conftest import missing, tool
from tests.generator.go.clients import run
from tfsclient import DType, Image, TensorSpec

pytestmark = pytest.mark.language("go")
pytest_plugins = ["tests.generator.go.fixtures"]


def _encoded(picture: Any, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _files() -> Iterator[bytes]:
    """A picture in each form and each kind of pixels that Go's library reads."""
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


SAME_SIZE = ([-1, -1, 3], [-1, -1, 1], [-1, -1, 4])
SHAPES = (*SAME_SIZE, [37, 23, 4], [16, 16, 3], [50, 9], [64, 64, 1], [8, 50, 4], [1, 1, 3])

FITS: list[Literal["stretch", "crop", "pad"]] = ["stretch", "crop", "pad"]


def test_pixels_are_those_of_the_library(go_runtime: Path, tmp_path: Path) -> None:
    if find_spec("PIL") is None:
        missing("Pillow")
    exact, near = list(_files()), list(_photos())
    cases = [*itertools.product(exact + near, FITS, SHAPES)]
    path = tmp_path / "pictures.json"
    told = [
        {"File": base64.b64encode(file).decode(), "Fit": FITS.index(fit), "Shape": shape}
        for file, fit, shape in cases
    ]
    path.write_text(json.dumps(told), "utf-8")
    shown = run(
        *(tool("go"), "test", "-count=1", "-v", "-run", "TestPictures", "./tfs"),
        cwd=go_runtime,
        env={"TFSCLIENT_PICTURES": str(path)},
    )
    lines = [line for line in shown.splitlines() if line.startswith("found ")]
    for (file, fit, shape), line in zip(cases, lines, strict=True):
        found = json.loads(line.removeprefix("found "))
        want = Image(file, resize=fit).to_array(TensorSpec("x", DType("uint8"), (-1, *shape)))
        got = np.frombuffer(base64.b64decode(found["Data"]), np.uint8).reshape(found["Shape"])
        assert got.shape == want.shape
        apart = np.abs(got.astype(int) - want.astype(int))
        if shape[2:] == [4]:  # the colours of what is nearly transparent hardly matter
            apart[..., :3] = apart[..., :3] * want[..., 3:] // 255
        # Versions of Pillow differ in the axis that they stretch first, and so in the last bit.
        slack = 8 if file in near else 0 if shape in SAME_SIZE else 2 if shape[2:] == [4] else 1
        assert apart.max() <= slack, (cases.index((file, fit, shape)), fit, shape)
