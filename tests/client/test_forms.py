"""A prediction as text, JSON and a table of pandas; compared, copied and looked into."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tfsclient import InvalidInput, MissingExtra, Prediction


def answer(**outputs: Any) -> Prediction:
    arrays = {name: np.asarray(value) for name, value in outputs.items()}
    return Prediction(arrays, model="m", signature="s", version=3)


def strings(values: Any, shape: tuple[int, ...] | None = None) -> Any:
    array = np.array(values, object)
    return array if shape is None else array.reshape(shape)


# Names.


def test_a_missing_output_is_a_key_error_that_names_the_others() -> None:
    out = answer(classes=[1], scores=[0.5])
    with pytest.raises(KeyError, match="no output 'probs'; the outputs are 'classes', 'scores'"):
        out["probs"]
    assert out.get("probs") is None
    assert "probs" not in out
    with pytest.raises(KeyError, match="the outputs are none"):
        answer()["x"]


# Equality and copies.


def test_equal_is_same_names_shapes_and_values() -> None:
    out = answer(y=[[1.0, np.nan]], s=strings([b"a"]))
    assert out == answer(y=[[1.0, np.nan]], s=strings([b"a"]))
    assert out == {"y": [[1.0, np.nan]], "s": [b"a"]}
    assert {"y": np.array([[1.0, np.nan]]), "s": strings([b"a"])} == out
    others = [
        answer(y=[[1.0, 2.0]], s=strings([b"a"])),
        answer(y=[1.0, np.nan], s=strings([b"a"])),
        answer(y=[[1.0, np.nan]], s=strings([b"b"])),
        answer(y=[[1.0, np.nan]], t=strings([b"a"])),
        answer(y=[[1.0, np.nan]]),
        answer(y=[["a", "b"]], s=strings([b"a"])),
        {"y": [[1.0], [2.0, 3.0]], "s": [b"a"]},
        None,
        3,
    ]
    for other in others:
        assert out != other
        assert not out == other  # noqa: SIM201 (both ways are our own)
    assert out in [out, None]


def test_copies_are_predictions() -> None:
    out = answer(y=[1.0], n=np.array([300]), s=strings([b"a"]))
    for same in (out.copy(), copy.copy(out), copy.deepcopy(out), pickle.loads(pickle.dumps(out))):
        assert type(same) is Prediction
        assert same == out
        assert same.to_json() == out.to_json()
        assert (same.model, same.signature, same.version) == ("m", "s", 3)
    assert out.copy()["y"] is out["y"]
    assert copy.deepcopy(out)["y"] is not out["y"]


# Text.


def test_text_has_the_shape_of_the_output() -> None:
    out = answer(
        one=strings(b"cat", ()), row=strings([b"cat", "ø".encode()]), grid=strings([[b"a"], [b""]])
    )
    assert out.text("one") == "cat"
    assert out.text("row").tolist() == ["cat", "ø"]
    assert out.text("grid").tolist() == [["a"], [""]]
    assert answer(none=np.empty((0, 2), object)).text("none").shape == (0, 2)


def test_what_is_no_text_is_told() -> None:
    out = answer(
        label=strings([[b"a", b"b"], [b"c", b"\xff\xfe"]]), one=strings(b"\xff", ()), n=[3]
    )
    with pytest.raises(InvalidInput, match=r"output 'label'\[1, 1\] is not UTF-8: b'\\xff\\xfe'"):
        out.text("label")
    with pytest.raises(InvalidInput, match="output 'one' is not UTF-8"):
        out.text("one")
    with pytest.raises(InvalidInput, match="output 'n' holds int64, not strings"):
        out.text("n")
    with pytest.raises(KeyError, match="no output 'x'"):
        out.text("x")


# JSON.


def strict(text: str) -> Any:
    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (np.array([[1.5, np.nan], [np.inf, -np.inf]]), [[1.5, "NaN"], ["Infinity", "-Infinity"]]),
        (np.array(np.nan, np.float32), "NaN"),
        (np.array([0.1, np.nan], np.float32), [0.1, "NaN"]),
        (np.array([2**63 - 1, -(2**63)]), [2**63 - 1, -(2**63)]),
        (np.array(2**64 - 1, np.uint64), 2**64 - 1),
        (np.array([1000, -1], ">i8"), [1000, -1]),
        (np.array([0.5], ">f4"), [0.5]),
        (np.array([True, False]), [True, False]),
        (np.array([0.5, -np.inf], np.float16), [0.5, "-Infinity"]),
        (np.array([0.5, np.nan], ml_dtypes.bfloat16), [0.5, "NaN"]),
        (np.array([-8, 7], ml_dtypes.int4), [-8, 7]),
        (np.array([1 - 2j, np.nan]), [[1.0, -2.0], ["NaN", 0.0]]),
        (strings([b"null", "ø".encode(), b"\xff"]), ["null", "ø", {"b64": "/w=="}]),
        (np.zeros((2, 0)), [[], []]),
        (np.zeros((3, 2))[::2].T, [[0.0, 0.0], [0.0, 0.0]]),
    ],
)
def test_json_is_strict_and_exact(array: Any, values: Any) -> None:
    assert strict(answer(**{'a "name"': array}).to_json()) == {'a "name"': values}


# pandas.


def test_rows_of_pandas() -> None:
    pytest.importorskip("pandas")
    out = answer(
        label=strings([b"cat", "ø".encode()]),
        raw=strings([b"cat", b"\xff"]),
        scores=np.array([[0.5, 1.0], [2.0, 3.0]], ml_dtypes.bfloat16),
        n=np.array([1, 2], np.int8),
        loss=0.25,
    )
    frame = out.to_pandas()
    assert frame.shape == (2, 5)
    assert frame["label"].tolist() == ["cat", "ø"]
    assert frame["raw"].tolist() == [b"cat", b"\xff"]
    assert [row.tolist() for row in frame["scores"]] == [[0.5, 1.0], [2.0, 3.0]]
    assert frame["scores"][0].dtype == np.float32
    assert frame["n"].dtype == np.int8
    assert frame["loss"].tolist() == [0.25, 0.25]
    frame.loc[0, "n"] = 7  # the answer's own arrays are read-only
    assert out["n"][0] == 1
    assert answer(loss=0.25, name=strings(b"cat", ())).to_pandas().to_dict("records") == [
        {"loss": 0.25, "name": "cat"}
    ]
    assert answer(y=np.zeros((0, 3)), z=np.zeros(0)).to_pandas().shape == (0, 2)
    assert answer().to_pandas().shape == (0, 0)


def test_outputs_without_common_rows_are_told() -> None:
    pytest.importorskip("pandas")
    with pytest.raises(InvalidInput, match=r"first dimensions differ: a \[2\], b \[3, 1\]"):
        answer(a=[1, 2], b=[[1], [2], [3]]).to_pandas()


def test_pandas_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match="pip install pandas"):
        answer(a=[1]).to_pandas()
