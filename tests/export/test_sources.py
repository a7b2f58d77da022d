"""Sources of every kind: exported, served, and equal over gRPC and REST to what they compute."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import ZOO
from tests.export.test_export import png, run
from tfsclient import Client, Example, sources
from tfsclient.export import export
from tfsclient.server.app import Server
from tfsclient.testing import serve

pytestmark = pytest.mark.slow

TUTORIAL = {"sequential": "serving_default", "sequential_call": "call",
            "subclassed": "serving_default", "subclassed_call": "call"}  # fmt: skip
CHECKPOINT = "--input", "x=x", "--output", "y=net/y:0", "--output", "word=word"
# The model's name, and how it is exported.
EXPORTS: dict[str, list[Any]] = {
    "h5": ["digits.h5", "--output", "probability=dense_1"],
    "base64": ["digits.keras", "--pictures", "base64"],
    "photos": ["photos.keras", "--pictures", "png", "--input-size", "12x10"],
    "houses": ["houses.keras", "--examples"],
    "lambda": ["lambda.keras", "--trust"],
    "checkpoint": ["checkpoint", *CHECKPOINT],
    "prefix": ["checkpoint/model-7", *CHECKPOINT],
    "data": ["checkpoint/model-7.data-00000-of-00001", *CHECKPOINT],
    "deeplab": ["segmentation.pb", "--input", "image=ImageTensor", "--input", "height=height",
                "--input", "width=width", "--output", "map=SemanticPredictions",
                "--pictures", "png"],
    "estimator": [ZOO / "estimator"],
    **{name: [name] for name in TUTORIAL},
}  # fmt: skip


@pytest.fixture(scope="module")
def out(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, (source, *options) in EXPORTS.items():
        done = run(trained / source, "--out", folder / name, *options)
        assert done.exit_code == 0, (name, done.output)
    return folder


@pytest.fixture(scope="module")
def server(out: Path) -> Iterator[Server]:
    with Server({name: out / name for name in EXPORTS} | {"source": ZOO / "estimator"}) as server:
        yield server


@pytest.fixture(params=["grpc", "rest"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[Client]:
    with Client(getattr(server, f"{request.param}_target")) as client:
        yield client


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_keras_hdf5_file(trained: Path, client: Client) -> None:
    saved = np.load(trained / "digits.npz")
    found = client.predict("h5", {"image": saved["pixels"] / np.float32(255)})
    close(found["probability"], saved["scores"])


def test_pictures_as_web_safe_base64(trained: Path, client: Client) -> None:
    saved = np.load(trained / "digits.npz")
    texts = [base64.urlsafe_b64encode(png(each)) for each in saved["pixels"]]
    found = client.predict("base64", {"image_base64": texts}, signature="base64")
    close(found.only(), saved["scores"])


def test_a_model_that_scales_pixels_itself(trained: Path, out: Path, client: Client) -> None:
    saved = np.load(trained / "photos.npz")
    files = [png(each) for each in saved["pixels"]]
    close(client.predict("photos", files, signature="png").only(), saved["scores"])
    meaning = (out / "photos" / "1" / "assets.extra" / "meaning.toml").read_text()
    assert 'range = [0.0, 255.0]\ncolour = "rgb"\nlayout = "HWC"\n' in meaning


def test_a_class_of_ones_own_that_python_has(trained: Path, tmp_path: Path) -> None:
    import keras

    from tests.export.models import Subclassed

    with keras.saving.custom_object_scope({"Subclassed": Subclassed}):
        done = export(trained / "subclassed.keras", tmp_path, inputs={"x": "args_0"})
    assert list(done.model.signature().inputs) == ["x"]


def test_rows_of_a_table_as_examples(trained: Path, client: Client) -> None:
    saved = np.load(trained / "houses.npz")
    given = {"rooms": saved["rooms"], "size": saved["size"]}
    close(client.predict("houses", given)["price"], saved["price"])
    rows = [Example({n: v[i].tolist() for n, v in given.items()}) for i in range(2)]
    close(client.regress("houses", rows, signature="regress"), saved["price"][:, 0])


def test_code_that_only_training_ran(trained: Path, tmp_path: Path) -> None:
    done = export(trained / "loss.keras", tmp_path, dry_run=True)
    assert list(done.model.signature().inputs) == ["x"]


def test_code_that_is_trusted(client: Client) -> None:
    close(client.predict("lambda", np.ones((1, 4), np.float32)).only(), 2)


@pytest.mark.parametrize("name", ["checkpoint", "prefix", "data"])
def test_tensorflow_1_checkpoint(trained: Path, client: Client, name: str) -> None:
    saved = np.load(trained / "checkpoint.npz")
    found = client.predict(name, saved["x"])
    close(found["y"], saved["y"])
    assert found.text("word").tolist() == saved["word"].tolist()


def test_the_table_of_a_checkpoint_brings_its_file(out: Path) -> None:
    assert (out / "checkpoint" / "1" / "assets" / "words.txt").exists()


def test_frozen_graph_of_pictures_of_any_size(trained: Path, client: Client) -> None:
    saved = np.load(trained / "segmentation.npz")
    size = {"height": 12, "width": 10}
    found = client.predict("deeplab", {"image": saved["image"], **size})
    assert np.array_equal(found["map"], saved["map"])
    given = {"image_bytes": [png(saved["image"])], **size}
    assert np.array_equal(client.predict("deeplab", given, signature="png")["map"], saved["map"])


def test_estimator(client: Client) -> None:
    spec = sources.from_saved_model(ZOO / "estimator").signature()
    assert client.signature("estimator").method == spec.method
    values = {"string": ["x"], "float32": [1.5], "int64": [2]}
    rows = [Example({name: values[f.dtype] for name, f in (spec.features or {}).items()})]
    assert client.classify("estimator", rows) == client.classify("source", rows)


@pytest.mark.parametrize("name", TUTORIAL)
def test_keras_3_models_that_no_server_restores(
    trained: Path, out: Path, client: Client, name: str
) -> None:
    assert sources.find_flaws(trained / name)
    assert not [f for f in sources.find_flaws(out / name) if "variable" in f.text]
    saved = np.load(trained / f"{name.removesuffix('_call')}.npz")
    close(client.predict(name, saved["x"], signature=TUTORIAL[name]).only(), saved["y"])


def test_its_result_is_a_source(out: Path, tmp_path: Path) -> None:
    for name in ("checkpoint", "houses", "base64"):
        again = export(out / name, tmp_path / name)
        first = sources.from_saved_model(out / name)
        assert list(again.model.signatures) == list(first.signatures)
        for key, signature in first.signatures.items():
            now = again.model.signatures[key]
            assert now.method == signature.method
            for before, after in ((signature.inputs, now.inputs), (signature.outputs, now.outputs)):
                assert {n: str(s) for n, s in after.items()} == {
                    n: str(s) for n, s in before.items()
                }
                assert [s.meaning for s in after.values()] == [s.meaning for s in before.values()]


def test_what_its_result_means_is_carried_along(trained: Path, tmp_path: Path) -> None:
    first = export(
        trained / "digits.keras", tmp_path / "first", pictures="png", value_range=(-1, 3),
        outputs={"scores": "dense_1"}, labels=trained / "labels.txt",
    ).folder  # fmt: skip
    assert first is not None
    file = np.load(trained / "digits.npz")["pixels"][0]
    extra = first / "assets.extra"
    (extra / "scans").mkdir()
    (extra / "scans/one.png").write_bytes(png(file))
    text = (extra / "meaning.toml").read_text("utf-8")
    text = text.replace("format = 1", 'format = 1\ndescription = "Digits."')
    text += '[[signatures.serving_default.examples]]\nname = "one"\n'
    (extra / "meaning.toml").write_text(text + 'inputs = {image = "scans/one.png"}\n', "utf-8")
    again = export(first, tmp_path / "again", pictures="base64", inputs={"pixels": "image"})
    assert again.model.description == "Digits."
    before, now = sources.from_saved_model(first), again.model
    default = now.signature()
    assert default.inputs["pixels"].meaning == before.signature().inputs["image"].meaning
    assert default.labels == before.signature().labels == now.signature("base64").labels
    assert now.signature("png").inputs == before.signature("png").inputs
    (sample,) = default.samples
    assert sample.inputs["pixels"].path.read_bytes() == png(file)
    with serve({"digits": tmp_path / "again"}) as server, Client(server.grpc_target) as client:
        files = png(file), base64.urlsafe_b64encode(png(file))
        one, other = (
            client.predict("digits", [one], signature=name)["scores"]
            for name, one in zip(("png", "base64"), files, strict=True)
        )
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    "name", ["bert", "defaults", "half_plus_two", "mnist_images", "raw_png", "wrong_tag"]
)
def test_models_of_every_make_keep_their_signatures(tmp_path: Path, name: str) -> None:
    before, after = sources.from_saved_model(ZOO / name), export(ZOO / name, tmp_path).model
    assert after.tags == ("serve",)
    for key, signature in before.signatures.items():
        now = after.signatures[key]
        assert (now.inputs, list(now.outputs)) == (signature.inputs, list(signature.outputs))
        assert (now.method, now.defaults) == (signature.method, signature.defaults)
