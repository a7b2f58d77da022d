"""SequenceExamples and lists of Examples with a context: TensorFlow reads what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Zoo, missing
from tfsclient import (
    Client,
    DType,
    Example,
    ExampleListWithContext,
    FeatureSpec,
    InvalidInput,
    SequenceExample,
    Signature,
    TensorSpec,
    build_predict,
)
from tfsclient._codec.messages import message_class, pool
from tfsclient._inputs.example import content_of, serialize
from tfsclient._inputs.prepare import as_they_are
from tfsclient.dtypes import STRING

ELWC = "tensorflow.serving.ExampleListWithContext"
QUERY = {"query": "Oslo", "age": 3}
LISTS = {
    "ids": [[1, -2], [], [3]],
    "words": np.array(["a", "é"]),
    "vectors": np.arange(6, dtype=np.float32).reshape(3, 2),
    "flags": (True, [False]),
    "nothing": [],
}


def feature_values(feature: Any) -> tuple[str | None, list[Any]]:
    kind = feature.WhichOneof("kind")
    return kind, [] if kind is None else list(getattr(feature, kind).value)


def read(data: bytes) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """What protobuf reads of a SequenceExample: its context, and its lists."""
    message = message_class("tensorflow.SequenceExample").FromString(data)
    context = {name: feature_values(f) for name, f in message.context.feature.items()}
    lists = message.feature_lists.feature_list.items()
    return context, {name: [feature_values(f) for f in each.feature] for name, each in lists}


def steps_of(kind: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    steps = st.lists(st.lists(values, max_size=70), max_size=5)
    return steps.filter(lambda some: not some or any(some)).map(lambda some: (kind, some))


any_lists = st.dictionaries(
    st.text(),
    st.one_of(
        steps_of("int64_list", st.integers(-(2**63), 2**63 - 1)),
        steps_of("float_list", st.floats(width=32, allow_nan=False)),
        steps_of("bytes_list", st.binary(max_size=200)),
    ),
    max_size=4,
)


@given(any_lists)
def test_what_is_written_is_what_protobuf_reads(lists: dict[str, tuple[str, list[Any]]]) -> None:
    made = SequenceExample(QUERY, {name: steps for name, (_, steps) in lists.items()})
    wanted = {name: [(kind, step) for step in steps] for name, (kind, steps) in lists.items()}
    context = {"query": ("bytes_list", [b"Oslo"]), "age": ("int64_list", [3])}
    assert read(made.to_bytes()) == (context, wanted)
    assert made.to_bytes() == made.to_bytes()


def test_tensorflow_parses_a_sequence() -> None:
    try:
        import tensorflow as tf
    except ImportError:
        missing("tensorflow")
    data = SequenceExample(QUERY, LISTS).to_bytes()
    io = tf.io
    context = {
        "query": io.FixedLenFeature([], tf.string), "age": io.FixedLenFeature([], tf.int64)
    }  # fmt: skip
    sequence = {
        "ids": io.RaggedFeature(tf.int64),
        "words": io.FixedLenSequenceFeature([], tf.string),
        "vectors": io.FixedLenSequenceFeature([2], tf.float32),
        "flags": io.VarLenFeature(tf.int64),
        "nothing": io.RaggedFeature(tf.float32),
    }
    _, many, _ = io.parse_sequence_example([data, data], context, sequence)
    assert many["ids"].to_list() == [LISTS["ids"]] * 2
    # An older op, and strict where the other one guesses at what an empty feature may hold.
    found, lists = io.parse_single_sequence_example(data, context, sequence)
    assert (found["query"].numpy(), int(found["age"])) == (b"Oslo", 3)
    assert lists["ids"].to_list() == LISTS["ids"]
    assert lists["words"].numpy().tolist() == [b"a", "é".encode()]
    assert lists["vectors"].numpy().tolist() == [[0, 1], [2, 3], [4, 5]]
    assert lists["flags"].values.numpy().tolist() == [1, 0]


def test_the_message_is_tensorflows_own() -> None:
    try:
        import tensorflow as tf
    except ImportError:
        missing("tensorflow")
    train = tf.train
    one, text = train.Int64List(value=[3]), train.BytesList(value=[b"Oslo"])
    floats = [train.FloatList(value=[0.5, 1.0]), train.FloatList()]
    wanted = train.SequenceExample(
        context=train.Features(
            feature={"age": train.Feature(int64_list=one), "query": train.Feature(bytes_list=text)}
        ),
        feature_lists=train.FeatureLists(
            feature_list={
                "x": train.FeatureList(feature=[train.Feature(float_list=f) for f in floats]),
                "nothing": train.FeatureList(),
            }
        ),
    )
    for context in (QUERY, Example(QUERY), Example(QUERY).to_bytes()):
        data = SequenceExample(context, {"x": [[0.5, 1.0], []], "nothing": []}).to_bytes()
        assert train.SequenceExample.FromString(data) == wanted


def test_an_empty_step_has_the_type_of_the_others_or_its_own() -> None:
    empty = [np.empty(0, np.int8), np.empty(0, "S1"), np.empty(0, object), ()]
    for steps, kind in (
        ([empty[0], []], "int64_list"),
        ([empty[1], []], "bytes_list"),
        ([empty[2], "a"], "bytes_list"),
        ([empty[3], 1.5], "float_list"),
    ):
        _, lists = read(SequenceExample({}, {"x": steps}).to_bytes())
        assert [found for found, _ in lists["x"]] == [kind] * 2
        assert lists["x"][0] == (kind, [])


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([1, [2, 2.5]], "step 1: feature 'x' mixes int and float"),
        ([1, None], "step 1: feature 'x' is None: leave out what is missing"),
        ([[2**63]], "step 0: feature 'x' holds an integer of 64 bits at [0], more than int64 has"),
        (np.zeros((2, 2, 2)), "step 0: feature 'x' has shape (2, 2)"),
        ([SequenceExample({}, {})], "holds a SequenceExample, which no feature has"),
        ([1, 2, 2.5], "feature list 'x' mixes int64 (step 1) and float32 (step 2)"),
        (["a", []], None),
        ([[], []], "holds empty steps only, which have no type: write one of them as numpy.empty"),
        ("text", "feature list 'x' is a str, not a list of steps"),
        ({"a": 1}, "feature list 'x' is a dict, not a list of steps"),
        (3, "feature list 'x' is an int, not a list of steps"),
        (np.array(3), "feature list 'x' is a ndarray, not a list of steps"),
        (np.ma.masked_array([1, 2], [False, True]), "step 1: feature 'x' is a masked array"),
        ((step for step in [1]), "feature list 'x' is a generator, not a list of steps"),
    ],
)
def test_refused_steps(steps: Any, text: str | None) -> None:
    made = SequenceExample({}, {"good": [1], "x": steps})
    if text is None:
        made.to_bytes()
        return
    with pytest.raises(InvalidInput) as caught:
        made.to_bytes()
    assert text in str(caught.value)


def test_refused_arguments() -> None:
    with pytest.raises(InvalidInput, match="lists must be a dict, not a list"):
        SequenceExample({}, [1])  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="must be Unicode text"):
        SequenceExample({}, {3: [1]})  # type: ignore[dict-item]
    for context in (3, SequenceExample({}, {}), {"x": None}):
        with pytest.raises(InvalidInput, match="the context: "):
            SequenceExample(context, {}).to_bytes()
        with pytest.raises(InvalidInput, match="the context: "):
            ExampleListWithContext([], context).to_bytes()
    for one in ({"x": 1}, Example({}), SequenceExample({}, {}), b"", 3):
        with pytest.raises(InvalidInput, match="examples must be a list of them"):
            ExampleListWithContext(one).to_bytes()  # type: ignore[arg-type]
    for wrong in (SequenceExample({}, {}), ExampleListWithContext([]), {"x": None}, 3):
        with pytest.raises(InvalidInput, match="example 1: "):
            ExampleListWithContext([{"x": 1}, wrong]).to_bytes()


def test_the_official_message_of_a_list_with_context() -> None:
    try:
        from tensorflow_serving.apis import input_pb2
    except ImportError:
        missing("tensorflow-serving-api")
    documents = [{"x": 1}, Example({"y": [0.5]}), Example({"x": 2}).to_bytes()]
    example = message_class("tensorflow.Example").FromString
    for context in (None, {}, QUERY):
        generator = (document for document in documents)
        made = ExampleListWithContext(generator, context)
        data = made.to_bytes()
        assert data == made.to_bytes()
        official = input_pb2.ExampleListWithContext.FromString(data)
        ours = message_class(ELWC)(examples=map(example, map(serialize, documents)))
        if context is not None:
            ours.context.CopyFrom(example(Example(context).to_bytes()))
        assert ours == message_class(ELWC).FromString(official.SerializeToString())
    assert ExampleListWithContext([]).to_bytes() == b""


# As inputs of a model.


def signature(shape: tuple[int, ...] | None, **examples: Any) -> Signature:
    outputs = {"y": TensorSpec("y", STRING, None)}
    return Signature("s", {"x": TensorSpec("x", STRING, shape)}, outputs, **examples)


@pytest.mark.parametrize(
    "made", [SequenceExample(QUERY, LISTS), ExampleListWithContext([QUERY], {"a": 1})]
)
def test_they_are_values_of_string_inputs(made: Any) -> None:
    def array(inputs: Any, spec: Signature) -> Any:
        return build_predict("m", inputs, signature=spec).tensors["x"].array

    data = made.to_bytes()
    objects = np.array([made, None], object)[:1]
    for inputs in ([made], made, {"x": [made]}, {"x": made}, {"x": (made,)}, {"x": objects}):
        assert array(inputs, signature((-1,))).tolist() == [data]
    assert array({"x": made}, signature(())).tolist() == data
    assert array({"x": [data, made]}, signature((-1,))).tolist() == [data, data]
    unchecked = as_they_are({"x": [made, data]}, model="m", signature=None)["x"]
    assert unchecked.array.tolist() == [data, data]


@pytest.mark.parametrize("made", [SequenceExample({}, {}), ExampleListWithContext([])])
def test_they_are_no_examples(made: Any) -> None:
    known = signature((-1,), example_input="x", features={"a": FeatureSpec("a", DType("int64"))})
    refused = f"an? {type(made).__name__} is not an Example"
    with pytest.raises(InvalidInput, match=f"input 'x' holds, as example 0: {refused}"):
        build_predict("m", {"x": [made]}, signature=known)
    with pytest.raises(InvalidInput, match=refused):
        content_of(made)
    with Client("localhost:1") as client:
        for call in (client.classify, client.regress):
            with pytest.raises(InvalidInput, match=f"example 0: {refused}"):
                call("m", [made])
            with pytest.raises(InvalidInput, match="examples must be a list of them"):
                call("m", made)


def descriptors(name: str) -> bytes:
    """The files that define a message, as ``tf.io.decode_proto`` takes them."""
    files: dict[str, Any] = {}

    def add(file: Any) -> None:
        for needed in file.dependencies:
            add(needed)
        files[file.name] = descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb)

    add(pool().FindMessageTypeByName(name).file)
    data: bytes = descriptor_pb2.FileDescriptorSet(file=files.values()).SerializeToString()
    return data


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    """``sequence`` parses SequenceExamples, ``ranking`` ELWCs, as TensorFlow Ranking does."""
    try:
        import tensorflow as tf
    except ImportError:
        missing("tensorflow")
    from tfsclient.server.app import Options, Server

    def sequence(serialized: Any) -> Any:
        context, lists, _ = tf.io.parse_sequence_example(
            serialized,
            {"query": tf.io.FixedLenFeature([], tf.string)},
            {"ids": tf.io.RaggedFeature(tf.int64)},
        )
        return {"query": context["query"], "sums": tf.reduce_sum(lists["ids"], 2).to_tensor(-1)}

    def ranking(serialized: Any) -> Any:
        source = b"bytes://" + descriptors(ELWC)
        _, (context, examples) = tf.io.decode_proto(
            serialized, ELWC, ["context", "examples"], [tf.string] * 2, source
        )
        query = tf.io.parse_example(context[:, 0], {"query": tf.io.FixedLenFeature([], tf.string)})
        score = tf.io.FixedLenFeature([], tf.float32, -1.0)
        scores = tf.io.parse_example(tf.reshape(examples, [-1]), {"score": score})["score"]
        return {"query": query["query"], "scores": tf.reshape(scores, tf.shape(examples))}

    folders: dict[str, Path] = {}
    for name, function in (("sequence", sequence), ("ranking", ranking)):
        module = tf.Module()
        spec = tf.TensorSpec([None], tf.string, "examples")
        module.serve = tf.function(function, input_signature=[spec])
        folders[name] = tmp_path_factory.mktemp(name)
        tf.saved_model.save(module, str(folders[name] / "1"), signatures=module.serve)
    with Server(folders, Options(max_num_load_retries=0)) as server:
        yield Zoo(server.grpc_target, server.rest_target)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_server_parses_them(served: Zoo, transport: str) -> None:
    with Client(getattr(served, transport)) as client:
        one = SequenceExample(QUERY, LISTS)
        two = SequenceExample({"query": "Bergen"}, {"ids": [7]})
        answer = client.predict("sequence", {"examples": [one, two]})
        assert answer["query"].tolist() == [b"Oslo", b"Bergen"]
        assert answer["sums"].tolist() == [[-1, 0, 3], [7, -1, -1]]
        assert client.predict("sequence", two)["sums"].tolist() == [[7]]

        ranked = ExampleListWithContext([{"score": 0.5}, {}], QUERY)
        for inputs in (ranked, [ranked], {"examples": ranked}):
            answer = client.predict("ranking", inputs)
            assert answer["query"].tolist() == [b"Oslo"]
            assert answer["scores"].tolist() == [[0.5, -1.0]]
        if transport == "grpc":
            answer = client.predict("ranking", {"examples": [ranked]}, validate=False)
            assert answer["scores"].tolist() == [[0.5, -1.0]]
