"""JSON with anything in the wrong place: files are InvalidInput, answers are DecodeError."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ZOO
from tfsclient import Code, DecodeError, InvalidInput
from tfsclient._calls.rest import RestCalls
from tfsclient._codec.model_ref import ModelRef
from tfsclient.schema import from_json, to_json
from tfsclient.sources import from_file, from_metadata_json, from_saved_model

SCHEMA = json.loads(to_json(from_saved_model(ZOO / "feature_spec")))
SCHEMA["signatures"]["d"] = {
    "method": "", "inputs": {"x": {"dtype": "float32", "shape": [-1, 2], "encoding": "dense"}},
    "outputs": {"y": {"dtype": "float32", "shape": None}}, "defaults": ["x"],
}  # fmt: skip
STATUS = {
    "model_version_status": [
        {"version": "1", "state": "END", "status": {"error_code": "OK", "error_message": ""}},
        {"version": 2, "state": 40, "status": {"error_code": 99, "error_message": "x"}},
    ]
}
TENSOR = {"dtype": "DT_INT64", "tensor_shape": {"dim": [{"size": "2"}], "unknown_rank": False}}
METADATA = {
    "model_spec": {"name": "m", "signature_name": "", "version": "1"},
    "metadata": {
        "signature_def": {
            "signature_def": {
                "s": {"inputs": {"x": TENSOR}, "outputs": {"y": TENSOR}, "method_name": "",
                      "defaults": {"x": {}}},
            }
        }
    },
}  # fmt: skip

DEEP = "[" * 900 + "]" * 900  # as deep as JSON may be, and deeper than Python likes to print
HUGE = "9" * 5000

# Written as they stand, for Python's json cannot write all of them.
LITERALS = st.sampled_from(
    ["null", "true", "-1", "0", "1.5", "1e400", "-Infinity", "NaN", "1" * 30, HUGE, str(2**63),
     '""', '"x"', '"DT_X"', '"1e400"', f'"{HUGE}"', '"\\ud800"', '"\\u0000"', "[]", "{}", '[["x"]]',
     "[[]]", '{"x": {}}', '{"b64": "?"}', '{"b64": []}', "[null]", "[true]", "[1e400]", DEEP,
     f'{{"x": {DEEP}}}']
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def mutated(document: Any, path: tuple[Any, ...], literal: str | None) -> bytes:
    """The document with another value at this place, or with nothing there."""
    if not path:
        return (literal or "").encode()
    changed = place = copy.deepcopy(document)
    for key in path[:-1]:
        place = place[key]
    if literal is None:
        del place[path[-1]]
        return json.dumps(changed).encode()
    place[path[-1]] = "@HERE@"
    return json.dumps(changed).replace('"@HERE@"', literal).encode()


@given(st.sampled_from(list(places(SCHEMA))), st.none() | LITERALS)
def test_a_schema_is_read_or_refused(path: tuple[Any, ...], literal: str | None) -> None:
    with contextlib.suppress(InvalidInput):
        told = from_json(mutated(SCHEMA, path, literal))
        assert from_json(to_json(told)) == told
        hash(told)


status = RestCalls().status(ModelRef("m")).decode


@given(st.sampled_from(list(places(STATUS))), st.none() | LITERALS)
def test_a_status_is_read_or_refused(path: tuple[Any, ...], literal: str | None) -> None:
    with contextlib.suppress(DecodeError):
        for one in status(mutated(STATUS, path, literal)):
            assert type(one.version) is int
            assert type(one.state) is type(one.error_message) is str
            assert type(one.error_code) is Code


@given(st.sampled_from(list(places(METADATA))), st.none() | LITERALS)
def test_metadata_is_read_or_refused(path: tuple[Any, ...], literal: str | None) -> None:
    with contextlib.suppress(DecodeError):
        told = from_metadata_json(mutated(METADATA, path, literal))
        assert from_json(to_json(told)) == told


def test_valid_documents_are_read() -> None:
    assert from_json(json.dumps(SCHEMA)).signatures["d"].defaults == {"x"}
    assert from_metadata_json(json.dumps(METADATA).encode()).signatures["s"].defaults == {"x"}
    first, second = status(json.dumps(STATUS).encode())
    assert (first.version, first.state, first.error_code) == (1, "END", Code.OK)
    assert (second.version, second.state, second.error_code) == (2, "UNKNOWN", Code.UNKNOWN)


@pytest.mark.parametrize(
    ("path", "literal", "words"),
    [
        (("signatures", "d", "defaults"), '[["x"]]', r"defaults must be a list of inputs"),
        (("signatures", "d", "defaults"), '"x"', r"schema\.signatures\['d'\]\.defaults"),
        (("signatures", "d", "same_tensors"), '[["x", "z"]]', r"same_tensors must be lists of inp"),
        (("signatures", "d", "same_tensors"), '[["x"]]', r"same_tensors must name several inputs"),
        (("signatures", "d", "inputs", "x", "shape"), "[true]", r"inputs\['x'\]\.shape"),
        (("format",), DEEP, r"schema\.format must be an integer, not \[\["),
        (("version",), "1.0", r"schema\.version must be an integer from 0"),
    ],
)
def test_a_lock_file_says_where_it_is_wrong(
    path: tuple[Any, ...], literal: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "lock.json").write_bytes(mutated(SCHEMA, path, literal))
    with pytest.raises(InvalidInput, match=words) as caught:
        from_file(tmp_path / "lock.json")
    assert "lock.json" in str(caught.value)


@pytest.mark.parametrize("version", ["Infinity", "1e400", "NaN", "true", "[]", HUGE, "null", "1.5"])
def test_a_version_is_an_integer(version: str) -> None:
    path = ("model_version_status", 0, "version")
    with pytest.raises(DecodeError):
        status(mutated(STATUS, path, version))


@pytest.mark.parametrize(
    "answer", [b'{"name": "m", "ready": true}', b"[]", b"1", b'"ok"', b"null", b"{}"]
)
def test_another_server_is_told_by_its_answer(answer: bytes) -> None:
    with pytest.raises(DecodeError, match="this is not TF Serving: it answered") as caught:
        status(answer)
    assert answer.decode() in str(caught.value)
    with pytest.raises(DecodeError, match="this is not TF Serving: it answered"):
        from_metadata_json(answer)
    with pytest.raises(DecodeError, match=r"not JSON.*<html>"):
        status(b"<html>" + b"x" * 1000)
