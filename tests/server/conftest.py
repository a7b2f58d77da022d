"""One local server with the model zoo, for all tests of this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tfsclient.testing import RunningServer, serve

CONFORMANCE = Path(__file__).parent.parent / "conformance"
MODELS = CONFORMANCE / "models"


@pytest.fixture(scope="session")
def corpus() -> ModuleType:
    """The recordings' own reader, client and comparison."""
    sys.path.insert(0, str(CONFORMANCE))
    import corpus

    return corpus


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server as the one that was recorded: its models, its flags."""
    template = (CONFORMANCE / "models.config.in").read_text("utf-8")
    config = tmp_path_factory.mktemp("zoo") / "models.config"
    config.write_text(template.replace("@MODELS@", str(MODELS)), "utf-8")
    flags = ("--allow_version_labels_for_unavailable_models", "--max_num_load_retries=0")
    with serve(config, flags=flags) as server:
        yield server
