"""Trained models as people have them, with what they compute.

``python -m tests.export.models DIR`` makes them in a process of its own, for TensorFlow keeps what
Keras makes until the end of it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

v1: Any = tf.compat.v1
RANDOM = np.random.default_rng(7)


def main(folder: Path) -> None:
    keras.utils.set_random_seed(7)
    for make in (
        digits,
        photos,
        houses,
        tutorial,
        code,
        trained,
        spaced,
        checkpoint,
        segmentation,
        random,
    ):
        make(folder)


def digits(folder: Path) -> None:
    """MNIST in small: grey values of 0 to 1, and a score for each digit."""
    image = keras.Input((8, 8, 1), name="image")
    hidden = keras.layers.Dense(16, activation="relu")(keras.layers.Flatten()(image))
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(hidden))
    for name in ("digits.keras", "digits.h5"):
        model.save(folder / name)
    pixels = RANDOM.integers(0, 256, (3, 8, 8, 1)).astype(np.uint8)
    scores = model(pixels / np.float32(255))
    np.savez(folder / "digits.npz", pixels=pixels, scores=scores)
    (folder / "labels.txt").write_text("".join(f"digit {n}\n" for n in range(10)))


def photos(folder: Path) -> None:
    """Pictures of any size, which the model scales itself."""
    photo = keras.Input((None, None, 3))
    scaled = keras.layers.Rescaling(1 / 255)(photo)
    features = keras.layers.Conv2D(4, 3, activation="relu")(scaled)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(photo, keras.layers.Dense(3, activation="softmax")(pooled))
    model.save(folder / "photos.keras")
    pixels = RANDOM.integers(0, 256, (2, 12, 10, 3)).astype(np.uint8)
    np.savez(folder / "photos.npz", pixels=pixels, scores=model(pixels))


def houses(folder: Path) -> None:
    """Columns of a table, and a price."""
    rooms, size = keras.Input((1,), name="rooms", dtype="int64"), keras.Input((2,), name="size")
    both = keras.layers.Concatenate()([keras.ops.cast(rooms, "float32"), size])
    model = keras.Model({"rooms": rooms, "size": size}, keras.layers.Dense(1, name="price")(both))
    model.save(folder / "houses.keras")
    given: dict[str, Any] = {
        "rooms": np.array([[3], [5]]),
        "size": np.array([[4, 5], [6, 7]], np.float32),
    }
    np.savez(folder / "houses.npz", **given, price=model(given))


class Subclassed(keras.Model):  # type: ignore[misc]
    """A model that is a class of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dense = keras.layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def tutorial(folder: Path) -> None:
    """Keras 3 models by ``tf.saved_model.save``, whose variables no server restores."""
    x = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
    layers = [keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization()]
    for name, model in (("sequential", keras.Sequential(layers)), ("subclassed", Subclassed())):
        np.savez(folder / f"{name}.npz", x=x, y=model(x))
        tf.saved_model.save(model, folder / name)
        spec = [tf.TensorSpec((None, 4), tf.float32)]
        call = tf.function(lambda x, model=model: model(x), input_signature=spec)
        tf.saved_model.save(model, folder / f"{name}_call", signatures={"call": call})
    model.save(folder / "subclassed.keras")
    model.save_weights(folder / "only.weights.h5")


def code(folder: Path) -> None:
    """Files with code in them."""
    layers = [keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2)]
    for name in ("lambda.keras", "lambda.h5"):
        keras.Sequential(layers).save(folder / name)
    with ZipFile(folder / "lambda.keras") as plain, ZipFile(folder / "hidden.keras", "w") as hidden:
        for name in plain.namelist():  # by another of the names that Keras knows the class by
            text = plain.read(name).replace(b"__lambda__", b"function")
            old = b'"module": "keras.layers", "class_name": "Lambda"'
            new = b'"module": "keras", "class_name": "layers.Lambda"'
            hidden.writestr(name, text.replace(old, new))


def trained(folder: Path) -> None:
    """A loss that is code, which nobody needs any more; and a layer that remembers."""
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2)])
    model.compile(loss=lambda truth, y: keras.ops.mean(truth - y))
    model.save(folder / "loss.keras")
    x = keras.Input(batch_shape=(2, 3, 4))
    inner = keras.Model(x, keras.layers.LSTM(5, stateful=True, name="memory")(x))
    keras.Sequential([keras.Input(batch_shape=(2, 3, 4)), inner]).save(folder / "stateful.keras")


def spaced(folder: Path) -> None:
    """A layer whose name TensorFlow does not take."""
    layers = [keras.Input((4,)), keras.layers.Dense(2, name="two words")]
    keras.Sequential(layers).save(folder / "spaced.keras")


def checkpoint(folder: Path) -> None:
    """TensorFlow 1: variables of both kinds, and a table that is filled from a file."""
    words = folder / "words.txt"
    words.write_text("low\nmiddle\nhigh\n")
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        keep = v1.placeholder_with_default(1.0, [], name="keep")
        weights = v1.get_variable("weights", [4, 3], use_resource=False)
        bias = v1.get_variable("bias", [3], use_resource=True)
        y = tf.nn.softmax(tf.matmul(x, weights) * keep + bias, name="net/y")
        file = v1.lookup.TextFileInitializer(
            str(words), tf.int64, v1.lookup.TextFileIndex.LINE_NUMBER,
            tf.string, v1.lookup.TextFileIndex.WHOLE_LINE,
        )  # fmt: skip
        table = tf.lookup.StaticHashTable(file, "?")
        word = tf.identity(table.lookup(tf.argmax(y, 1)), name="word")
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        v1.train.Saver().save(session, str(folder / "checkpoint" / "model"), global_step=7)
        given = np.array([[1, 2, 3, 4], [-5, 6, -7, 8]], np.float32)
        y, word = session.run([y, word], {x: given})
        np.savez(folder / "checkpoint.npz", x=given, y=y, word=word.astype(str))


def segmentation(folder: Path) -> None:
    """DeepLab in small: a picture of any size, and the height and width of the answer."""
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        image = v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        height, width = (v1.placeholder(tf.int32, [], name=n) for n in ("height", "width"))
        filters = tf.constant(RANDOM.normal(size=(3, 3, 3, 4)), tf.float32)
        features = tf.nn.conv2d(tf.cast(image, tf.float32), filters, 1, "SAME")
        resized = tf.image.resize(features, tf.stack([height, width]))
        tf.argmax(resized, axis=-1, name="SemanticPredictions")
        (folder / "segmentation.pb").write_bytes(graph.as_graph_def().SerializeToString())
        given = RANDOM.integers(0, 256, (1, 6, 5, 3)).astype(np.uint8)
        found = session.run("SemanticPredictions:0", {image: given, height: 12, width: 10})
        np.savez(folder / "segmentation.npz", image=given, map=found)


def random(folder: Path) -> None:
    """A graph that never answers the same."""
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None], name="x")
        tf.add(x, tf.random.uniform(tf.shape(x)), name="y")
        (folder / "random.pb").write_bytes(graph.as_graph_def().SerializeToString())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
