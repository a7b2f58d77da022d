"""JavaScript and TypeScript clients of models of which is told what their tensors stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tfsclient_gen import generate

from tests.conftest import ZOO, Zoo
from tests.generator.js.clients import compile_all, node, run, write
from tests.generator.python_models import told
from tfsclient import Client, Image, Model, Signature, TensorSpec, meaning, sources
from tfsclient.schema import TensorMeaning

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]

TEXT = """
format = 1
description = "Adds one. */ Or two."
[signatures.rank3.inputs.x]
kind = "image"
range = [-1.0, 1.0]
colour = "gray"
layout = "HW"
description = "*/ white is 1"
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
def clients(meant: meaning.Meaning, npm: Path, tmp_path: Path) -> Path:
    (tmp_path / "node_modules").symlink_to(npm)
    (tmp_path / "package.json").write_text('{"type": "module"}', "utf-8")
    ranks = sources.from_saved_model(ZOO / "ranks", meaning=meant)
    labelled = TensorMeaning("scores", labels=("only",))
    scores = {"scores": TensorSpec("scores", "float64", [-1, 1], meaning=labelled)}
    x = {"x": TensorSpec("x", "int64", [-1])}
    bare = Model("bare", None, {"serving_default": Signature("serving_default", x, scores)})
    for language in ("js", "ts"):
        write([ranks, told(), bare], language, tmp_path / language)
    return tmp_path


def test_what_is_added_is_formatted(clients: Path, npm: Path) -> None:
    files = ["{js,ts}/*.meaning.*", "{js,ts}/serving/meaning.*", "{js,ts}/package.json"]
    run(npm / ".bin" / "prettier", "--check", *files, cwd=clients)
    for name in ("ranks", "told", "bare"):
        assert f'"./{name}/meaning"' in (clients / "js" / "package.json").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["js", "ts"])
def test_all_is_formatted_and_compiles(clients: Path, npm: Path, language: str) -> None:
    run(npm / ".bin" / "prettier", "--check", f"{language}/*.{{js,ts}}", cwd=clients)
    compile_all(clients / language, npm, noEmit=True, lib=["ES2022", "DOM"])


def test_pictures_and_labels_are_those_of_the_library(
    clients: Path, meant: meaning.Meaning, zoo: Zoo
) -> None:
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
    rgba = np.dstack([rgb, np.full((2, 3), 255, np.uint8)])
    program = """
    import { RanksClient, ServingError } from "./ranks.js";
    import { rank2Meaning, rank3Meaning, rank4Meaning } from "./ranks.meaning.js";
    const client = new RanksClient(given.target);
    const pixels = [{ data: Uint8Array.from(given.rgba), width: 3, height: 2 }];
    show((await client.rank3({ x: rank3Meaning.x(pixels) })).y);
    show((await client.rank4({ x: rank4Meaning.x(pixels) })).y);
    const { y } = await client.rank2({ x: [[1, 7, 2], [5, NaN, 5]] });
    show(rank2Meaning.topY(y, 9));
    for (const wrong of [
      () => rank2Meaning.topY(y, 0),
      () => rank2Meaning.topY({ ...y, shape: [3, 2] }),
      () => rank3Meaning.x([...pixels, { ...pixels[0], width: 2, height: 3 }]),
      () => rank3Meaning.x([{ ...pixels[0], data: new Uint8Array(1) }]),
    ]) {
      try { wrong(); } catch (error) { show([error instanceof ServingError, error.code]); }
    }
    """
    given = {"target": zoo.rest, "rgba": rgba.ravel().tolist()}
    grey, bgr, top, *refused = node(program, clients / "js", given)
    with Client(zoo.rest, meanings={"ranks": meant}) as client:
        for came, signature in ((grey, "rank3"), (bgr, "rank4")):
            want = client.predict("ranks", Image(rgb), signature=signature)["y"]
            assert came["shape"] == list(want.shape)
            np.testing.assert_array_equal(np.float32(came["data"]), want.ravel())
        scores = np.array([[1, 7, 2], [5, np.nan, 5]])
        rows = client.predict("ranks", scores, signature="rank2").top("y", 9)
    assert [[c["label"] for c in row] for row in top] == [[n for n, _ in row] for row in rows]
    assert top[0][0]["score"] == 8
    assert refused == [[True, "INVALID_ARGUMENT"]] * 4


def test_docs_tell_and_stay_comments(meant: meaning.Meaning) -> None:
    ranks = sources.from_saved_model(ZOO / "ranks", meaning=meant)
    text = generate(ranks, "ts")["ranks.ts"]
    assert "Adds one. *\\/ Or two." in text
    assert "image, gray, HW, -1 to 1. *\\/ white is 1." in text


def test_without_a_meaning_there_is_no_more_code() -> None:
    files = generate(sources.from_saved_model(ZOO / "ranks"), "js")
    assert not [path for path in files if "meaning" in path]
