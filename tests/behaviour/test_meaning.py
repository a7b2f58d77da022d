"""What a meaning does to calls: pictures become the right numbers, and classes have labels."""

from __future__ import annotations

import copy
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import ZOO
from tfsclient import Client, Image, InvalidInput, Prediction, build_predict, meaning, sources

RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
GREY = RGB[..., 0]

ADDED = {"rank3": 1, "rank4": 1, "unknown_one": 2}  # by the model, to what it is sent
TEXT = """
format = 1
[signatures.rank4.inputs.x]
kind = "image"
mean = [103.939, 116.779, 123.68]
std = [2.0, 4.0, 8.0]
colour = "bgr"
layout = "HWC"
[signatures.rank3.inputs.x]
kind = "image"
range = [0.0, 1.0]
colour = "gray"
layout = "HW"
[signatures.unknown_one.inputs.x]
kind = "image"
range = [-1.0, 1.0]
colour = "rgb"
layout = "CHW"
[signatures.rank2.outputs.y]
kind = "scores"
labels = ["zero", "one", "two"]
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> meaning.Meaning:
    path = tmp_path_factory.mktemp("meaning") / "meaning.toml"
    path.write_text(TEXT, "utf-8")
    return meaning.read(path)


@pytest.fixture
def client(target: str, make_client: Callable[..., Any], told: meaning.Meaning) -> Iterator[Client]:
    with make_client(target, meanings={"ranks": told}) as made:
        yield made


def seen(client: Client, signature: str, inputs: Any) -> Any:
    """What the model was sent."""
    return client.predict("ranks", inputs, signature=signature)["y"] - ADDED[signature]


def test_a_picture_becomes_the_numbers_that_the_model_wants(client: Client) -> None:
    bgr = (RGB[..., ::-1] - np.array([103.939, 116.779, 123.68])) / [2, 4, 8]
    np.testing.assert_allclose(seen(client, "rank4", Image(RGB)), bgr[None], atol=1e-5)
    grey = seen(client, "rank3", {"x": [Image(GREY), Image(GREY)]})
    np.testing.assert_allclose(grey, np.stack([GREY / 255] * 2), atol=1e-6)
    first = (RGB * (2 / 255) - 1).transpose(2, 0, 1)
    np.testing.assert_allclose(seen(client, "unknown_one", Image(RGB)), first[None], atol=1e-6)


def test_who_says_the_scale_is_obeyed_and_arrays_are_left_alone(client: Client) -> None:
    twice = seen(client, "unknown_one", Image(RGB, scale=2))
    np.testing.assert_array_equal(twice, RGB.transpose(2, 0, 1)[None] * 2.0)
    array = RGB[None].astype(np.float32)
    np.testing.assert_array_equal(seen(client, "rank4", array), array)


def test_classes_have_labels(client: Client, told: meaning.Meaning) -> None:
    scores = np.array([[1, 7, 2], [5, np.nan, 5]], np.float32) - 1
    for _ in range(3):  # also where the request is known from before
        out = client.predict("ranks", scores, signature="rank2")
        assert out.top("y", 2) == [[("one", 7), ("two", 2)], [("zero", 5), ("two", 5)]]
    assert [label for label, _ in out.top("y", 9)[1]] == ["zero", "two", "one"]
    for same in (out.copy(), copy.deepcopy(out), pickle.loads(pickle.dumps(out))):
        assert same.top("y", 1) == out.top("y", 1)
    spec = meaning.attach(told, client.metadata("ranks")).signature("rank2")
    assert spec == client.signature("ranks", "rank2")
    request = build_predict("ranks", scores[:1], signature=spec)
    assert client.send(request).top("y", 1) == [[("one", 7)]]
    assert out.labels == spec.labels == {"y": ("zero", "one", "two")}


def test_top_says_what_it_cannot_do(client: Client) -> None:
    out = client.predict("ranks", np.zeros((1, 2), np.float32), signature="rank2")
    with pytest.raises(InvalidInput, match=r"'y' is float32 \[1, 2\], but there are 3 labels"):
        out.top("y")
    with pytest.raises(InvalidInput, match="k must be a positive integer, not 0"):
        out.top("y", 0)
    with pytest.raises(KeyError, match="there is no output 'z'"):
        out.top("z")
    out = client.predict("ranks", np.zeros((1, 1, 1), np.float32), signature="rank3")
    with pytest.raises(InvalidInput, match="labels of output 'y' are not known") as refused:
        out.top("y")
    assert "meanings=" in str(refused.value)
    one = Prediction({"y": np.array([1, 2, 3])}, model="m", signature=None, version=None)
    one.labels = {"y": ("a", "b", "c")}
    assert one.top("y", 1) == [[("c", 3.0)]]


def test_a_meaning_that_does_not_fit_is_refused_with_its_line(
    target: str, make_client: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "meaning.toml"
    path.write_text('format = 1\n[signatures.rank3.inputs.X]\nkind = "text"\n', "utf-8")
    with (
        make_client(target, meanings={"ranks": meaning.read(path)}) as client,
        pytest.raises(InvalidInput) as refused,
    ):
        client.predict("ranks", np.zeros((1, 1, 1), np.float32), signature="rank3")
    wanted = f"{path}:2: there is no input 'X'; the only input is 'x'"  # whichever server it was
    assert refused.value.details == wanted
    with pytest.raises(InvalidInput, match="'ranks' must be a model's name, with a Meaning"):
        make_client(target, meanings={"ranks": str(path)})


def test_a_folder_s_own_goes_with_its_schema(target: str, tmp_path: Path) -> None:
    shutil.copytree(ZOO / "ranks", tmp_path / "ranks")
    (tmp_path / "ranks" / "1" / "assets.extra").mkdir()
    (tmp_path / "ranks" / "1" / "assets.extra" / "meaning.toml").write_text(TEXT, "utf-8")
    model = sources.from_saved_model(tmp_path / "ranks")
    with Client(target, schemas={"ranks": model}) as client:
        out = client.predict("ranks", np.zeros((1, 3)), signature="rank2")
        assert out.top("y", 1) == [[("zero", 1)]]
        np.testing.assert_allclose(seen(client, "rank3", Image(GREY)), GREY[None] / 255, atol=1e-6)
    bare = meaning.Meaning()
    with Client(target, schemas={"ranks": model}, meanings={"ranks": bare}) as client:
        assert client.predict("ranks", np.zeros((1, 3)), signature="rank2").labels is None


def test_without_a_meaning_the_bytes_are_as_before(target: str, told: meaning.Meaning) -> None:
    with Client(target) as plain, Client(target, meanings={"ranks": told}) as client:
        given = {"x": RGB[None].astype(np.float32)}
        for signature in ("rank4", "unknown_one"):
            one = plain.build_predict("ranks", given, signature=signature)
            other = client.build_predict("ranks", given, signature=signature)
            assert one.to_bytes() == other.to_bytes()
        picture = plain.build_predict("ranks", Image(RGB), signature="rank4")
        assert picture.tensors["x"].array.tolist() == [RGB.tolist()]


def test_models_named_once_and_batches_have_it_too(target: str, told: meaning.Meaning) -> None:
    scores = np.arange(6, dtype=np.float32).reshape(2, 3)
    with Client(target, meanings={"ranks": told}) as client:
        ranks = client.model("ranks")
        assert ranks.predict(scores[:1], signature="rank2").top("y", 1) == [[("two", 3)]]
        (parts,) = ranks.predict_batches([scores], batch_size=1, signature="rank2")
        assert parts.top("y", 1) == [[("two", 3)], [("two", 6)]]
        with pickle.loads(pickle.dumps(client)) as other:
            assert other.predict("ranks", scores, signature="rank2").top("y") == parts.top("y")
