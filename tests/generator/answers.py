"""What servers answered, and what the library reads in it, for readers in other languages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import CONFORMANCE
from tests.generator.go.clients import MODELS, zoo_model
from tfsclient._codec import inference, rest_json
from tfsclient._codec.messages import message_class
from tfsclient._codec.protobuf import chunk
from tfsclient._codec.tensor import Tensor, decode_tensor, encode_tensor, encode_tensor_typed
from tfsclient.dtypes import DType
from tfsclient.schema import TensorSpec


def write_answers(path: Path) -> list[list[np.ndarray[Any, Any]]]:
    """Write answers, and of what they are, as JSON; gives the arrays that are in each of them."""
    cases: list[dict[str, Any]] = []
    expected: list[list[np.ndarray[Any, Any]]] = []
    for body, outputs in _recorded_rest():
        cases.append({"rest": body, "outputs": list(outputs.values())})
        expected.append(list(rest_json.decode_predict(body, outputs, None).values()))
    for body, tensors in [*_recorded_grpc(), *_every_dtype(), *_odd()]:
        specs = [TensorSpec(n, t.dtype, None) for n, t in tensors.items()]
        cases.append({"grpc": body, "outputs": specs})
        expected.append([t.array for t in tensors.values()])
    for case, results in _recorded_results():
        cases.append(case)
        expected.append(results)
    assert len(cases) > 450
    path.write_text(json.dumps(cases, default=_to_json), "utf-8")
    return expected


def assert_read(lines: Sequence[str], expected: Sequence[Sequence[np.ndarray[Any, Any]]]) -> None:
    """A line for each answer is "found" and a list of shapes and of values as texts: the same."""
    for line, arrays in zip(lines, expected, strict=True):
        found = json.loads(line.removeprefix("found "))
        for array, came in zip(arrays, found, strict=True):
            assert came["Shape"] == list(array.shape)
            for value, text in zip(array.reshape(-1), came["Values"], strict=True):
                assert _is_same(value, text)


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    assert isinstance(value, TensorSpec)
    return {"name": value.name, "dtype": str(value.dtype), "shape": value.shape}


def _recorded_rest() -> list[tuple[bytes, Mapping[str, TensorSpec]]]:
    found = []
    for line in (CONFORMANCE / "transcripts" / "rest.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        name = record["path"].removeprefix("/v1/models/").removesuffix(":predict")
        body = record.get("response_body") or ""
        if name in MODELS and record["status"] == 200 and body.startswith('{\n    "outputs"'):
            signature = json.loads(record["body"]).get("signature_name") or "serving_default"
            found.append((body.encode(), zoo_model(name).signatures[signature].outputs))
    return found


def _recorded_results() -> list[tuple[dict[str, Any], list[Any]]]:
    """Answers to classify and regress, and their labels, scores and values by example."""
    found: list[tuple[dict[str, Any], list[Any]]] = []
    for line in (CONFORMANCE / "transcripts" / "rest.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        kind = record["path"].rpartition(":")[2]
        if kind in ("classify", "regress") and record["status"] == 200:
            body = record["response_body"].encode()
            results = [_flat(result) for result in rest_json.loads(body)["results"]]
            found.append(({"rest": body, "kind": kind, "outputs": []}, results))
    for line in (CONFORMANCE / "transcripts" / "grpc.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        kind = record["method"].rpartition("/")[2].lower()
        if kind in ("classify", "regress") and record.get("response_b64"):
            body = base64.b64decode(record["response_b64"])
            result = inference._merged(body, inference._RESULT)
            count = len(inference._spans(result, inference._EACH))
            if kind == "classify":
                each: list[Any] = list(inference._classes(result, count))
            else:
                each = inference._values(result, count).tolist()
            found.append(({"grpc": body, "kind": kind, "outputs": []}, [_flat(e) for e in each]))
    return found


def _flat(result: Any) -> Any:
    """What one example got, as an array of labels and float32 scores, or of its value."""
    if isinstance(result, float):
        return np.array([result], np.float32)
    values = [
        v
        for label, score in result
        for v in (label.encode("utf-8", "surrogateescape"), np.float32(score))
    ]
    return np.array(values, object)


def _recorded_grpc() -> list[tuple[bytes, dict[str, Tensor]]]:
    found = []
    for line in (CONFORMANCE / "transcripts" / "grpc.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["method"].endswith("/Predict") and record.get("response_b64"):
            body = base64.b64decode(record["response_b64"])
            outputs = message_class("tensorflow.serving.PredictResponse").FromString(body).outputs
            tensors = {n: decode_tensor(t.SerializeToString()) for n, t in outputs.items()}
            found.append((body, tensors))
    return found


def _every_dtype() -> list[tuple[bytes, dict[str, Tensor]]]:
    """A tensor of each dtype in both forms, as TensorFlow itself may write them."""
    found = []
    for number in range(64):
        dtype = DType.of_number(number)
        if not dtype.sendable:
            continue
        values = [b"", b"\xff"] if dtype == "string" else [0, 1]
        tensor = Tensor(dtype, np.array([values], dtype=dtype.numpy))
        for encode in (encode_tensor, encode_tensor_typed):
            response = message_class("tensorflow.serving.PredictResponse")()
            response.outputs["y"].MergeFromString(b"".join(map(bytes, encode(tensor))))
            found.append((response.SerializeToString(), {"y": tensor}))
    return found


def _odd() -> Iterator[tuple[bytes, dict[str, Tensor]]]:
    """What TF Serving does not write, but TensorFlow reads."""
    group = b"\x93\x0f\x08\x01\x13\x14\x94\x0f"
    for tensor in (
        group + b"\x08\1\x12\0\x2a\4\0\0\x80\x3f" + group,
        b"\x08\1\x2a\4\0\0\x80\x3f",  # no shape
        b"\x08\1",  # nor a value
        b"\x08\7\x12\4\x12\2\x08\2\x22\5\2\1abc",  # strings as content
    ):
        whole = chunk(1, chunk(1, b"y") + chunk(2, tensor))
        yield group + whole + group, {"y": decode_tensor(tensor)}


def _is_same(value: Any, text: str) -> bool:
    """Whether a program's text of a value is the value."""
    if isinstance(value, bytes):
        return base64.b64decode(text) == value
    if isinstance(value, np.bool_):
        return text == str(bool(value)).lower()
    if isinstance(value, np.complexfloating):
        return bool(complex(text.replace("i", "j")) == value)
    if value.dtype.name.startswith("float8"):
        return bool(int(text) == value.view(np.uint8))
    if isinstance(value, np.integer) or "int" in value.dtype.name:
        return int(text) == int(value)
    return bool(np.array_equal(value, value.dtype.type(float(text)), equal_nan=True))
