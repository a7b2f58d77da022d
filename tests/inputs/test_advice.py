"""Refusals say which item is wrong, and advice is given only if it works and loses nothing."""

from __future__ import annotations

import datetime as dt
import io
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsclient import Example, InvalidInput, Signature, TensorSpec, build_predict
from tfsclient._inputs.prepare import as_they_are
from tfsclient.schema import CLASSIFY, FeatureSpec

Y = {"y": TensorSpec("y", "float32", None)}


def signature(dtype: str, shape: tuple[int, ...] | None = None, **more: Any) -> Signature:
    return Signature("s", {"x": TensorSpec("x", dtype, shape)}, Y, **more)


def prepare(value: Any, dtype: str) -> Any:
    return build_predict("m", {"x": value}, signature=signature(dtype)).tensors["x"].array


def refused(value: Any, dtype: str) -> str:
    with pytest.raises(InvalidInput, match="input 'x'") as caught:
        prepare(value, dtype)
    return caught.value.details


NOW = dt.datetime(2020, 1, 2, tzinfo=dt.timezone.utc)
LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        ([1.0, None], "float32", "holds None at [1], but the signature wants float32; leave out"),
        ([[1, 2], [3, None]], "int64", "holds None at [1][1]"),
        ([[1, 2], None], "float32", "holds None at [1]"),
        (np.array([[1, 2], [3, None]], object), "float32", "holds None at [1][1]"),
        ([1, NOW], "float32", "at [1], but the signature wants float32; item.timestamp()"),
        ([1, NOW.date()], "float32", "item.toordinal()"),
        ([NOW - NOW], "float32", "item.total_seconds()"),
        ([1.0, b"x"], "float32", "holds b'x' at [1]"),
        ([1, "a"], "float32", "holds 'a' at [1]"),
        (["1", "a"], "float32", "holds 'a' at [1]"),
        ([{"a": 1}], "float32", "holds {'a': 1} at [0]"),
        ([[1], {"a": 1}], "float32", "holds {'a': 1} at [1]"),
        ([[1.0], [Decimal("1.5")]], "int32", "which cannot hold Decimal('1.5') at [1][0]"),
        ([1, [2]], "float32", "item [0] is not a list, but item [1] has shape (1,)"),
        ([[[1], [2, 3]]], "float32", "item [0][0] has shape (1,), but item [0][1] has shape (2,)"),
        (LOOP, "float32", "nested more than 64 deep"),
        ([1.0, 2.5], "int32", "which cannot hold 2.5 at [1]"),
        ([0.0, float("nan")], "int32", "which cannot hold nan at [1]"),
        ([300.0], "uint8", "which cannot hold 300.0 at [0]"),
        ([0, 2], "bool", "which cannot hold 2 at [1]"),
        ([1 + 0j, 2j], "float32", "holds 2j at [1], but the signature wants float32, which has no"),
        (["16777217"], "float32", "holds '16777217' at [0]"),
        (["1e400"], "float32", "holds '1e400' at [0]"),
        (["300"], "uint8", "holds '300' at [0]"),
        (["False"], "bool", "holds 'False' at [0]"),
        (["1.5"], "bfloat16", "holds '1.5' at [0]"),
        (
            np.array(["2020", "NaT"], "M8[Y]"),
            "int64",
            f"which cannot hold {np.datetime64('NaT', 'Y')!r} at [1]",
        ),
        (np.array(["2020-01-01"], "M8[ns]"), "int32", "at [0]"),
        ([1, 2, 300], "uint8", "holds 1..300 (300 at [2]), but the range of uint8 is 0..255"),
        ([[0], [2**24 + 1]], "float32", "holds 16777217 at [1][0], which float32 cannot hold"),
        ([0.0, 1e300], "float32", "holds 1e+300 at [1]"),
        ([10**5000], "uint64", "an int of 16610 bits"),
        ([10**5000], "float64", "an int of 16610 bits"),
        (np.array([(1, 2.0)], "i4,f4"), "float32", "but the signature wants float32"),
        (["a", None], "string", "holds None at [1], but the signature wants str or bytes"),
        ([["a"], [1]], "string", "holds an int (1) at [1][0]"),
        ([["a"], ["b", "c"]], "string", "item [0] has shape (1,), but item [1] has shape (2,)"),
        (["a", "\ud800"], "string", "holds text at [1] that is not Unicode"),
    ],
)
def test_the_item_is_named_and_nothing_is_advised_that_loses_it(
    value: Any, dtype: str, words: str
) -> None:
    text = refused(value, dtype)
    assert words in text
    assert "astype" not in text


NUMBERS = ["float16", "float32", "float64", "bfloat16", "int4", "uint8", "int32", "int64",
           "complex64", "bool"]  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers() | st.integers(-300, 300) | st.floats() | st.text()
    | st.integers(-300, 300).map(float) | st.integers(-300, 300).map(str)
    | st.floats().map(str) | st.decimals() | st.fractions() | st.binary(max_size=2)
    | st.complex_numbers() | st.integers(0, 9).map(complex) | st.datetimes() | st.timedeltas()
    | st.integers(0, 99).map(lambda n: np.timedelta64(n, "s"))
)  # fmt: skip


def same(before: Any, after: Any) -> bool:
    """Whether a number is what its item was, but for the rounding of a fraction."""
    if isinstance(before, bytes):
        before = before.decode()
    if isinstance(before, str):
        try:
            before = int(before)
        except ValueError:
            before = complex(before)
    if isinstance(before, np.timedelta64):
        before = int(before.astype(np.int64))
    if isinstance(before, Decimal | Fraction):
        number = float(before)
        before = int(before) if np.isfinite(number) and before == int(before) else number
    if before != before or after != after:
        return bool(before != before and after != after)
    if isinstance(before, int) or before in (np.inf, -np.inf) or complex(before).imag:
        return bool(before == after)
    return bool(np.isclose(complex(before), complex(after), rtol=1e-2, atol=1e-6))


@given(
    st.lists(scalars, min_size=1, max_size=3) | st.lists(st.lists(scalars, max_size=2), max_size=2),
    st.sampled_from(NUMBERS),
)
def test_advice_works_on_the_value_at_hand(value: list[Any], dtype: str) -> None:
    try:
        prepare(value, dtype)
    except InvalidInput as error:
        lines = re.findall(r"numpy\.(?:asarray|real)\(x\)(?:\.astype\([\w.]+\))?", error.details)
    else:
        return
    for line in lines:
        array = eval(line, {"numpy": np, "ml_dtypes": ml_dtypes, "x": value})
        made = prepare(array, dtype)
        items = np.array(value, object).ravel().tolist() if value else []
        if made.size == len(items):
            pairs = zip(items, made.ravel().tolist(), strict=True)
            assert all(same(before, after) for before, after in pairs)


@pytest.mark.parametrize(
    ("value", "dtype", "line"),
    [
        (["1", "2"], "float32", "numpy.asarray(x).astype(numpy.float32)"),
        ("1.5", "float64", "numpy.asarray(x).astype(numpy.float64)"),
        ([True], "float32", "numpy.asarray(x).astype(numpy.float32)"),
        ([1, 0], "bool", "numpy.asarray(x).astype(numpy.bool_)"),
        ([1.0], "int4", "numpy.asarray(x).astype(ml_dtypes.int4)"),
        ([Decimal("1.5")], "float32", "numpy.asarray(x).astype(numpy.float32)"),
        (np.array(["2020-01-01"], "M8[D]"), "int32", "numpy.asarray(x).astype(numpy.int32)"),
        ([1 + 0j], "float32", "numpy.real(x)"),
        ([1 + 0j], "int32", "numpy.real(x).astype(numpy.int32)"),
    ],
)
def test_advice_is_given_where_nothing_is_lost(value: Any, dtype: str, line: str) -> None:
    assert line in refused(value, dtype)
    assert (
        prepare(eval(line, {"numpy": np, "ml_dtypes": ml_dtypes, "x": value}), dtype).size == 1 or 2
    )


def test_pictures_are_named_where_text_stands_for_numbers() -> None:
    spec = signature("float32", (-1, 8, 8))
    for value, line in (
        ("scan.png", "Image('scan.png')"),
        (Path("scan.png"), "Image('scan.png')"),
        (["a.png", "b.png"], "Image('a.png')"),
        ([Path("a.png")], "Image('a.png')"),
        (b"\x89PNG\r\n", "Image(...)"),
        (io.BytesIO(b""), "Image(x)"),
    ):
        for inputs in (value, {"x": value}):
            with pytest.raises(InvalidInput) as caught:
                build_predict("digits", inputs, signature=spec)
            assert line in caught.value.details
            assert "astype" not in caught.value.details
    with pytest.raises(InvalidInput) as caught:
        build_predict("digits", "a text", signature=spec)  # not the name of a file
    assert "Image" not in caught.value.details
    assert "Image(file)" in refused(io.BytesIO(b""), "string")


ROW: dict[str, Any] = {"age": 3, "city": "Oslo"}
ROWS: list[dict[str, Any]] = [ROW, {"age": 4}]


def test_rows_of_features_are_named_where_a_model_takes_examples() -> None:
    features = {"age": FeatureSpec("age", "int64"), "city": FeatureSpec("city", "string")}
    for spec, words in (
        (signature("string", (-1,)), "if the model takes tf.Examples, write "),
        (signature("string", (-1,), method=CLASSIFY), "the model takes tf.Examples: write "),
        (signature("string", (-1,), example_input="x", features=features), "Examples: write "),
    ):
        with pytest.raises(InvalidInput, match="no input 'age'") as caught:
            build_predict("m", ROW, signature=spec)
        assert words + "Example({...})" in str(caught.value.hint)
        assert build_predict("m", Example(ROW), signature=spec).tensors["x"].array.size == 1
    spec = signature("string", (-1,))
    for rows in (ROWS, [ROW, ROW]):
        with pytest.raises(InvalidInput) as caught:
            build_predict("m", rows, signature=spec)
        assert "[Example(row) for row in rows]" in str(caught.value.hint)
    examples = build_predict("m", [Example(row) for row in ROWS], signature=spec)
    assert examples.tensors["x"].array.shape == (2,)


def test_no_example_is_advised_where_none_would_do() -> None:
    cases: list[tuple[Any, Signature]] = [
        (ROW, signature("float32")),
        ({"a": [1, 2.5]}, signature("string")),  # a feature holds either
        ({"x": "a", "z": "b"}, signature("string")),
        ({3: "a"}, signature("string")),
    ]
    for inputs, spec in cases:
        with pytest.raises(InvalidInput) as caught:
            build_predict("m", inputs, signature=spec)
        assert "Example" not in str(caught.value)


def test_a_feature_called_b64_is_taken_where_the_model_has_it() -> None:
    spec = signature(
        "string", (-1,), example_input="x", features={"b64": FeatureSpec("b64", "string")}
    )
    assert build_predict("m", [{"b64": "aGk="}], signature=spec).tensors["x"].array.size == 1
    assert "the bytes themselves" in refused([{"b64": "aGk="}], "string")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1.0, None], "holds None at [1], which is not a number"),
        ([1, "a"], "holds 'a' at [1]"),
        (["a", 1], "holds an int (1) at [1]"),
        ([[1], [NOW]], "at [1][0]"),
    ],
)
def test_without_a_signature_the_item_is_named_too(value: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match="input 'x'") as caught:
        as_they_are({"x": value}, model="m", signature=None)
    assert words in caught.value.details


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1, None], "feature 'f' holds None at [1]: leave out what is missing"),
        ([1.0, 1e39], "holds 1e+39 at [1], which float32 cannot hold"),
        ([1, "a"], "mixes int (1 at [0]) and str ('a' at [1])"),
        ([1, 2**63], "holds an integer of 64 bits at [1]"),
        (["a", NOW], "a datetime, which no feature has"),
        (["a", "\ud800"], "holds text at [1] that is not Unicode"),
        ([[1], [2, 3]], "item [0] has shape (1,), but item [1] has shape (2,)"),
        ([[1], [None]], "holds None at [1][0]"),
    ],
)
def test_features_name_the_item(value: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Example({"f": value}).to_bytes()
    assert words in caught.value.details
