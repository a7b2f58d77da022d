"""Go clients of models of which is told what their tensors stand for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ZOO, Zoo, tool
from tests.generator.go.clients import PROGRAMS, run, workspace, write
from tests.generator.python_models import told
from tfsclient import Client, Image, meaning, sources
from tfsclient._inputs import pixels

pytestmark = pytest.mark.language("go")

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


@pytest.fixture
def meant(tmp_path: Path) -> meaning.Meaning:
    path = tmp_path / "meaning.toml"
    path.write_text(TEXT, "utf-8")
    return meaning.read(path)


@pytest.fixture
def clients(meant: meaning.Meaning, tmp_path: Path) -> Path:
    ranks = sources.from_saved_model(ZOO / "ranks", meaning=meant)
    write([ranks, told()], tmp_path / "go" / "clients")
    return workspace(tmp_path / "go")


def test_they_are_formatted_and_vetted(clients: Path) -> None:
    assert run(tool("gofmt"), "-l", clients, cwd=clients) == ""
    run(tool("go"), "vet", "./clients/...", cwd=clients)
    text = (clients / "clients" / "told" / "meaning.go").read_text("utf-8")
    assert text.isascii()
    assert "TopTop" in text


def test_pictures_and_labels_are_those_of_the_library(
    clients: Path, meant: meaning.Meaning, tmp_path: Path, zoo: Zoo
) -> None:
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
    files = {"GREY": rgb[..., 0], "RGB": rgb}
    env = {}
    for name, picture in files.items():
        path = tmp_path / f"{name}.png"
        path.write_bytes(pixels.encode(pixels.open_upright(picture, name, 100), "png", name))
        env[f"TFSCLIENT_{name}"] = str(path)
    shutil.copytree(PROGRAMS / "meant", clients / "programs" / "meant")
    answers = tmp_path / "answers.json"
    scores = np.array([[1, 7, 2], [5, np.nan, 5]])
    for target in (zoo.grpc, zoo.rest):
        with Client(target, meanings={"ranks": meant}) as client:
            grey, bgr = (
                client.predict("ranks", Image(tmp_path / f"{name}.png"), signature=signature)
                for name, signature in (("GREY", "rank3"), ("RGB", "rank4"))
            )
            top = client.predict("ranks", scores, signature="rank2").top("y", 9)
        want = {
            "Grey": grey["y"].ravel().tolist(),
            "BGR": bgr["y"].ravel().tolist(),
            "Top": [[label for label, _ in row] for row in top],
        }
        answers.write_text(json.dumps(want), "utf-8")
        env |= {"TFSCLIENT_TARGET": target, "TFSCLIENT_ANSWERS": str(answers)}
        run(tool("go"), "test", "-count=1", "./programs/meant", cwd=clients, env=env)


def test_without_a_meaning_there_is_no_more_code(tmp_path: Path) -> None:
    write(sources.from_saved_model(ZOO / "ranks"), tmp_path)
    assert not list(tmp_path.rglob("meaning.go"))
