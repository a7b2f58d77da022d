"""What an export makes is served and answers as its source does; what fails leaves nothing."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.conftest import ROOT, ZOO, missing
from tfsclient import Client, InvalidInput, sources
from tfsclient._cli.main import main
from tfsclient.export import export
from tfsclient.server.app import Server
from tfsclient.sources._versions import version_number


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def png(pixels: Any) -> bytes:
    try:
        from PIL import Image
    except ImportError:
        missing("PIL")
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "PNG")
    return file.getvalue()


def test_a_picture_model_takes_numbers_files_and_examples_and_says_labels(
    trained: Path, tmp_path: Path
) -> None:
    options = ["--pictures", "png", "--examples", "--labels", trained / "labels.txt"]
    source, out = trained / "digits.keras", tmp_path / "models" / "digits"
    done = run(source, "--out", out, *options)
    assert done.exit_code == 0, done.output
    assert done.stdout == CliRunner().invoke(main, ["inspect", str(out)]).stdout
    assert "TF Serving 2.10 and later" in done.stderr
    assert f"wrote {out / '1'}" in done.stderr
    extra = out / "1" / "assets.extra"
    assert (extra / "labels.txt").read_text() == (trained / "labels.txt").read_text()
    assert 'range = [0.0, 1.0]\ncolour = "gray"\nlayout = "HWC"\n' in (
        (extra / "meaning.toml").read_text()
    )
    saved = np.load(trained / "digits.npz")
    pixels, scores = saved["pixels"], saved["scores"]
    labels = [f"digit {n}" for n in scores.argmax(1)]
    files = [png(each) for each in pixels]
    images = pixels / np.float32(255)
    with Server({"digits": out}) as server:  # replays the warm-up file
        for target in (server.grpc_target, server.rest_target):
            with Client(target) as client:
                for found in (
                    client.predict("digits", images),
                    client.predict("digits", {"image_bytes": files}, signature="png"),
                ):
                    np.testing.assert_allclose(found["scores"], scores, atol=1e-5)
                    assert found.text("label").tolist() == labels
                examples = [{"image": each.ravel()} for each in images]
                for classes, row in zip(
                    client.classify("digits", examples, signature="classify"), scores, strict=True
                ):
                    assert [label for label, _ in classes] == [f"digit {n}" for n in range(10)]
                    np.testing.assert_allclose([score for _, score in classes], row, atol=1e-5)


def test_a_dry_run_shows_the_same_and_writes_nothing(trained: Path, tmp_path: Path) -> None:
    arguments = (trained / "random.pb", "--input", "x=x", "--output", "y=x", "--out")
    dry = run(*arguments, tmp_path / "dry" / "x", "--dry-run")
    assert (dry.exit_code, list(tmp_path.iterdir())) == (0, [])
    assert dry.stdout == run(*arguments, tmp_path / "x").stdout


def test_versions_follow_each_other_and_none_is_written_over(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "00007").mkdir()
    (tmp_path / "notes").mkdir()
    arguments = (
        trained / "segmentation.pb", "--out", tmp_path, "--input", "image=ImageTensor",
        "--input", "height=height", "--input", "width=width:0",
        "--output", "map=SemanticPredictions",
    )  # fmt: skip
    for version in ("8", "9"):
        assert run(*arguments).exit_code == 0
        assert (tmp_path / version / "saved_model.pb").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00007", "8", "9", "notes"]


@pytest.mark.slow
def test_killed_in_its_last_moment_it_leaves_nothing_that_a_server_would_load(
    trained: Path, tmp_path: Path
) -> None:
    program = """
import os, signal, sys
import tfsclient.export as exporting
exporting.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
exporting.export(*sys.argv[1:], inputs={"x": "x"}, outputs={"y": "net/y"})
"""
    arguments = [str(trained / "checkpoint"), str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=ROOT, check=False)
    assert done.returncode == -9
    (left,) = tmp_path.iterdir()
    assert (left / "saved_model.pb").exists()
    assert version_number(left.name) is None
    with pytest.raises(InvalidInput, match="not a SavedModel"):
        sources.from_saved_model(tmp_path)


def test_what_does_not_answer_as_its_source_is_not_written(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    done = run(trained / "random.pb", "--out", out, "--input", "x=x", "--output", "y=y")
    assert (done.exit_code, out.exists()) == (1, False)
    assert "error: signature 'serving_default': output 'y' differs from the source's by" in (
        done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["digits.kerasx"], "does not exist (the closest: digits.keras"),
        (["."], ". is not a model: neither it nor a version folder in it holds saved_model.pb"),
        (["labels.txt"], "a source is a .keras or .h5 file, a SavedModel folder"),
        (["only.weights.h5"], "holds weights only"),
        (["lambda.keras"], "holds code (a Lambda layer) that loading it runs\n  hint: if you"),
        (["lambda.h5"], "--trust"),
        (["hidden.keras"], "holds code (a Lambda layer) that loading it runs"),
        (["stateful.keras"], "the layer 'memory' is stateful: what it answers"),
        (["spaced.keras"], "cannot export it: 'two words' is not a valid scope name"),
        (["subclassed.keras"], "write model.export(FOLDER) and export that folder"),
        (["checkpoint"], "its placeholders are: x:0; in the end they give: word:0"),
        (["checkpoint", "--input", "x=x", "--output", "y=net/z"], "'net/z' for --output (the clos"),
        (["segmentation.pb", "--input", "image=ImageTensor", "--output", "y=SemanticPredictions"],
         "(height:0, width:0): add --input height=height:0 --input width=width:0"),
        (["digits.keras", "--input", "image=imag"], "no input 'imag' (the closest: image)"),
        (["digits.keras", "--input", "image"], "write NAME=TENSOR"),
        (["digits.keras", "--input", "a b=image"], "'a b' cannot name an input"),
        (["houses.keras", "--pictures", "png"], "none of the inputs looks like a picture"),
        (["digits.keras", "--pictures", "png", "--input-size", "9x8"], "8 high, not 9"),
        (["digits.keras", "--pictures", "png", "--range", "1,0"], "1,0 is not a range"),
        (["photos.keras", "--pictures", "png", "--input-size", "2x2"],
         "the model cannot be called as 'png' would: Negative dimension size"),
        (["photos.keras", "--pictures", "png", "--input-size", "99999x99999"], "is too large for"),
        (["digits.keras", "--input-size", "8x8"], "say which pictures to take"),
        (["digits.keras", "--labels", "words.txt"], "there are 3 of them, but output 'scores' has"),
        (["digits.keras", "--labels", "nothing.txt"], "cannot read"),
        ([str(ZOO / "estimator"), "--examples"], "input 'inputs' takes tf.Examples already"),
        (["random.pb", "--input", "x=x", "--output", "y=y", "--examples", "--labels", "words.txt"],
         "which of the outputs are the scores cannot be told: y"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused_with_a_cure(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(trained)
    out = tmp_path / "models"
    done = run(*arguments, "--out", out)
    assert (done.exit_code, out.exists()) == (2, False), done.output
    assert words in done.stderr


def test_a_folder_that_cannot_hold_versions_is_refused(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    version = trained / "sequential"
    for out, words, *more in (
        (version, "is itself a SavedModel"),
        (version, "is itself a SavedModel", "--dry-run"),
        (tmp_path / "file", ""),
    ):
        done = run(trained / "digits.h5", "--out", out, *more)
        assert done.exit_code == 2
        assert words in done.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": 3}, "source must be text or a path, not 3"),
        ({"labels": ["a", "b"]}, "labels must be text or a path"),
        ({"inputs": ["image"]}, "inputs must be a dict"),
        ({"outputs": {"y": 3}}, "a name in outputs must be text, not 3"),
        ({"pictures": "png", "input_size": 8}, "a size is a height and a width, not 8"),
        ({"pictures": "png", "value_range": ("a", 1)}, "('a', 1) is not a range of numbers"),
    ],
)
def test_wrong_arguments_are_refused(
    trained: Path, tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        export(**{"source": trained / "digits.keras", "out": tmp_path / "models", **given})
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ('colour = "bgr"', "takes BGR, and files are decoded to RGB"),
        ('colour = "rgb"\nmean = [1.0, 2.0, 3.0]', "has numbers for each channel, and files"),
        ('colour = "rgb"\nmean = 1.0', "its range is 0,255"),
    ],
)
def test_files_are_not_taken_where_the_meaning_wants_other_pictures(
    tmp_path: Path, told: str, words: str
) -> None:
    shutil.copytree(ZOO / "segmentation", tmp_path / "segmentation")
    (extra := tmp_path / "segmentation/1/assets.extra").mkdir(exist_ok=True)
    table = '[signatures.serving_default.inputs.image]\nkind = "image"\n'
    (extra / "meaning.toml").write_text(f"format = 1\n{table}{told}\n")
    with pytest.raises(InvalidInput, match=words):
        export(tmp_path / "segmentation", tmp_path / "out", pictures="png", dry_run=True)
