"""What type checkers say about calls of the library: mypy --strict and pyright."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALLS = Path(__file__).with_name("calls.py")


def marked() -> set[int]:
    lines = CALLS.read_text("utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("  # E")}


def by_mypy() -> tuple[set[int], str]:
    command = [sys.executable, "-m", "mypy", "--strict", str(CALLS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    errors = re.findall(r"typing/calls\.py:(\d+): error", done.stdout)
    return set(map(int, errors)), done.stdout + done.stderr


def by_pyright() -> tuple[set[int], str]:
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, str(CALLS)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = [one["range"]["start"]["line"] + 1 for one in found if one["severity"] == "error"]
    return set(errors), done.stdout + done.stderr


@pytest.mark.parametrize("check", [by_mypy, by_pyright])
def test_just_the_marked_lines_are_errors(check: Callable[[], tuple[set[int], str]]) -> None:
    errors, text = check()
    assert errors == marked(), text
