"""pandas and pyarrow tables as inputs: columns by name, or rows as Examples."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from tests.conftest import missing
from tfsclient import (
    DType,
    Example,
    InvalidInput,
    PredictRequest,
    Signature,
    TensorSpec,
    build_predict,
)
from tfsclient._inputs.example import features_of
from tfsclient.schema import CLASSIFY, FeatureSpec

Table = Callable[[dict[str, Any]], Any]


def library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        missing(name)


@pytest.fixture
def pandas() -> Any:
    return library("pandas")


@pytest.fixture
def pyarrow() -> Any:
    return library("pyarrow")


@pytest.fixture(params=["pandas", "pandas[pyarrow]", "pyarrow", "batch"])
def table(request: pytest.FixtureRequest) -> Table:
    """A function that makes a table of each kind of a dict of lists or arrays."""
    if request.param == "pandas":
        return library("pandas").DataFrame  # type: ignore[no-any-return]
    arrow = library("pyarrow")
    if request.param == "pyarrow":
        return arrow.table  # type: ignore[no-any-return]
    if request.param == "batch":
        return arrow.RecordBatch.from_pydict  # type: ignore[no-any-return]
    frames = library("pandas")

    def backed(columns: dict[str, Any]) -> Any:
        return arrow.table(columns).to_pandas(types_mapper=frames.ArrowDtype)

    return backed


def signature(*specs: tuple[str, str, tuple[int, ...] | None], **more: Any) -> Signature:
    inputs = {name: TensorSpec(name, DType(dtype), shape) for name, dtype, shape in specs}
    return Signature("s", inputs, {"y": TensorSpec("y", DType("float32"), None)}, **more)


def build(inputs: Any, *specs: tuple[str, str, tuple[int, ...] | None]) -> PredictRequest:
    return build_predict("m", inputs, signature=signature(*specs))


def prepare(value: Any, dtype: str, shape: tuple[int, ...] | None = None) -> Any:
    return build({"x": value}, ("x", dtype, shape)).tensors["x"].array


def refused(value: Any, dtype: str, shape: tuple[int, ...] | None = None) -> str:
    with pytest.raises(InvalidInput, match="input 'x'") as caught:
        prepare(value, dtype, shape)
    return str(caught.value)


def test_columns_are_the_inputs_of_their_names(table: Table) -> None:
    request = build(
        table(
            {
                "age": np.array([3, 4], np.int64),
                "city": ["Oslo", "Rīga"],
                "raw": [b"\x00a", b"\x00"],
                "pixels": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
                "words": [["a", "b"], ["c", "d"]],
                "member": [True, False],
            }
        ),
        ("age", "float32", (-1, 1)),
        ("city", "string", (-1,)),
        ("raw", "string", (-1, 1)),
        ("pixels", "float32", (-1, 3)),
        ("words", "string", (-1, 2)),
        ("member", "bool", (-1,)),
    )
    arrays = {name: tensor.array for name, tensor in request.tensors.items()}
    assert arrays["age"].tolist() == [[3], [4]]
    assert arrays["age"].dtype == np.float32
    assert arrays["city"].tolist() == [b"Oslo", "Rīga".encode()]
    assert arrays["raw"].tolist() == [[b"\x00a"], [b"\x00"]]
    assert arrays["pixels"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert arrays["words"].tolist() == [[b"a", b"b"], [b"c", b"d"]]
    assert arrays["member"].tolist() == [True, False]


def test_other_columns_are_refused_with_the_line_that_drops_them(table: Table) -> None:
    frame = table({"x": [1.0], "id": [7], "note": ["n"]})
    with pytest.raises(InvalidInput, match="no input 'id'") as caught:
        build(frame, ("x", "float32", (-1,)))
    text = str(caught.value)
    assert "no input 'note'" in text
    line = text.partition("drop others: ")[2].partition(";")[0]
    assert build(eval(line, {"table": frame}), ("x", "float32", (-1,))).tensors["x"].array == [1]


def test_a_table_for_one_input_is_a_matrix(table: Table) -> None:
    frame = table({"a": [1, 2], "b": [0.5, 1.5]})
    assert prepare(frame, "float32", (-1, 2)).tolist() == [[1, 0.5], [2, 1.5]]
    with pytest.raises(InvalidInput, match=r"as one matrix: \{'x': table\}"):
        build(frame, ("x", "float32", (-1, 2)))
    large = table({"a": [2**53 + 1], "b": [0.5]})
    assert "has the column 'a', which holds 9007199254740993 at [0]" in refused(large, "float64")


def test_nulls_are_refused_where_they_are(table: Table) -> None:
    frame = table({"x": ["a", None, None], "y": ["a", "b", "c"]})
    with pytest.raises(InvalidInput, match="input 'x' holds 2 nulls, the first in row 1"):
        build(frame, ("x", "string", (-1,)), ("y", "string", (-1,)))


def test_nullable_columns_without_nulls_are_numbers(pandas: Any, pyarrow: Any) -> None:
    for dtype, kind in (("Int64", "int32"), ("Float32", "float32"), ("boolean", "bool")):
        series = pandas.Series([1, 0], dtype=dtype)
        assert prepare(series, kind, (-1, 1)).tolist() == [[1], [0]]
        assert "fillna" in refused(pandas.Series([1, None], dtype=dtype), kind)
    assert "fill_null" in refused(pyarrow.array([1, None]), "float32")
    with pytest.raises(InvalidInput, match="feature 'x' holds a null in row 1"):
        Example({"x": pandas.Series([1, None], dtype="Int64")}).to_bytes()
    assert "a null inside the list in row 1" in refused(pyarrow.array([[1], [None]]), "int64")
    assert "holds None at [0][1]" in refused(pandas.Series([[1, None]]), "int64")
    assert np.isnan(prepare(pandas.Series([float("nan")]), "float32")).all()


def test_times_and_categories_come_with_the_line_to_write(pandas: Any, pyarrow: Any) -> None:
    times = [dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)]
    for column in (pandas.Series(times), pyarrow.array(times)):
        text = refused(column, "int64")
        line = text.partition("write ")[2].partition(" for")[0]
        assert prepare(eval(line, {"column": column}), "int64").shape == (1,)
    date = pyarrow.array([dt.date(1970, 1, 3)])
    line = refused(date, "int32").partition("write ")[2].partition(" for")[0]
    assert prepare(eval(line, {"column": date}), "int32").tolist() == [2]
    assert "timedelta" in refused(pandas.Series([dt.timedelta(1)]), "int64")
    for column in (
        pandas.Series(["b"], dtype="category"),
        pyarrow.array(["b"]).dictionary_encode(),
    ):
        labels, _, codes = refused(column, "string").partition("write ")[2].partition(" or ")
        codes = codes.partition("\n")[0]
        assert prepare(eval(labels, {"column": column}), "string").tolist() == [b"b"]
        assert prepare(eval(codes, {"column": column}), "int64").tolist() == [0]


def test_arrow_columns_of_any_kind(pyarrow: Any) -> None:
    chunked = pyarrow.chunked_array([[1, 2], [3]])
    assert prepare(chunked, "int64", (-1,)).tolist() == [1, 2, 3]
    lists = pyarrow.chunked_array([[[[1], [2]]], [[[3], [4]]]])
    assert prepare(lists, "int64", (-1, 2, 1)).tolist() == [[[1], [2]], [[3], [4]]]
    fixed = pyarrow.array([[1, 2], [3, 4]], pyarrow.list_(pyarrow.float32(), 2))
    assert prepare(fixed[1:], "float32", (-1, 2)).tolist() == [[3, 4]]
    tensors = pyarrow.ExtensionArray.from_storage(
        pyarrow.fixed_shape_tensor(pyarrow.int8(), [1, 2]),
        pyarrow.array([[1, 2]], pyarrow.list_(pyarrow.int8(), 2)),
    )
    assert prepare(tensors, "int8", (-1, 1, 2)).tolist() == [[[1, 2]]]
    assert "row 0 holds 2 values, but row 1 holds 1" in refused(
        pyarrow.array([[1, 2], [3]]), "int64"
    )
    numbers = pyarrow.array([1.5, 2.5])
    assert np.shares_memory(prepare(numbers, "float64"), numbers.to_numpy())


def test_ragged_cells_and_twin_names(pandas: Any) -> None:
    assert "ragged" in refused(pandas.Series([[1], [2, 3]]), "int64")
    twins = pandas.DataFrame([[1.0, 2.0]], columns=["x", "x"])
    with pytest.raises(InvalidInput, match="two columns of the same name"):
        build(twins, ("x", "float32", (-1,)))


FEATURES = {
    "age": FeatureSpec("age", DType("float32"), required=True),
    "city": FeatureSpec("city", DType("string")),
}


@pytest.mark.parametrize(
    "known", [{"example_input": "examples", "features": FEATURES}, {"method": CLASSIFY}]
)
def test_rows_become_examples_where_they_are_what_the_model_takes(
    table: Table, known: dict[str, Any]
) -> None:
    takes = signature(("examples", "string", (-1,)), **known)
    frame = table({"age": [30.0, 40.0], "city": ["Oslo", None]})
    rows = build_predict("m", frame, signature=takes).tensors["examples"].array.tolist()
    read = [{k: list(v.values) for k, v in features_of(row).items()} for row in rows]
    assert read == [{"age": [30.0], "city": [b"Oslo"]}, {"age": [40.0]}]
    serialized = table({"examples": [b"a", b"b"]})
    array = build_predict("m", serialized, signature=takes).tensors["examples"].array
    assert array.tolist() == [b"a", b"b"]


def test_where_examples_are_not_known_the_line_is_told(table: Table) -> None:
    with pytest.raises(InvalidInput, match=r"Example\(row\) for row in table.to_"):
        build(table({"age": [30.0]}), ("examples", "string", (-1,)))
