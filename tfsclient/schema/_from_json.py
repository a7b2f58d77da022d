"""A schema read from our own JSON; every error names the place."""

from __future__ import annotations

import orjson

from tfsclient.errors import InvalidInput, shown
from tfsclient.schema import FORMAT, FeatureSpec, Model, Signature, TensorSpec
from tfsclient.schema._meaning import meaning_of, samples_of
from tfsclient.schema._places import ROOT, Place, value_from_json


def models(text: bytes | str) -> list[Model]:
    """See :func:`tfsclient.schema.all_from_json`."""
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"not a schema: {error}") from None
    root = Place(ROOT, data)
    if (number := root.get("format", int)) != FORMAT:
        raise InvalidInput(f"schema.format is {number}; this version of tfsclient reads {FORMAT}")
    if "models" not in data:
        return [_model_from_json(root)]
    every = root.get("models", list)
    models = [_model_from_json(Place(f"schema.models[{i}]", m)) for i, m in enumerate(every)]
    names = [model.name for model in models]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidInput(f"schema.models lists {min(twice)!r} twice")
    return models


def _model_from_json(place: Place) -> Model:
    signatures = {name: _signature_from_json(name, p) for name, p in place.items("signatures")}
    version, about = place.value.get("version"), place.value.get("description", "")
    return place.make(Model, place.get("model", str), version, signatures, description=about)


def _signature_from_json(name: str, place: Place) -> Signature:
    inputs = {n: _tensor_from_json(n, p) for n, p in place.items("inputs")}
    outputs = {n: _tensor_from_json(n, p) for n, p in place.items("outputs")}
    example_input = features = None
    if "example_input" in place.value:
        example_input = place.get("example_input", str)
        if example_input not in inputs:
            raise InvalidInput(f"{place.path}.example_input must be an input")
    if "features" in place.value:
        features = {n: _feature_from_json(n, p) for n, p in place.items("features")}
    defaults = place.value.get("defaults", [])
    if not isinstance(defaults, list) or not all(type(d) is str and d in inputs for d in defaults):
        raise InvalidInput(f"{place.path}.defaults must be a list of inputs, not {shown(defaults)}")
    same = place.value.get("same_tensors", [])
    if not isinstance(same, list) or not all(
        isinstance(g, list) and set(map(str, g)) <= set(inputs) for g in same
    ):
        raise InvalidInput(f"{place.path}.same_tensors must be lists of inputs, not {shown(same)}")
    return place.make(
        Signature,
        name,
        inputs,
        outputs,
        place.get("method", str),
        frozenset(defaults),
        example_input,
        features,
        same,
        place.make(samples_of, place.value.get("samples", [])),
    )


def _tensor_from_json(name: str, place: Place) -> TensorSpec:
    dtype, shape = place.get("dtype", str), place.value.get("shape")
    meaning = place.make(meaning_of, place.value.get("meaning"))
    return place.make(TensorSpec, name, dtype, shape, place.value.get("encoding", "dense"), meaning)


def _feature_from_json(name: str, place: Place) -> FeatureSpec:
    dtype, kind = place.get("dtype", str), place.get("kind", str)
    shape = place.value.get("shape") if kind == "dense" else None
    default = None
    if "default" in place.value:
        values = place.get("default", list)
        try:
            default = [value_from_json(value, dtype) for value in values]
        except ValueError as error:
            raise InvalidInput(f"{place.path}.default: {error}") from None
    required = place.value.get("required")
    return place.make(FeatureSpec, name, dtype, kind, shape, required, default)
