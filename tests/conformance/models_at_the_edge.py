"""Models that are slow, large, fail, or cannot be called in every way."""

import os

import tensorflow as tf

from exporting import model, save_graph, save_tf2, signature, tensor_info, v1

# --------------------------------------------------------------------------
# 17. warm: with a file of warm-up requests (graph)
# --------------------------------------------------------------------------

def _pb(field, payload):
    """One length-delimited protobuf field (tag numbers below 16)."""
    def varint(n):
        out = b""
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])
    return bytes([field << 3 | 2]) + varint(len(payload)) + payload


@model("warm")
def warm(path):
    with tf.Graph().as_default() as g:
        x = v1.placeholder(tf.float32, [None, 2], name="x")
        y = tf.reduce_sum(x, axis=1, name="y")
    save_graph(path, g, {"serving_default": signature({"x": x}, {"y": y})})
    # PredictionLog{predict_log=6{request=1{model_spec=1, inputs=2{key=1, value=2}}}},
    # written field by field so that only tensorflow is needed.
    tensor = tf.make_tensor_proto([[1.0, 2.0]], tf.float32).SerializeToString()
    spec = _pb(1, b"warm") + _pb(3, b"serving_default")
    request = _pb(1, spec) + _pb(2, _pb(1, b"x") + _pb(2, tensor))
    record = _pb(6, _pb(1, request))
    extra = os.path.join(path, "assets.extra")
    os.makedirs(extra, exist_ok=True)
    with tf.io.TFRecordWriter(os.path.join(extra, "tf_serving_warmup_requests")) as w:
        w.write(record)
        w.write(record)


# --------------------------------------------------------------------------
# 18. slow: burns time in a bounded loop (graph)
# --------------------------------------------------------------------------

@model("slow")
def slow(path):
    with tf.Graph().as_default() as g:
        x = v1.placeholder(tf.float32, [None], name="x")
        steps = v1.placeholder_with_default(tf.constant(3000, tf.int32), [], name="steps")
        start = tf.ones([192, 192]) * (1.0 / 192.0) + tf.reduce_sum(x) * 0.0

        def body(i, m):
            return i + 1, tf.matmul(m, m)  # keeps every element at 1/192
        _, last = tf.while_loop(lambda i, m: i < steps, body, [0, start],
                                parallel_iterations=1)
        y = tf.identity(x + 0.0 * last[0, 0], name="y")
    save_graph(path, g, {
        "serving_default": signature({"x": x}, {"y": y}),
        "steps": signature({"x": x, "steps": steps}, {"y": y}),
    })


# --------------------------------------------------------------------------
# 19. failing: run-time errors with a message (graph and tf2)
# --------------------------------------------------------------------------

@model("failing")
def failing(path):
    with tf.Graph().as_default() as g:
        i = v1.placeholder(tf.int32, [None], name="i")
        f = v1.placeholder(tf.float32, [None], name="f")
        s = v1.placeholder(tf.string, [None], name="s")
        m = v1.placeholder(tf.float32, [None, None], name="m")
        with tf.control_dependencies([v1.assert_less(
                f, 10.0, message="the value is too big", name="limit")]):
            checked = tf.identity(f, name="checked")
        sigs = {
            "serving_default": signature({"x": i}, {"y": tf.math.floordiv(tf.constant(12), i, name="divide")}),
            "assert": signature({"x": f}, {"y": checked}),
            "gather": signature({"x": i}, {"y": tf.gather(tf.constant([10, 20, 30]), i, name="pick")}),
            "reshape": signature({"x": f}, {"y": tf.reshape(f, [2, 3], name="shaped")}),
            "matmul": signature({"x": m}, {"y": tf.matmul(m, m, name="square")}),
            "number": signature({"x": s}, {"y": tf.strings.to_number(s, name="number")}),
            "json": signature({"x": s}, {"y": tf.io.decode_base64(s, name="decoded")}),
            "numerics": signature({"x": f}, {"y": tf.debugging.check_numerics(f, "bad numerics", name="numerics")}),
            "nan": signature({"x": f}, {"y": tf.math.log(f, name="log")}),
        }
    save_graph(path, g, sigs)


@model("failing_tf2")
def failing_tf2(path):
    class Failing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "x")])
        def divide(self, x):
            return {"y": 12 // x}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def check(self, x):
            tf.debugging.assert_less(x, 10.0, message="the value is too big")
            return {"y": tf.identity(x)}
    m = Failing()
    save_tf2(path, m, {"serving_default": m.divide, "check": m.check})


# --------------------------------------------------------------------------
# 20. big: as many zeros as asked for (graph)
# --------------------------------------------------------------------------

@model("big")
def big(path):
    with tf.Graph().as_default() as g:
        n = v1.placeholder(tf.int32, [], name="n")
        zeros = tf.zeros(tf.expand_dims(n, 0), name="zeros")
        ramp = tf.cast(tf.range(n), tf.float32, name="ramp")
        text = tf.fill([1], tf.strings.reduce_join(tf.fill([n], "é"), name="text"))
    save_graph(path, g, {
        "serving_default": signature({"n": n}, {"zeros": zeros}),
        "ramp": signature({"n": n}, {"ramp": ramp}),
        "text": signature({"n": n}, {"text": text}),
    })


# --------------------------------------------------------------------------
# 21. defaults: inputs that may be left out (graph)
# --------------------------------------------------------------------------

@model("defaults")
def defaults(path):
    with tf.Graph().as_default() as g:
        x = v1.placeholder(tf.float32, [None], name="x")
        k = v1.placeholder(tf.float32, [], name="k")
        tag = v1.placeholder(tf.string, [], name="tag")
        sig = signature({"x": x, "k": k, "tag": tag},
                        {"y": tf.multiply(x, k), "tag": tf.identity(tag)})
        sig.defaults["k"].CopyFrom(tf.make_tensor_proto(2.0, tf.float32))
        sig.defaults["tag"].CopyFrom(tf.make_tensor_proto("none", tf.string))
        every = signature({"k": k}, {"y": tf.multiply(k, 10.0)})
        every.defaults["k"].CopyFrom(tf.make_tensor_proto(4.0, tf.float32))
    save_graph(path, g, {"serving_default": sig, "every": every})


# --------------------------------------------------------------------------
# 22. composite: signatures with sparse and composite tensor infos (graph)
# --------------------------------------------------------------------------

@model("composite")
def composite(path):
    from tensorflow.core.protobuf import struct_pb2
    with tf.Graph().as_default() as g:
        x = v1.placeholder(tf.float32, [None], name="values")
        indices = v1.placeholder(tf.int64, [None, 2], name="indices")
        shape = v1.placeholder(tf.int64, [2], name="dense_shape")
        dense = tf.sparse.to_dense(tf.sparse.reorder(tf.SparseTensor(indices, x, shape)))
        plain = signature({"values": x, "indices": indices, "dense_shape": shape},
                          {"dense": dense})
        sparse = signature({"x": x}, {"dense": dense})
        info = sparse.inputs["x"]
        info.coo_sparse.values_tensor_name = x.name
        info.coo_sparse.indices_tensor_name = indices.name
        info.coo_sparse.dense_shape_tensor_name = shape.name
        nested = signature({"x": x}, {"dense": dense})
        info = nested.inputs["x"]
        info.Clear()
        for t in (indices, x, shape):
            info.composite_tensor.components.add().CopyFrom(tensor_info(t))
        info.composite_tensor.type_spec.type_spec_class = struct_pb2.TypeSpecProto.SPARSE_TENSOR_SPEC
        info.composite_tensor.type_spec.type_spec_class_name = "SparseTensorSpec"
    save_graph(path, g, {"serving_default": plain, "sparse": sparse, "composite": nested})


@model("signatures_tf2")
def signatures_tf2(path):
    """Several tf.function signatures: unnamed outputs, defaults, ragged input."""
    class Many(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "a"),
                                      tf.TensorSpec([None], tf.float32, "b")])
        def pair(self, a, b):
            return a + b, a - b

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x"),
                                      tf.TensorSpec([], tf.float32, "k")])
        def scaled(self, x, k=tf.constant(2.0)):
            return {"y": x * k}

        @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "x")])
        def any_shape(self, x):
            return {"y": x + 1.0}

        @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.int64)])
        def ragged(self, r):
            return {"sums": tf.reduce_sum(r, axis=1)}
    m = Many()
    save_tf2(path, m, {"pair": m.pair, "scaled": m.scaled, "any_shape": m.any_shape,
                       "ragged": m.ragged})


# --------------------------------------------------------------------------
# 23. Models that do not load; not part of the configuration
# --------------------------------------------------------------------------

@model("wrong_tag")
def wrong_tag(path):
    with tf.Graph().as_default() as g:
        x = v1.placeholder(tf.float32, [None], name="x")
        y = tf.identity(x, name="y")
    save_graph(path, g, {"serving_default": signature({"x": x}, {"y": y})}, tag="train")


@model("broken")
def broken(path):
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "saved_model.pb"), "wb") as f:
        f.write(b"this is not a saved model\n")
