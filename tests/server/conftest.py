"""One local server with the model zoo, for all tests of this folder."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tfsclient.testing import RunningServer, serve, server_process

CONFORMANCE = Path(__file__).parent.parent / "conformance"
MODELS = CONFORMANCE / "models"


@pytest.fixture(scope="session")
def corpus() -> ModuleType:
    """The recordings' own reader, client and comparison."""
    sys.path.insert(0, str(CONFORMANCE))
    return importlib.import_module("corpus")


FLAGS = ("--allow_version_labels_for_unavailable_models=true", "--max_num_load_retries=0")


@pytest.fixture(scope="session")
def zoo_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of the server that was recorded."""
    template = (CONFORMANCE / "models.config.in").read_text("utf-8")
    config = tmp_path_factory.mktemp("zoo") / "models.config"
    config.write_text(template.replace("@MODELS@", str(MODELS)), "utf-8")
    return config


@pytest.fixture(scope="session")
def zoo(zoo_config: Path) -> Iterator[RunningServer]:
    """A server as the one that was recorded: its models, its flags."""
    with serve(zoo_config, flags=FLAGS) as server:
        yield server


@pytest.fixture(scope="session")
def real_server(zoo_config: Path) -> Iterator[RunningServer]:
    """A tensorflow_model_server with the zoo, where one is at hand.

    TFSCLIENT_TEST_SERVER=host:grpc_port:rest_port names one that was started as the conformance
    folder's README says; TFSCLIENT_TEST_MODELS is where that one finds the models.
    """
    if target := os.environ.get("TFSCLIENT_TEST_SERVER"):
        host, grpc_port, rest_port = target.split(":")
        yield RunningServer(f"{host}:{grpc_port}", f"http://{host}:{rest_port}")
    elif program := shutil.which("tensorflow_model_server"):
        with server_process([program], zoo_config, FLAGS) as server:
            yield server
    else:
        # Not a failure in CI, either: there is no package of it that CI could install.
        pytest.skip("no tensorflow_model_server on PATH, and no TFSCLIENT_TEST_SERVER")
