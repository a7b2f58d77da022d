"""Examples: the bytes and the JSON that plain values become, and what is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsclient._codec.example import encode_example
from tfsclient._codec.messages import message_class
from tfsclient._codec.rest_json import encode_examples, example_to_json
from tfsclient._inputs.example import (
    Example,
    content_of,
    contents_of,
    features_of,
    serialize,
)
from tfsclient._inputs.sequence import ExampleListWithContext, SequenceExample
from tfsclient.dtypes import DType
from tfsclient.errors import DecodeError, InvalidInput
from tfsclient.schema import FeatureSpec

SPEC = {
    spec.name: spec
    for spec in (
        FeatureSpec("age", DType("float32"), required=True),
        FeatureSpec("city", DType("string"), default=(b"none",)),
        FeatureSpec("grid", DType("int64"), shape=(2, 2)),
        FeatureSpec("rows", DType("float32"), shape=(-1, 2)),
        FeatureSpec("tags", DType("string"), "sparse", None),
        FeatureSpec("ids", DType("int64"), "ragged", None),
    )
}


def parse(data: bytes) -> dict[str, list[Any]]:
    """What protobuf reads."""
    message = message_class("tensorflow.Example").FromString(data)
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in message.features.feature.items()
    }


def kinds(data: bytes) -> dict[str, str]:
    message = message_class("tensorflow.Example").FromString(data)
    return {name: f.WhichOneof("kind") for name, f in message.features.feature.items()}


scalars = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=100),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=100),
    st.lists(st.binary(max_size=200), min_size=1, max_size=9),
    st.lists(st.text(), min_size=1, max_size=9),
)


@given(st.dictionaries(st.text(), scalars, max_size=5))
def test_what_is_written_is_what_protobuf_reads(features: dict[str, list[Any]]) -> None:
    wanted = {
        name: [v.encode() if isinstance(v, str) else v for v in values]
        for name, values in features.items()
    }
    data = Example(features).to_bytes()
    assert parse(data) == wanted
    assert {n: list(v.values) for n, v in features_of(data).items()} == wanted


def test_the_bytes_are_protobufs_own() -> None:
    ours = Example({"age": 3, "f": [1.5, 2], "city": "Oslo", "ids": [-1, 300]}).features
    ours["f"] = [1.5, 2.0]
    message = message_class("tensorflow.Example")()
    for name, field in (("age", "int64"), ("f", "float"), ("city", "bytes"), ("ids", "int64")):
        values = ours[name] if isinstance(ours[name], list) else [ours[name]]
        values = [v.encode() if isinstance(v, str) else v for v in values]
        getattr(message.features.feature[name], f"{field}_list").value.extend(values)
    for name, value in ours.items():  # one at a time, for a map has no order
        one = message_class("tensorflow.Example")()
        one.features.feature[name].CopyFrom(message.features.feature[name])
        assert Example({name: value}).to_bytes() == one.SerializeToString()


@pytest.mark.parametrize(
    ("value", "kind", "values"),
    [
        (True, "int64_list", [1]),
        (np.array([True, False]), "int64_list", [1, 0]),
        (np.int8(-3), "int64_list", [-3]),
        (np.array([1, 2**63 - 1], np.uint64), "int64_list", [1, 2**63 - 1]),
        (np.arange(4, dtype=">i2")[::-1], "int64_list", [3, 2, 1, 0]),
        (np.float64(0.5), "float_list", [0.5]),
        ([np.float32(0.5), 1.5], "float_list", [0.5, 1.5]),
        (np.array([0.5, 2], ml_dtypes.bfloat16), "float_list", [0.5, 2.0]),
        ([ml_dtypes.bfloat16(0.5)], "float_list", [0.5]),
        (np.array([math.inf, -0.0]), "float_list", [math.inf, 0.0]),
        (np.empty(0, np.float32), "float_list", []),
        (("a", b"\xff"), "bytes_list", [b"a", b"\xff"]),
        (np.array(["é", ""]), "bytes_list", ["é".encode(), b""]),
        (np.array([b"x\0y", "z"], object), "bytes_list", [b"x\0y", b"z"]),
        (bytearray(b"ab"), "bytes_list", [b"ab"]),
    ],
)
def test_values(value: Any, kind: str, values: list[Any]) -> None:
    data = Example({"x": value}).to_bytes()
    assert kinds(data) == {"x": kind}
    assert parse(data) == {"x": values}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "is an empty list, which has no type: leave it out"),
        ([1, 2.5], "mixes int and float"),
        ([1, "a"], "mixes int (1 at [0]) and str ('a' at [1])"),
        ([True, 0.5], "mixes bool (True at [0]) and float (0.5 at [1])"),
        (None, "is None: leave out what is missing"),
        ([None], "holds None at [0]: leave out what is missing"),
        ({"a": 1}, "holds a dict"),
        (1j, "holds a complex"),
        (2**63, "holds an integer of 64 bits, more than int64 has"),
        ([0] * 99 + [-(10**400)], "more than int64 has"),
        (np.array([2**63], np.uint64), "but the range of int64 is"),
        (1e39, "it would become infinite"),
        (np.array([1e39]), "it would become infinite"),
        (np.array([1j]), "is of dtype complex128"),
        (np.array(["2024"], "datetime64[Y]"), "is of dtype datetime64[Y]"),
        ("\ud800", "holds text that is not Unicode"),
        ([[1, 2], [3]], "is ragged"),
        ([[1, 2], [3, 4]], "has shape (2, 2), but an Example's features are flat"),
        (np.zeros((2, 2)), "has shape (2, 2), but an Example's features are flat"),
        (np.ma.masked_array([1.0, 2.0], [False, True]), "masked elements"),
    ],
)
def test_refused(value: Any, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Example({"good": 1, "x": value}).to_bytes()
    assert "feature 'x'" in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize("name", [3, None, "\ud800"])
def test_a_name_is_text(name: Any) -> None:
    with pytest.raises(InvalidInput, match="must be Unicode text"):
        Example({name: 1})


def test_a_spec_turns_integers_into_floats_and_types_an_empty_list() -> None:
    data = Example(
        {"age": 3, "rows": [1, 2.5], "grid": [[1, 2], [3, 4]], "tags": [], "ids": np.arange(3)}
    ).to_bytes(SPEC)
    assert parse(data) == {
        "age": [3.0], "rows": [1.0, 2.5], "grid": [1, 2, 3, 4], "tags": [], "ids": [0, 1, 2],
    }  # fmt: skip
    assert kinds(data)["tags"] == "bytes_list"
    assert parse(Example({"age": np.int32(7), "rows": []}).to_bytes(SPEC))["age"] == [7.0]
    assert parse(Example({"age": np.array([7])}).to_bytes(SPEC)) == {"age": [7.0]}


@pytest.mark.parametrize(
    ("features", "text"),
    [
        ({}, "feature 'age' is missing; the features are age float32 [] required, city string []"),
        ({"aeg": 1.0}, "there is no feature 'aeg' (did you mean 'age'?)"),
        ({"age": 1.0, "zzz": 1}, "there is no feature 'zzz'; the features are"),
        ({"age": "1"}, "is of str, but the model wants float32 []"),
        ({"age": True}, "is of bool, but the model wants float32 []"),
        ({"age": np.array(True)}, "is of dtype bool, but the model wants float32 []"),
        ({"age": 2**24 + 1}, "which float32 cannot hold exactly"),
        ({"age": np.array(2**24 + 1)}, "which float32 cannot hold exactly"),
        ({"age": 10**400}, "it would become infinite"),
        ({"age": [1.0, 2.0]}, "has shape (2,), but the model wants float32 []"),
        ({"age": []}, "has shape (0,), but the model wants float32 []"),
        ({"age": 1.0, "ids": 1.0}, "is of float, but the model wants int64 ragged"),
        ({"age": 1.0, "ids": np.array([1.0])}, "is of dtype float64, but the model wants int64"),
        ({"age": 1.0, "city": 3}, "is of int, but the model wants string []"),
        ({"age": 1.0, "city": np.array([3])}, "is of dtype int64, but the model wants string []"),
        ({"age": 1.0, "grid": [1, 2, 3]}, "has shape (3,), but the model wants int64 [2, 2]"),
        ({"age": 1.0, "grid": np.ones((1, 4), int)}, "has shape (1, 4), but the model wants"),
        ({"age": 1.0, "rows": [1.0, 2.0, 3.0]}, "but the model wants float32 [-1, 2]"),
        ({"age": 1.0, "ids": [[1, 2]]}, "has shape (1, 2), but the model wants a flat list"),
    ],
)
def test_a_spec_refuses(features: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Example(features).to_bytes(SPEC)
    assert text in str(caught.value)


def test_whatever_stands_for_an_example() -> None:
    foreign = message_class("tensorflow.Example")()
    foreign.features.feature["x"].int64_list.value.append(1)
    same = [Example({"x": 1}), {"x": 1}, foreign, foreign.SerializeToString()]
    contents, _ = contents_of(same, None, None)
    assert set(map(serialize, same)) == set(map(encode_example, contents))
    assert set(map(serialize, same)) == {foreign.SerializeToString()}
    assert {example_to_json(content_of(one)) for one in same} == {b'{"x":[1]}'}
    assert contents_of([], None, None) == ([], None)
    for wrong in (same[0], {"x": 1}, b"", 3, np.array(3)):
        with pytest.raises(InvalidInput, match="must be a list"):
            contents_of(wrong, None, None)  # type: ignore[arg-type]
    for wrong in ("text", 3, message_class("tensorflow.SequenceExample")()):
        with pytest.raises(InvalidInput, match=r"example 1: an? .* is not an Example"):
            contents_of([{"x": 1}, wrong], None, None)
    with pytest.raises(DecodeError, match=r"not a serialized tf\.Example"):
        example_to_json(b"\xff")
    good = content_of({"x": 1})
    with pytest.raises(InvalidInput, match=r"example 1: .* not a serialized tf\.Example"):
        encode_examples([good, b"\xff"], None, None)
    with pytest.raises(InvalidInput, match=r"the context: .* not a serialized tf\.Example"):
        encode_examples([good], b"\xff", None)


@given(st.dictionaries(st.text(), scalars, max_size=5))
def test_json_tells_the_same_kinds(features: dict[str, list[Any]]) -> None:
    data = serialize(features)
    text = example_to_json(content_of(features))
    literals: dict[type, str] = {int: "int64_list", float: "float_list"}
    decoded = json.loads(text)
    for name, kind in kinds(data).items():
        assert {literals.get(type(v), "bytes_list") for v in decoded[name]} == {kind}
    assert decoded == json.loads(example_to_json(data))


def test_json_floats_always_show_that_they_are() -> None:
    values = [3.0, 1e20, 16777216.0, math.nan, -math.inf, 0.1]
    for some in (values, values[:3]):
        decoded = json.loads(example_to_json(content_of({"x": some})))["x"]
        assert [type(v) for v in decoded] == [float] * len(some)
        np.testing.assert_array_equal(np.array(decoded, np.float32), np.array(some, np.float32))
    cast = content_of({"x": 3}, {"x": FeatureSpec("x", DType("float32"))})
    assert example_to_json(cast) == b'{"x":[3.0]}'
    mixed = content_of({"x": [True, 5], "b": b"\xff"})
    assert example_to_json(mixed) == b'{"x":[1,5],"b":[{"b64":"/w=="}]}'


def test_a_repr_is_short_whatever_an_example_holds() -> None:
    assert repr(Example({"age": 3, "city": "Oslo"})) == "Example({'age': 3, 'city': 'Oslo'})"
    many = Example({f"feature {n}": [n] * 1000 for n in range(1000)})
    one = Example({"png": b"\0" * 10_000_000, "text": "x" * 10_000})
    listed = ExampleListWithContext([many] * 1000, one)
    steps = SequenceExample({"a": "x" * 10_000}, {"b": [[1.0] * 1000] * 1000})
    assert max(len(repr(each)) for each in (many, one, listed, steps)) < 1000
