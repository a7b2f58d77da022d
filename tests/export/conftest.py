"""The trained models, made once."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT, missing


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("keras") is None:
        missing("keras")
    folder = tmp_path_factory.mktemp("trained")
    command = [sys.executable, "-m", "tests.export.models", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder
