"""docs/exporting.md: every block runs, and prints what the page shows."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.docs.pages import Reader, blocks

PAGE = ROOT / "docs" / "exporting.md"


@pytest.mark.slow
def test_the_page_runs_as_it_reads(somebody: Reader) -> None:
    somebody.shell("pip install --quiet tfsclient[serve]")
    page = blocks(PAGE.read_text("utf-8"))
    ran = [block.kind for block, _ in somebody.read(page)]
    assert ran == [block.kind for block in page if block.kind != "text"]
