"""Specs, signatures and models are checked when they are made, and nothing changes them later."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
import pytest

from tests.conftest import ZOO
from tfsclient import (
    Client,
    DType,
    Example,
    InvalidInput,
    Model,
    Signature,
    TensorSpec,
    Unimplemented,
    build_classify,
    build_predict,
)
from tfsclient._calls.rest import RestCalls
from tfsclient.schema import FeatureSpec, from_json, to_json
from tfsclient.sources import from_saved_model

X = TensorSpec("x", "float32", [-1, 2])
Y = TensorSpec("y", DType("float32"), (-1,))
SPARSE = TensorSpec("s", DType("float32"), (-1, 2), "coo_sparse")
AGE = FeatureSpec("age", "int64", default=[3])


def signature(**more: Any) -> Signature:
    return Signature("s", {"x": X}, {"y": Y}, **more)


def model(*signatures: Signature) -> Model:
    return Model("m", 1, {one.name: one for one in signatures})


CHANGES: list[Callable[[Any], Any]] = [
    lambda d: d.__setitem__("x", Y),
    lambda d: d.__delitem__("x"),
    lambda d: d.__ior__({}),
    lambda d: d.update({"z": Y}),
    lambda d: d.setdefault("z", Y),
    lambda d: d.pop("x", None),
    lambda d: d.popitem(),
    lambda d: d.clear(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_no_dict_can_be_changed(change: Callable[[Any], Any]) -> None:
    spec = signature(features={"age": AGE})
    whole = model(spec)
    for mapping in (spec.inputs, spec.outputs, spec.features, whole.signatures):
        for same in (mapping, copy.copy(mapping), copy.deepcopy(mapping)):
            before = dict(same or {})
            with pytest.raises(TypeError, match=r"read-only.*dataclasses\.replace"):
                change(same)
            assert same == before


def test_what_was_given_is_copied() -> None:
    given = {"x": X}
    defaults: Any = ["x"]
    spec = Signature("s", given, MappingProxyType({"y": Y}), defaults=defaults)
    given["x"] = Y
    assert spec.inputs == {"x": X}
    assert spec.outputs == {"y": Y}
    assert spec.defaults == frozenset({"x"})


def test_dicts_are_used_like_dicts() -> None:
    inputs = signature().inputs
    assert isinstance(inputs, dict)
    assert inputs == {"x": X}
    assert {**inputs, "y": Y} == inputs | {"y": Y} == {"x": X, "y": Y}
    assert {"y": Y} | inputs == {"y": Y, "x": X}
    assert type(inputs.copy()) is dict
    assert orjson.loads(orjson.dumps({n: str(s) for n, s in inputs.items()})) == {
        "x": "float32 [-1, 2]"
    }
    assert orjson.dumps(type(inputs)(a=1)) == b'{"a":1}'


@pytest.mark.parametrize("name", ["linear", "feature_spec", "composite"])
def test_models_are_pickled_copied_and_hashed(name: str) -> None:
    known = from_saved_model(ZOO / name)
    again = [pickle.loads(pickle.dumps(known, protocol)) for protocol in range(2, 6)]
    for other in [*again, copy.copy(known), copy.deepcopy(known), from_json(to_json(known))]:
        assert other == known
        assert hash(other) == hash(known)
        assert hash(other.signature()) == hash(known.signature())
        assert other.signature().why_unusable == known.signature().why_unusable
        with pytest.raises(TypeError, match="read-only"):
            other.signatures.clear()


def test_requests_can_be_compared() -> None:
    images = np.zeros((2, 2), np.float32)
    predicts = [build_predict("m", images, signature=signature()) for _ in range(2)]
    examples = [build_classify("m", [Example({"a": np.zeros(3)})]) for _ in range(2)]
    for one, other in (predicts, examples):
        assert one == one
        assert one != other
        assert len({one, other}) == 2


# What is given by hand is checked.

tensor: Any = TensorSpec
feature: Any = FeatureSpec
parts: Any = Signature
whole: Any = Model


def test_dtypes_and_shapes_are_read() -> None:
    assert isinstance(X.dtype, DType)
    assert X.shape == (-1, 2)
    assert TensorSpec("x", "int4", np.zeros((2, 3)).shape).shape == (2, 3)
    assert tensor("x", "string", (np.int64(3),)) == TensorSpec("x", DType("string"), (3,))
    assert FeatureSpec("age", DType("int64"), default=(3,)) == AGE
    assert FeatureSpec("t", "string", "sparse").shape is None
    spec = Signature("s", {"x": TensorSpec("x", "float64", (-1,))}, {"y": Y})
    assert build_predict("m", [1], signature=spec).tensors["x"].array.dtype == np.float64


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tensor("x", "float", None), "called 'float'; known are float32, float64"),
        (lambda: tensor("x", np.float32, None), r'such as "float32", not <class'),
        (lambda: tensor("x", None, None), "dtype must be the name"),
        (lambda: tensor("x", "float32", 3), "shape must be a list of sizes, not 3"),
        (lambda: tensor("x", "float32", "12"), "shape must be a list"),
        (lambda: tensor("x", "float32", (None, 4)), "a dimension of any size is -1"),
        (lambda: tensor("x", "float32", (-2,)), "integers from -1, not -2"),
        (lambda: tensor("x", "float32", (2**63,)), "integers from -1"),
        (lambda: tensor("x", "float32", (10**5000,)), "not an int of"),
        (lambda: tensor("x", "float32", (True,)), "not True"),
        (lambda: tensor("x", "float32", (1.0,)), r"not 1\.0"),
        (lambda: tensor(b"x", "float32", ()), "name must be text"),
        (lambda: tensor("x", "float32", (), "csr"), "encoding must be one of dense"),
        (lambda: feature("x", "int32"), "float32, int64, string, not 'int32'"),
        (lambda: feature("x", "float"), "known are"),
        (lambda: feature("x", "int64", "wide"), "dense, sparse, ragged, not 'wide'"),
        (lambda: feature("x", "int64", shape=None), "shape must be a list"),
        (lambda: feature("x", "int64", shape=(1, -1)), "from 0 "),
        (lambda: feature("x", "int64", "sparse", (2,)), "None where kind is 'sparse'"),
        (lambda: feature("x", "int64", required=1), "True or False"),
        (lambda: feature("x", "int64", default=3), "a list or a tuple"),
        (lambda: feature("x", "int64", default=(3.5,)), r"holds 3\.5"),
        (lambda: feature("x", "float32", default=(1e300,)), r"holds 1e\+300"),
        (lambda: parts("s", [X], {"y": Y}), "inputs must be a dict"),
        (lambda: parts("s", {"x": "float32"}, {}), r"inputs\['x'\] must be a TensorSpec"),
        (lambda: parts("s", {1: X}, {}), "a name in inputs must be text"),
        (lambda: parts(None, {}, {}), "name must be text"),
        (lambda: signature(defaults="x"), "defaults must be a list"),
        (lambda: signature(defaults=[["x"]]), "each of defaults must be text"),
        (lambda: signature(features={"age": X}), "must be a FeatureSpec"),
        (lambda: whole("m", "1", {}), "version must be an integer from 0, not '1'"),
        (lambda: whole("m", True, {}), "version must be"),
        (lambda: whole("m", None, {"s": X}), "must be a Signature"),
        (
            lambda: model(signature()).signature(["s"]),  # type: ignore[arg-type]
            "signature must be a name",
        ),
    ],
)
def test_what_is_wrong_is_said(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        make()


# Signatures that cannot be called, or not as they are.


def test_a_model_without_signatures() -> None:
    unusable = Signature("__saved_model_init_op", {}, {"x": TensorSpec("x", "invalid", None)})
    for empty in (model(), model(unusable)):
        for name in (None, "s"):
            with pytest.raises(InvalidInput, match="exported without signatures") as caught:
                empty.signature(name)
            assert "model.export(dir) in Keras 3" in str(caught.value)
            assert "tf.saved_model.save(model, dir, signatures=" in str(caught.value)
            assert "pass signature=" not in str(caught.value)
    with pytest.raises(InvalidInput, match="can be called: 's': input 'x' is a SparseTensor"):
        model(replace(signature(), inputs={"x": replace(X, encoding="coo_sparse")})).signature()


def test_dense_outputs_beside_a_sparse_one() -> None:
    spec = Signature("both", {"x": X}, {"s": SPARSE, "y": Y})
    assert model(spec).signature() is spec
    assert list(spec.fetchable().outputs) == ["y"]
    assert signature().fetchable() == signature()
    request = build_predict("m", [[1, 2]], signature=spec, outputs=["y"])
    assert request.outputs == ("y",)
    for outputs in (None, ["s", "y"], ["s"]):
        with pytest.raises(InvalidInput, match="output 's' is a SparseTensor") as caught:
            build_predict("m", [[1, 2]], signature=spec, outputs=outputs)
        assert "outputs=['y']" in str(caught.value.hint)
    with pytest.raises(Unimplemented, match=r"has all outputs, .* cannot fetch this one\n") as told:
        RestCalls().predict(request, None, True, False)
    assert told.value.hint == "use gRPC, which takes names of outputs"


def test_what_has_no_type_is_for_validate_false() -> None:
    untyped = TensorSpec("x", DType("invalid"), None)
    spec = Signature("old", {"x": untyped}, {"y": replace(untyped, name="y")})
    with pytest.raises(InvalidInput, match="input 'x' has no type") as caught:
        build_predict("m", {"x": [1.0]}, signature=spec)
    assert "validate=False" in str(caught.value.hint)
    assert "validate=False" in str(spec.why_unusable)  # where generators leave it out
    tensor = build_predict("m", {"x": [1.0]}, signature=spec, validate=False).tensors["x"]
    assert tensor.dtype == "float32"
    resource = replace(spec, inputs={"x": replace(untyped, dtype=DType("resource"))})
    for validate in (True, False):
        with pytest.raises(InvalidInput, match="resource") as caught:
            build_predict("m", {"x": [1.0]}, signature=resource, validate=validate)
        assert caught.value.hint is None


def test_remembered_requests_cannot_be_invalidated() -> None:
    """A signature that a client was given stays what it was checked as."""
    spec = signature()
    with Client("localhost:1", schemas={"m": model(spec)}) as client:
        client.build_predict("m", np.zeros((1, 2)))
        with pytest.raises(TypeError, match="read-only"):
            spec.inputs["x"] = Y  # type: ignore[index]
