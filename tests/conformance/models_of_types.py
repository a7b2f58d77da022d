"""Models of many dtypes, ranks, versions, features and awkward names."""

import numpy as np
import tensorflow as tf

from exporting import CLASSIFY, REGRESS, model, rng, save_graph, save_tf2, signature, v1

# --------------------------------------------------------------------------
# 11. dtypes: one identity signature per dtype, and `all` (graph)
# --------------------------------------------------------------------------

DTYPES = ["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32",
          "int64", "uint8", "uint16", "uint32", "uint64", "bool", "string",
          "complex64", "complex128", "qint8", "quint8", "qint32", "qint16", "quint16",
          "float8_e5m2", "float8_e4m3fn", "int4", "uint4"]


@model("dtypes")
def dtypes(path):
    sigs = {}
    with tf.Graph().as_default() as g:
        ins, outs = {}, {}
        for name in DTYPES:
            dtype = tf.dtypes.as_dtype(name)
            x = v1.placeholder(dtype, [None], name="in_" + name)
            y = tf.identity(x, name="out_" + name)
            sigs["id_" + name] = signature({"x": x}, {"y": y})
            ins[name], outs[name] = x, y
        common = DTYPES[:14]  # everything but complex and the exotic ones
        sigs["all"] = signature({k: ins[k] for k in common}, {k: outs[k] for k in common})
        rest = ["float32", "float64", "int8", "int16", "int32", "int64", "uint8",
                "uint32", "uint64", "bool", "string"]  # what REST can print
        sigs["rest"] = signature({k: ins[k] for k in rest}, {k: outs[k] for k in rest})
        # Outputs of the types that REST can print, computed from a float32.
        f = v1.placeholder(tf.float32, [None], name="cast_in")
        sigs["cast"] = signature({"x": f}, {
            "half": tf.cast(f, tf.float16), "bf16": tf.cast(f, tf.bfloat16),
            "double": tf.cast(f, tf.float64), "single": tf.identity(f)})
        for name in ("float16", "bfloat16", "float64", "int64", "bool", "complex64", "string"):
            y = tf.strings.as_string(f) if name == "string" else tf.cast(f, tf.dtypes.as_dtype(name))
            sigs["to_" + name] = signature({"x": f}, {"y": tf.identity(y, name="to_" + name)})
    save_graph(path, g, sigs)


# --------------------------------------------------------------------------
# 12. bert: token ids to logits and a pooled vector (graph)
# --------------------------------------------------------------------------

@model("bert")
def bert(path):
    with tf.Graph().as_default() as g:
        ids = v1.placeholder(tf.int64, [None, None], name="input_ids")
        mask = v1.placeholder(tf.int64, [None, None], name="input_mask")
        segments = v1.placeholder(tf.int64, [None, None], name="segment_ids")
        r = rng(12)
        table = tf.constant((r.randint(-16, 17, [64, 8]) / 16.0).astype(np.float32))
        types = tf.constant((r.randint(-16, 17, [2, 8]) / 16.0).astype(np.float32))
        head = tf.constant((r.randint(-16, 17, [8, 2]) / 16.0).astype(np.float32))
        emb = tf.gather(table, tf.math.floormod(ids, 64)) + tf.gather(types, segments)
        m = tf.expand_dims(tf.cast(mask, tf.float32), -1)
        pooled = tf.reduce_sum(emb * m, axis=1) / tf.maximum(tf.reduce_sum(m, axis=1), 1.0)
        pooled = tf.identity(pooled, name="pooled")
        logits = tf.matmul(pooled, head, name="logits")
    save_graph(path, g, {"serving_default": signature(
        {"input_ids": ids, "input_mask": mask, "segment_ids": segments},
        {"logits": logits, "pooled": pooled})})


# --------------------------------------------------------------------------
# 13. ranks: every rank, no inputs, many outputs (graph)
# --------------------------------------------------------------------------

@model("ranks")
def ranks(path):
    sigs = {}
    with tf.Graph().as_default() as g:
        for rank in range(6):
            x = v1.placeholder(tf.float32, [None] * rank, name="x%d" % rank)
            name = "scalar" if rank == 0 else "rank%d" % rank
            sigs[name] = signature({"x": x}, {"y": tf.add(x, 1.0, name="y%d" % rank)})
        u = v1.placeholder(tf.float32, None, name="u")
        sigs["unknown"] = signature({"x": u}, {"y": tf.add(u, 1.0), "rank": tf.rank(u),
                                               "shape": tf.shape(u)})
        sigs["unknown_one"] = signature({"x": u}, {"y": tf.add(u, 2.0)})
        sigs["no_inputs"] = signature({}, {"y": tf.constant([1.0, 2.0])})
        sigs["no_outputs"] = signature({"x": u}, {})
        x = v1.placeholder(tf.float32, [None, 2], name="m")
        sigs["many_outputs"] = signature(
            {"x": x}, {"out_%d" % i: tf.add(x, float(i), name="o%d" % i) for i in range(10)})
        s = v1.placeholder(tf.float32, [], name="s")
        sigs["two_scalars"] = signature({"x": s, "n": v1.placeholder(tf.int32, [], name="n")},
                                        {"y": tf.multiply(s, 2.0), "z": tf.constant("text")})
        sigs["uneven"] = signature({"x": x}, {"rows": tf.identity(x), "sum": tf.reduce_sum(x),
                                              "columns": tf.reduce_sum(x, axis=0)})
        sigs["uneven_batch"] = signature({"x": x}, {"twice": tf.concat([x, x], 0)})
        sigs["scalar_out"] = signature({"x": x}, {"sum": tf.reduce_sum(x, name="total")})
        sigs["fixed"] = signature({"x": v1.placeholder(tf.float32, [2, 3], name="f")},
                                  {"y": tf.multiply(g.get_tensor_by_name("f:0"), 2.0)})
        # A signature whose declared shape and dtype are not those of the graph.
        lying = signature({"x": x}, {"y": tf.identity(x)})
        lying.inputs["x"].dtype = tf.int32.as_datatype_enum
        sigs["wrong_dtype"] = lying
        missing = signature({"x": x}, {"y": tf.identity(x)})
        missing.outputs["y"].name = "absent:0"
        sigs["missing_tensor"] = missing
        method = signature({"x": x}, {"y": tf.identity(x)}, method="custom/method")
        sigs["custom_method"] = method
        sigs["no_method"] = signature({"x": x}, {"y": tf.identity(x)}, method="")
    save_graph(path, g, sigs)


# --------------------------------------------------------------------------
# 14. half_plus_two: y = x / 2 + 2 in version 1, x / 2 + 3 in version 2 (graph)
# --------------------------------------------------------------------------

def _half(path, constant):
    with tf.Graph().as_default() as g:
        serialized = v1.placeholder(tf.string, None, name="tf_example")
        parsed = tf.io.parse_example(
            tf.reshape(serialized, [-1]),
            {"x": tf.io.FixedLenFeature([1], tf.float32),
             "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0])})
        x = v1.placeholder_with_default(parsed["x"], [None, 1], name="x")
        a = tf.constant(0.5)
        y = tf.add(a * x, constant, name="y")
        y2 = tf.add(a * parsed["x2"], constant + 1.0, name="y2")
        two = tf.concat([y, y2], axis=1, name="y_y2")
        n = tf.shape(y)[0]
        classes = tf.tile([["first", "second"]], [n, 1], name="classes")
    save_graph(path, g, {
        "serving_default": signature({"x": x}, {"y": y}),
        "regress_x_to_y": signature({"inputs": serialized}, {"outputs": y}, REGRESS),
        "regress_x_to_y2": signature({"inputs": serialized}, {"outputs": y2}, REGRESS),
        "classify_x_to_y": signature({"inputs": serialized}, {"scores": y}, CLASSIFY),
        "classify_two": signature({"inputs": serialized},
                                  {"scores": two, "classes": classes}, CLASSIFY),
        "classify_classes_only": signature({"inputs": serialized},
                                           {"classes": classes}, CLASSIFY),
    })


@model("half_plus_two", 1)
def half_plus_two_1(path):
    _half(path, 2.0)


@model("half_plus_two", 2)
def half_plus_two_2(path):
    _half(path, 3.0)


# --------------------------------------------------------------------------
# 15. feature_spec: every kind of tf.Example feature, as graph and as tf2
# --------------------------------------------------------------------------

FEATURES = {
    "f_required": tf.io.FixedLenFeature([1], tf.float32),
    "f_default": tf.io.FixedLenFeature([], tf.float32, default_value=1.5),
    "i_fixed": tf.io.FixedLenFeature([3], tf.int64, default_value=[7, 8, 9]),
    "s_fixed": tf.io.FixedLenFeature([], tf.string, default_value="none"),
    "s_var": tf.io.VarLenFeature(tf.string),
    "i_ragged": tf.io.RaggedFeature(tf.int64),
    "f_seq": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True, default_value=-1.0),
}


def _features(serialized):
    p = tf.io.parse_example(serialized, FEATURES)
    return {
        "f_required": p["f_required"],
        "f_default": p["f_default"],
        "i_fixed": p["i_fixed"],
        "s_fixed": p["s_fixed"],
        "s_var": tf.sparse.to_dense(p["s_var"], default_value=""),
        "s_var_count": tf.reduce_sum(tf.cast(tf.not_equal(
            tf.sparse.to_dense(p["s_var"], default_value=""), ""), tf.int64), axis=1),
        "i_ragged": p["i_ragged"].to_tensor(default_value=0),
        "i_ragged_length": p["i_ragged"].row_lengths(),
        "f_seq": p["f_seq"],
    }


@model("feature_spec")
def feature_spec(path):
    with tf.Graph().as_default() as g:
        serialized = v1.placeholder(tf.string, [None], name="examples")
        out = _features(serialized)
        total = (tf.reshape(out["f_required"], [-1]) + out["f_default"]
                 + tf.cast(tf.reduce_sum(out["i_fixed"], 1), tf.float32)
                 + tf.cast(tf.reduce_sum(out["i_ragged"], 1), tf.float32)
                 + tf.reduce_sum(out["f_seq"], 1))
        total = tf.identity(total, name="total")
        scores = tf.stack([tf.reshape(out["f_required"], [-1]), out["f_default"], total], axis=1)
        classes = tf.stack([out["s_fixed"], tf.strings.as_string(out["s_var_count"]),
                            tf.strings.as_string(out["i_ragged_length"])], axis=1)
    save_graph(path, g, {
        "serving_default": signature({"examples": serialized}, out),
        "classify": signature({"inputs": serialized},
                              {"scores": scores, "classes": classes}, CLASSIFY),
        "regress": signature({"inputs": serialized}, {"outputs": total}, REGRESS),
    })


@model("feature_spec_tf2")
def feature_spec_tf2(path):
    class Features(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def serve(self, examples):
            return _features(examples)
    m = Features()
    save_tf2(path, m, {"serving_default": m.serve})


# --------------------------------------------------------------------------
# 16. awkward: names that are keywords or not identifiers (graph)
# --------------------------------------------------------------------------

AWKWARD = ["class", "from", "type", "func", "self", "None", "x-y", "a b", "1st", "中文",
           "camelCase", "snake_case", "__init__", "quote'", 'double"', "back\\slash",
           "new\nline", "{{ 7*7 }}", "${x}", "*/", "#}", "tab\t", "dot.ted", "sla/sh",
           "", "é", "😀", "a:b", "%s", "lambda", "import", "range", "var", "await",
           "constructor", "__proto__", "request", "name", "model_spec", "inputs", "outputs",
           "instances", "signature_name", "len", "error", "int", "string", "float", "b64"]


@model("awkward")
def awkward(path):
    sigs = {}
    with tf.Graph().as_default() as g:
        x = v1.placeholder(tf.float32, [None], name="x")
        y = tf.multiply(x, 2.0, name="y")
        for i, name in enumerate(AWKWARD):
            # The input and the output carry the odd name too.
            sigs[name] = signature({name: x}, {name: y})
        for name in ("a_b", "a-b", "aB"):  # collide once made into identifiers
            sigs[name] = signature({"x": x}, {"y": y})
        places, results = {}, {}
        for i, name in enumerate(["a_b", "a-b", "aB"] + AWKWARD):
            p = v1.placeholder(tf.float32, [None], name="p%d" % i)
            places[name] = p
            results[name] = tf.add(p, float(i), name="r%d" % i)
        sigs["collide"] = signature({k: places[k] for k in ("a_b", "a-b", "aB")},
                                    {k: results[k] for k in ("a_b", "a-b", "aB")})
        sigs["everything"] = signature(places, results)
        sigs["serving_default"] = signature({"class": x}, {"return": y})
    save_graph(path, g, sigs)
