"""docs/spark.md and docs/ray.md: their blocks run, and print what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import ROOT
from tests.docs.pages import blocks, promised
from tfsclient.testing import RunningServer

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("page", ["spark.md", "ray.md"])
def test_the_page_runs(
    page: str,
    real: RunningServer,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    request.getfixturevalue(page.removesuffix(".md"))  # the engine
    scope: dict[str, Any] = {}
    printed = ""
    for kind, text, _ in blocks((ROOT / "docs" / page).read_text("utf-8")):
        if kind == "text":
            assert printed == text
        else:
            capsys.readouterr()
            exec(text.replace("localhost:8500", real.grpc_target), scope)
            printed = capsys.readouterr().out
            printed = "".join(f"{line.rstrip()}\n" for line in printed.strip().splitlines())
            assert promised(text) <= set(printed.splitlines())
