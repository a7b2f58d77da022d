"""The demo's model: scikit-learn's scanned digits, a linear classifier, a SavedModel.

Everything that calls the model sees grey values of 0 (paper) to 255 (ink).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SIZE = 8  # the scans are 8 x 8
_HELD_OUT = 0.3
_SEED = 20


@dataclass(frozen=True, slots=True)
class Scans:
    """Scanned digits and what they show.

    Attributes:
        images: float32 [n, 8, 8], grey values.
        truth: int64 [n], 0 to 9.
    """

    images: npt.NDArray[np.float32]
    truth: npt.NDArray[np.int64]


def load() -> tuple[Scans, Scans]:
    """The scans to train on and those held out; always the same split."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits: Any = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.float32)  # ink is 0 to 16 in the data set
    parts: Any = train_test_split(
        grey,
        digits.target.astype(np.int64),
        test_size=_HELD_OUT,
        random_state=_SEED,
        stratify=digits.target,
    )
    train_x, test_x, train_y, test_y = parts
    return Scans(train_x, train_y), Scans(test_x, test_y)


def train(scans: Scans) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Weights [64, 10] and bias [10] of a multinomial logistic regression on values of 0..1."""
    from sklearn.linear_model import LogisticRegression

    classifier: Any = LogisticRegression(C=1.0, max_iter=2000)
    classifier.fit(scans.images.reshape(-1, SIZE * SIZE) / 255, scans.truth)
    return classifier.coef_.T.astype(np.float32), classifier.intercept_.astype(np.float32)


def to_png(image: npt.NDArray[np.float32]) -> bytes:
    """One scan as a grey PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image.astype(np.uint8)).save(file, format="PNG")
    return file.getvalue()


def export(weights: npt.NDArray[np.float32], bias: npt.NDArray[np.float32], folder: Path) -> None:
    """Write the classifier to ``folder`` (a version folder) as a SavedModel with three signatures.

    ``serving_default`` takes images as numbers, ``png`` as encoded files, ``classify`` as
    tf.Example with a feature ``image``.
    """
    import tensorflow as tf

    v1: Any = tf.compat.v1
    signatures = v1.saved_model.signature_def_utils

    def info(tensors: dict[str, Any]) -> dict[str, Any]:
        return {name: v1.saved_model.build_tensor_info(t) for name, t in tensors.items()}

    def classify(images: Any, prefix: str) -> tuple[Any, Any]:
        flat = tf.reshape(images, [-1, SIZE * SIZE]) / 255.0
        scores = tf.nn.softmax(tf.matmul(flat, weights) + bias, name=f"{prefix}_scores")
        return tf.argmax(scores, axis=1, name=f"{prefix}_digit"), scores

    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        images = v1.placeholder(tf.float32, [None, SIZE, SIZE], name="images")
        digit, scores = classify(images, "images")

        files = v1.placeholder(tf.string, [None], name="image_bytes")
        decoded = tf.map_fn(
            lambda file: tf.cast(
                tf.image.resize(tf.io.decode_png(file, channels=1), [SIZE, SIZE]), tf.float32
            ),
            files,
            fn_output_signature=tf.TensorSpec([SIZE, SIZE, 1], tf.float32),
        )
        png_digit, png_scores = classify(decoded, "png")

        examples = v1.placeholder(tf.string, [None], name="examples")
        features = tf.io.parse_example(
            examples, {"image": tf.io.FixedLenFeature([SIZE * SIZE], tf.float32)}
        )
        _, example_scores = classify(features["image"], "example")
        names = tf.constant([[str(digit) for digit in range(10)]])
        classes = tf.tile(names, tf.stack([tf.shape(example_scores)[0], 1]), name="classes")

        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={
                "serving_default": signatures.build_signature_def(
                    info({"images": images}),
                    info({"digit": digit, "scores": scores}),
                    "tensorflow/serving/predict",
                ),
                "png": signatures.build_signature_def(
                    info({"image_bytes": files}),
                    info({"digit": png_digit, "scores": png_scores}),
                    "tensorflow/serving/predict",
                ),
                "classify": signatures.build_signature_def(
                    info({"inputs": examples}),
                    info({"classes": classes, "scores": example_scores}),
                    "tensorflow/serving/classify",
                ),
            },
        )
        builder.save()


def build(folder: Path) -> Scans:
    """Train, export to ``folder`` and return the scans held out; the seed is fixed."""
    training, held_out = load()
    export(*train(training), folder)
    return held_out
