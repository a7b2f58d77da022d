"""Values to tensors: what is taken, what is refused, and what the refusal says."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsclient import DType, InvalidInput, Signature, TensorSpec, build_predict
from tfsclient.inputs import as_they_are


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
        ([True], "float32", "astype"),
        ([1], "bool", "astype"),
        (["1"], "float32", "astype"),
        ([1.0], "complex64", "astype"),
        ([None], "float32", "Python objects"),
        (np.array(["2020-01-01"], "M8[D]"), "int64", "astype"),
        ([[1.0], [1.0, 2.0]], "float32", "inhomogeneous"),
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


def test_an_input_with_a_default_may_be_left_out() -> None:
    spec = signature(("x", "float32", None), ("k", "float32", None), defaults="k")
    assert set(build_predict("m", {"x": [1.0]}, signature=spec).tensors) == {"x"}


def test_a_lone_value_goes_to_the_only_input_and_rows_are_stacked() -> None:
    one = signature(("x", "float32", (-1,)))
    two = signature(("a", "float32", (-1,)), ("b", "string", (-1,)))
    assert build_predict("m", [1.0, 2.0], signature=one).tensors["x"].array.tolist() == [1, 2]
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
    ],
)
def test_without_a_signature_values_are_what_they_are(value: Any, dtype: str) -> None:
    assert as_they_are({"x": value}, model="m", signature=None)["x"].dtype == dtype


def test_without_a_signature_what_is_no_tensor_is_still_refused() -> None:
    for value in (object(), np.array(["2020"], "M8[Y]"), [1e300], [[1.0], [1.0, 2.0]]):
        with pytest.raises(InvalidInput):
            as_they_are({"x": value}, model="m", signature=None)
