"""The programs that people call TF Serving with, and what they see while models change."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from tests.conftest import eventually, missing, tool
from tfsclient import Client
from tfsclient.server.app import Options, Server
from tfsclient.testing import RunningServer

from .conftest import MODELS
from .test_versions import QUICK, add_version_2, states


def curl(*arguments: str) -> Any:
    done = subprocess.run(
        [tool("curl"), "--silent", *arguments], capture_output=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_curl(zoo: RunningServer) -> None:
    url = f"{zoo.rest_target}/v1/models/linear"
    assert curl(url)["model_version_status"][0]["state"] == "AVAILABLE"
    assert curl(f"{url}/metadata")["model_spec"]["name"] == "linear"
    assert curl("-d", '{"instances": [1.0, 2.0]}', f"{url}:predict") == {"predictions": [1.5, 4.5]}
    assert curl("-X", "POST", "-d", '{"inputs": [1.0]}', f"{url}/versions/1:predict") == {
        "outputs": [1.5]
    }
    large = json.dumps({"inputs": [1.0] * 10_000})  # for which curl asks whether to continue
    assert len(curl("-d", large, f"{url}:predict")["outputs"]) == 10_000


def test_the_official_stubs(zoo: RunningServer) -> None:
    try:
        from tensorflow_serving.apis import (
            classification_pb2,
            get_model_metadata_pb2,
            get_model_status_pb2,
            model_service_pb2_grpc,
            predict_pb2,
            prediction_service_pb2_grpc,
            regression_pb2,
        )
    except ImportError:
        missing("tensorflow-serving-api")
    import tensorflow as tf

    with grpc.insecure_channel(zoo.grpc_target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "linear"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0, 2.0], shape=[2]))
        response = stub.Predict(request, 30.0)
        assert list(response.outputs["y"].float_val) == [1.5, 4.5]
        assert tf.make_ndarray(response.outputs["y"]).tolist() == [1.5, 4.5]
        assert response.model_spec.version.value == 1

        example = tf.train.Example()
        example.features.feature["x"].float_list.value.append(1.0)
        regression = regression_pb2.RegressionRequest()
        regression.model_spec.name = "half_plus_two"
        regression.model_spec.signature_name = "regress_x_to_y"
        regression.input.example_list.examples.append(example)
        assert stub.Regress(regression).result.regressions[0].value == 3.5
        classification = classification_pb2.ClassificationRequest(input=regression.input)
        classification.model_spec.name = "half_plus_two"
        classification.model_spec.signature_name = "classify_two"
        classes = stub.Classify(classification).result.classifications[0].classes
        assert [each.label for each in classes] == ["first", "second"]

        metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        metadata.model_spec.name = "linear"
        signatures = get_model_metadata_pb2.SignatureDefMap()
        assert stub.GetModelMetadata(metadata).metadata["signature_def"].Unpack(signatures)
        assert "serving_default" in signatures.signature_def
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name = "linear"
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        assert models.GetModelStatus(status).model_version_status[0].state == 30


@pytest.mark.slow
def test_ovmsclient(zoo: RunningServer, tmp_path: Path) -> None:
    """A client for TF Serving's protocol by others, which has dependencies of its own age."""
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "ovmsclient==2023.1"]
    if subprocess.run(install, check=False).returncode:
        missing("ovmsclient")
    program = """
import sys
import numpy as np
from ovmsclient import make_grpc_client, make_http_client

# It always writes a version, which is 0 if none is given; a TF Serving looks that version up.
for client in (make_grpc_client(sys.argv[1]), make_http_client(sys.argv[2])):
    assert client.get_model_status("linear", 1)[1]["state"] == "AVAILABLE"
    metadata = client.get_model_metadata("linear", 1)
    # Its REST client reads only OpenVINO's spelling of the answer, and hands on TF Serving's.
    assert "x" in metadata["inputs"] if "inputs" in metadata else metadata["model_spec"]
    got = client.predict({"x": np.array([1, 2], np.float32)}, "linear", 1)
    assert np.asarray(got).tolist() == [1.5, 4.5]
    try:
        client.predict({"x": np.array([1], np.float32)}, "nobody", 1)
    except Exception as error:
        assert "Servable not found for request: Specific(nobody, 1)" in str(error), error
    else:
        raise AssertionError("nobody was found")
"""
    targets = [zoo.grpc_target, zoo.rest_target.removeprefix("http://")]
    subprocess.run([str(python), "-c", program, *targets], check=True)


# --- while models change -----------------------------------------------------------------------


@pytest.fixture
def half(tmp_path: Path) -> Path:
    shutil.copytree(MODELS / "half_plus_two/1", tmp_path / "half/1")
    return tmp_path / "half"


def test_no_call_fails_while_versions_change(half: Path) -> None:
    with Server({"half": half}, QUICK) as server:
        done = threading.Event()
        seen: list[list[float]] = [[], []]
        failures: list[BaseException] = []

        def call(kind: int, target: str) -> None:
            try:
                with Client(target, retries=0) as client:
                    while not done.is_set():
                        out = client.predict("half", np.zeros((1, 1), np.float32))
                        seen[kind].append(float(out.only()[0, 0]))
            except BaseException as failure:
                failures.append(failure)
                raise

        targets = [server.grpc_target, server.rest_target] * 2
        callers = [
            threading.Thread(target=call, args=[number % 2, target])
            for number, target in enumerate(targets)
        ]
        for caller in callers:
            caller.start()
        add_version_2(half)
        eventually(lambda: states(server) == {"2": "AVAILABLE", "1": "END"})
        eventually(lambda: all(3.0 in values for values in seen))
        shutil.rmtree(half / "002")
        eventually(lambda: states(server) == {"2": "END", "1": "AVAILABLE"})
        eventually(lambda: all(values[-1] == 2.0 for values in seen))
        done.set()
        for caller in callers:
            caller.join()
        assert not failures
        assert {value for values in seen for value in values} == {2.0, 3.0}


@pytest.fixture
def labelled(tmp_path: Path) -> Iterator[Server]:
    config = tmp_path / "models.config"
    config.write_text(f"""
model_config_list {{
  config {{
    name: "half"
    base_path: "{MODELS / "half_plus_two"}"
    model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "canary" value: 2 }}
  }}
}}
""")
    from tfsclient.server.models.config import read_config

    options = Options(allow_version_labels_for_unavailable_models=True)
    with Server(read_config(config), options) as server:
        yield server


def test_two_pinned_versions_with_labels(labelled: Server) -> None:
    eventually(lambda: set(states(labelled).values()) == {"AVAILABLE"})
    for target in (labelled.grpc_target, labelled.rest_target):
        with Client(target) as client:
            zero = np.zeros((1, 1), np.float32)
            for label, value in (("stable", 2.0), ("canary", 3.0)):
                assert client.predict("half", zero, label=label).only().tolist() == [[value]]
            assert client.predict("half", zero, version=1).only().tolist() == [[2.0]]


def test_a_broken_warm_up_keeps_a_version_away_and_says_why(half: Path) -> None:
    with Server({"half": half}, QUICK) as server:
        new = half.parent / "new"
        shutil.copytree(MODELS / "half_plus_two/2", new)
        (new / "assets.extra").mkdir()
        (new / "assets.extra/tf_serving_warmup_requests").write_bytes(b"x" * 100)
        new.rename(half / "2")
        eventually(lambda: states(server).get("2") == "END")
        assert states(server)["1"] == "AVAILABLE"
        answer = httpx.get(f"{server.rest_target}/v1/models/half/versions/2").json()
        (status,) = answer["model_version_status"]
        assert status["status"]["error_code"] == "DATA_LOSS"
        assert "verify your warmup data" in status["status"]["error_message"]
