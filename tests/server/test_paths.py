"""Base paths that are not folders of versions: what is refused at once, and what is waited for."""

from __future__ import annotations

import dataclasses
import logging
import re
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import eventually
from tfsclient import testing
from tfsclient.errors import InvalidArgument, NotFound, TFSError
from tfsclient.server.app import Server
from tfsclient.server.cli import serve
from tfsclient.testing._serve import free_ports

from .calls import QUICK
from .conftest import MODELS

LINEAR = MODELS / "linear"


def refusal(base_path: str | Path) -> TFSError:
    # Before TensorFlow is imported, whatever it is that is wrong.
    server = Server({"m": base_path}, QUICK)
    with pytest.raises((InvalidArgument, NotFound)) as refused:
        server.start()
    return refused.value


@pytest.mark.parametrize(
    ("base_path", "told"),
    [
        (LINEAR / "1", f"is itself a SavedModel.* so give {LINEAR}$"),
        (LINEAR / "1" / "saved_model.pb", f"is not a folder.* so give {LINEAR}$"),
        (MODELS, "holds no version.* may be what you mean"),
        ("/nope", "^Model m: /nope does not exist: a model's base path is a folder that holds"),
        ("s3://bucket/m", "reads local folders only, not s3://bucket/m: copy it to this machine"),
        ("gs://bucket/m", "reads local folders only"),
        ("hdfs://name:9000/m", "reads local folders only"),
        (f"file://{LINEAR}/1", r"file:///.* \(read as /.*is itself a SavedModel"),
        ("file://models/m", r"\(read as /m\) does not exist"),
        ("/m\0", "cannot be listed"),
    ],
)
def test_what_cannot_hold_versions_is_refused(base_path: str | Path, told: str) -> None:
    assert re.search(told, refusal(base_path).details)


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        ([], ", and it is empty;"),
        (["v1"], ", and it holds v1: rename v1 to 1, or to another whole number;"),
        (["0.1"], ", and it holds 0.1: rename 0.1 to 1, or to another whole number;"),
    ],
)
def test_a_folder_without_versions(tmp_path: Path, folders: list[str], told: str) -> None:
    for name in folders:
        shutil.copytree(LINEAR / "1", tmp_path / name)
    assert told in refusal(tmp_path).details


def test_a_saved_model_without_a_version_is_to_be_moved(tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    shutil.copytree(LINEAR / "1", folder)
    told = f"move the SavedModel to {folder / '1'}, and give {folder}"
    assert refusal(folder).details.endswith(told)


def test_a_uri_of_this_machine_is_a_path() -> None:
    with Server({"m": f"file://{LINEAR}"}, QUICK) as server:
        assert server.rest_port is not None


def test_a_folder_that_comes_later_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "later"
    server = Server({"m": folder}, dataclasses.replace(QUICK, file_system_poll_wait_seconds=0.05))
    with caplog.at_level(logging.INFO, "tfsclient.server"):
        shutil.copytree(LINEAR, tmp_path / "copy")

        def come() -> None:
            eventually(lambda: "waiting for versions" in caplog.text)
            (tmp_path / "copy").rename(folder)

        threading.Thread(target=come).start()
        with server:
            pass
    assert f"waiting for versions: Model m: {folder} does not exist" in caplog.text
    assert f"ready: gRPC {server.grpc_target}, REST {server.rest_target} (m: version 1)" in (
        caplog.text
    )


def test_flags_and_config_files_are_refused_alike(tmp_path: Path) -> None:
    (tmp_path / "models.config").write_text(
        f'model_config_list {{ config {{ name: "m" base_path: "{LINEAR}/1"'
        ' model_platform: "tensorflow" } }'
    )
    (port,) = free_ports(1)
    for flag in (
        f"--model_config_file={tmp_path / 'models.config'}",
        f"--model_base_path={LINEAR}/1",
        "--model_base_path=s3://bucket/m",
    ):
        result = CliRunner().invoke(serve, [flag, f"--port={port}"])
        assert result.exit_code == 1
        assert "a model's base path" in result.output or "reads local folders" in result.output


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ({"m": "/nope"}, "/nope is not a SavedModel"),
        ({"m": 3}, "the folder of 'm' must be text or a path, not 3"),
        (3, "models must be"),
        ({"m": MODELS / "broken"}, "did not become available"),  # after five tries
    ],
)
def test_a_test_does_not_wait_for_what_nobody_will_put_there(models: Any, told: str) -> None:
    with pytest.raises(TFSError, match=told), testing.serve(models):
        pass
