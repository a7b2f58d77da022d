"""docs/servers.md: its blocks run; clients are made without any network traffic."""

from __future__ import annotations

from typing import Any

from tests.conftest import ROOT
from tests.docs.pages import blocks


def test_the_blocks_run() -> None:
    space: dict[str, Any] = {}
    ran = 0
    for kind, text, why_not in blocks((ROOT / "docs" / "servers.md").read_text("utf-8")):
        if kind == "python" and why_not is None:
            exec(text, space)
            ran += 1
    assert ran > 3
