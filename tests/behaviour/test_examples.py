"""Classify, regress, multi-inference and whole messages, on every stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.conftest import Zoo, missing
from tfsclient import Client, InvalidArgument, InvalidInput, Unimplemented, sources
from tfsclient._calls.urls import model_path
from tfsclient._codec.inference import Task

MODELS = Path(__file__).parents[1] / "conformance" / "models"


def test_classify_gives_labels_with_scores_for_each_example(client: Client) -> None:
    result = client.classify("half_plus_two", [{"x": 2.0}], signature="classify_x_to_y")
    assert result == [[("", 4.0)]]


def test_regress_gives_a_number_for_each_example(client: Client) -> None:
    examples = [{"x": [float(x)]} for x in range(5)]
    result = client.regress("half_plus_two", examples, signature="regress_x_to_y")
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [3.0, 3.5, 4.0, 4.5, 5.0])


def test_a_signature_for_another_call_is_refused_in_a_line(client: Client) -> None:
    for model, words in (("half_plus_two", "inputs found in its SignatureDef"), ("mlp", "No sign")):
        for call in (client.classify, client.regress):
            with pytest.raises(InvalidArgument, match=words) as caught:
                call(model, [{"x": 2.0}])
            (hint,) = str(caught.value).splitlines()[1:]
            assert hint.startswith("  hint: name another signature by signature=...")


def test_a_bound_model_has_these_calls(target: str) -> None:
    bound = Client(target).model("half_plus_two", version=2)
    assert bound.regress([{"x": 2.0}], signature="regress_x_to_y").tolist() == [4.0]
    assert bound.classify([{"x": 2.0}], signature="classify_x_to_y") == [[("", 4.0)]]


def test_a_context_is_shared_by_all_examples(client: Client) -> None:
    result = client.regress(
        "half_plus_two", [{}, {"x": 4.0}], {"x": 2.0}, signature="regress_x_to_y"
    )
    np.testing.assert_array_equal(result, [4.0, 5.0])


def test_known_features_are_checked_and_cast(target: str, make_client: Any) -> None:
    schemas = {"half_plus_two": sources.from_saved_model(MODELS / "half_plus_two")}
    with make_client(target, schemas=schemas) as client:
        ask = {"signature": "regress_x_to_y"}
        assert client.regress("half_plus_two", [{"x": 2}], **ask).tolist() == [4.0]
        with pytest.raises(InvalidInput, match=r"example 0: there is no feature 'X'"):
            client.regress("half_plus_two", [{"X": 2.0}], **ask)
        with pytest.raises(InvalidArgument):  # the server's own word
            client.regress("half_plus_two", [{"x": 2}], **ask, validate=False)
        spec = schemas["half_plus_two"].signature("regress_x_to_y")
    with make_client(target) as client:
        assert client.regress("half_plus_two", [{"x": 2}], signature=spec).tolist() == [4.0]
        with pytest.raises(InvalidArgument):  # a server does not tell its features
            client.regress("half_plus_two", [{"x": 2}], **ask)


def test_multi_inference_is_for_grpc(client: Client, target: str) -> None:
    tasks: dict[str, Task] = {"classify_x_to_y": "classify", "regress_x_to_y": "regress"}
    if target.startswith("http"):
        with pytest.raises(Unimplemented, match="multi-inference"):
            client.multi_inference("half_plus_two", tasks, [{"x": 2.0}])
        return
    result = client.multi_inference("half_plus_two", tasks, [{"x": 2.0}, {"x": 4.0}])
    assert result["classify_x_to_y"] == [[("", 4.0)], [("", 5.0)]]
    assert np.asarray(result["regress_x_to_y"]).tolist() == [4.0, 5.0]


@pytest.mark.parametrize(
    ("examples", "said"),
    [([], "there are no examples"), ({"x": 1.0}, "must be a list"), ([{"x": None}], "is None")],
)
def test_what_is_no_list_of_examples_is_refused(client: Client, examples: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        client.regress("half_plus_two", examples, signature="regress_x_to_y")


def test_an_official_request_is_sent_as_it_is(client: Client) -> None:
    try:
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2
    except ImportError as error:
        missing(str(error.name))
    message = predict_pb2.PredictRequest()
    message.model_spec.name = "half_plus_two"
    message.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0], [2.0]], tf.float32))
    answer = client.send(message)
    np.testing.assert_array_equal(answer["y"], [[3.5], [4.0]])
    with pytest.raises(InvalidInput, match=r"TensorProto is not a PredictRequest"):
        client.send(message.inputs["x"])


@pytest.mark.parametrize(
    ("model", "signature", "inputs"),
    [
        ("half_plus_two", None, {"x": [[1.0], [2.0]]}),
        ("signatures_tf2", "pair", {"a": [1.0, 2.0], "b": [3.0, 4.0]}),
    ],
)
def test_a_server_takes_both_json_forms(
    zoo: Zoo, model: str, signature: str | None, inputs: dict[str, Any]
) -> None:
    request = Client(zoo.grpc).build_predict(model, inputs, signature=signature)
    url = zoo.rest + model_path(request.ref) + ":predict"
    by_row = httpx.post(url, content=request.to_json(row=True)).json()["predictions"]
    by_column = httpx.post(url, content=request.to_json()).json()["outputs"]
    if isinstance(by_column, dict):
        by_column = [
            dict(zip(by_column, row, strict=True)) for row in zip(*by_column.values(), strict=True)
        ]
    assert by_row == by_column


def test_without_rows_there_is_no_row_form(client: Client) -> None:
    request = client.build_predict("ranks", {"x": 1.0}, signature="scalar")
    with pytest.raises(InvalidInput, match=r"no rows in common: x \(\)"):
        request.to_json(row=True)
