"""A model of which is told what its tensors stand for, and what the library makes of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import ZOO
from tfsclient import Client, Image, Model, meaning, sources
from tfsclient._inputs import pixels

TEXT = """
format = 1
[signatures.rank3.inputs.x]
kind = "image"
range = [-1.0, 1.0]
colour = "gray"
layout = "HW"
[signatures.rank4.inputs.x]
kind = "image"
mean = [103.939, 116.779, 123.68]
std = [2.0, 4.0, 8.0]
colour = "bgr"
layout = "CHW"
[signatures.rank2.outputs.y]
kind = "scores"
labels = ["zero", "one", "two"]
"""


def read(folder: Path) -> meaning.Meaning:
    """What is told of the model, from a file in this folder."""
    path = folder / "meaning.toml"
    path.write_text(TEXT, "utf-8")
    return meaning.read(path)


def ranks(meant: meaning.Meaning) -> Model:
    return sources.from_saved_model(ZOO / "ranks", meaning=meant)


def pictures(folder: Path) -> dict[str, Path]:
    """A grey picture and a coloured one, in files."""
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
    paths = {}
    for name, picture in {"GREY": rgb[..., 0], "RGB": rgb}.items():
        paths[name] = folder / f"{name}.png"
        encoded = pixels.encode(pixels.open_upright(picture, name, 100), "png", name)
        paths[name].write_bytes(encoded)
    return paths


def answers(target: str, meant: meaning.Meaning, files: dict[str, Path]) -> dict[str, Any]:
    """What the library gets for both, and what it calls [[1, 7, 2], [5, NaN, 5]]."""
    scores = np.array([[1, 7, 2], [5, np.nan, 5]])
    with Client(target, meanings={"ranks": meant}) as client:
        grey, bgr = (
            client.predict("ranks", Image(files[name]), signature=signature)
            for name, signature in (("GREY", "rank3"), ("RGB", "rank4"))
        )
        top = client.predict("ranks", scores, signature="rank2").top("y", 9)
    return {
        "Grey": grey["y"].ravel().tolist(),
        "BGR": bgr["y"].ravel().tolist(),
        "Top": [[label for label, _ in row] for row in top],
    }
