"""docs/repl.md: what is typed at the prompt prints what stands there."""

from __future__ import annotations

import code
import contextlib
import io
import re
from collections.abc import Iterator
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

import pytest

from tests.conftest import CONFORMANCE, ZOO, missing
from tfsclient.testing import serve

TEXT = (Path(__file__).parents[2] / "docs" / "repl.md").read_text("utf-8")


@pytest.fixture
def target() -> Iterator[str]:
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    with serve({"scans": ZOO / "raw_png"}) as server:
        yield server.grpc_target


def steps(target: str) -> Iterator[tuple[str, str]]:
    """Each line that is typed, and what it prints."""
    for block in re.findall(r"^```pycon\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        for step in re.split(r"^>>> ", block, flags=re.MULTILINE)[1:]:
            typed, _, shown = step.partition("\n")
            yield typed.replace("localhost:8500", target), shown.replace("localhost:8500", target)


def test_the_page_is_true(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    (tmp_path / "scan.png").write_bytes((CONFORMANCE / "data" / "digit_3.png").read_bytes())
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "scans").symlink_to(ZOO / "raw_png")
    monkeypatch.chdir(tmp_path)
    console = code.InteractiveConsole()
    for typed, shown in steps(target):
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            assert not console.push(typed), typed
        printed = out.getvalue() + err.getvalue()
        assert OutputChecker().check_output(shown, printed, ELLIPSIS | NORMALIZE_WHITESPACE), (
            typed + "\n" + printed
        )
