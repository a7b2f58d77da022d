"""Values on real servers: generated JavaScript gives what the library gives."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfsclient_gen.languages.js.methods import methods as js_methods

from tests.conftest import Zoo
from tests.generator.js.clients import array, assert_same, plain, write, zoo_model
from tests.generator.js.live import on_both, over_grpc
from tfsclient import Client
from tfsclient._inputs.example import serialize
from tfsclient.dtypes import DType

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]


EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "half_plus_two": [{"x": [1.0]}, {"x": [2.5], "x2": [-1.0]}],
    "estimator": [{"a": ["abc"], "b": [1.0]}, {"a": [b"\xff"], "b": [float("-inf")]}],
    "predict_images": [{"x": [1.0] * 784}],
    "feature_spec": [
        {"f_required": [1.0]},
        {"f_required": [2.0], "f_default": [3.0], "f_seq": [1.0, 2.0], "i_fixed": [1, 2, 1 << 62],
         "i_ragged": [5], "s_fixed": ["é"], "s_var": ["a", b"b"]},
    ],
}  # fmt: skip


def written(value: Any) -> str:
    """A value as JavaScript."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, bytes):
        return f"Uint8Array.from({list(value)})"
    if isinstance(value, int):
        return f"{value}n"
    return {float("-inf"): "-Infinity"}.get(value) or json.dumps(value)


@pytest.mark.parametrize("model", EXAMPLES)
def test_examples_give_what_the_library_gives(generated: Path, zoo: Zoo, model: str) -> None:
    schema = zoo_model(model)
    calls, wanted = [], []
    with Client(zoo.grpc) as client:
        for method in js_methods(replace(schema, signatures=schema.usable())):
            signature = schema.signatures[method.name.wire]
            if method.features is None:
                continue
            examples = EXAMPLES[model]
            idents = {f.name.wire: f.name.ident for f in method.features}
            renamed = [{idents[k]: v for k, v in example.items()} for example in examples]
            if method.kind == "predict":
                answer: Any = client.predict(
                    model, [serialize(e) for e in examples], signature=signature.name
                )
                calls.append(f"{method.name.ident}({{ examples: {written(renamed)} }})")
            else:
                call = client.classify if method.kind == "classify" else client.regress
                answer = call(model, examples, signature=signature.name)
                calls.append(f"{method.name.ident}({{ examples: {written(renamed)} }})")
            wanted.append((signature, answer))
    for came, (signature, answer) in zip(
        on_both(generated / "js", zoo, model, calls, "{ verify: true }"), wanted, strict=True
    ):
        if signature.kind == "predict":
            assert_same(came, answer, signature)
        elif signature.kind == "regress":
            np.testing.assert_array_equal(np.array(plain(came), np.float32), answer)
        else:
            classes = [
                [(one["label"], float(one["score"])) for one in each] for each in plain(came)
            ]
            assert classes == answer


def test_a_context_is_shared(generated: Path, zoo: Zoo) -> None:
    calls = [
        "regressXToY2({ examples: [{ x: 1, x2: 5 }, { x: 1 }], context: { x2: 7 } })",
        "regressXToY({ examples: [{}, { x: 1 }], context: { x: 3 } })",
    ]
    with Client(zoo.grpc) as client:
        wanted = [
            client.regress("half_plus_two", examples, context, signature=signature).tolist()
            for signature, examples, context in (
                ("regress_x_to_y2", [{"x": 1.0, "x2": 5.0}, {"x": 1.0}], {"x2": 7.0}),
                ("regress_x_to_y", [{}, {"x": 1.0}], {"x": 3.0}),
            )
        ]
    assert on_both(generated / "js", zoo, "half_plus_two", calls) == wanted


def test_examples_without_known_features(generated: Path, zoo: Zoo) -> None:
    model = zoo_model("half_plus_two")
    blind = {n: replace(s, features=None, example_input=None) for n, s in model.signatures.items()}
    write(replace(model, signatures=blind), "js", generated / "js" / "blind")
    calls = [
        "regressXToY({ examples: [{ x: 1 }, { x: [2.5] }] })",
        "regressXToY({ examples: [{ x: new Float32Array([3]) }] })",
        "regressXToY({ examples: [{ x: 1n }] })",
        "regressXToY({ examples: [{ x: [] }] })",
        "regressXToY({ examples: [{ x: [1, 1n] }] })",
    ]
    *right, integer, empty, mixed = on_both(generated / "js" / "blind", zoo, "half_plus_two", calls)
    assert right == [[3.5, 4.25], [4.5]]
    assert {error["code"] for error in (integer, empty, mixed)} == {"INVALID_ARGUMENT"}
    assert "example 0: feature x is empty" in empty["details"]
    assert "holds 1n as a float32" in mixed["details"]


def test_it_gives_what_the_library_gives(generated: Path, zoo: Zoo) -> None:
    call = """rest({
      bool: [true, false],
      float32: [NaN, -0],
      float64: new Float64Array([0.1, -Infinity]),
      int8: [-128, 127],
      int16: [-32768, 32767],
      int32: new Int32Array([-2147483648, 2147483647]),
      int64: [2n ** 63n - 1n, -5],
      string: ["é\\\\0", new Uint8Array([104, 105])],
      uint8: { data: [0, 255], shape: [2] },
      uint32: [0, 4294967295],
      uint64: [18446744073709551615n, 0],
    })"""
    (came,) = on_both(generated / "js", zoo, "dtypes", [call], "{ verify: true }")
    wanted = {
        "bool": np.array([True, False]),
        "float32": np.array([np.nan, -0.0], np.float32),
        "float64": np.array([0.1, -np.inf]),
        "int8": np.array([-128, 127], np.int8),
        "int16": np.array([-32768, 32767], np.int16),
        "int32": np.array([-(1 << 31), (1 << 31) - 1], np.int32),
        "int64": np.array([(1 << 63) - 1, -5]),
        "string": np.array(["é\\0".encode(), b"hi"], object),
        "uint8": np.array([0, 255], np.uint8),
        "uint32": np.array([0, (1 << 32) - 1], np.uint32),
        "uint64": np.array([(1 << 64) - 1, 0], np.uint64),
    }
    assert_same(came, wanted, zoo_model("dtypes").signatures["rest"])
    assert np.signbit(array(came["float32"], DType("float32"))[1])


def test_strings_may_be_bytes(generated: Path, zoo: Zoo) -> None:
    given = "{ x: [Uint8Array.of(255, 0), Uint8Array.of(195, 169)] }"
    calls = [f'idString({given}, {{ strings: "bytes" }})', f"idString({given})"]
    came, error = on_both(generated / "js", zoo, "dtypes", calls)
    assert plain(came["y"]["data"]) == [b"\xff\0", "é".encode()]
    assert error["code"] == "FAILED_PRECONDITION"
    assert 'strings: "bytes"' in error["details"]


def test_what_only_grpc_carries_gives_what_the_library_gives(generated: Path, zoo: Zoo) -> None:
    import ml_dtypes

    given: dict[str, tuple[str, Any]] = {
        "float16": ("[1.5, 65504, 0.1, -Infinity]", np.array([1.5, 65504, 0.1, -np.inf], "e")),
        "bfloat16": (
            "new Float32Array([1.5, 3e38])", np.array([1.5, 3e38], np.float32).astype(
                ml_dtypes.bfloat16
            ),
        ),
        "uint16": ("[65535, 0n]", np.array([65535, 0], np.uint16)),
        "complex64": ("[[1, -2], [0.5, 0]]", np.array([1 - 2j, 0.5], np.complex64)),
        "complex128": (
            "{ data: new Float64Array([0.1, 2, 3, 4]), shape: [2] }", np.array([0.1 + 2j, 3 + 4j])
        ),
        "float8_e5m2": ("[60]", np.array([1], ml_dtypes.float8_e5m2)),
    }  # fmt: skip
    schema = zoo_model("dtypes")
    names = {m.name.wire: m.name.ident for m in js_methods(schema)}
    calls = [f"{names[f'id_{dtype}']}({{ x: {text} }})" for dtype, (text, _) in given.items()]
    came = over_grpc(generated / "js", zoo, "dtypes", calls)
    for result, (dtype, (_, value)) in zip(came, given.items(), strict=True):
        assert_same(result, {"y": value}, schema.signatures[f"id_{dtype}"])


def test_defaults_are_the_models_over_grpc(generated: Path, zoo: Zoo) -> None:
    calls = ["servingDefault({ x: [1] })", "every()", "every({})"]
    with Client(zoo.grpc) as client:
        wanted = [
            client.predict("defaults", inputs, signature=signature)
            for signature, inputs in (
                ("serving_default", {"x": np.array([1], np.float32)}), ("every", {}), ("every", {}),
            )
        ]  # fmt: skip
    schema = zoo_model("defaults").signatures
    came = over_grpc(generated / "js", zoo, "defaults", calls)
    for result, answer, name in zip(
        came, wanted, ("serving_default", "every", "every"), strict=True
    ):
        assert_same(result, dict(answer), schema[name])
    (none,) = over_grpc(generated / "js", zoo, "ranks", ["noInputs()"])
    assert "code" not in none
