"""Generated Java reads answers as the library does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.generator.answers import assert_read, write_answers
from tests.generator.java.fixtures import Clients

pytestmark = [pytest.mark.language("java"), pytest.mark.slow]
pytest_plugins = ["tests.generator.java.fixtures"]


def test_answers_read_as_the_library_reads_them(java_clients: Clients, tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    expected = write_answers(path)
    assert_read(java_clients.program("models.tfs.Recorded", path).splitlines(), expected)
