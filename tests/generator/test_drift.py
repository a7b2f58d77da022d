"""What changed between two schemas, and what that means for a client made from the first."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ZOO
from tests.sources.test_schema import models
from tfsclient import DType, FailedPrecondition, FeatureSpec, Model, Signature, TensorSpec, sources
from tfsclient.drift import Difference, compare
from tfsclient.generated import verify_signatures
from tfsclient.schema import CLASSIFY

SIGNATURE = Signature(
    "s",
    inputs={"x": TensorSpec("x", DType("float32"), (-1, 8))},
    outputs={"y": TensorSpec("y", DType("float32"), (-1, 2))},
)
EXAMPLES = replace(
    SIGNATURE,
    inputs={"e": TensorSpec("e", DType("string"), (-1,))},
    example_input="e",
    features={"f": FeatureSpec("f", DType("float32"), shape=(3,), default=(1.0,))},
)


def model(*signatures: Signature, name: str = "m") -> Model:
    return Model(name, None, {s.name: s for s in signatures})


def verdicts(old: Signature, new: Signature) -> list[str]:
    return [str(each.verdict) for each in compare(model(old), model(new))]


def tensors(**specs: Any) -> dict[str, TensorSpec]:
    """Tensors from dtype and shape."""
    return {name: TensorSpec(name, DType(dtype), shape) for name, (dtype, shape) in specs.items()}


@pytest.mark.parametrize("name", ["linear", "estimator", "feature_spec", "dtypes", "awkward"])
def test_a_model_is_as_itself(name: str) -> None:
    told = sources.from_saved_model(ZOO / name)
    assert compare(told, sources.from_saved_model(ZOO / name)) == []
    assert compare(told, replace(told, name="another", version=99)) == []


@given(models, models)
def test_any_two_models_can_be_compared(one: Model, other: Model) -> None:
    assert compare(one, one) == []
    assert all(str(each) for each in compare(one, other))


def test_signatures_come_and_go() -> None:
    init = replace(SIGNATURE, name="__saved_model_init_op")
    other = replace(SIGNATURE, name="other")
    no_outputs = replace(other, outputs={})
    gone = Difference("breaking", "signature 'other'", "gone")
    new = Difference("compatible", "signature 'other'", "new")
    lost = Difference(
        "breaking", "signature 'other'", "cannot be called any more: it has no outputs"
    )
    found = replace(new, text="can be called now")
    for old, now, expected in (
        ([other, SIGNATURE], [SIGNATURE], [gone]),
        ([SIGNATURE], [SIGNATURE, other, init], [new]),
        ([other, init], [no_outputs], [lost]),
        ([no_outputs], [other, init], [found]),
        ([no_outputs, init], [], []),
    ):
        assert compare(model(*old), model(*now)) == expected


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (("float64", (-1, 8)), ["breaking"]),
        (("float32", (-1, 9)), ["breaking"]),
        (("float32", (1, 8)), ["breaking"]),
        (("float32", (-1,)), ["breaking"]),
        (("float32", (-1, -1)), ["compatible"]),
        (("float32", None), ["compatible"]),
        (("int64", (8,)), ["breaking", "breaking"]),
    ],
)
def test_inputs_must_take_what_they_took(new: Any, expected: list[str]) -> None:
    assert verdicts(SIGNATURE, replace(SIGNATURE, inputs=tensors(x=new))) == expected


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (("float64", (-1, 2)), ["breaking"]),
        (("float32", (-1, 3)), ["breaking"]),
        (("float32", (-1, -1)), ["breaking"]),
        (("float32", None), ["breaking"]),
        (("float32", (1, 2)), ["compatible"]),
    ],
)
def test_outputs_must_give_what_they_gave(new: Any, expected: list[str]) -> None:
    assert verdicts(SIGNATURE, replace(SIGNATURE, outputs=tensors(y=new))) == expected


def test_an_open_rank_that_closes() -> None:
    x, y = tensors(x=("float32", None)), tensors(y=("float32", None))
    old = replace(SIGNATURE, inputs=x, outputs=y)
    assert verdicts(old, SIGNATURE) == ["breaking", "compatible"]


def test_tensors_come_and_go() -> None:
    two = replace(SIGNATURE, inputs=tensors(x=("float32", (-1, 8)), n=("int32", ())),
                  outputs=tensors(y=("float32", (-1, 2)), z=("int64", (-1,))))  # fmt: skip
    optional = replace(two, defaults=frozenset("n"))
    assert verdicts(SIGNATURE, two) == ["breaking", "compatible"]
    assert verdicts(SIGNATURE, optional) == ["compatible", "compatible"]
    assert verdicts(two, SIGNATURE) == ["breaking", "breaking"]
    assert verdicts(optional, two) == ["breaking"]
    assert verdicts(two, optional) == ["compatible"]


def test_a_likely_new_name_is_told() -> None:
    old = replace(SIGNATURE, inputs=tensors(images=("uint8", (-1, 8)), mask=("bool", (-1,))))
    new = replace(SIGNATURE, inputs=tensors(image=("uint8", (-1, 8)), mosk=("int8", (-1,))))
    assert list(map(str, compare(model(old), model(new)))) == [
        "signature 's', input 'images': gone; 'image', which is new, is likely its new name",
        "signature 's', input 'mask': gone",
        "signature 's', input 'mosk': new, int8 [-1]; it has to be sent",
    ]


def test_kinds_and_method_names() -> None:
    inputs = tensors(inputs=("string", (-1,)))
    classes = tensors(classes=("string", (-1, 2)))
    old = replace(SIGNATURE, inputs=inputs, outputs=classes)
    assert verdicts(old, replace(old, method=CLASSIFY)) == ["breaking"]
    assert verdicts(SIGNATURE, replace(SIGNATURE, method=CLASSIFY)) == ["documentation"]


def feature(**changes: Any) -> list[str]:
    """The verdicts where the feature ``f`` becomes another."""
    spec = replace((EXAMPLES.features or {})["f"], **changes)
    return verdicts(EXAMPLES, replace(EXAMPLES, features={"f": spec}))


def test_features_change() -> None:
    assert feature() == []
    assert feature(dtype=DType("int64"), default=(1,)) == ["breaking"]
    assert feature(shape=(4,)) == ["breaking"]
    assert feature(shape=(-1,)) == ["compatible"]
    assert feature(kind="ragged", shape=None) == ["compatible"]
    assert feature(default=(2.0,)) == ["documentation"]
    assert feature(required=True, default=None) == ["breaking"]
    assert feature(required=None) == ["not comparable"]


def test_features_come_and_go() -> None:
    features = EXAMPLES.features or {}
    for required, expected in ((True, "breaking"), (False, "compatible"), (None, "not comparable")):
        g = FeatureSpec("g", DType("int64"), required=required)
        more = replace(EXAMPLES, features={**features, "g": g})
        assert verdicts(EXAMPLES, more) == [expected]
        assert verdicts(more, EXAMPLES) == ["compatible"]  # a parser passes over what it knows not


def test_a_server_does_not_tell_features() -> None:
    served = replace(EXAMPLES, example_input=None, features=None)
    assert verdicts(EXAMPLES, served) == ["not comparable"]
    assert verdicts(served, EXAMPLES) == ["not comparable"]
    both = tensors(e=("string", (-1,)), g=("string", (-1,)))
    old, new = (replace(EXAMPLES, inputs=both, example_input=name) for name in both)
    assert verdicts(old, new) == ["breaking"]


def test_nan_is_nan() -> None:
    old, new = (FeatureSpec("f", DType("float32"), default=(float("nan"),)) for _ in range(2))
    assert math.isnan((old.default or (0,))[0])  # type: ignore[arg-type]
    one, other = (replace(EXAMPLES, features={"f": spec}) for spec in (old, new))
    assert verdicts(one, other) == []


shapes = st.none() | st.lists(st.sampled_from([-1, 0, 1, 2]), max_size=3).map(tuple)


@given(shapes, shapes, st.lists(st.integers(0, 2), max_size=3))
def test_a_compatible_input_takes_every_shape_it_took(old: Any, new: Any, sent: list[int]) -> None:
    def takes(shape: Any) -> bool:
        return shape is None or (
            len(shape) == len(sent) and all(d in (-1, n) for d, n in zip(shape, sent, strict=True))
        )

    one, other = (replace(SIGNATURE, inputs=tensors(x=("bool", s))) for s in (old, new))
    if "breaking" not in verdicts(one, other) and takes(old):
        assert takes(new)


def test_hostile_names_are_compared_in_bounds() -> None:
    many = {f"{i}" + "x" * 100_000: ("bool", ()) for i in range(50)}
    others = {"y" + name: spec for name, spec in many.items()}
    old, new = (replace(SIGNATURE, inputs=tensors(**names)) for names in (many, others))
    assert verdicts(old, new) == ["breaking"] * 50


@pytest.mark.parametrize(
    ("old", "new", "of_input", "of_output"),
    [
        ((-1,), (2,), "breaking", "compatible"),
        ((2,), (-1,), "compatible", "breaking"),
        ((2,), (3,), "breaking", "breaking"),
        ((2,), (2, 1), "breaking", "breaking"),
        (None, (-1,), "breaking", "compatible"),
        ((-1,), None, "compatible", "breaking"),
    ],
)
def test_verify_and_drift_follow_one_table(
    old: tuple[int, ...] | None,
    new: tuple[int, ...] | None,
    of_input: str,
    of_output: str,
) -> None:
    same = TensorSpec("t", DType("float32"), (1,))
    before, after = (TensorSpec("t", DType("float32"), shape) for shape in (old, new))
    for verdict, expected, served in (
        (of_input, ({"t": before}, {"t": same}), ({"t": after}, {"t": same})),
        (of_output, ({"t": same}, {"t": before}), ({"t": same}, {"t": after})),
    ):
        was, now = Signature("s", *expected), Signature("s", *served)
        models = [Model("m", None, {"s": one}) for one in (was, now)]
        assert [found.verdict for found in compare(*models)] == [verdict]
        if verdict == "breaking":
            with pytest.raises(FailedPrecondition, match="its shape was"):
                verify_signatures([was], models[1])
        else:
            verify_signatures([was], models[1])
