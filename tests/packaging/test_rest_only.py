"""The small installation that docs/production.md describes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ZOO, Zoo, missing

ROOT = Path(__file__).parents[2]
COMMANDS = re.findall(
    r"^pip (install .*)$", (ROOT / "docs" / "production.md").read_text("utf-8"), re.MULTILINE
)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that these commands made."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    made = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    for command in COMMANDS:
        arguments = [str(ROOT) if word == "tfsclient" else word for word in command.split()]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", made, *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            missing(f"a package index (pip: {done.stderr[-300:]})")
    return made


def test_rest_needs_neither_grpcio_nor_protobuf(python: Path, zoo: Zoo) -> None:
    done = subprocess.run(
        [python, "-I", Path(__file__).with_name("rest_only.py"), zoo.rest, ZOO],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
