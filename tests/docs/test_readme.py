"""Every command and every example of README.md, run in its order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Commands that another test runs: installation, and the two commands of the checkout.
ELSEWHERE = ("pip install", "make demo", "make test", "tfsclient serve")


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / "README.md").read_text("utf-8"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, str, str]]:
    """A folder with the demo's model and a scan, and a server of that model."""
    try:
        import PIL  # noqa: F401
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    from tfsclient.demo import digits
    from tfsclient.server.app import Server

    scans = digits.build(tmp_path / "models" / "digits" / "1")
    (tmp_path / "scan.png").write_bytes(digits.to_png(scans.images[0]))
    with Server({"digits": tmp_path / "models" / "digits"}) as server:
        yield tmp_path, server.grpc_target, server.rest_target


def test_the_readme_runs_from_top_to_bottom(place: tuple[Path, str, str]) -> None:
    folder, grpc, rest = place

    def here(text: str) -> str:
        return text.replace("http://localhost:8501", rest).replace("localhost:8500", grpc)

    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "clients"),
    }
    program = ""
    for language, text in blocks():
        if language == "python":
            program += here(text)
        elif language == "sh":
            commands = [line for line in text.splitlines() if not line.startswith(ELSEWHERE)]
            done = subprocess.run(
                ["sh", "-euc", here("\n".join(commands))],
                cwd=folder, env=env, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refusal = next(text for language, text in blocks() if language == "text")
    assert refusal in done.stdout
