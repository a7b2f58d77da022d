"""Tables and columns of any library with Arrow's interface; nulls come with its own remedy."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from tests.conftest import missing
from tfsclient import Example, InvalidInput, MissingExtra, Signature, TensorSpec, build_predict
from tfsclient._codec.example import encode_example
from tfsclient._inputs.example import contents_of, features_of
from tfsclient._inputs.prepare import as_they_are
from tfsclient.schema import FeatureSpec

Spec = tuple[str, str, tuple[int, ...] | None]
Table = Callable[[dict[str, Any]], Any]


def library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        missing(name)


polars, pyarrow = library("polars"), library("pyarrow")


class Stream:
    """A table or a column of a library that nobody knows."""

    def __init__(self, arrow: Any) -> None:
        self.arrow = arrow

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.arrow.__arrow_c_stream__(requested_schema)


class Lone:
    def __init__(self, arrow: Any) -> None:
        self.arrow = arrow

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self.arrow.__arrow_c_array__(requested_schema)


@pytest.fixture(params=["polars", "stream", "array", "pandas", "subclass"])
def table(request: pytest.FixtureRequest) -> Table:
    """What makes a table of a dict of lists."""
    if request.param == "polars":
        return polars.DataFrame  # type: ignore[no-any-return]
    if request.param == "stream":
        return lambda columns: Stream(pyarrow.table(columns))
    if request.param == "array":
        return lambda columns: Lone(pyarrow.RecordBatch.from_pydict(columns))
    frame = library("pandas").DataFrame
    if request.param == "pandas":
        return frame  # type: ignore[no-any-return]
    return type("Mine", (frame,), {"__module__": "elsewhere"})


def signature(*specs: Spec, **more: Any) -> Signature:
    inputs = {name: TensorSpec(name, dtype, shape) for name, dtype, shape in specs}
    return Signature("s", inputs, {"y": TensorSpec("y", "float32", None)}, **more)


def build(inputs: Any, *specs: Spec) -> dict[str, Any]:
    tensors = build_predict("m", inputs, signature=signature(*specs)).tensors
    return {name: tensor.array for name, tensor in tensors.items()}


def prepare(value: Any, dtype: str, shape: tuple[int, ...] | None = None) -> Any:
    return build({"x": value}, ("x", dtype, shape))["x"]


def refused(value: Any, dtype: str) -> str:
    with pytest.raises(InvalidInput, match="input 'x'") as caught:
        prepare(value, dtype)
    return caught.value.details


def test_columns_are_the_inputs_of_their_names(table: Table) -> None:
    frame = table(
        {
            "age": [3, 4],
            "city": ["Oslo", "Rīga"],
            "raw": [b"\x00a", b"\x00"],
            "pixels": [[1.0, 2.0], [3.0, 4.0]],
            "member": [True, False],
        }
    )
    specs: list[Spec] = [
        ("age", "float32", (-1, 1)),
        ("city", "string", (-1,)),
        ("raw", "string", (-1, 1)),
        ("pixels", "float32", (-1, 2)),
        ("member", "bool", (-1,)),
    ]
    arrays = build(frame, *specs)
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "age": [[3], [4]],
        "city": [b"Oslo", "Rīga".encode()],
        "raw": [[b"\x00a"], [b"\x00"]],
        "pixels": [[1, 2], [3, 4]],
        "member": [True, False],
    }
    with pytest.raises(InvalidInput, match="no input 'age'") as caught:
        build(frame, *specs[1:])
    line = str(caught.value.hint).partition("drop others: ")[2].partition(";")[0]
    assert build(eval(line, {"table": frame, "pyarrow": pyarrow}), *specs[1:]).keys() == {
        "city", "raw", "pixels", "member",
    }  # fmt: skip


def test_a_table_for_one_input_is_a_matrix(table: Table) -> None:
    frame = table({"a": [1, 2], "b": [0.5, float("nan")]})
    np.testing.assert_array_equal(prepare(frame, "float32", (-1, 2)), [[1, 0.5], [2, np.nan]])
    with pytest.raises(InvalidInput, match=r"as one matrix: \{'x': table\}"):
        build(frame, ("x", "float32", (-1, 2)))
    assert prepare(table({"a": []}), "float32", (-1, 1)).shape == (0, 1)


def test_nulls_are_refused_with_their_row(table: Table) -> None:
    frame = table({"x": ["a", None, None]})
    with pytest.raises(InvalidInput, match="input 'x' holds 2 nulls, the first in row 1"):
        build(frame, ("x", "string", None))
    with pytest.raises(InvalidInput, match="has the column 'x', which holds 2 nulls"):
        prepare(frame, "string")


def test_rows_become_examples(table: Table) -> None:
    features = {"age": FeatureSpec("age", "float32"), "city": FeatureSpec("city", "string")}
    takes = signature(("x", "string", (-1,)), example_input="x", features=features)
    frame = table({"age": [30.0, 40.0], "city": ["Oslo", None]})
    made = build_predict("m", frame, signature=takes).tensors["x"].array.tolist()
    assert made == list(map(encode_example, contents_of(frame, None, None)[0]))
    read = [{k: list(v.values) for k, v in features_of(row).items()} for row in made]
    assert read == [{"age": [30.0], "city": [b"Oslo"]}, {"age": [40.0]}]
    with pytest.raises(InvalidInput, match="if the model takes") as caught:
        build(table({"age": [30.0]}), ("x", "string", (-1,)))
    (line,) = re.findall(r"tf\.Examples: (.*)", str(caught.value.hint))
    names = {"table": table({"age": [30.0]}), "pyarrow": pyarrow, "Example": Example}
    assert build(eval(line, names), ("x", "string", (-1,)))["x"].shape == (1,)


# polars.


def test_series_of_polars() -> None:
    assert prepare(polars.Series([1, 2]), "float32", (-1, 1)).tolist() == [[1], [2]]
    assert np.isnan(prepare(polars.Series([1.0, float("nan")]), "float32")[1])
    assert prepare(polars.Series([[[1], [2]], [[3], [4]]]), "int8", (-1, 2, 1)).shape == (2, 2, 1)
    fixed = polars.Series([[1, 2], [3, 4]], dtype=polars.Array(polars.Int8, 2))
    assert prepare(fixed, "int8").tolist() == [[1, 2], [3, 4]]
    assert prepare([polars.Series([1, 2]), polars.Series([3, 4])], "int64").shape == (2, 2)
    assert prepare(polars.Series(["a", "b"], dtype=polars.String), "string").tolist() == [
        b"a",
        b"b",
    ]
    lone = build_predict("m", polars.Series([1.5]), signature=signature(("x", "float32", None)))
    assert lone.tensors["x"].array.tolist() == [1.5]
    assert (
        as_they_are({"x": polars.Series([1.5])}, model="m", signature=None)["x"].dtype == "float64"
    )
    example = Example({"f": polars.Series([1, 2])}).to_bytes()
    assert list(features_of(example)["f"].values) == [1, 2]
    decimals = polars.Series([1.5], dtype=polars.Decimal(5, 2))
    assert "numpy.asarray(x).astype" in refused(decimals, "float32")


@pytest.mark.parametrize("values", [[1, None], [1.5, None], ["a", None], [True, None], [None]])
def test_nulls_of_polars_come_with_the_lines_to_write(values: list[Any]) -> None:
    column = polars.Series(values)
    for dtype in ("float32", "string"):
        text = refused(column, dtype)
        assert re.search(r"a null in row \d", text)
        assert "column.fill_null(...)" in text
    (line,) = re.findall(r"drop that row \((.*?\))\)", text)
    assert len(eval(line, {"column": column})) == len(values) - 1
    assert "a null in row 1" in refused(polars.DataFrame({"a": [1, None]}), "float32")
    assert "has the item [1], which holds a null in row 1" in refused(
        [polars.Series([1, 2]), polars.Series([1, None])], "float32"
    )
    assert "inside the list in row 1" in refused(polars.Series([[1], [None]]), "float32")
    with pytest.raises(InvalidInput, match="feature 'f' holds a null in row 1"):
        Example({"f": polars.Series([1, None])}).to_bytes()


def test_times_and_categories_of_polars_come_with_the_line_to_write() -> None:
    for moment in (
        dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc),
        dt.date(1970, 1, 3),
        dt.time(1),
        dt.timedelta(1),
    ):
        column = polars.Series([moment])
        line = refused(column, "int64").partition("write ")[2].partition(" for")[0]
        assert prepare(eval(line, {"column": column}), "int64").shape == (1,)
    for kind in (polars.Categorical, polars.Enum(["b"])):
        column = polars.Series(["b"], dtype=kind)
        labels, _, codes = refused(column, "string").partition("write ")[2].partition(" or ")
        assert prepare(eval(labels, {"column": column}), "string").tolist() == [b"b"]
        assert prepare(eval(codes, {"column": column}), "int64").tolist() == [0]
    categories = polars.DataFrame({"c": polars.Series(["b"], dtype=polars.Categorical)})
    with pytest.raises(InvalidInput, match="the column 'c', which holds categories"):
        contents_of(categories, None, None)


def test_what_polars_does_not_export() -> None:
    objects = polars.Series([object()])  # exported as addresses
    for value in (objects, polars.DataFrame({"o": objects})):
        assert "Python objects" in refused(value, "string")
    if hasattr(polars, "Int128"):  # since 1.18
        wide = polars.Series([1], dtype=polars.Int128)
        assert "pyarrow cannot read" in refused(wide, "int64")
    assert "holds {'a': 1} at [0]" in refused(polars.Series([{"a": 1}]), "float32")
    assert "write x.collect()" in refused(polars.LazyFrame({"a": [1]}), "float32")
    with pytest.raises(InvalidInput, match="is a table"):
        as_they_are({"x": polars.DataFrame({"a": [1]})}, model="m", signature=None)
    with pytest.raises(InvalidInput, match="is a table"):
        Example({"f": polars.DataFrame({"a": [1]})}).to_bytes()
    with pytest.raises(InvalidInput, match="is a table without columns"):
        prepare(polars.DataFrame(), "float32")


# Any other.


def test_columns_of_any_library() -> None:
    chunked = pyarrow.chunked_array([[1], [2, None]])
    for column in (Stream(chunked), Lone(chunked.combine_chunks())):
        text = refused(column, "float32")
        assert "a null in row 2" in text
        (line,) = re.findall(r"drop that row \((.*)\)$", text)
        assert prepare(eval(line, {"column": column, "pyarrow": pyarrow}), "int8").tolist() == [
            1,
            2,
        ]
    assert prepare(Lone(pyarrow.array([1.5])), "float32", (-1, 1)).tolist() == [[1.5]]
    broken = Stream(None)
    assert "is a Stream that pyarrow cannot read" in refused(broken, "float32")
    with pytest.raises(InvalidInput, match="model 'm', signature 's': what was given is a Stream"):
        build_predict("m", broken, signature=signature(("x", "float32", None)))


def test_pyarrow_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    frame = polars.DataFrame({"x": [1.0]})
    takes = signature(("x", "float32", (-1,)))
    for inputs in (frame, {"x": frame["x"]}, {"x": frame}):
        with pytest.raises(MissingExtra, match=r"a polars .* needs pyarrow: pip install pyarrow"):
            build_predict("m", inputs, signature=takes)
    with pytest.raises(MissingExtra, match="pip install pyarrow"):
        contents_of(frame, None, None)
    assert prepare(library("pandas").Series([1.0]), "float32").tolist() == [1]


# What was wrong with the libraries that were known.


def test_nothing_is_made_of_pandas_nulls() -> None:
    pandas = library("pandas")
    nat = pandas.Series([pandas.NaT, pandas.Timestamp("2020-01-01")])
    assert "a null in row 0" in refused(nat, "int64")
    assert "a null in row 1" in refused(pandas.Series(["a", None], dtype="category"), "int64")
    index = pandas.CategoricalIndex(["b"])
    codes = refused(index, "int64").rpartition(" or ")[2]
    assert prepare(eval(codes, {"column": index}), "int64").tolist() == [0]


def test_lines_for_pyarrow_work_on_chunked_columns_too() -> None:
    column = pyarrow.chunked_array([["b"], ["a"]]).dictionary_encode()
    codes = refused(column, "int64").rpartition(" or ")[2]
    assert prepare(eval(codes, {"column": column}), "int64").tolist() == [0, 1]
    several = [pyarrow.array([1, 2]), pyarrow.array([1, None])]
    assert "has the item [1], which holds a null in row 1" in refused(several, "float32")
    assert "holds lists of timestamp" in refused(
        pyarrow.array([[dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)]]), "int64"
    )
