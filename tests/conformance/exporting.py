"""What the exporters of the zoo share: the register of models, and how a graph is saved."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
v1 = tf.compat.v1

PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"

MODELS = {}  # name -> list of (version, build function taking the output path)


def model(name, version=1):
    """Register the decorated function as the builder of NAME/VERSION."""
    def wrap(fn):
        MODELS.setdefault(name, []).append((version, fn))
        return fn
    return wrap


def rng(seed):
    return np.random.RandomState(seed)


def tensor_info(tensor):
    """TensorInfo of a graph tensor."""
    from tensorflow.core.protobuf import meta_graph_pb2
    return meta_graph_pb2.TensorInfo(name=tensor.name, dtype=tensor.dtype.as_datatype_enum,
                                     tensor_shape=tensor.shape.as_proto())


def signature(inputs, outputs, method=PREDICT):
    """SignatureDef from {key: tensor} maps."""
    sig = v1.MetaGraphDef().signature_def["_"]
    for key, t in inputs.items():
        sig.inputs[key].CopyFrom(tensor_info(t))
    for key, t in outputs.items():
        sig.outputs[key].CopyFrom(tensor_info(t))
    sig.method_name = method
    return sig


def save_graph(path, graph, signatures, tag="serve"):
    """Write a constants-only graph and its signatures as a SavedModel.

    The proto is assembled by hand rather than with saved_model.Builder, because
    the builder refuses some of the odd names that the server accepts.
    """
    from tensorflow.core.protobuf import saved_model_pb2
    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    meta = saved.meta_graphs.add()
    meta.meta_info_def.tags.append(tag)
    meta.meta_info_def.tensorflow_version = tf.__version__
    meta.meta_info_def.stripped_default_attrs = True
    meta.graph_def.CopyFrom(graph.as_graph_def())
    for node in meta.graph_def.node:
        # Attributes that only older producers or debuggers look at.
        for attr in [a for a in node.attr if a.startswith("_")]:
            if attr not in ("_output_shapes", "_class"):
                del node.attr[attr]
    for name, sig in signatures.items():
        meta.signature_def[name].CopyFrom(sig)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "saved_model.pb"), "wb") as f:
        f.write(saved.SerializeToString(deterministic=True))


def save_tf2(path, obj, signatures):
    tf.saved_model.save(obj, path, signatures=signatures)
    tidy_tf2(path)


def tidy_tf2(path):
    """Drop files the server does not read and make saved_model.pb canonical."""
    from tensorflow.core.protobuf import saved_model_pb2
    for junk in ("fingerprint.pb", "keras_metadata.pb"):
        if os.path.exists(os.path.join(path, junk)):
            os.remove(os.path.join(path, junk))
    for folder in ("assets", "debug"):
        full = os.path.join(path, folder)
        if os.path.isdir(full) and not os.listdir(full):
            os.rmdir(full)
    pb = os.path.join(path, "saved_model.pb")
    saved = saved_model_pb2.SavedModel()
    with open(pb, "rb") as f:
        saved.ParseFromString(f.read())
    with open(pb, "wb") as f:
        f.write(saved.SerializeToString(deterministic=True))


_DIGITS = None


def digit_logits(flat01):
    """Logits of the digit classifier for [-1, 784] values in 0..1."""
    global _DIGITS
    if _DIGITS is None:
        with np.load(os.path.join(HERE, "digits_weights.npz")) as z:
            _DIGITS = z["w"], float(z["scale"]), z["b"]
    w, scale, b = _DIGITS
    weights = tf.cast(tf.constant(w), tf.float32) * scale
    bias = tf.cast(tf.constant(b), tf.float32) / 1024.0
    return tf.matmul(flat01, weights) + bias


def decode_to_28(encoded):
    """Encoded image bytes (PNG, JPEG, ...) -> [28, 28, 1] float32 0..255."""
    picture = tf.io.decode_image(encoded, channels=1, expand_animations=False)
    picture.set_shape([None, None, 1])
    return tf.image.resize(tf.cast(picture, tf.float32), [28, 28])
