"""The reader of inputs: files, standard input and bodies, for a signature."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfsclient import InvalidInput, Signature, TensorSpec, build_predict
from tfsclient._cli.inputs import Content, Given, Source, read_whole
from tfsclient._cli.inputs import sources as reader_sources
from tfsclient.dtypes import DType
from tfsclient.schema import CLASSIFY, FeatureSpec

Y = {"y": TensorSpec("y", "float32", None)}


def signature(**inputs: tuple[str, tuple[int, ...] | None]) -> Signature:
    specs = {name: TensorSpec(name, dtype, shape) for name, (dtype, shape) in inputs.items()}
    return Signature("s", specs, Y)


ONE = signature(x=("float32", (-1,)))
TWO = signature(x=("float32", (-1,)), n=("int64", (-1,)))
TEXT = signature(t=("string", (-1,)))


def read(name: str, content: str | bytes, spec: Signature) -> dict[str, Any]:
    """What the whole file says, as it would be sent."""
    data = content if isinstance(content, bytes) else content.encode()
    source = Source(name, Path(name).suffix, data)
    inputs = read_whole(Content(f"@{name}", "", source), spec)
    tensors = build_predict("m", inputs, signature=spec).tensors
    return {name: tensor.array for name, tensor in tensors.items()}


def lists(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: array.tolist() for name, array in arrays.items()}


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


def given_inputs(spec: Signature, *texts: str) -> dict[str, Any]:
    inputs = Given(texts).inputs(spec)
    tensors = build_predict("m", inputs, signature=spec).tensors
    return {name: tensor.array.tolist() for name, tensor in tensors.items()}


# What files hold.


def test_a_line_of_names_and_a_row_a_line() -> None:
    text = "\ufeffn,x\r\n9007199254740993,1.5\r\n-9223372036854775808, nan \r\n\r\n"
    found = read("a.csv", text, TWO)
    assert found["n"].tolist() == [2**53 + 1, -(2**63)]
    np.testing.assert_array_equal(found["x"], np.array([1.5, np.nan], np.float32))
    assert lists(read("a.csv", 't\n"a ""b"",\nc"\n\nd\n""\n'.replace("\n\n", "\n"), TEXT)) == {
        "t": [b'a "b",\nc', b"d", b""]
    }
    bools = signature(b=("bool", (-1,)))
    assert lists(read("a.csv", "b\ntrue\nFalse\n0\n1\n", bools)) == {
        "b": [True, False, False, True]
    }


def test_inputs_of_more_dimensions_are_columns_or_lists() -> None:
    matrix = signature(x=("float32", (-1, 2)), k=("int64", (-1, 1)))
    for text in ("k,x.1,x.0\n7,2,1\n8,inf,3\n", 'k,x\n7,"[1, 2]"\n8,"[3, ""Infinity""]"\n'):
        found = read("a.csv", text, matrix)
        assert lists(found) == {"x": [[1, 2], [3, float("inf")]], "k": [[7], [8]]}, text
    deep = signature(x=("int64", (-1, 2, 2)))
    assert read("a.csv", 'x\n"[[1,2],[3,9007199254740993]]"\n', deep)["x"][0, 1, 1] == 2**53 + 1
    words = signature(t=("string", (-1, 2)))
    assert lists(read("a.csv", "t.0,t.1\na,[b\n", words)) == {"t": [[b"a", b"[b"]]}


def test_json_lines_are_rows_or_values() -> None:
    assert lists(read("a.jsonl", '{"x": 1, "n": 2}\n\n{"n": 4, "x": NaN}\r\n', TWO))["n"] == [2, 4]
    assert lists(read("a.jsonl", "1\n2.5\n-Infinity", ONE)) == {"x": [1, 2.5, -float("inf")]}
    matrix = signature(x=("float32", (-1, 2)))
    assert lists(read("a.jsonl", '[1, 2]\n[3, "-Infinity"]', matrix))["x"][1][1] == -float("inf")
    assert lists(read("a.jsonl", '"a"\n{"b64": "/w=="}\n', TEXT)) == {"t": [b"a", b"\xff"]}


def test_an_at_sign_needs_a_file() -> None:
    for text in ("@", "x=@"):
        with pytest.raises(InvalidInput, match="no file is named after @"):
            given_inputs(ONE, text)


def test_a_value_is_a_row_of_one_element() -> None:
    """As in score, and in CSV."""
    one = signature(x=("float32", (-1, 1)), t=("string", (-1, 1, 1)))
    rows = (
        '{"x": 1, "t": "a"}\n{"x": ["NaN"], "t": [["b"]]}\n{"x": "Infinity", "t": {"b64": "/w=="}}'
    )
    for name, text in (("a.jsonl", rows), ("a.json", f"[{rows}]".replace("\n", ","))):
        found = read(name, text, one)
        np.testing.assert_array_equal(found["x"], np.array([[1], [np.nan], [np.inf]], np.float32))
        assert found["t"].tolist() == [[[b"a"]], [[b"b"]], [[b"\xff"]]]
    column = signature(x=("int64", (-1, 1)))
    assert lists(read("a.jsonl", "1\n[2]\n", column)) == {"x": [[1], [2]]}
    with pytest.raises(InvalidInput, match=r"has shape \(2,\)"):  # not rows, but the tensor
        read("a.json", '{"x": [1, 2]}', column)


def test_bodies_of_tf_serving() -> None:
    for body in (
        {"instances": [1, 2]},
        {"instances": [{"x": 1}, {"x": 2}]},
        {"inputs": [1, 2]},
        {"inputs": {"x": [1, 2]}, "signature_name": "s"},
    ):
        assert lists(read("a.json", json.dumps(body), ONE)) == {"x": [1, 2]}, body
    own = signature(inputs=("float32", (-1,)))
    for plain in ({"inputs": [1, 2]}, {"inputs": {"inputs": [1, 2]}}, {"instances": [1, 2]}):
        assert lists(read("a.json", json.dumps(plain), own)) == {"inputs": [1, 2]}
    assert Given(['{"instances": [1], "signature_name": "other"}']).signature_name == "other"
    assert Given(["x=[1]"]).signature_name is None


def test_archives_of_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(2), n=np.array([2**53 + 1, 1]))
    np.savez(tmp_path / "one.npz", np.ones(2))
    assert given_inputs(TWO, f"@{tmp_path}/a.npz")["n"] == [2**53 + 1, 1]
    assert given_inputs(ONE, f"x=@{tmp_path}/a.npz") == {"x": [1, 1]}
    assert given_inputs(ONE, f"x=@{tmp_path}/one.npz") == {"x": [1, 1]}
    assert given_inputs(ONE, f"@{tmp_path}/one.npz") == {"x": [1, 1]}
    with pytest.raises(InvalidInput, match=r"has no array 'z', but \['n', 'x'\]"):
        given_inputs(signature(z=("float32", (-1,))), f"z=@{tmp_path}/a.npz")


def test_a_name_takes_its_column(tmp_path: Path) -> None:
    (tmp_path / "a.CSV").write_text("x,n,extra\n1,2,z\n3,4,z\n")
    (tmp_path / "a.jsonl").write_text('{"x": 1, "n": 2}\n{"x": 3, "n": 4}\n')
    (tmp_path / "n.jsonl").write_text("2\n4\n")
    for x, n in (("a.CSV", "a.jsonl"), ("a.jsonl", "a.CSV"), ("a.CSV", "n.jsonl")):
        found = given_inputs(TWO, f"x=@{tmp_path}/{x}", f"n=@{tmp_path}/{n}")
        assert found == {"x": [1, 3], "n": [2, 4]}


def test_strings_may_come_from_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff raw")
    (tmp_path / "a.csv").write_text("t\nup\n")
    assert given_inputs(TEXT, f"@{tmp_path}/a.txt") == {"t": [b"\xff raw"]}
    assert given_inputs(TEXT, f"t=@{tmp_path}/a.csv") == {"t": [b"up"]}


ROWS = [{"age": 3, "city": "Oslo"}, {"age": 4, "city": ""}]


def test_rows_of_features_become_examples(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age,city\n3,Oslo\n4,\n")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    (tmp_path / "b.json").write_text(json.dumps({"examples": ROWS}))
    features = {"age": FeatureSpec("age", "int64"), "city": FeatureSpec("city", "string")}
    spec = {"t": TensorSpec("t", "string", (-1,))}
    known = Signature("s", spec, Y, example_input="t", features=features)
    called = Signature("s", {"inputs": TensorSpec("inputs", "string", None)},
                       {"scores": TensorSpec("scores", "float32", None)}, CLASSIFY)  # fmt: skip
    want = [tuple(given_inputs(known, json.dumps([row]))["t"]) for row in ROWS]
    for name in ("a.csv", "a.jsonl", "a.json", "b.json"):
        for text, one in ((f"@{tmp_path}/{name}", known), (f"@{tmp_path}/{name}", called)):
            ((_, found),) = given_inputs(one, text).items()
            assert found == [row for rows in want for row in rows], (name, text)
        assert Given([f"@{tmp_path}/{name}"]).examples("s") == (ROWS, None)
        if name != "b.json":  # a body is for all inputs
            assert len(given_inputs(TEXT, f"t=@{tmp_path}/{name}")["t"]) == 2
    for texts in ([f"@{tmp_path}/a.csv"], [json.dumps(ROWS)], ["age=3", "city=Oslo"]):
        with pytest.raises(InvalidInput) as caught:  # it may be text that the model wants
            given_inputs(TEXT, *texts)
        assert "['age', 'city'], but the only input is 't', string [-1]" in str(caught.value)
        assert "if the model takes tf.Examples, write t=" in str(caught.value.hint)


def test_features_in_csv_are_typed_by_the_model_or_by_what_a_column_holds() -> None:
    table = "f,i,id,w,none,s\n1.0,1,007,nan,,[x\n2,,010,inf,,\n"
    source = Source("a.csv", ".csv", table.encode())
    spec = Signature("s", {"t": TensorSpec("t", "string", (-1,))}, Y, example_input="t")
    inputs: Any = read_whole(Content("@a.csv", "", source), spec)
    first, second = inputs["t"]
    assert str(first["w"]) == "nan"
    assert first == {"f": 1.0, "i": 1, "id": "007", "w": first["w"], "none": "", "s": "[x"}
    assert second == {"f": 2.0, "id": "010", "w": float("inf"), "none": "", "s": ""}
    assert type(second["f"]) is float
    features = {
        "f": FeatureSpec("f", "float32"), "many": FeatureSpec("many", "int64", shape=(2,)),
        "id": FeatureSpec("id", "string"),
    }  # fmt: skip
    known = Signature("s", spec.inputs, Y, example_input="t", features=features)
    source = Source("a.csv", ".csv", b'f,many,id\n1,"[1, 2]",7\n,"[3, 4]",8\n')
    inputs = read_whole(Content("@a.csv", "", source), known)
    assert inputs["t"] == [
        {"f": 1.0, "many": [1, 2], "id": "7"}, {"many": [3, 4], "id": "8"}
    ]  # fmt: skip


# Standard input.


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"[1, 2]", "-"),
        (b"[1,\n2]", "@-"),
        (b'{"x": [1, 2]}', "-"),
        (b'\xef\xbb\xbf{"x": [1,\n2]}', "-"),
        (b"1\n2\n", "-"),
        (b'{"x": 1}\n{"x": 2}\n', "x=@-"),
        (b"x\n1\n2\n", "-"),
        (b"x\r\n1\r\n2\r\n", "x=@-"),
        (b"x\n1\n2\n", "-.csv"),
        (b"1\n2", "x=@-.jsonl"),
        (b'{"instances": [1, 2]}', "-"),
    ],
)
def test_standard_input_is_what_it_holds(
    stdin: Callable[[bytes], None], data: bytes, text: str
) -> None:
    stdin(data)
    assert given_inputs(ONE, text) == {"x": [1, 2]}


def test_standard_input_may_hold_arrays_pictures_and_strings(
    stdin: Callable[[bytes], None], tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.array([1.0, 2.0]))
    np.savez(tmp_path / "x.npz", x=np.array([1.0, 2.0]))
    for name in ("x.npy", "x.npz"):
        stdin((tmp_path / name).read_bytes())
        assert given_inputs(ONE, "-") == {"x": [1, 2]}
    png = b"\x89PNG\r\n\x1a\nnot looked into"
    for data in (png, b"text\n", b"[not JSON", b"a,b\n1,2\n", b"\x0a\xff", b"[\xff]"):
        stdin(data)
        assert given_inputs(TEXT, "t=@-") == {"t": [data]}
    for data in (b"t\n1\n", b'["a"]'):
        stdin(data)
        assert given_inputs(TEXT, "t=@-.bin") == {"t": [data]}
    assert given_inputs(TEXT, "t=-") == {"t": [b"-"]}


def test_standard_input_is_read_once(stdin: Callable[[bytes], None]) -> None:
    stdin(b'{"inputs": [1], "signature_name": "s"}')
    inputs = Given(["-"])
    assert inputs.signature_name == "s"
    assert inputs.inputs(ONE) == {"x": [1]}
    stdin(b"[1]")
    with pytest.raises(InvalidInput, match="standard input is given twice"):
        given_inputs(TWO, "x=@-", "n=@-")


# What is refused, and where it stands.


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "a.csv does not begin with a line of names"),
        ("a.csv", "x,n\n", "a.csv has no rows after the line of names"),
        ("a.csv", "1,2\n3,4\n", "a.csv:1: the column '1' is not an input; the first line names"),
        ("a.csv", "x,N\n1,2\n", "the column 'N' is not an input"),
        ("a.csv", "x;n\n1;2\n", "the column 'x;n' is not an input; the first line names the"),
        ("a.csv", "x,x\n1,2\n", "the column 'x' appears twice"),
        ("a.csv", "x,\n1,2\n", "a.csv:1: column 2 has no name"),
        ("a.csv", "x,n\n1,2\n3\n", "a.csv:3 has 1 cell, but the first line names 2"),
        ("a.csv", "x,n\n1,2,\n", "a.csv:2 has 3 cells"),
        ("a.csv", "x,n\n1,2\n\n3,4\n", "a.csv:3 has 0 cells"),
        ("a.csv", "x,n\n1,\n", "a.csv:2, column 'n': the cell '' is empty, and int64 is wanted"),
        ("a.csv", "x,n\n1,2.0\n", "column 'n': the cell '2.0' is not an integer"),
        ("a.csv", "x,n\n1,1_0\n", "the cell '1_0' is not an integer"),
        ("a.csv", "x,n\n1,9223372036854775808\n", "is out of the range of int64, -9223"),
        ("a.csv", f"x,n\n1,{'9' * 5000}\n", "is out of the range of int64, -9223"),
        ("a.csv", "x,n\n1e400,1\n", "column 'x': the cell '1e400' is too large"),
        ("a.csv", "x,n\n1_0,1\n", "is not a number"),
        ("a.csv", "x,n\n16777217,1\n", "is an integer, which float32 cannot hold exactly"),
        ("a.csv", 'x,n\n"[1]",1\n', "the cell '[1]' is not a number"),
        ("a.csv", 'x,n\n1,"2\n', "a.csv:2 is not CSV: unexpected end of data"),
        ("a.csv", 'x,n\n1,"2"3\n', "a.csv:2 is not CSV"),
        ("a.csv", b"x,n\n1,\xff\n", "a.csv:2 is not UTF-8"),
        ("a.jsonl", "", "a.jsonl is empty"),
        ("a.jsonl", '{"x": 1, "n": 1}\n{"x": 1,\n', "a.jsonl:2 is not JSON"),
        ("a.jsonl", b'{"x": 1, "n": 1}\n\xff', "a.jsonl:2 is not UTF-8"),
        ("a.jsonl", '{"x": 1, "n": 1}\n{"x": 2}\n', "a.jsonl:2 has the inputs ['x'], but"),
        ("a.jsonl", '{"x": 1, "x": 1}', "a.jsonl:1: a JSON object has the name 'x' twice"),
        ("a.jsonl", "1\n" + "[" * 100_000, "a.jsonl:2 cannot be read: it is nested too deep"),
        ("a.jsonl", '1\n{"x": 1}', "a.jsonl:2 is an object, and other lines are not"),
        ("a.json", "[" * 100_000, "a.json cannot be read: it is nested too deep"),
        ("a.json", "9" * 5000, "a.json cannot be read"),
        ("a.json", '{"x": [1], "n": ', "a.json is not JSON"),
        ("a.json", '{"instances": 3}', "instances must be a list of at least one, not 3"),
        ("a.json", '{"instances": [1], "signature_name": 3}', "signature_name is not text but 3"),
        ("a.json", '{"inputs": {"x": [1]}, "signature_name": "z"}', "names the signature 'z', but"),
        ("a.json", '{"examples": [{}], "context": {}}', "a context is for classify and regress"),
        (
            "a.json",
            '{"model": "m", "version": 1, "signature": "s", "outputs": {}}',
            "a.json is an answer, as predict writes it with --json, and not inputs",
        ),
        ("a.npz", b"PK\x03\x04", "cannot read a.npz"),
        ("a.npy", b"\x93NUMPY", "a.npy could be any of the inputs: put a NAME= before it"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(name: str, content: str | bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(name, content, TWO)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "spec", "words"),
    [
        ("x.0,x.2\n1,2\n", ("float32", (-1, 2)), "there is no column 'x.1'"),
        ("x,x.0\n1,2\n", ("float32", (-1, 2)), "there is 'x' and 'x.0'"),
        ("x\n1\n", ("float32", (-1, 2)), "the cell '1' is not a JSON list of shape [2]"),
        ('x\n"[1,"\n', ("float32", (-1, 2)), "is not a JSON list: Expecting value"),
        ("x\n256\n", ("uint8", (-1,)), "the cell '256' is out of the range of uint8, 0..255"),
        ("x\n8\n", ("int4", (-1,)), "is out of the range of int4, -8..7"),
        ("x\nyes\n", ("bool", (-1,)), "the cell 'yes' is not true, false, 1 or 0"),
        ("x\n1\n", ("resource", (-1,)), "cannot be resource"),
    ],
)
def test_cells_are_what_the_dtype_wants(
    content: str, spec: tuple[str, tuple[int, ...]], words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read("a.csv", content, signature(x=spec))
    assert words in str(caught.value)


def test_files_that_cannot_be_read_or_are_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stdin: Callable[[bytes], None]
) -> None:
    (tmp_path / "d.csv").mkdir()
    for name, words in (
        ("none.csv", "No such file"), ("none.npy", "No such file"), ("d.csv", "directory"),
        ("x\0.csv", "null"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match="cannot read") as caught:
            given_inputs(ONE, f"@{tmp_path}/{name}")
        assert words in str(caught.value)
    for limit in ("_MOST_TEXT", "_MOST_BYTES", "_MOST_ARRAYS"):
        monkeypatch.setattr(reader_sources, limit, 100)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(1000))
    for name in ("a.csv", "a.json", "a.bin", "a.npy"):
        (tmp_path / name).write_bytes(b"x" * 101)
    for name in ("a.csv", "a.json", "a.bin", "a.npy", "bomb.npz"):
        with pytest.raises(InvalidInput, match=f"{name} holds more than"):
            given_inputs(ONE, f"x=@{tmp_path}/{name}")
    stdin(b"1" * 101)
    with pytest.raises(InvalidInput, match="standard input holds more than"):
        given_inputs(ONE, "x=@-")


# Every value comes through.

_STRINGS = st.text(st.characters(codec="utf-8"), max_size=8)


def _values(dtype: str) -> st.SearchStrategy[Any]:
    known = DType(dtype)
    if known.kind == "int":
        info = ml_dtypes.iinfo(known.numpy)
        return st.integers(int(info.min), int(info.max))
    if known.kind == "float":
        return st.floats(width=32 if dtype == "float32" else 64)
    return st.booleans() if known.kind == "bool" else _STRINGS


@given(st.data(), st.sampled_from(["int64", "uint64", "int8", "int4", "float32", "float64", "bool",
                                   "string"]))  # fmt: skip
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_values_come_through_by_dtype(form: str, data: st.DataObject, dtype: str) -> None:
    values = data.draw(st.lists(_values(dtype), min_size=1, max_size=5))
    out = io.StringIO()
    if form == "csv":
        writer = csv.writer(out)
        writer.writerows([["x"], *([value] for value in values)])
    else:
        out.write("\n".join(json.dumps({"x": value}) for value in values))
    found = read(f"a.{form}", out.getvalue(), signature(x=(dtype, (-1,))))["x"]
    want = [value.encode() for value in values] if dtype == "string" else values
    assert repr(found.tolist()) == repr(np.array(want, found.dtype).tolist())


@given(st.binary(max_size=60), st.sampled_from([".csv", ".json", ".jsonl", ".npy", ".npz"]))
def test_any_bytes_are_read_or_refused(data: bytes, suffix: str) -> None:
    for spec in (ONE, TWO, TEXT):
        for start in (b"", b"x,n\n", b'{"x": ', b"\x93NUMPY\x01\x00", b"PK\x03\x04"):
            try:
                read(f"a{suffix}", start + data, spec)
            except InvalidInput:
                continue
