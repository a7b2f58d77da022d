"""The report in a browser: on a phone and on a screen, in light and dark, asking nothing."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.load.simulated import World
from tests.load.test_session import GRPC, REST, session
from tfsclient._cli.load import page
from tfsclient._cli.load.interface import Load
from tfsclient._cli.load.limits import Latency
from tfsclient._cli.load.session import loads

_LOOK = """() => {
    const { documentElement: root, body } = document;
    const { backgroundColor, color } = getComputedStyle(body);
    return [root.scrollWidth, backgroundColor, color];
}"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """The URL of a web server with the report, and what it is asked for."""
    run = session(lambda endpoint, batch: World(lambda n: 0.005 + 0.0001 * (batch or 1)))
    run.search([GRPC], [1, 32], Load(2, warmup=0.5), Latency(90, 0.05))
    run.sweep([GRPC, REST], [None], loads(Load(2), [20, 50], []))
    (tmp_path / "report.html").write_text(page.to_html(run.report), "utf-8")
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 26)")]
)
def test_a_browser_shows_it(site: tuple[str, list[str]], scheme: str, background: str) -> None:
    url, asked = site
    with chromium() as browser:
        for width in (360, 1280):
            viewport = {"width": width, "height": 900}
            page = browser.new_page(viewport=viewport, color_scheme=scheme)
            page.goto(f"{url}/report.html")
            scrolled, back, fore = page.evaluate(_LOOK)
            assert scrolled <= width  # nothing sticks out
            assert (back, fore == back) == (background, False)
    assert set(asked) <= {"/report.html", "/favicon.ico"}
