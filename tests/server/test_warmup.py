"""Warm-up requests are replayed before a version is available, and keep a bad one away."""

from __future__ import annotations

import dataclasses
import shutil
import struct
from pathlib import Path
from typing import Any

import google_crc32c
import pytest

from tfsclient.errors import Unknown
from tfsclient.messages import message_class
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
        getattr(message, kind).request.SetInParent()
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
        (tf_record(log("classify_log")), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (tf_record(*[b""] * 1001), "INVALID_ARGUMENT", r"exceeds the maximum \(1000\) at /"),
    ],
)
def test_a_version_with_a_broken_warm_up_does_not_load(
    folder: Path, content: bytes, code: str, told: str
) -> None:
    with pytest.raises(Unknown, match=f"due to error: {code}: .*{told}"):
        start_with_warmup(folder, content)


def test_a_length_that_lies_is_not_allocated(folder: Path) -> None:
    length = struct.pack("<Q", 1 << 62)
    content = length + tf_record(length)[12 + 8 :]  # its checksum is right
    with pytest.raises(Unknown, match="truncated record at 0"):
        start_with_warmup(folder, content)
