"""Classify, regress and multi-inference: requests as the official classes write them, and what a
real TensorFlow Serving answered."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import missing
from tfsclient import build_classify, build_multi_inference, build_regress
from tfsclient._calls.call import Call
from tfsclient._calls.grpc import GrpcCalls
from tfsclient._calls.request import ExamplesRequest
from tfsclient._calls.rest import RestCalls
from tfsclient._codec.inference import Task
from tfsclient._codec.messages import message_class
from tfsclient._codec.rest_json import decode_classify, decode_regress
from tfsclient._inputs.example import Example
from tfsclient.dtypes import DType
from tfsclient.errors import (
    Code,
    DecodeError,
    InvalidInput,
    TFSError,
    Unimplemented,
    from_code,
    from_http_status,
)
from tfsclient.schema import FeatureSpec, Signature, TensorSpec

TRANSCRIPTS = Path(__file__).parents[1] / "conformance" / "transcripts"
METHODS = ("Classify", "Regress", "MultiInference")
GRPC_CALLS, REST_CALLS = GrpcCalls(), RestCalls()


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TRANSCRIPTS / name).read_text("utf-8").splitlines()]


GRPC = [line for line in lines("grpc.jsonl") if line["method"].rpartition("/")[2] in METHODS]
REST = [
    line
    for line in lines("rest.jsonl")
    if line["method"] == "POST" and line["path"].endswith((":classify", ":regress"))
]


def message(name: str) -> Any:
    return message_class(f"tensorflow.serving.{name}")


def bits(value: Any) -> Any:
    """Scores as text, so that NaN equals NaN."""
    return json.loads(json.dumps(value, default=lambda array: array.tolist()), parse_constant=str)


def repeat(line: dict[str, Any]) -> Call[Any]:
    """The call of ours that asks what a recorded gRPC request asked."""
    method = line["method"].rpartition("/")[2]
    kind = {"Classify": "Classification", "Regress": "Regression"}.get(method, method)
    request = message(kind + "Request").FromString(base64.b64decode(line["request_b64"]))
    spec = request.tasks[0].model_spec if method == "MultiInference" else request.model_spec
    which = {
        "version": spec.version.value if spec.HasField("version") else None,
        "label": spec.version_label if spec.HasField("version_label") else None,
    }
    given = getattr(request.input, request.input.WhichOneof("kind"))
    context = given.context if given.DESCRIPTOR.name == "ExampleListWithContext" else None
    call: Call[Any]
    if method == "MultiInference":
        tasks: dict[str, Any] = {
            task.model_spec.signature_name: task.method_name.rpartition("/")[2]
            for task in request.tasks
        }
        if which["version"] is not None:  # the first task's decides, so we say it in each
            for task in request.tasks:
                task.model_spec.version.value = which["version"]
        call = GRPC_CALLS.multi_inference(
            build_multi_inference(spec.name, tasks, given.examples, context, **which)
        )
    else:
        build = build_classify if method == "Classify" else build_regress
        ask: Any = GRPC_CALLS.classify if method == "Classify" else GRPC_CALLS.regress
        signature = spec.signature_name or None
        call = ask(build(spec.name, given.examples, context, signature=signature, **which))
    assert call.path == "/" + line["method"]
    assert call.body is not None
    # Messages with NaN differ from themselves, with some versions of protobuf.
    again = type(request).FromString(call.body)
    assert again.SerializeToString(deterministic=True) == request.SerializeToString(
        deterministic=True
    )
    return call


def plain(line: dict[str, Any]) -> Any:
    """What protobuf reads in a recorded gRPC answer."""

    def classes(result: Any) -> Any:
        return [[(c.label, c.score) for c in each.classes] for each in result.classifications]

    def values(result: Any) -> Any:
        return [each.value for each in result.regressions]

    data = base64.b64decode(line["response_b64"])
    method = line["method"].rpartition("/")[2]
    if method == "Classify":
        return classes(message("ClassificationResponse").FromString(data).result)
    if method == "Regress":
        return values(message("RegressionResponse").FromString(data).result)
    return {
        each.model_spec.signature_name: classes(each.classification_result)
        if each.WhichOneof("result") == "classification_result"
        else values(each.regression_result)
        for each in message("MultiInferenceResponse").FromString(data).results
    }


def ids(line: dict[str, Any]) -> str:
    return str(line["id"])


ANSWERED = [line for line in GRPC if line["code"] == "OK"]


def test_there_is_something_to_test() -> None:
    assert len(ANSWERED) >= 20
    assert sum(line["status"] == 200 for line in REST) >= 40


@pytest.mark.parametrize("line", ANSWERED, ids=ids)
def test_a_recorded_grpc_answer_decodes(line: dict[str, Any]) -> None:
    answer = repeat(line).decode(base64.b64decode(line["response_b64"]))
    if line.get("undecodable"):
        assert answer[0][0] == ("t\udcff", 1.5)
        assert answer[0][0][0].encode("utf-8", "surrogateescape") == b"t\xff"
        return
    assert bits(answer) == bits(plain(line))
    for result in answer.values() if isinstance(answer, dict) else [answer]:
        if isinstance(result, np.ndarray):
            assert (result.dtype, result.ndim) == (np.float32, 1)
        else:
            assert {type(score) for classes in result for _, score in classes} <= {float}


@pytest.mark.parametrize("line", [line for line in GRPC if line["code"] != "OK"], ids=ids)
def test_a_recorded_grpc_error_has_its_class(line: dict[str, Any]) -> None:
    error = from_code(Code(line["code"]), line["details"])
    assert type(error).__name__ == line["code"].title().replace("_", "")
    assert error.code == line["code"]
    assert line["details"] in str(error)


@pytest.mark.parametrize("line", [line for line in REST if line["status"] == 200], ids=ids)
def test_a_recorded_rest_answer_decodes(line: dict[str, Any]) -> None:
    body = line["response_body"].encode()
    wanted = json.loads(body)["results"]
    if line["path"].endswith(":regress"):
        values = decode_regress(body, len(wanted))
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, np.array(wanted, np.float32))
        return
    answer = decode_classify(body, len(wanted))
    assert [[label for label, _ in classes] for classes in answer] == [
        [label for label, _ in classes] for classes in wanted
    ]
    np.testing.assert_array_equal(
        np.array([[score for _, score in classes] for classes in answer]),
        np.array([[score for _, score in classes] for classes in wanted], np.float32),
    )


@pytest.mark.parametrize("line", [line for line in REST if line["status"] != 200], ids=ids)
def test_a_recorded_rest_error_has_its_class(line: dict[str, Any]) -> None:
    name = {400: "InvalidArgument", 404: "NotFound", 501: "Unimplemented"}[line["status"]]
    error = from_http_status(line["status"], json.loads(line["response_body"])["error"])
    assert type(error).__name__ == name
    assert (error.http_status, bool(error.details)) == (line["status"], True)


def test_a_recorded_rest_request_is_what_we_write() -> None:
    (line,) = (line for line in REST if line["id"] == "rest/examples/classify/context")
    wanted = json.loads(line["body"])
    request = build_classify(
        "feature_spec", wanted["examples"], wanted["context"], signature="classify"
    )
    call = REST_CALLS.classify(request)
    assert call.body is not None
    ours = json.loads(call.body)
    assert call.path == line["path"]
    assert ours["signature_name"] == wanted["signature_name"]
    for name, value in wanted["context"].items():  # a value alone means a list of one
        assert ours["context"][name] == (value if isinstance(value, list) else [value])
    assert call.decode(line["response_body"].encode())[0][0] == ("none", 9.5)


def test_the_official_classes_read_the_same() -> None:
    try:
        from tensorflow_serving.apis import classification_pb2, inference_pb2
    except ImportError:
        missing("tensorflow-serving-api")

    examples = [Example({"x": 1.0}), {"x": [2.0]}]
    request = build_classify("m", examples, {"y": 3}, signature="s", version=0)
    theirs = classification_pb2.ClassificationRequest()
    theirs.model_spec.name, theirs.model_spec.signature_name = "m", "s"
    theirs.model_spec.version.value = 0
    listed = theirs.input.example_list_with_context
    for value in (1.0, 2.0):
        listed.examples.add().features.feature["x"].float_list.value.append(value)
    listed.context.features.feature["y"].int64_list.value.append(3)
    assert request.to_bytes() == theirs.SerializeToString(deterministic=True)
    assert GRPC_CALLS.classify(request).body == request.to_bytes()

    multi = build_multi_inference("m", {"a": "regress"}, list(listed.examples), label="b")
    again = inference_pb2.MultiInferenceRequest()
    task = again.tasks.add(method_name="tensorflow/serving/regress")
    task.model_spec.name, task.model_spec.signature_name = "m", "a"
    task.model_spec.version_label = "b"
    again.input.example_list.examples.extend(listed.examples)
    assert multi.to_bytes() == again.SerializeToString(deterministic=True)
    assert GRPC_CALLS.multi_inference(multi).body == multi.to_bytes()


@pytest.mark.parametrize("build", [build_classify, build_regress])
def test_examples_are_checked_against_the_features(build: Any) -> None:
    age = {"age": FeatureSpec("age", DType("float32"), required=True)}
    strings = {"inputs": TensorSpec("inputs", DType("string"), (-1,))}
    spec = Signature("s", strings, {}, features=age, example_input="inputs")
    with pytest.raises(InvalidInput, match=r"example 1: feature 'age' is missing") as caught:
        build("m", [{"age": 3}, {}], signature=spec)
    assert (caught.value.model, caught.value.signature) == ("m", "s")
    with pytest.raises(InvalidInput, match=r"the context: there is no feature 'agee'"):
        build("m", [{"age": 3}], {"agee": 3}, signature=spec)
    with pytest.raises(InvalidInput, match="there are no examples"):
        build("m", [])
    # The context has it, and one that is bytes might.
    for context in ({"age": 3}, Example({"age": 3}).to_bytes()):
        request = build("m", [{}], context, signature=spec)
        assert json.loads(request.to_json())["context"] == {"age": [3]}
    build("m", [{}], signature="s")  # whose features are not known


def test_multi_inference_is_checked() -> None:
    with pytest.raises(InvalidInput, match="there are no tasks"):
        build_multi_inference("m", {}, [{}])
    tasks: Any = {"s": "predict"}
    with pytest.raises(InvalidInput, match="not 'predict'"):
        build_multi_inference("m", tasks, [{}])
    with pytest.raises(InvalidInput, match="there are no examples"):
        build_multi_inference("m", {"s": "classify"}, [])
    request = build_multi_inference("m", {"s": "classify"}, [{}])
    for ask in (REST_CALLS.multi_inference, ExamplesRequest.to_json, ExamplesRequest.to_curl):
        with pytest.raises(Unimplemented, match="REST"):
            ask(request)


def test_an_answer_that_is_none() -> None:
    def multi(tasks: dict[str, Task]) -> Call[Any]:
        return GRPC_CALLS.multi_inference(build_multi_inference("m", tasks, [{}]))

    classify = GRPC_CALLS.classify(build_classify("m", [{}]))
    regress = REST_CALLS.regress(build_regress("m", [{}, {}]))
    classify_rest = REST_CALLS.classify(build_classify("m", [{}]))
    result = message("InferenceResult")()
    result.model_spec.signature_name = "b"
    result.classification_result.classifications.add()
    answers: list[tuple[Call[Any], bytes]] = [
        (classify, b"\xff"),
        (classify, b""),
        (classify, b"\n\x02\n\x09"),
        (GRPC_CALLS.regress(build_regress("m", [{}])), b"\n\x04\n\x00\n\x00"),
        (multi({"a": "classify"}), b""),
        (multi({"a": "classify"}), b"\n\x00"),
        (
            multi({"a": "classify"}),
            message("MultiInferenceResponse")(results=[result]).SerializeToString(),
        ),
        (
            multi({"b": "regress"}),
            message("MultiInferenceResponse")(results=[result]).SerializeToString(),
        ),
        (regress, b"nonsense"),
        (regress, b"[]"),
        (regress, b'{"results": [1.0]}'),
        (regress, b'{"results": [1.0, "a"]}'),
        (regress, b'{"results": [[1.0], [2.0]]}'),
        (regress, b'{"results": [[1.0], [2.0, 3.0]]}'),
        (classify_rest, b'{"results": [1.0]}'),
        (classify_rest, b'{"results": [[["a"]]]}'),
        (classify_rest, b'{"results": [[[1.0, 1.0]]]}'),
        (classify_rest, b'{"results": [[["a", "b"]]]}'),
        (classify_rest, b'{"results": [[["a", [1.0]]]]}'),
    ]
    for call, data in answers:
        with pytest.raises(DecodeError):
            call.decode(data)
    assert issubclass(DecodeError, TFSError)


def test_rest_labels_are_what_grpc_gives() -> None:
    call = REST_CALLS.classify(build_classify("m", [{}], label="stable"))
    assert call.path == "/v1/models/m/labels/stable:classify"
    assert call.decode(b'{"results": [[["t\xff", 0.1], ["", NaN]]]}')[0][0] == (
        "t\udcff",
        float(np.float32(0.1)),
    )
