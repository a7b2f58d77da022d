"""Schemas as JSON: what is written is what is read, and what is not a schema is refused."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ZOO
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec, from_json, to_json
from tfsclient.sources import from_saved_model

names = st.text(max_size=5)
shapes = st.none() | st.lists(st.integers(-1, 2**63 - 1), max_size=4).map(tuple)
tensors = st.builds(
    TensorSpec,
    names,
    st.sampled_from(["float32", "string", "bfloat16", "resource", "dtype_99"]).map(DType),
    shapes,
    st.sampled_from(["dense", "coo_sparse", "composite"]),
)
values: dict[str, st.SearchStrategy[Any]] = {
    "float32": st.floats(width=32, allow_nan=False) | st.just(math.nan),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "string": st.binary(max_size=5) | st.text(max_size=5).map(str.encode),
}


@st.composite
def features(draw: st.DrawFn) -> FeatureSpec:
    name, dtype = draw(names), draw(st.sampled_from(sorted(values)))
    if draw(st.booleans()):
        return FeatureSpec(name, DType(dtype), draw(st.sampled_from(["sparse", "ragged"])), None)
    shape = tuple(draw(st.lists(st.integers(0, 9), max_size=3)))
    default = draw(st.none() | st.lists(values[dtype], max_size=4).map(tuple))
    required = draw(st.none() | st.booleans())
    return FeatureSpec(name, DType(dtype), "dense", draw(st.sampled_from([shape, (-1, *shape)])),
                       required, default)  # fmt: skip


def by_name(specs: list[Any]) -> dict[str, Any]:
    return {spec.name: spec for spec in sorted(specs, key=lambda spec: str(spec.name))}


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    inputs = by_name(draw(st.lists(tensors, max_size=3)))
    known = st.sampled_from(sorted(inputs)) if inputs else st.nothing()
    return Signature(
        name=draw(names),
        inputs=inputs,
        outputs=by_name(draw(st.lists(tensors, max_size=3))),
        method=draw(names),
        defaults=draw(st.frozensets(known)),
        example_input=draw(st.none() | known),
        features=draw(st.none() | st.lists(features(), max_size=3).map(by_name)),
    )


models = st.builds(
    Model, names, st.none() | st.integers(0, 2**63 - 1), st.lists(signatures()).map(by_name)
)


@given(models)
def test_what_is_written_is_what_is_read(model: Model) -> None:
    text = to_json(model)
    assert from_json(text) == model
    assert to_json(from_json(text)) == text


def test_models_without_examples_are_written_as_ever() -> None:
    text = to_json(from_saved_model(ZOO / "linear"), version=False)
    assert b"feature" not in text
    assert b"example" not in text
    assert b"version" not in text


def test_how_features_are_written() -> None:
    model = from_saved_model(ZOO / "feature_spec")
    signature = json.loads(to_json(model))["signatures"]["serving_default"]
    assert signature["example_input"] == "examples"
    assert signature["features"]["i_fixed"] == {
        "dtype": "int64", "kind": "dense", "shape": [3], "required": False, "default": [7, 8, 9],
    }  # fmt: skip
    assert signature["features"]["s_var"] == {
        "dtype": "string", "kind": "sparse", "required": False,
    }  # fmt: skip
    assert from_json(to_json(model)) == model


def test_a_feature_in_words() -> None:
    specs = from_saved_model(ZOO / "feature_spec").signature().features or {}
    assert {name: str(spec) for name, spec in specs.items()} == {
        "f_default": "float32 []",
        "f_required": "float32 [1] required",
        "f_seq": "float32 [-1]",
        "i_fixed": "int64 [3]",
        "i_ragged": "int64 ragged",
        "s_fixed": "string []",
        "s_var": "string sparse",
    }


FEATURE: dict[str, Any] = {"dtype": "float32", "kind": "dense", "shape": [], "required": None}


@pytest.mark.parametrize(
    ("member", "text"),
    [
        ({"example_input": "z"}, "example_input must be an input"),
        ({"example_input": 3}, "example_input must be text, not 3"),
        ({"features": []}, "features must be a JSON object, not []"),
        ({"features": {"f": {}}}, "features['f'].dtype must be text, not None"),
        (
            {"features": {"f": FEATURE | {"dtype": "int32"}}},
            "dtype must be one of float32, int64, string, not 'int32'",
        ),
        (
            {"features": {"f": FEATURE | {"kind": "wide"}}},
            "kind must be one of dense, sparse, ragged, not 'wide'",
        ),
        ({"features": {"f": FEATURE | {"shape": None}}}, "shape must be a list of sizes, not None"),
        ({"features": {"f": FEATURE | {"shape": [1, -1]}}}, "shape must be integers from 0"),
        ({"features": {"f": FEATURE | {"required": 1}}}, "required must be True or False, not 1"),
        ({"features": {"f": FEATURE | {"default": 1.0}}}, "default must be a list, not 1.0"),
        (
            {"features": {"f": FEATURE | {"default": ["x"]}}},
            "default holds 'x', which is not of type float32",
        ),
        (
            {"features": {"f": FEATURE | {"dtype": "int64", "default": [1.0]}}},
            "default: 1.0 is not of type int64",
        ),
        (
            {"features": {"f": FEATURE | {"dtype": "string", "default": [{"b64": "?"}]}}},
            "features['f'].default: ",
        ),
    ],
)
def test_what_is_not_a_schema(member: dict[str, Any], text: str) -> None:
    signature: dict[str, Any] = {"method": "", "inputs": {}, "outputs": {}} | member
    with pytest.raises(InvalidInput) as caught:
        from_json(json.dumps({"format": 1, "model": "m", "signatures": {"s": signature}}))
    assert "schema.signatures['s']." in str(caught.value)
    assert text in str(caught.value)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(
        ["", "float32", "dense", "inf", "nan"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["dtype", "kind", "shape", "required", "default", "b64", "f"]), inner),
))  # fmt: skip
def test_any_json_for_features_is_read_or_refused(value: Any) -> None:
    signature = {"method": "", "inputs": {}, "outputs": {}, "features": value}
    text = json.dumps({"format": 1, "model": "m", "signatures": {"s": signature}})
    with contextlib.suppress(InvalidInput):
        from_json(text)
