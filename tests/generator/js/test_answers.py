"""What servers answered, read by the runtime of generated clients and by the library."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfsclient_gen.languages.js.methods import methods as js_methods

from tests.conftest import CONFORMANCE
from tests.generator.js.clients import ROOT, SAMPLES, assert_same, loadable, node, zoo_model
from tfsclient._codec import predict, rest_json
from tfsclient._codec.messages import message_class
from tfsclient.dtypes import DType
from tfsclient.schema import Model, Signature, TensorSpec

pytestmark = pytest.mark.language("js")

RUNTIME = ROOT / "templates" / "js" / "serving"


def spec(signature: Signature) -> dict[str, Any]:
    """A signature as the runtime is told of it."""
    outputs = js_methods(Model("m", None, {"s": signature}))[0].outputs
    specs = {f.name.ident: signature.outputs[f.name.wire] for f in outputs}
    return {
        "outputs": {
            ident: {"name": s.name, "dtype": s.dtype, "shape": s.shape}
            for ident, s in specs.items()
        }
    }


def recorded(transport: str) -> Iterator[dict[str, Any]]:
    path = CONFORMANCE / "transcripts" / f"{transport}.jsonl"
    for line in path.read_text("utf-8").splitlines():
        yield json.loads(line)


_READ = """
const { readPredict } = await import(given.module);
for (const [signature, body] of given.cases) {
  show(readPredict(signature, Uint8Array.from(body)));
}
"""


def test_recorded_rest_answers_read_as_the_library_reads_them(tmp_path: Path) -> None:
    cases, expected = [], []
    for record in recorded("rest"):
        name = record["path"].removeprefix("/v1/models/").removesuffix(":predict")
        body = record.get("response_body") or ""
        if (
            name not in SAMPLES
            or record["status"] != 200
            or not body.startswith('{\n    "outputs"')
        ):
            continue
        key = json.loads(record["body"]).get("signature_name") or "serving_default"
        signature = zoo_model(name).signatures[key]
        cases.append([spec(signature), list(body.encode())])
        expected.append(
            (rest_json.decode_predict(body.encode(), signature.outputs, None), signature)
        )
    assert len(cases) > 100
    read = {"module": (RUNTIME / "rest-answers.js").as_uri(), "cases": cases}
    for came, pair in zip(node(_READ, tmp_path, read), expected, strict=True):
        assert_same(came, *pair)


def test_recorded_grpc_answers_read_as_the_library_reads_them(tmp_path: Path) -> None:
    request = message_class("tensorflow.serving.PredictRequest")
    cases, expected = [], []
    for record in recorded("grpc"):
        if not record["method"].endswith("/Predict") or not record.get("response_b64"):
            continue
        asked = request.FromString(base64.b64decode(record["request_b64"]))
        if asked.model_spec.name not in loadable() or asked.output_filter:
            continue
        model = zoo_model(asked.model_spec.name)
        signature = model.signatures[asked.model_spec.signature_name or "serving_default"]
        body = base64.b64decode(record["response_b64"])
        _, wanted = predict.decode_predict_response(body)
        known = wanted.keys() == signature.outputs.keys()
        texts = [text for a in wanted.values() if a.dtype == object for text in a.flat]
        if known and not any(b"\xff" in text for text in texts):
            cases.append([spec(signature), list(body)])
            expected.append((wanted, signature))
    assert len(cases) > 100
    read = {"module": (RUNTIME / "grpc-messages.js").as_uri(), "cases": cases}
    for came, pair in zip(node(_READ, tmp_path, read), expected, strict=True):
        assert_same(came, *pair)


def test_tensors_in_either_form_read_as_the_library_reads_them(tmp_path: Path) -> None:
    response = message_class("tensorflow.serving.PredictResponse")
    cases, expected = [], []
    for dtype, field, values in (
        ("float32", "float_val", [1.5, float("nan")]),
        ("float64", "double_val", [0.1, -0.0]),
        ("uint16", "int_val", [65535, 1]),
        ("quint16", "int_val", [65535, 1]),
        ("int4", "int_val", [-8, 7]),
        ("int8", "int_val", [-128, 127]),
        ("int16", "int_val", [-1, 5]),
        ("int32", "int_val", [-(1 << 31), 1]),
        ("uint8", "int_val", [255, 0]),
        ("int64", "int64_val", [-(1 << 63), (1 << 63) - 1]),
        ("uint32", "uint32_val", [(1 << 32) - 1, 3]),
        ("uint64", "uint64_val", [(1 << 64) - 1, 1 << 53]),
        ("bool", "bool_val", [True, False]),
        ("string", "string_val", [b"a", "é".encode()]),
    ):
        spec_ = TensorSpec("y", DType(dtype), None)
        signature = Signature("s", {}, {"y": spec_})
        for count, given in ((2, values), (4, values), (3, []), (0, [])):
            for content in (False, True):
                message = response()
                tensor = message.outputs["y"]
                tensor.dtype = spec_.dtype.number
                tensor.tensor_shape.dim.add(size=count)
                if not content:
                    getattr(tensor, field).extend(given)
                elif count == len(given) and dtype != "string":
                    tensor.tensor_content = np.array(given, spec_.dtype.numpy).tobytes()
                else:
                    continue
                body = message.SerializeToString()
                wanted = predict.decode_predict_response(body)[1]["y"]
                cases.append([spec(signature), list(body)])
                expected.append(({"y": wanted}, signature))
    read = {"module": (RUNTIME / "grpc-messages.js").as_uri(), "cases": cases}
    for came, pair in zip(node(_READ, tmp_path, read), expected, strict=True):
        assert_same(came, *pair)
