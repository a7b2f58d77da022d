"""docs/server.md: its example runs, and its lists are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tfsclient.server.cli import serve

from .conftest import CONFORMANCE

TEXT = (Path(__file__).parents[2] / "docs" / "server.md").read_text("utf-8")


def test_the_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CONFORMANCE)
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(example, "docs/server.md", "exec"), {})


def test_every_honoured_flag_is_in_the_table() -> None:
    table = TEXT.partition("| flag |")[2].partition("\n\n")[0]
    honoured = {p.opts[0] for p in serve.params if not getattr(p, "hidden", False)}
    assert set(re.findall(r"--\w+", table)) == honoured | {"--help"}
