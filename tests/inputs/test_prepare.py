"""Values to tensors: what is taken, what is refused, and what the refusal says."""

from __future__ import annotations

from array import array
from importlib.resources import files as files_of
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from tfsclient import DType, InvalidInput, Signature, TensorSpec, build_predict
from tfsclient._codec.tensor import Tensor, encode_tensor
from tfsclient._inputs.example import Example, features_of
from tfsclient._inputs.prepare import as_they_are
from tfsclient.dtypes import STRING
from tfsclient.schema import FeatureSpec


def signature(*specs: tuple[str, str, tuple[int, ...] | None], defaults: str = "") -> Signature:
    inputs = {name: TensorSpec(name, DType(dtype), shape) for name, dtype, shape in specs}
    outputs = {"y": TensorSpec("y", DType("float32"), None)}
    return Signature("s", inputs, outputs, defaults=frozenset(defaults.split()))


def prepare(value: Any, dtype: str, shape: tuple[int, ...] | None = None) -> Any:
    request = build_predict("m", {"x": value}, signature=signature(("x", dtype, shape)))
    return request.tensors["x"].array


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1.5, 2.5], "float32"),
        ([1, 2], "float32"),
        (np.array([1.5], np.float64), "bfloat16"),
        ([1, 2], "int64"),
        (np.array([250], np.int64), "uint8"),
        (np.array([7], np.int8), "int4"),
        ([True, False], "bool"),
        (np.array([1 + 2j], np.complex128), "complex64"),
        (np.array([1.5, np.inf, np.nan], ">f8"), "float32"),
        (2**63, "uint64"),
        (2.0, "float64"),
        ([3], "qint8"),
        ([2**63, 1], "uint64"),
        ([2**64, -(2**70)], "float32"),
        (2**64, "float64"),
        ([], "int32"),
        ([[], []], "bool"),
        (np.array([1, 2], ">i4"), "int32"),
        (np.ma.MaskedArray([1.0, 2.0], [False, False]), "float32"),
        (memoryview(array("h", [1, 2])), "int16"),
        (range(3), "int64"),
    ],
)
def test_values_that_mean_the_same_are_cast(value: Any, dtype: str) -> None:
    array = prepare(value, dtype)
    assert array.dtype == DType(dtype).numpy
    np.testing.assert_array_equal(array.astype(np.complex128), np.asarray(value, np.complex128))


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        ([1.0], "int32", "astype(numpy.int32)"),
        ([300], "uint8", "0..255"),
        ([-1], "uint64", "0..18446744073709551615"),
        ([2**24 + 1], "float32", "exactly"),
        (np.array([2**63], np.uint64), "float32", None),
        (np.array([2**64 - 1], np.uint64), "float64", "exactly"),
        ([1e300], "float32", "infinite"),
        (np.float32(500), "float8_e4m3fn", "would become infinite"),
        ([70000], "float16", "exactly"),
        ([0.1, 2**24 + 1], "float32", "holds 16777217 at [1], which float32 cannot hold exactly"),
        ([[0.1], [np.int64(257)]], "bfloat16", "257 at [1][0], which bfloat16 cannot"),
        ([0.1, np.array(2**24 + 1)], "float32", "16777217 at [1], which float32 cannot"),
        ([2**24 + 1, 1j], "complex64", "16777217 at [0], which float32 cannot hold exactly"),
        ([True], "float32", "astype"),
        ([1], "bool", "astype"),
        (["1"], "float32", "astype"),
        ([1.0], "complex64", "astype"),
        ([None], "float32", "holds None at [0]"),
        (np.array(["2020-01-01"], "M8[D]"), "int64", "astype"),
        ([[1.0], [1.0, 2.0]], "float32", "item [0] has shape (1,), but item [1] has shape (2,)"),
        (
            [np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 4))],
            "float32",
            "item [2] has shape (2, 4)",
        ),
        ([[[1], [2, 3]]], "float32", "ragged"),
        ({1.0, 2.0}, "float32", "list(x)"),
        ((n for n in [1.0]), "float32", "list(x)"),
        ({"a": 1.0}, "float32", "is a dict"),
        (None, "float32", "is None"),
        ({"a"}, "string", "make it a list"),
        (Path("a.png"), "string", "Image(path)"),
        ([2**64], "uint64", "holds 18446744073709551616 at [0], but"),
        ([2**63, -1], "uint64", "-1..9223372036854775808"),
        ([2**63, 1], "int64", "1..9223372036854775808"),
        ([2**64 + 1], "float64", "exactly"),
        ([10**400], "float64", "exactly"),
        (np.array([np.inf]), "float8_e4m3fn", "infinite values"),
        ({"b64": "AAAA"}, "string", "the bytes themselves"),
        ([["a"], ["b", "c"]], "string", "ragged"),
        ([1], "string", "int"),
        (["\ud800"], "string", "Unicode"),
        (np.ma.MaskedArray([1.0], [True]), "float32", "masked"),
    ],
)
def test_anything_else_is_refused(value: Any, dtype: str, words: str | None) -> None:
    if words is None:
        prepare(value, dtype)
        return
    with pytest.raises(InvalidInput, match=r"model 'm', signature 's': input 'x'") as caught:
        prepare(value, dtype)
    assert words in str(caught.value)
    assert "validate=False" in str(caught.value)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_become_floats_only_if_nothing_is_lost(values: list[int]) -> None:
    try:
        array = prepare(np.array(values, np.int64), "float32")
    except InvalidInput:
        assert any(int(np.float64(np.float32(v))) != v for v in values)
    else:
        assert [int(x) for x in array] == values


@pytest.mark.parametrize(
    "value",
    [
        [b"a\x00", b""],
        ["é", b"\xff\x00"],
        np.array([b"a", "b"], object),
        [["a"], ["b"]],
        "scalar",
        np.array(["x", "yy"]),
        [bytearray(b"m"), memoryview(b"n")],
    ],
)
def test_strings_keep_every_byte(value: Any) -> None:
    array = prepare(value, "string")
    assert array.dtype == object
    while isinstance(value, list) and isinstance(value[0], list):
        value = [item for row in value for item in row]
    items = [value] if isinstance(value, str) else list(value)
    assert array.reshape(-1).tolist() == [
        item.encode() if isinstance(item, str) else bytes(item) for item in items
    ]


@pytest.mark.parametrize(
    ("shape", "declared", "advice"),
    [
        ((3,), (-1, 1), "(3, 1)"),
        ((28, 28, 1), (-1, 28, 28, 1), "(1, 28, 28, 1)"),
        ((5,), (-1, -1), "(1, 5)"),
        ((4, 784), (-1, 28, 28, 1), "(4, 28, 28, 1)"),
        ((784,), (-1, 28, 28, 1), "(1, 28, 28, 1)"),
        ((1, 1), (-1,), "(1,)"),
        ((), (-1,), "(1,)"),
    ],
)
def test_a_wrong_shape_comes_with_the_line_to_write(
    shape: tuple[int, ...], declared: tuple[int, ...], advice: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        prepare(np.zeros(shape), "float32", declared)
    assert f"has shape {shape}, but the signature wants float32 {list(declared)}" in str(
        caught.value
    )
    assert f"numpy.reshape(x, {advice})" in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "declared"),
    [((1, 3, 224, 224), (-1, 224, 224, 3)), ((3, 224, 224), (-1, 224, 224, 3)), ((7,), (2, 3))],
)
def test_no_reshape_that_could_scramble_is_proposed(
    shape: tuple[int, ...], declared: tuple[int, ...]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        prepare(np.zeros(shape, np.uint8), "float32", declared)
    assert "reshape" not in str(caught.value)


def test_names_are_checked_all_at_once() -> None:
    spec = signature(("input_ids", "int64", None), ("mask", "int64", None), ("k", "int64", None))
    with pytest.raises(InvalidInput) as caught:
        build_predict("m", {"inputids": [1], "extra_thing": [1], "k": [1]}, signature=spec)
    text = str(caught.value)
    assert "no input 'inputids' (did you mean 'input_ids'?)" in text
    assert "'extra_thing'" in text
    assert "input 'mask' is missing" in text


def test_the_missing_input_is_guessed_for_one_wrong_name_only() -> None:
    spec = signature(("x", "int64", None))
    with pytest.raises(InvalidInput, match=r"no input 'one' \(did you mean 'x'\?\)"):
        build_predict("m", {"one": 1}, signature=spec)
    with pytest.raises(InvalidInput, match="no input 'one'; there is no input 'two'; "):
        build_predict("m", {"one": 1, "two": 2}, signature=spec)


SPARSE = (("x", "int64", (-1, 2)), ("x_1", "float32", (-1,)), ("x_2", "int64", (2,)))
RAGGED = (("r", "string", (-1,)), ("r_1", "int64", (-1,)), ("r_2", "int64", (-1,)))


@pytest.mark.parametrize(
    ("specs", "advice"),
    [
        (SPARSE, "x, x_1 and x_2 look like one SparseTensor: its indices, values and dense_shape"),
        (RAGGED[:2], "r and r_1 look like one RaggedTensor: its flat_values and row_splits"),
        (RAGGED, "r, r_1 and r_2 look like one RaggedTensor: its flat_values and nested_row_spl"),
        ((*SPARSE, ("x_3", "float32", (-1,))), "x, x_1 and x_2 look like one SparseTensor"),
        ((("a", "float32", (-1,)), ("a_1", "float32", (-1,))), None),
        ((("r", "float32", ()), ("r_1", "int64", (-1,))), None),
        ((("x", "int64", (-1, 3)), *SPARSE[1:]), None),
    ],
)
def test_parts_of_what_is_not_dense_are_named(specs: Any, advice: str | None) -> None:
    name = specs[0][0]
    for inputs in ({name: np.eye(2)}, np.eye(2), {}):
        with pytest.raises(InvalidInput) as caught:
            build_predict("m", inputs, signature=signature(*specs))
        text = str(caught.value)
        assert "look like" not in text if advice is None else advice in text
    with pytest.raises(InvalidInput, match="validate=False"):  # the parts are all there
        build_predict("m", {n: [0] for n, _, _ in specs} | {"z": 1}, signature=signature(*specs))


def test_an_input_with_a_default_may_be_left_out() -> None:
    spec = signature(("x", "float32", None), ("k", "float32", None), defaults="k")
    assert set(build_predict("m", {"x": [1.0]}, signature=spec).tensors) == {"x"}


def test_a_lone_value_goes_to_the_only_input_and_rows_are_stacked() -> None:
    one = signature(("x", "float32", (-1,)))
    two = signature(("a", "float32", (-1,)), ("b", "string", (-1,)))
    assert build_predict("m", [1.0, 2.0], signature=one).tensors["x"].array.tolist() == [1, 2]
    matrix = np.ones((2, 1), np.float32).data  # a Sequence that cannot be iterated
    request = build_predict("m", matrix, signature=signature(("x", "float32", (-1, 1))))
    assert request.tensors["x"].array.shape == (2, 1)
    rows = build_predict("m", [{"a": 1.0, "b": "p"}, {"a": 2.0, "b": "q"}], signature=two)
    assert rows.tensors["a"].array.tolist() == [1, 2]
    assert rows.tensors["b"].array.tolist() == [b"p", b"q"]
    with pytest.raises(InvalidInput, match="has 2 inputs"):
        build_predict("m", [1.0], signature=two)
    with pytest.raises(InvalidInput, match="row 1"):
        build_predict("m", [{"a": 1.0, "b": "p"}, {"a": 2.0}], signature=two)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1.0, 2.0], "float32"),
        ([1, 2], "int32"),
        ([2**40], "int64"),
        (np.array([1.0]), "float64"),
        (np.float64(1), "float64"),
        ("text", "string"),
        ([True], "bool"),
        (np.array([1], ml_dtypes.int4), "int4"),
        ([np.float64(1)], "float64"),
        ([np.ones(2)], "float64"),
        ([], "float32"),
        ([2**63, 1], "uint64"),
        ([["a"], [b"b"]], "string"),
        (1j, "complex128"),
    ],
)
def test_without_a_signature_values_are_what_they_are(value: Any, dtype: str) -> None:
    assert as_they_are({"x": value}, model="m", signature=None)["x"].dtype == dtype


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            [2**24 + 1, 1.5],
            "16777217 at [0], which float32 cannot hold exactly; pass a numpy array",
        ),
        ([1.5, 2**24 + 1], "16777217 at [1], which float32"),
        ([np.array([2**53 + 1]), np.array([1.5])], "9007199254740993 at [0][0], which float64"),
        ([1j, 2**53 + 1], "9007199254740993 at [1], which float64"),
    ],
)
def test_without_a_signature_no_integer_is_rounded(value: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        as_they_are({"x": value}, model="m", signature=None)
    assert words in str(refused.value)
    assert as_they_are({"x": [2**24, 1.5]}, model="m", signature=None)["x"].dtype == "float32"


def test_what_fits_is_not_copied() -> None:
    picture = np.zeros((1, 224, 224, 3), np.float32)
    assert np.shares_memory(prepare(picture, "float32", (-1, 224, 224, 3)), picture)
    assert np.shares_memory(prepare(picture[:, ::2], "float32"), picture)
    words = np.array([b"a", b"b"], object)
    assert prepare(words, "string").tolist() == [b"a", b"b"]


def test_an_array_of_no_rows_keeps_its_shape() -> None:
    assert prepare(np.empty((0, 3), object), "string", (-1, 3)).shape == (0, 3)
    assert prepare(np.empty((0, 3)), "float32", (-1, 3)).shape == (0, 3)


class Foreign:
    """A tensor of another library, which numpy asks for an array."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if isinstance(self.array, Exception):
            raise self.array
        return np.asarray(self.array, dtype)


def test_tensors_of_other_libraries_come_through_numpy() -> None:
    array = np.array([1.5, 2.5], ml_dtypes.bfloat16)
    np.testing.assert_array_equal(prepare(Foreign(array), "float32"), [1.5, 2.5])
    assert prepare(Foreign(np.array([b"a"], object)), "string").tolist() == [b"a"]
    assert as_they_are({"x": Foreign(np.ones(2))}, model="m", signature=None)["x"].dtype == (
        "float64"
    )


def test_a_tensor_that_numpy_cannot_take_comes_with_the_line_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = Foreign(TypeError("Got unsupported ScalarType BFloat16"))  # as torch says it
    with pytest.raises(InvalidInput, match="unsupported ScalarType"):
        prepare(value, "bfloat16")
    monkeypatch.setattr(Foreign, "__module__", "torch")
    with pytest.raises(InvalidInput) as caught:  # nothing that was tried works
        prepare(value, "bfloat16")
    assert "write" not in str(caught.value)
    for name in ("detach", "cpu"):
        monkeypatch.setattr(Foreign, name, lambda self: self, raising=False)
    monkeypatch.setattr(Foreign, "numpy", Foreign.__array__, raising=False)
    monkeypatch.setattr(Foreign, "float", lambda _: Foreign(np.ones(1)), raising=False)
    with pytest.raises(InvalidInput, match=r"write x.detach\(\).cpu\(\).float\(\).numpy\(\)"):
        prepare(value, "bfloat16")


# Messages, of TensorFlow's pool or any other.


def message(name: str, data: bytes) -> Any:
    """A message of a pool that is neither ours nor TensorFlow's."""
    files = descriptor_pb2.FileDescriptorSet.FromString(
        (files_of("tfsclient._codec") / "protos.binpb").read_bytes()
    )
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name)).FromString(data)


def tensor_proto(array: Any, dtype: str) -> Any:
    return message("tensorflow.TensorProto", b"".join(encode_tensor(Tensor(DType(dtype), array))))


def test_a_tensor_proto_is_checked_like_any_array() -> None:
    proto = tensor_proto(np.array([[1.5], [2.5]]), "float64")
    np.testing.assert_array_equal(prepare(proto, "float32", (-1, 1)), [[1.5], [2.5]])
    with pytest.raises(InvalidInput, match=r"has shape \(2, 1\)"):
        prepare(proto, "float32", (-1, 2))
    with pytest.raises(InvalidInput, match="float64, but the signature wants int32"):
        prepare(proto, "int32")
    assert prepare(tensor_proto(np.array([b"a"], object), "string"), "string").tolist() == [b"a"]
    quantized = tensor_proto(np.array([1], np.int8), "qint8")
    assert as_they_are({"x": quantized}, model="m", signature=None)["x"].dtype == "qint8"
    lying = message("tensorflow.TensorProto", b"\x08\x01\x12\x04\x12\x02\x08\x05\x22\x01a")
    with pytest.raises(InvalidInput, match="TensorProto that cannot be read"):
        prepare(lying, "float32")


# Examples.

AGE = FeatureSpec("age", DType("float32"), required=True)
TAKES_EXAMPLES = Signature(
    "s",
    {"examples": TensorSpec("examples", STRING, (-1,))},
    {"y": TensorSpec("y", DType("float32"), None)},
    example_input="examples",
    features={"age": AGE, "city": FeatureSpec("city", STRING)},
)


def features(serialized: bytes) -> dict[str, Any]:
    return {name: list(values.values) for name, values in features_of(serialized).items()}


def test_examples_are_serialized_as_the_model_parses_them() -> None:
    proto = message("tensorflow.Example", Example({"age": 3.0, "city": "Oslo"}).to_bytes())
    row = {"age": 3, "city": "Oslo"}
    for value in ([row], [Example(row)], [proto], row, Example(row), proto):
        named = {"examples": value}
        array = build_predict("m", named, signature=TAKES_EXAMPLES).tensors["examples"].array
        assert array.shape == (1,)
        assert features(array[0]) == {"age": [3.0], "city": [b"Oslo"]}
    lone = build_predict("m", [row, row], signature=TAKES_EXAMPLES).tensors["examples"].array
    assert lone.shape == (2,)
    with pytest.raises(InvalidInput, match=r"input 'examples' holds, as example 1: .*'ag'"):
        build_predict("m", [row, {"ag": 3}], signature=TAKES_EXAMPLES)


def test_rows_that_name_the_input_are_stacked_as_ever() -> None:
    rows = [{"examples": b"a"}, {"examples": b"b"}]
    array = build_predict("m", rows, signature=TAKES_EXAMPLES).tensors["examples"].array
    assert array.tolist() == [b"a", b"b"]


def test_examples_go_to_any_string_input_by_name() -> None:
    assert features(prepare([{"age": 3}], "string", (-1,))[0]) == {"age": [3]}
    assert prepare(Example({"age": 3}), "string", (-1, 1)).shape == (1, 1)
    tensor = as_they_are({"x": [{"age": 3}]}, model="m", signature=None)["x"]
    assert features(tensor.array[0]) == {"age": [3]}
    sequence = message("tensorflow.SequenceExample", b"")
    assert prepare([sequence], "string").tolist() == [b""]


def test_without_a_signature_what_is_no_tensor_is_still_refused() -> None:
    for value in (
        object(),
        np.array(["2020"], "M8[Y]"),
        [1e300],
        [[1.0], [1.0, 2.0]],
        [1.5, "a"],
        ["a", 1.5],
        [2**64],
        {1, 2},
    ):
        with pytest.raises(InvalidInput):
            as_they_are({"x": value}, model="m", signature=None)


def test_examples_of_all_forms_may_be_mixed() -> None:
    example = Example({"x": 1.0})
    data = example.to_bytes()
    for mixed in ([data, {"x": 1.0}, example], [example, data, {"x": 1.0}]):
        assert prepare(mixed, "string", (-1,)).tolist() == [data] * 3
