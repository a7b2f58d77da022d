"""Models as people export them, small and with random weights: what exporters make of names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final


def _seeded() -> Any:
    from tensorflow import keras

    keras.utils.set_random_seed(0)
    return keras


def mobilenet(path: Path) -> None:
    """A Keras application."""
    keras = _seeded()
    made = keras.applications.MobileNetV2(
        weights=None, input_shape=(32, 32, 3), alpha=0.35, classes=10
    )
    # tf.saved_model.save leaves out what TF Serving restores variables of Keras 3 by.
    made.export(path, verbose=False)


def efficientnet(path: Path) -> None:
    """A Keras application that scales pixels itself."""
    keras = _seeded()
    made = keras.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=10)
    made.export(path, verbose=False)


def lstm(path: Path) -> None:
    """A recurrent network over sequences of any length."""
    keras = _seeded()
    layers = keras.layers
    made = keras.Sequential(
        [keras.Input((None,), dtype="int32"), layers.Embedding(50, 8), layers.LSTM(8),
         layers.Dense(3)]
    )  # fmt: skip
    made.export(path, verbose=False)


def several_outputs(path: Path) -> None:
    """A functional Keras model with named inputs and outputs."""
    keras = _seeded()
    layers = keras.layers
    text = keras.Input((4,), name="text-features")
    size = keras.Input((1,), name="image_size")
    hidden = layers.Dense(8, activation="relu")(layers.Concatenate()([text, size]))
    made = keras.Model(
        {"text-features": text, "image_size": size},
        {"age": layers.Dense(1, name="age")(hidden), "class": layers.Dense(3)(hidden)},
    )
    made.export(path, verbose=False)


def forest(path: Path) -> None:
    """As TensorFlow Decision Forests exports: an input of each column of the table."""
    import tensorflow as tf

    columns = {f"Soil_Type{n}": tf.int64 for n in range(8)}
    columns |= {"type": tf.float32, "BillLengthMm": tf.float32, "island": tf.string}

    def serve(inputs: Any) -> Any:
        numbers = [tf.cast(value, tf.float32) for n, value in inputs.items() if n != "island"]
        lengths = tf.cast(tf.strings.length(inputs["island"]), tf.float32)
        score = tf.add_n([*numbers, lengths])
        return {"probabilities": tf.stack([score, -score], 1), "label": inputs["island"]}

    made: Any = tf.Module()
    specs = {name: tf.TensorSpec([None], dtype, name=name) for name, dtype in columns.items()}
    made.serve = tf.function(serve, input_signature=[specs])
    tf.saved_model.save(made, str(path), signatures={"serving_default": made.serve})


def tf1(path: Path) -> None:
    """A graph of TensorFlow 1, with variables and a table that must be initialized."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3], name="x")
        key = v1.placeholder(tf.string, [None], name="key")
        weights = v1.get_variable("weights", initializer=tf.constant([[1.0], [2.0], [4.0]]))
        table = v1.lookup.StaticHashTable(
            v1.lookup.KeyValueTensorInitializer(["é", "b"], tf.constant([7, 8], tf.int64)), -1
        )
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        build, make = v1.saved_model.utils.build_tensor_info, v1.saved_model.build_signature_def
        method = "tensorflow/serving/predict"
        scores = make({"inputs": build(x)}, {"outputs": build(x @ weights)}, method)
        found = make({"key": build(key)}, {"id": build(table.lookup(key))}, method)
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={"predict_scores": scores, "look/up": found},
            main_op=v1.tables_initializer(),
        )
        builder.save()


ARCHITECTURES: Final[dict[str, Callable[[Path], None]]] = {
    "forest": forest,
    "tf1": tf1,
    "lstm": lstm,
    "several_outputs": several_outputs,
    "mobilenet": mobilenet,
    "efficientnet": efficientnet,
}
