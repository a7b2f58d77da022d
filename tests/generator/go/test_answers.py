"""Generated Go reads answers as the library does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import tool
from tests.generator.answers import assert_read, write_answers
from tests.generator.go.clients import run

pytestmark = pytest.mark.language("go")
pytest_plugins = ["tests.generator.go.fixtures"]


def test_answers_read_as_the_library_reads_them(go_runtime: Path, tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    expected = write_answers(path)
    shown = run(
        *(tool("go"), "test", "-count=1", "-v", "-run", "TestRecorded", "./tfs"),
        cwd=go_runtime,
        env={"TFSCLIENT_RECORDED": str(path)},
    )
    assert_read([line for line in shown.splitlines() if line.startswith("found ")], expected)
