"""``--meaning``: pictures, labels and examples on the command line, from a file or a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.conftest import ZOO, Zoo
from tfsclient import Image, build_predict, meaning, sources
from tfsclient._cli.main import main
from tfsclient._codec.tfrecord import records

HOSTILE = "\u001b[31m<b>*/ ''' {{7*7}}"
TEXT = f"""
format = 1
description = {json.dumps(HOSTILE)}
[signatures.rank4.inputs.x]
kind = "image"
range = [0, 1]
colour = "gray"
layout = "HWC"
[signatures.rank2.outputs.y]
kind = "scores"
labels = ["zero", {json.dumps(HOSTILE)}, "two"]
[[signatures.rank2.examples]]
name = "few"
inputs = {{x = [[1, 2, 3]]}}
[[signatures.rank4.examples]]
name = "a dot"
inputs = {{x = "dot.png"}}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "dot.png").write_bytes(Image(np.full((2, 2), 255, np.uint8)).to_bytes())
    path = tmp_path / "meaning.toml"
    path.write_text(TEXT, "utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, file: Path) -> Path:
    """A SavedModel that has its meaning beside it."""
    model = tmp_path / "ranks"
    shutil.copytree(ZOO / "ranks", model)
    (model / "1" / "assets.extra").mkdir()
    for one in (file, file.with_name("dot.png")):
        shutil.copy(one, model / "1" / "assets.extra")
    return model


@pytest.fixture(params=["grpc", "rest"])
def target(request: pytest.FixtureRequest, zoo: Zoo) -> str:
    return zoo.grpc if request.param == "grpc" else zoo.rest


def test_predict_scales_pictures_and_shows_labels(target: str, file: Path) -> None:
    called = [target, "ranks", "--meaning", file, "--signature"]
    picture = f"@{file.with_name('dot.png')}"
    done = run("predict", *called, "rank4", "-i", picture, "--json")
    assert (done.exit_code, done.stderr) == (0, "")  # and no word of --scale
    assert json.loads(done.stdout)["outputs"]["y"]["values"] == np.full((1, 2, 2, 1), 2).tolist()

    rows = ["rank2", "-i", "[[1, 7, 2], [5, 1, 3]]", "--top", "2"]
    done = run("predict", *called, *rows)
    shown = "\\x1b[31m<b>*/ ''' {{7*7}}"
    assert done.stdout.splitlines()[2:] == [
        "y  float32 [2, 3]",
        f"[0]  {shown}  8",
        f"[0]  two{' ' * (len(shown) - 3)}  3",
        f"[1]  zero{' ' * (len(shown) - 4)}  6",
        f"[1]  two{' ' * (len(shown) - 3)}  4",
    ]
    top = json.loads(run("predict", *called, *rows, "--json").stdout)["outputs"]["y"]["top"]
    assert top == [[[HOSTILE, 8], ["two", 3]], [["zero", 6], ["two", 4]]]
    for more, why in (
        (["--out", "x.npy"], "--top is for an answer that is printed"),
        (["--signature", "rank1", "-i", "[1]"], "--meaning FILE tells them"),
    ):
        done = run("predict", *called, *rows, *more)
        assert done.exit_code == 2
        assert why in done.stderr


def test_a_wrong_file_is_refused_with_its_line(target: str, file: Path) -> None:
    file.write_text(TEXT.replace("HWC", "HCW"), "utf-8")
    for command in (["predict", target, "ranks"], ["inspect", target, "ranks"]):
        done = run(*command, "--meaning", file)
        assert done.exit_code == 2
        assert "meaning.toml:8: layout must be HWC, CHW, HW, not 'HCW'" in done.stderr
        assert "Traceback" not in done.output


def test_inspect_shows_what_a_folder_has_or_what_is_given(
    target: str, folder: Path, file: Path
) -> None:
    served = run("inspect", target, "ranks", "--meaning", file)
    own = run("inspect", folder)
    assert served.stdout == own.stdout
    lines = own.stdout.splitlines()
    assert lines[1] == "\\x1b[31m<b>*/ ''' {{7*7}}"
    assert "  in   x  float32  [-1, -1, -1, -1]  image, gray, HWC, 0 to 1" in lines
    assert "  examples: a dot" in lines
    assert "meaning" not in run("inspect", target, "ranks", "--json").stdout
    html = sources.from_saved_model(folder)._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    file.write_text("format = 1\ndescription = 'given'\n", "utf-8")
    given = json.loads(run("inspect", folder, "--meaning", file, "--json").stdout)
    assert given["description"] == "given"
    assert "meaning" not in given["signatures"]["rank4"]["inputs"]["x"]


def test_warmup_takes_the_examples(folder: Path) -> None:
    for signature, inputs in (("rank2", [[1.0, 2, 3]]), ("rank4", np.ones((1, 2, 2, 1)))):
        done = run("warmup", folder, "--signature", signature)
        assert "1 record" in done.stdout, done.output
        spec = sources.from_saved_model(folder).signature(signature)
        request = build_predict("ranks", {"x": inputs}, signature=spec)
        written = folder / "1" / "assets.extra" / "tf_serving_warmup_requests"
        with written.open("rb") as file:
            (record,) = records(file, written.stat().st_size)
        assert request.to_bytes() in record
        written.unlink()


def test_a_broken_file_in_the_folder_is_refused_unless_another_is_given(
    folder: Path, file: Path
) -> None:
    (folder / "1" / "assets.extra" / "meaning.toml").write_text("format = 3", "utf-8")
    done = run("inspect", folder)
    assert done.exit_code == 2
    assert "assets.extra/meaning.toml:1: format is 3" in done.stderr
    assert run("inspect", folder, "--meaning", file).exit_code == 0
    told = sources.from_saved_model(folder, meaning=meaning.read(file))
    assert told.description == HOSTILE
