"""Version folders, policies, labels and reloads, with real models on a real server."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from tests.conftest import eventually
from tfsclient._codec.messages import message_class
from tfsclient._codec.text_format import parse_text
from tfsclient.errors import FailedPrecondition, InvalidArgument, Unavailable, Unknown
from tfsclient.schema import Model
from tfsclient.server.app import Options, Server
from tfsclient.server.models.config import to_config
from tfsclient.testing import FakeServer

from .calls import under_way
from .conftest import MODELS

QUICK = Options(file_system_poll_wait_seconds=0.05, max_num_load_retries=0)


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A model's folder with version 1 (x/2 + 2); version 2 (x/2 + 3) can be copied in."""
    folder = tmp_path / "half"
    shutil.copytree(MODELS / "half_plus_two/1", folder / "1")
    return folder


@pytest.fixture
def server(half: Path) -> Iterator[Server]:
    with Server({"half": half}, QUICK) as running:
        yield running


def config(half: Path, extra: str = "", name: str = "half") -> Any:
    model = f'name: "{name}" base_path: "{half}" model_platform: "tensorflow" {extra}'
    text = f"model_config_list {{ config {{ {model} }} }}"
    return parse_text("tensorflow.serving.ModelServerConfig", text.encode())


def states(server: Server, model: str = "half") -> dict[str, str]:
    answer = httpx.get(f"{server.rest_target}/v1/models/{model}").json()
    return {v["version"]: v["state"] for v in answer.get("model_version_status", [])}


def predict(server: Server, where: str = "half", value: float = 0.0) -> Any:
    return httpx.post(
        f"{server.rest_target}/v1/models/{where}:predict", json={"instances": [[value]]}
    ).json()


def add_version_2(half: Path) -> None:
    shutil.copytree(MODELS / "half_plus_two/2", half / "new")
    (half / "new").rename(half / "002")


def test_a_new_version_takes_over_and_the_old_one_goes(server: Server, half: Path) -> None:
    assert predict(server) == {"predictions": [[2.0]]}
    add_version_2(half)
    eventually(lambda: states(server) == {"2": "AVAILABLE", "1": "END"})
    assert predict(server) == {"predictions": [[3.0]]}
    assert predict(server, "half/versions/1") == {
        "error": "Servable not found for request: Specific(half, 1)"
    }


def test_deleting_the_new_version_brings_the_old_one_back(server: Server, half: Path) -> None:
    add_version_2(half)
    eventually(lambda: states(server) == {"2": "AVAILABLE", "1": "END"})
    shutil.rmtree(half / "002")
    eventually(lambda: states(server) == {"2": "END", "1": "AVAILABLE"})
    assert predict(server) == {"predictions": [[2.0]]}


def test_a_broken_version_leaves_the_old_one_serving(server: Server, half: Path) -> None:
    (half / "new").mkdir()
    (half / "new" / "saved_model.pb").write_bytes(b"\xff")
    (half / "new").rename(half / "2")
    eventually(lambda: states(server).get("2") == "END")
    answer = httpx.get(f"{server.rest_target}/v1/models/half/versions/2").json()
    (status,) = answer["model_version_status"]
    assert status["status"]["error_code"] == "DATA_LOSS"
    assert "saved_model.pb" in status["status"]["error_message"]
    assert states(server)["1"] == "AVAILABLE"
    assert predict(server) == {"predictions": [[2.0]]}


def test_policies(server: Server, half: Path) -> None:
    add_version_2(half)
    server.reload(config(half, "model_version_policy { all {} }"))
    eventually(lambda: states(server) == {"2": "AVAILABLE", "1": "AVAILABLE"})
    assert predict(server, "half/versions/1") == {"predictions": [[2.0]]}
    server.reload(config(half, "model_version_policy { specific { versions: 1 } }"))
    eventually(lambda: states(server) == {"2": "END", "1": "AVAILABLE"})
    server.reload(config(half, "model_version_policy { latest { num_versions: 2 } }"))
    eventually(lambda: states(server) == {"2": "AVAILABLE", "1": "AVAILABLE"})


def test_labels_follow_available_versions(server: Server, half: Path) -> None:
    add_version_2(half)
    both = "model_version_policy { all {} }"
    label = 'version_labels { key: "%s" value: %d }'
    eventually(lambda: states(server).get("2") == "AVAILABLE")
    server.reload(config(half, both + label % ("canary", 2)))
    assert predict(server, "half/labels/canary") == {"predictions": [[3.0]]}
    with pytest.raises(FailedPrecondition, match="assign label to version 7 of model half"):
        server.reload(config(half, both + label % ("canary", 7)))
    assert predict(server, "half/labels/canary") == {"predictions": [[3.0]]}
    assert predict(server, "half/labels/stable") == {
        "error": "Unrecognized servable version label: stable"
    }


def test_a_removed_model_can_come_back(server: Server, half: Path) -> None:
    server.reload(config(half, name="other"))
    eventually(lambda: states(server) == {"1": "END"})
    assert states(server, "other") == {"1": "AVAILABLE"}
    assert "Latest(half)" in predict(server)["error"]
    server.reload(config(half))
    assert predict(server) == {"predictions": [[2.0]]}


def test_a_model_may_come_and_go_many_times() -> None:
    """A reload knows the versions that it loads from those of the past, however many there were."""
    names = ["a", "b", "c"]
    with FakeServer(*(Model(name, 1, {}) for name in names)) as fake:
        url = f"{fake.rest_target}/v1/models"
        with grpc.insecure_channel(fake.grpc_target) as channel:
            reload = channel.unary_unary(
                "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
            )
            for number in range(60):
                request = message_class("tensorflow.serving.ReloadConfigRequest")()
                served = names if number % 2 else ["a"]
                request.config.CopyFrom(to_config(dict.fromkeys(served, "/m")))
                reload(request.SerializeToString(), timeout=60)
        assert httpx.get(f"{url}/c").json()["model_version_status"][0]["state"] == "AVAILABLE"


def test_a_refused_configuration_changes_nothing(server: Server, half: Path) -> None:
    with pytest.raises(InvalidArgument, match="absolute path"):
        server.reload(config(Path("relative")))
    with pytest.raises(InvalidArgument, match="platform was tensorflow"):
        server.reload(parse_text(
            "tensorflow.serving.ModelServerConfig",
            f'model_config_list {{ config {{ name: "half" base_path: "{half}" '
            'model_platform: "tflite" } }'.encode(),
        ))  # fmt: skip
    assert predict(server) == {"predictions": [[2.0]]}


def test_a_model_that_cannot_be_loaded_fails_the_start() -> None:
    with pytest.raises(Unknown, match=r"1 servable\(s\) did not become available.*NOT_FOUND"):
        Server({"wrong_tag": MODELS / "wrong_tag"}, QUICK).start()


def test_running_calls_finish_before_their_version_goes(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "slow/1", tmp_path / "slow/1")
    with Server({"slow": tmp_path / "slow"}, QUICK) as server:
        answers: list[Any] = []

        def call() -> None:
            url = f"{server.rest_target}/v1/models/slow:predict"
            answers.append(httpx.post(url, json={"instances": [1.0]}, timeout=60).json())

        caller = threading.Thread(target=call)
        caller.start()
        eventually(lambda: under_way(server) == 1)
        shutil.rmtree(tmp_path / "slow/1")
        caller.join()
        assert answers == [{"predictions": [1.0]}]
        eventually(lambda: states(server, "slow") == {"1": "END"})


def test_calls_run_side_by_side(zoo: Any) -> None:
    """While a slow call runs, another one is answered."""

    def call(model: str) -> None:
        url = f"{zoo.rest_target}/v1/models/{model}:predict"
        httpx.post(url, json={"instances": [1.0]}, timeout=60).raise_for_status()

    def is_answered_meanwhile() -> bool:
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(call, "slow")
            time.sleep(0.1)
            call("linear")
            return not slow.done()

    eventually(is_answered_meanwhile)  # unless it came too late


def test_a_taken_port_is_told(server: Server, half: Path) -> None:
    for taken in (Options(port=server.port), Options(rest_api_port=server.rest_port)):
        with pytest.raises(Unavailable, match="cannot listen on port"):
            Server({"half": half}, taken).start()


def test_stopping_lets_grpc_calls_finish(tmp_path: Path) -> None:
    server = Server({"slow": MODELS / "slow"}, QUICK)
    server.start()
    request = message_class("tensorflow.serving.PredictRequest")()
    request.model_spec.name = "slow"
    request.inputs["x"].dtype = 1
    request.inputs["x"].float_val.append(1.0)
    request.inputs["x"].tensor_shape.dim.add(size=1)
    with grpc.insecure_channel(server.grpc_target) as channel:
        predict_slowly = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        future = predict_slowly.future(request.SerializeToString())
        eventually(lambda: under_way(server) == 1)
        server.stop()
        assert future.result()
