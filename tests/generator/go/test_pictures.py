"""Generated Go makes of pictures what the library makes of them."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import tool
from tests.generator.go.clients import run
from tests.generator.pictures import FITS, cases

pytestmark = pytest.mark.language("go")
pytest_plugins = ["tests.generator.go.fixtures"]


def test_pixels_are_those_of_the_library(go_runtime: Path, tmp_path: Path) -> None:
    pictures = cases()
    path = tmp_path / "pictures.json"
    told = [
        {"File": base64.b64encode(p.file).decode(), "Fit": FITS.index(p.fit), "Shape": p.shape}
        for p in pictures
    ]
    path.write_text(json.dumps(told), "utf-8")
    shown = run(
        *(tool("go"), "test", "-count=1", "-v", "-run", "TestPictures", "./tfs"),
        cwd=go_runtime,
        env={"TFSCLIENT_PICTURES": str(path)},
    )
    lines = [line for line in shown.splitlines() if line.startswith("found ")]
    for picture, line in zip(pictures, lines, strict=True):
        found = json.loads(line.removeprefix("found "))
        data = np.frombuffer(base64.b64decode(found["Data"]), np.uint8)
        picture.check(data.reshape(found["Shape"]))
