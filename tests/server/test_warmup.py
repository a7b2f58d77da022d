"""Warm-up requests are replayed before a version is available, and keep a bad one away."""

from __future__ import annotations

import dataclasses
import shutil
import struct
from pathlib import Path
from typing import Any

import google_crc32c
import pytest

from tfsclient._codec.messages import message_class
from tfsclient.errors import Unknown
from tfsclient.server.app import Server

from .calls import QUICK, predict_request
from .conftest import MODELS


def tf_record(*payloads: bytes) -> bytes:
    def checksum(data: bytes) -> bytes:
        crc = google_crc32c.value(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    frames = [(struct.pack("<Q", len(payload)), payload) for payload in payloads]
    return b"".join(n + checksum(n) + payload + checksum(payload) for n, payload in frames)


def log(kind: str = "predict_log", **fields: Any) -> bytes:
    message = message_class("tensorflow.serving.PredictionLog")()
    if kind == "predict_log":
        message.predict_log.request.ParseFromString(predict_request(**fields))
    else:
        getattr(message, kind).SetInParent()
    data: bytes = message.SerializeToString()
    return data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(MODELS / "linear/1", tmp_path / "1")
    (tmp_path / "1" / "assets.extra").mkdir()
    return tmp_path


def start_with_warmup(folder: Path, content: bytes, **options: Any) -> None:
    (folder / "1/assets.extra/tf_serving_warmup_requests").write_bytes(content)
    with Server({"linear": folder}, dataclasses.replace(QUICK, **options)):
        pass


def test_warm_up_is_replayed(folder: Path) -> None:
    # The record's model is not looked at; one without a log is passed over.
    start_with_warmup(folder, tf_record(log(), log(model="another"), b""))
    start_with_warmup(folder, b"")
    start_with_warmup(folder, b"broken, but not looked at", enable_model_warmup=False)
    start_with_warmup(folder, tf_record(*[log()] * 1000), num_request_iterations_for_warmup=2)


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (tf_record(log())[:-1], "DATA_LOSS", r"truncated record at 0\. Please verify"),
        (tf_record(b"", b"x")[:-7], "DATA_LOSS", "truncated record at 16"),
        (b"\xff" * 40, "DATA_LOSS", r"corrupted record at 0\. Please verify"),
        (tf_record(log()).replace(b"linear", b"Linear"), "DATA_LOSS", "corrupted record at 0"),
        (tf_record(b"\xff"), "INVALID_ARGUMENT", "Failed to parse warmup record: "),
        (tf_record(log("session_run_log")), "UNIMPLEMENTED", "log_type for warmup: 5"),
        (tf_record(log("predict_streamed_log")), "UNIMPLEMENTED", "log_type for warmup: 7"),
        (tf_record(log("classify_log")), "INVALID_ARGUMENT", "No classification inputs found"),
        (tf_record(log("regress_log")), "INVALID_ARGUMENT", "No regression inputs found"),
        (tf_record(log("multi_inference_log")), "INVALID_ARGUMENT", r"Input is empty\."),
        (tf_record(*[b""] * 1001), "INVALID_ARGUMENT", r"exceeds the maximum \(1000\) at /"),
    ],
)
def test_a_version_with_a_broken_warm_up_does_not_load(
    folder: Path, content: bytes, code: str, told: str
) -> None:
    with pytest.raises(Unknown, match=f"due to error: {code}: .*{told}"):
        start_with_warmup(folder, content)


REGRESS = "tensorflow/serving/regress"


def serve_half_plus_two(tmp_path: Path, record: Any) -> None:
    """Serve ``half_plus_two``, which has signatures for Examples, with one record."""
    shutil.copytree(MODELS / "half_plus_two/2", tmp_path / "2")
    (tmp_path / "2/assets.extra").mkdir()
    path = tmp_path / "2/assets.extra/tf_serving_warmup_requests"
    path.write_bytes(tf_record(record.SerializeToString()))
    with Server({"half_plus_two": tmp_path}, QUICK):
        pass


def half_plus_two(kind: str, feature: str = "x") -> Any:
    """A record with one Example, which the signatures parse if its feature is ``x``."""
    record = message_class("tensorflow.serving.PredictionLog")()
    request = getattr(record, kind).request
    if kind == "multi_inference_log":
        task = request.tasks.add(method_name=REGRESS)
        task.model_spec.name, task.model_spec.signature_name = "another", "regress_x_to_y"
    else:
        names = {"classify_log": "classify_x_to_y", "regress_log": "regress_x_to_y"}
        request.model_spec.signature_name = names[kind]
    example = request.input.example_list.examples.add()
    example.features.feature[feature].float_list.value.append(2.0)
    return record


@pytest.mark.parametrize("kind", ["classify_log", "regress_log", "multi_inference_log"])
def test_logs_of_examples_are_replayed(tmp_path: Path, kind: str) -> None:
    serve_half_plus_two(tmp_path / "good", half_plus_two(kind))
    with pytest.raises(Unknown, match=r"due to error: INVALID_ARGUMENT: .*x"):
        serve_half_plus_two(tmp_path / "broken", half_plus_two(kind, feature="y"))


def test_only_multi_inference_looks_at_the_models_name(tmp_path: Path) -> None:
    record = half_plus_two("regress_log")
    record.regress_log.request.ClearField("model_spec")  # serving_default, which is for predict
    with pytest.raises(Unknown, match="No regression inputs found"):
        serve_half_plus_two(tmp_path / "regress", record)
    record = half_plus_two("multi_inference_log")
    record.multi_inference_log.request.tasks[0].ClearField("model_spec")
    with pytest.raises(Unknown, match="Found ModelSpec with an empty model name"):
        serve_half_plus_two(tmp_path / "multi", record)


def test_a_length_that_lies_is_not_allocated(folder: Path) -> None:
    length = struct.pack("<Q", 1 << 62)
    content = length + tf_record(length)[12 + 8 :]  # its checksum is right
    with pytest.raises(Unknown, match="truncated record at 0"):
        start_with_warmup(folder, content)
