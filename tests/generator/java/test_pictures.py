"""Generated Java makes of pictures what the library makes of them."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from tests.generator.java.fixtures import Clients
from tests.generator.pictures import animations, cases

pytestmark = [pytest.mark.language("java"), pytest.mark.slow]
pytest_plugins = ["tests.generator.java.fixtures"]


def test_pixels_are_those_of_the_library(java_clients: Clients, tmp_path: Path) -> None:
    pictures = cases()
    path = tmp_path / "pictures.txt"
    told = [
        " ".join([base64.b64encode(p.file).decode(), p.fit.upper(), *map(str, p.shape)])
        for p in pictures
    ]
    path.write_text("\n".join(told), "utf-8")
    lines = java_clients.program("program.Seen", path).splitlines()
    for picture, line in zip(pictures, lines, strict=True):
        data, *shape = line.split(" ")
        pixels = np.frombuffer(base64.b64decode(data), np.uint8)
        picture.check(pixels.reshape([int(size) for size in shape]))


def test_animations_are_refused(java_clients: Clients, tmp_path: Path) -> None:
    path = tmp_path / "pictures.txt"
    files = [base64.b64encode(file).decode() for file in animations()]
    path.write_text("".join(f"{file} STRETCH 8 8\n" for file in files), "utf-8")
    lines = java_clients.program("program.Seen", path).splitlines()
    assert lines == ["picture 0: it has 2 frames: make a picture of one of them"] * len(files)
