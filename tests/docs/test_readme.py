"""README.md on an empty machine, and the pages that go on where it ends."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.docs.pages import Reader, blocks

# In the order in which a reader comes to them: each finds what the ones before it left.
PAGES = ["README.md", "docs/client.md", "docs/production.md"]


@pytest.mark.parametrize("page", PAGES)
def test_it_runs_from_top_to_bottom(page: str, newcomer: Reader) -> None:
    ran = list(newcomer.read(blocks((ROOT / page).read_text("utf-8"))))
    assert ran
