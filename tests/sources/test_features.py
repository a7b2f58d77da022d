"""Features read from a graph are those that TensorFlow's parser was given, or unknown."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ZOO, missing
from tfsclient._codec.messages import message_class
from tfsclient._inputs.example import Example, serialize
from tfsclient.dtypes import DType
from tfsclient.schema import Features, FeatureSpec, Model, Signature
from tfsclient.sources import from_saved_model
from tfsclient.sources._features import Examples, read_examples

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    import tensorflow as tf
except ImportError:
    tf = None

needs_tensorflow = pytest.mark.skipif(
    tf is None and os.environ.get("CI") != "true", reason="tensorflow is not installed"
)


def everything() -> dict[str, Any]:
    io = tf.io
    return {
        "age": io.FixedLenFeature([], tf.int64),
        "vec": io.FixedLenFeature([3], tf.float32),
        "city": io.FixedLenFeature([], tf.string, default_value="N\xe9"),
        "mat": io.FixedLenFeature([2, 2], tf.float32, default_value=[[0.1, 0.0], [0.0, 1e20]]),
        "zeros": io.FixedLenFeature([4], tf.int64, default_value=[0] * 4),
        "seq": io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True),
        "pad": io.FixedLenSequenceFeature([], tf.int64, allow_missing=True, default_value=-1),
        "tags": io.VarLenFeature(tf.string),
        "rag": io.RaggedFeature(tf.int64),
        "parts": io.RaggedFeature(
            tf.float32, value_key="values", partitions=[io.RaggedFeature.RowLengths("lengths")]
        ),
        "sp": io.SparseFeature("ix", "val", tf.float32, 10),
    }


def fixed() -> dict[str, Any]:
    return {
        "a": tf.io.FixedLenFeature([2], tf.float32),
        "b": tf.io.FixedLenFeature([], tf.int64, default_value=7),
    }


def dense(name: str, dtype: str, shape: tuple[int, ...], *default: Any) -> FeatureSpec:
    return FeatureSpec(name, DType(dtype), "dense", shape, not default, default or None)


def features_of(*specs: FeatureSpec) -> Features:
    return {spec.name: spec for spec in specs}


EVERYTHING = features_of(
    dense("age", "int64", ()),
    dense("city", "string", (), "N\xe9".encode()),
    FeatureSpec("ix", DType("int64"), "sparse", None),
    FeatureSpec("lengths", DType("int64"), "ragged", None),
    dense("mat", "float32", (2, 2), 0.1, 0.0, 0.0, 1e20),
    dense("pad", "int64", (-1,), -1),
    FeatureSpec("rag", DType("int64"), "ragged", None),
    dense("seq", "float32", (-1, 2), 0.0),
    FeatureSpec("tags", DType("string"), "sparse", None),
    FeatureSpec("val", DType("float32"), "sparse", None),
    FeatureSpec("values", DType("float32"), "ragged", None),
    dense("vec", "float32", (3,)),
    dense("zeros", "int64", (4,), 0),
)
FIXED = features_of(dense("a", "float32", (2,)), dense("b", "int64", (), 7))


def flat(parsed: Any) -> dict[str, Any]:
    """Parsed features as plain tensors, each of which depends on the parser."""
    return {f"y{i}": part for i, part in enumerate(tf.nest.flatten(parsed, expand_composites=True))}


class Exports:
    """Exports one model for each test that asks, to be read back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def _next(self) -> str:
        self._count += 1
        return str(self._folder / str(self._count))

    def tf2(self, function: Callable[..., Any], inputs: int = 1, **attributes: Any) -> Signature:
        """The signature of a function of serialized Examples."""
        module = tf.Module()
        for name, value in attributes.items():
            setattr(module, name, value)
        specs = [tf.TensorSpec([None], tf.string, f"examples{i or ''}") for i in range(inputs)]
        module.serve = tf.function(function, input_signature=specs)
        path = self._next()
        tf.saved_model.save(module, path, signatures=module.serve)
        return from_saved_model(path).signature()

    def tf1(self, build: Callable[[Any], Any]) -> Model:
        """The model whose signatures a function makes in a graph: {name: ({...}, {...})}."""
        v1 = tf.compat.v1
        path = self._next()
        with tf.Graph().as_default(), v1.Session() as session:
            signatures = build(v1.placeholder(tf.string, [None], name="examples"))
            builder = v1.saved_model.Builder(path)
            definitions = {
                name: v1.saved_model.predict_signature_def(*tensors)
                for name, tensors in signatures.items()
            }
            builder.add_meta_graph_and_variables(session, ["serve"], definitions)
            builder.save()
        return from_saved_model(path)

    def keras(self, export: Callable[[str], Any]) -> Model:
        path = self._next()
        export(path)
        return from_saved_model(path)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    if tf is None:
        missing("tensorflow")
    return Exports(tmp_path_factory.mktemp("exports"))


# The zoo.


def test_the_zoo() -> None:
    a_and_b = features_of(dense("a", "string", (1,)), dense("b", "float32", (1,)))
    estimator = from_saved_model(ZOO / "estimator").signatures
    assert {name: s.features for name, s in estimator.items()} == dict.fromkeys(estimator, a_and_b)
    assert estimator["predict"].example_input == "examples"
    assert estimator["regression"].example_input == "inputs"

    spec = features_of(
        dense("f_default", "float32", (), 1.5),
        dense("f_required", "float32", (1,)),
        dense("f_seq", "float32", (-1,), -1.0),
        dense("i_fixed", "int64", (3,), 7, 8, 9),
        FeatureSpec("i_ragged", DType("int64"), "ragged", None),
        dense("s_fixed", "string", (), b"none"),
        FeatureSpec("s_var", DType("string"), "sparse", None),
    )
    for name in ("feature_spec", "feature_spec_tf2"):
        for signature in from_saved_model(ZOO / name).usable().values():
            assert signature.features == spec
            assert list(signature.features or ()) == sorted(spec)

    half = dict(from_saved_model(ZOO / "half_plus_two").signatures)
    x_and_x2 = features_of(dense("x", "float32", (1,)), dense("x2", "float32", (1,), 0.0))
    assert half.pop("serving_default").features is None  # it takes what the parser gives
    assert {s.example_input for s in half.values()} == {"inputs"}
    assert all(s.features == x_and_x2 for s in half.values())

    images = from_saved_model(ZOO / "predict_images").signatures
    assert images["predict_images"].example_input is None
    assert images["serving_default"].features == features_of(dense("x", "float32", (784,)))


def test_models_that_parse_nothing() -> None:
    takes = {"estimator", "feature_spec", "feature_spec_tf2", "half_plus_two", "predict_images"}
    for folder in sorted(ZOO.iterdir()):
        if folder.name not in takes | {"broken", "wrong_tag"}:
            for signature in from_saved_model(folder).signatures.values():
                assert (signature.example_input, signature.features) == (None, None)


# What TensorFlow exports.


@needs_tensorflow
def test_every_kind_of_feature_in_tf2(exports: Exports) -> None:
    signature = exports.tf2(lambda examples: flat(tf.io.parse_example(examples, everything())))
    assert signature.example_input == "examples"
    assert signature.features == EVERYTHING


@needs_tensorflow
def test_every_kind_of_feature_in_tf1(exports: Exports) -> None:
    def build(examples: Any) -> Any:
        parsed = tf.io.parse_example(examples, everything())
        return {
            "serving_default": ({"x": examples}, flat(parsed)),
            "late": ({"vec": parsed["vec"]}, {"y": parsed["vec"] * 2.0}),
            "other_port": ({"vec": parsed["vec"]}, {"y": parsed["mat"] * 2.0}),
            "both": ({"x": examples, "vec": parsed["vec"]}, {"y": parsed["mat"] + 1.0}),
        }

    model = exports.tf1(build)
    assert model.signatures["serving_default"].features == EVERYTHING
    assert model.signatures["both"].example_input == "x"
    for name in ("late", "other_port"):  # none of their inputs is parsed
        assert model.signatures[name].example_input is None


@needs_tensorflow
def test_examples_parsed_one_by_one(exports: Exports) -> None:
    def each(examples: Any) -> Any:
        return tf.map_fn(
            lambda one: tf.io.parse_single_example(one, fixed()),
            examples,
            fn_output_signature={"a": tf.float32, "b": tf.int64},
        )

    assert exports.tf2(each).features == FIXED

    def build(examples: Any) -> Any:
        return {"serving_default": ({"x": examples}, each(examples))}

    tf.compat.v1.disable_control_flow_v2()
    try:
        assert exports.tf1(build).signature().features == FIXED
    finally:
        tf.compat.v1.enable_control_flow_v2()


@needs_tensorflow
def test_a_default_that_is_a_captured_tensor(exports: Exports) -> None:
    nan, default = float("nan"), tf.constant([1.5, float("nan")])

    def parse(examples: Any) -> Any:
        spec = {"x": tf.io.FixedLenFeature([2], tf.float32, default_value=default)}
        return tf.io.parse_example(examples, spec)["x"]

    inner = tf.function(parse)

    def branches(examples: Any) -> Any:
        some = tf.size(examples) > 0
        return {"y": tf.cond(some, lambda: inner(examples), lambda: inner(examples) * 2.0)}

    features = exports.tf2(branches, default=default).features
    assert features is not None
    assert str(features["x"].default) == str((1.5, nan))
    assert features == exports.tf2(branches, default=default).features  # NaN and all


@needs_tensorflow
@pytest.mark.parametrize("op", ["ParseExample", "ParseSingleExample"])
def test_older_ops(exports: Exports, op: str) -> None:
    def build(examples: Any) -> Any:
        defaults = [tf.constant([], tf.float32), tf.reshape(tf.constant([7], tf.int64), [])]
        shapes = [tf.TensorShape([2]), tf.TensorShape([])]
        if op == "ParseExample":
            parsed = tf.raw_ops.ParseExample(
                serialized=examples, names=[], sparse_keys=["s"], dense_keys=["a", "b"],
                dense_defaults=defaults, sparse_types=[tf.string], dense_shapes=shapes,
            )  # fmt: skip
        else:
            parsed = tf.raw_ops.ParseSingleExample(
                serialized=examples[0], num_sparse=1, sparse_keys=["s"], dense_keys=["a", "b"],
                dense_defaults=defaults, sparse_types=[tf.string], dense_shapes=shapes,
            )  # fmt: skip
        return {"serving_default": ({"x": examples}, flat(parsed))}

    sparse = FeatureSpec("s", DType("string"), "sparse", None)
    assert exports.tf1(build).signature().features == {**FIXED, "s": sparse}


@needs_tensorflow
def test_keras_exports(exports: Exports) -> None:
    keras = tf.keras
    network = keras.Sequential([keras.Input((2,), name="a"), keras.layers.Dense(1)])
    spec = [tf.TensorSpec([None], tf.string, "examples")]

    def predict(examples: Any) -> Any:
        return network(tf.io.parse_example(examples, fixed())["a"])

    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serve", predict, input_signature=spec)
    model = exports.keras(archive.write_out)
    assert model.signatures["serving_default"].features == FIXED
    assert model.signatures["serve"].example_input == "examples"
    plain = exports.keras(network.export)
    assert plain.signatures["serve"].example_input is None


@needs_tensorflow
def test_tensorflow_parses_what_a_spec_lets_through() -> None:
    example = Example({
        "age": 3, "vec": [1, 2.5, -3], "city": "Oslo", "seq": [[1, 2], [3, 4]], "tags": ["a", b"b"],
        "rag": [-1, 2**40], "values": [1.0, 2.0], "lengths": [2, 0], "ix": [4], "val": [0.5],
    })  # fmt: skip
    data = example.to_bytes(EVERYTHING)
    parsed = tf.io.parse_example([data, data], everything())
    assert parsed["age"].numpy().tolist() == [3, 3]
    assert parsed["vec"].numpy().tolist() == [[1.0, 2.5, -3.0]] * 2
    assert parsed["city"].numpy().tolist() == [b"Oslo"] * 2
    assert parsed["mat"].numpy().shape == (2, 2, 2)  # the default
    assert parsed["seq"].numpy().tolist() == [[[1.0, 2.0], [3.0, 4.0]]] * 2
    assert parsed["tags"].values.numpy().tolist() == [b"a", b"b"] * 2
    assert parsed["rag"].to_list() == [[-1, 2**40]] * 2
    assert parsed["parts"].to_list() == [[[1.0, 2.0], []]] * 2
    assert parsed["sp"].indices.numpy().tolist() == [[0, 4], [1, 4]]
    theirs = tf.train.Example.FromString(data)
    assert serialize(theirs) == theirs.SerializeToString()
    tf.io.parse_example([Example({"age": 1, "vec": [0] * 3, "tags": [], "seq": []}).to_bytes(
        EVERYTHING)], everything())  # fmt: skip


# What the graph does not say.


@needs_tensorflow
def test_what_is_not_known(exports: Exports) -> None:
    unknown = exports.tf2(
        lambda examples: flat(
            tf.raw_ops.ParseExampleV2(
                serialized=examples, names=[], sparse_keys=[], ragged_keys=[],
                dense_keys=[tf.strings.lower("A")], dense_defaults=[tf.constant([], tf.float32)],
                num_sparse=0, sparse_types=[], ragged_value_types=[], ragged_split_types=[],
                dense_shapes=[[2]],
            )
        )
    )  # fmt: skip
    assert (unknown.example_input, unknown.features) == ("examples", None)

    def computed(examples: Any) -> Any:
        default = tf.cast(tf.size(examples), tf.float32) * tf.ones([2])
        spec = {"x": tf.io.FixedLenFeature([2], tf.float32, default_value=default)}
        return flat(tf.io.parse_example(examples, spec))

    (feature,) = (exports.tf2(computed).features or {}).values()
    assert (feature.required, feature.default) == (None, None)


@needs_tensorflow
def test_inputs_that_are_no_examples(exports: Exports) -> None:
    def encoded(texts: Any) -> Any:
        return flat(tf.io.parse_example(tf.io.decode_base64(texts), fixed()))

    def sequence(examples: Any) -> Any:
        lists = {"l": tf.io.FixedLenSequenceFeature([], tf.int64)}
        return flat(tf.io.parse_sequence_example(examples, fixed(), lists))

    def two(first: Any, second: Any) -> Any:
        both = tf.io.parse_example(first, fixed()), tf.io.parse_example(second, fixed())
        return flat(both)

    for signature in (exports.tf2(encoded), exports.tf2(sequence), exports.tf2(two, inputs=2)):
        assert (signature.example_input, signature.features) == (None, None)


@needs_tensorflow
def test_features_that_are_parsed_twice(exports: Exports) -> None:
    def parse(*specs: dict[str, Any]) -> Callable[[Any], Any]:
        return lambda examples: flat([tf.io.parse_example(examples, spec) for spec in specs])

    sparse = {"a": tf.io.VarLenFeature(tf.float32), "c": tf.io.VarLenFeature(tf.string)}
    c = FeatureSpec("c", DType("string"), "sparse", None)
    for order in ((fixed(), sparse), (sparse, fixed())):
        assert exports.tf2(parse(*order)).features == {**FIXED, "c": c}
    for other in (tf.io.VarLenFeature(tf.int64), tf.io.FixedLenFeature([3], tf.float32)):
        conflict = exports.tf2(parse(fixed(), {"a": other}))
        assert (conflict.example_input, conflict.features) == ("examples", None)


# Hostile graphs.


def parsed_by(nodes: list[Any], functions: list[Any] = []) -> Examples | None:  # noqa: B006
    """What is read of a signature with the input ``x`` and the output of the last node."""
    graph = message_class("tensorflow.GraphDef")(node=nodes)
    graph.library.function.extend(functions)
    signature = message_class("tensorflow.SignatureDef")()
    signature.inputs["x"].name = "x:0"
    signature.inputs["x"].dtype = 7
    signature.outputs["y"].name = f"{nodes[-1].name}:0"
    return read_examples(graph, {"s": signature}).get("s")


def node(name: str, op: str, *inputs: str) -> Any:
    return message_class("tensorflow.NodeDef")(name=name, op=op, input=inputs)


def strings(name: str, *values: bytes) -> Any:
    made = node(name, "Const")
    tensor = made.attr["value"].tensor
    tensor.dtype = 7
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.string_val.extend(values)
    return made


def parser(*inputs: str) -> Any:
    made = node("parse", "ParseExampleV2", *inputs)
    made.attr["sparse_types"].list.type.append(1)
    return made


def test_the_handmade_graph_is_read() -> None:
    nodes = [node("x", "Placeholder"), strings("none"), strings("keys", b"k")]
    good = parsed_by([*nodes, parser("x", "none", "keys", "none", "none")])
    assert good == ("x", features_of(FeatureSpec("k", DType("float32"), "sparse", None)))


@pytest.mark.parametrize(
    "inputs",
    [
        (),
        ("x",),
        ("x:99999999999999999999", "none", "keys", "none", "none"),
        ("x", "none", "keys", "none"),
        ("x", "none", "nowhere", "none", "none"),
        ("x", "none", "parse", "none", "none"),
        ("x", "none", "x", "none", "none"),
        ("x", "none", "two", "none", "none"),
        ("x", "none", "not_text", "none", "none"),
        ("x", "none", "number", "none", "none"),
        ("x", "none", "huge", "none", "none"),
        ("x", "none", "cycle", "none", "none"),
        ("cycle", "none", "keys", "none", "none"),
        ("a:b:c:d", "::", "^", "", "none"),
    ],
)
def test_lies_are_unknown(inputs: tuple[str, ...]) -> None:
    number, huge = strings("number"), strings("huge", b"k")
    number.attr["value"].tensor.dtype = 1
    huge.attr["value"].tensor.tensor_shape.dim[0].size = 1 << 60
    nodes = [
        node("x", "Placeholder"), node("cycle", "Identity", "cycle"), strings("none"),
        strings("keys", b"k"), strings("two", b"k", b"l"), strings("not_text", b"\xff"),
        number, huge, parser(*inputs),
    ]  # fmt: skip
    found = parsed_by(nodes)
    assert found is None or found.features is None


def test_a_function_that_calls_itself() -> None:
    function = message_class("tensorflow.FunctionDef")()
    function.signature.name = "f"
    function.signature.input_arg.add(name="a", type=7)
    function.signature.output_arg.add(name="r", type=7)
    function.ret["r"] = "call:output:0"
    for number in range(3):
        call = function.node_def.add(name="call" if not number else f"call{number}")
        call.op = "PartitionedCall"
        call.input.append("a" if number else "call1:output:0")
        call.attr["f"].func.name = "f"
    call = node("call", "PartitionedCall", "x")
    call.attr["f"].func.name = "f"
    parse = parser("call", "none", "keys", "none", "none")
    nodes = [node("x", "Placeholder"), strings("none"), strings("keys", b"k"), call, parse]
    assert parsed_by(nodes, [function]) is None


def test_a_large_graph_ends() -> None:
    """Many functions that call the next one twice, a long chain, and many who read it."""
    functions = []
    for number in range(200):
        function = message_class("tensorflow.FunctionDef")()
        function.signature.name = f"f{number}"
        function.signature.input_arg.add(name="a", type=7)
        function.signature.output_arg.add(name="r", type=7)
        function.ret["r"] = "two:output:0"
        for name, given in (("one", "a"), ("two", "one:output:0")):
            call = function.node_def.add(name=name, op="PartitionedCall", input=[given])
            call.attr["f"].func.name = f"f{number + 1}"
        functions.append(function)
    functions[-1].ret["r"] = "a"
    call = node("call", "PartitionedCall", "x")
    call.attr["f"].func.name = "f0"
    chain = [node("n0", "Identity", "keys")]
    chain += [node(f"n{i}", "Identity", f"n{i - 1}") for i in range(1, 20_000)]
    count = 2_000
    parse = node("parse", "ParseExample", "call", "none", *["n19999"] * count)
    parse.attr["sparse_types"].list.type.extend([1] * count)
    nodes = [node("x", "Placeholder"), strings("none"), strings("keys", b"k"), call, *chain, parse]
    assert parsed_by(nodes, functions) is None
