"""Debian's browser, driven by Playwright: what a page shows is waited for, not timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.conftest import missing, tool


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser; while it is open, its event loop runs in this thread."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    program = tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
