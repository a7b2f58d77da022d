"""Models as the pages about TF Serving have them: numbers, pictures, text, tf.Examples."""

import numpy as np
import tensorflow as tf

from exporting import CLASSIFY, REGRESS, decode_to_28, digit_logits, model, rng, save_graph, save_tf2, signature, tidy_tf2, v1

# --------------------------------------------------------------------------
# 1. simplest: keys -> keys (tf2)
# --------------------------------------------------------------------------

@model("simplest")
def simplest(path):
    class Simplest(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.int32, "keys")])
        def serve(self, keys):
            return {"keys": tf.identity(keys)}
    m = Simplest()
    save_tf2(path, m, {"serving_default": m.serve})


# --------------------------------------------------------------------------
# 2. linear: y = x * w + b, any length and fixed length (tf2)
# --------------------------------------------------------------------------

def _linear(path, shape):
    class Linear(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(3.0, name="w")
            self.b = tf.Variable(-1.5, name="b")

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, "x")])
        def serve(self, x):
            return {"y": x * self.w + self.b}
    m = Linear()
    save_tf2(path, m, {"serving_default": m.serve})


@model("linear")
def linear(path):
    _linear(path, [None])


@model("linear_fixed")
def linear_fixed(path):
    _linear(path, [2])


# --------------------------------------------------------------------------
# 3. mnist_images: web-safe base64 text of an encoded picture (graph)
# --------------------------------------------------------------------------

@model("mnist_images")
def mnist_images(path):
    with tf.Graph().as_default() as g:
        images = v1.placeholder(tf.string, [None], name="images")
        flat = tf.map_fn(
            lambda s: tf.reshape(decode_to_28(tf.io.decode_base64(s)), [784]) / 255.0,
            images, fn_output_signature=tf.TensorSpec([784], tf.float32))
        probability = tf.nn.softmax(digit_logits(flat), name="probability")
        predict = tf.argmax(probability, 1, name="predict")
    save_graph(path, g, {"serving_default": signature(
        {"images": images}, {"predict": predict, "probability": probability})})


# --------------------------------------------------------------------------
# 4. raw_png: raw encoded bytes in, scores, bytes and text out (graph)
# --------------------------------------------------------------------------

@model("raw_png")
def raw_png(path):
    with tf.Graph().as_default() as g:
        images = v1.placeholder(tf.string, [None], name="image_bytes")

        def one(encoded):
            big = decode_to_28(encoded)
            # A 4x4 picture, stored uncompressed so that its bytes do not depend
            # on the zlib in use.
            small = tf.cast(tf.image.resize(big, [4, 4]), tf.uint8)
            return (tf.reshape(big, [784]) / 255.0,
                    tf.io.encode_png(small, compression=0))
        flat, thumb = tf.map_fn(one, images, fn_output_signature=(
            tf.TensorSpec([784], tf.float32), tf.TensorSpec([], tf.string)))
        scores = tf.nn.softmax(digit_logits(flat), name="scores")
        names = tf.constant(["zero", "one", "two", "three", "four",
                             "five", "six", "seven", "eight", "nine"])
        label = tf.gather(names, tf.argmax(scores, 1), name="label")
        thumb = tf.identity(thumb, name="thumb")
    save_graph(path, g, {"serving_default": signature(
        {"image_bytes": images},
        {"scores": scores, "thumb_bytes": thumb, "label": label})})


# --------------------------------------------------------------------------
# 5. estimator: the signatures a canned binary classifier exports (graph)
# --------------------------------------------------------------------------

@model("estimator")
def estimator(path):
    with tf.Graph().as_default() as g:
        examples = v1.placeholder(tf.string, [None], name="input_example_tensor")
        features = tf.io.parse_example(examples, {
            "a": tf.io.FixedLenFeature([1], tf.string),
            "b": tf.io.FixedLenFeature([1], tf.float32)})
        bucket = tf.strings.to_hash_bucket_fast(features["a"], 8)
        table = tf.constant(rng(5).randint(-8, 9, [8]).astype(np.float32) / 4.0)
        logits = tf.gather(table, bucket) + 0.5 * features["b"]
        logistic = tf.sigmoid(logits, name="logistic")
        two = tf.concat([tf.zeros_like(logits), logits], axis=1)
        probabilities = tf.nn.softmax(two, name="probabilities")
        class_ids = tf.expand_dims(tf.argmax(two, 1), 1)
        classes = tf.strings.as_string(class_ids)
        n = tf.shape(logits)[0]
        all_classes = tf.tile([["0", "1"]], [n, 1], name="all_classes")
        all_ids = tf.tile([[0, 1]], [n, 1])
    classification = signature({"inputs": examples},
                               {"classes": all_classes, "scores": probabilities}, CLASSIFY)
    save_graph(path, g, {
        "serving_default": classification,
        "classification": classification,
        "regression": signature({"inputs": examples}, {"outputs": logistic}, REGRESS),
        "predict": signature({"examples": examples}, {
            "logits": logits, "logistic": logistic, "probabilities": probabilities,
            "class_ids": class_ids, "classes": classes,
            "all_class_ids": all_ids, "all_classes": all_classes}),
    })


# --------------------------------------------------------------------------
# 6. mlp: a Keras network; signature `call` only, or `serving_default` (tf2)
# --------------------------------------------------------------------------

def _keras_mlp():
    tf.keras.utils.set_random_seed(6)
    net = tf.keras.Sequential([
        tf.keras.layers.Input((28, 28, 1)),
        tf.keras.layers.AveragePooling2D(4),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(16, activation="relu"),
        tf.keras.layers.Dense(10, activation="softmax"),
    ])
    # Weights from numpy: the same on every machine.
    r = rng(6)
    net.set_weights([(r.randint(-64, 65, w.shape) / 128.0).astype(np.float32)
                     for w in net.get_weights()])
    return net


def _mlp(path, name, key):
    net = _keras_mlp()

    class Wrap(tf.Module):
        def __init__(self):
            super().__init__()
            self.v = [tf.Variable(w, name="v%d" % i)
                      for i, w in enumerate(net.get_weights())]

        @tf.function(input_signature=[tf.TensorSpec([None, 28, 28, 1], tf.float32, "images")])
        def call(self, images):
            x = tf.nn.avg_pool2d(images, 4, 4, "VALID")
            x = tf.reshape(x, [-1, 49])
            x = tf.nn.relu(tf.matmul(x, self.v[0]) + self.v[1])
            return {key: tf.nn.softmax(tf.matmul(x, self.v[2]) + self.v[3])}
    m = Wrap()
    # The functional copy answers as the Keras network does.
    probe = rng(7).rand(2, 28, 28, 1).astype(np.float32)
    np.testing.assert_allclose(m.call(probe)[key], net(probe), rtol=1e-5, atol=1e-6)
    save_tf2(path, m, {name: m.call})


@model("mlp")
def mlp(path):
    _mlp(path, "call", "output_0")


@model("mlp_default")
def mlp_default(path):
    """Exactly what Keras itself exports."""
    net = _keras_mlp()
    net.export(path, verbose=False)
    tidy_tf2(path)


# --------------------------------------------------------------------------
# 7. strings: state kept between calls (tf2)
# --------------------------------------------------------------------------

@model("strings")
def strings(path):
    class Strings(tf.Module):
        def __init__(self):
            super().__init__()
            self.v = tf.Variable("initial", dtype=tf.string, name="v")

        @tf.function(input_signature=[tf.TensorSpec([], tf.string, "a")])
        def test_concat(self, a):
            return {"concat": tf.strings.join([self.v, a])}

        @tf.function(input_signature=[tf.TensorSpec([], tf.string, "b")])
        def test_assign(self, b):
            self.v.assign(b)
            return {"assigned": tf.identity(self.v)}
    m = Strings()
    save_tf2(path, m, {"test_concat": m.test_concat, "test_assign": m.test_assign})


# --------------------------------------------------------------------------
# 8. dense15: [-1, 15] -> [-1, 1] (tf2)
# --------------------------------------------------------------------------

@model("dense15")
def dense15(path):
    class Dense(tf.Module):
        def __init__(self):
            super().__init__()
            r = rng(8)
            self.w = tf.Variable((r.randint(-32, 33, [15, 1]) / 32.0).astype(np.float32), name="w")
            self.b = tf.Variable([0.125], name="b")

        @tf.function(input_signature=[tf.TensorSpec([None, 15], tf.float32, "dense_input")])
        def serve(self, dense_input):
            return {"dense": tf.matmul(dense_input, self.w) + self.b}
    m = Dense()
    save_tf2(path, m, {"serving_default": m.serve})


# --------------------------------------------------------------------------
# 9. segmentation: uint8 picture and scalars in, int64 map out (graph)
# --------------------------------------------------------------------------

@model("segmentation")
def segmentation(path):
    with tf.Graph().as_default() as g:
        image = v1.placeholder(tf.uint8, [1, None, None, 3], name="image")
        height = v1.placeholder(tf.int32, [], name="height")
        width = v1.placeholder(tf.int32, [], name="width")
        resized = tf.image.resize(image, tf.stack([height, width]),
                                  method=tf.image.ResizeMethod.NEAREST_NEIGHBOR)
        seg = tf.argmax(tf.cast(resized, tf.int32), axis=3, name="segmentation_map")
    save_graph(path, g, {"serving_default": signature(
        {"image": image, "height": height, "width": width}, {"segmentation_map": seg})})


# --------------------------------------------------------------------------
# 10. predict_images: the signatures of the classic MNIST tutorial (graph)
# --------------------------------------------------------------------------

@model("predict_images")
def predict_images(path):
    with tf.Graph().as_default() as g:
        serialized = v1.placeholder(tf.string, [None], name="tf_example")
        parsed = tf.io.parse_example(
            serialized, {"x": tf.io.FixedLenFeature([784], tf.float32)})
        x = tf.identity(parsed["x"], name="x")
        y = tf.nn.softmax(digit_logits(x), name="y")
        values, indices = tf.nn.top_k(y, 10)
        names = tf.constant([str(i) for i in range(10)])
        classes = tf.gather(names, indices, name="classes")
        values = tf.identity(values, name="values")
    save_graph(path, g, {
        "predict_images": signature({"images": x}, {"scores": y}),
        "serving_default": signature({"inputs": serialized},
                                     {"classes": classes, "scores": values}, CLASSIFY),
    })
