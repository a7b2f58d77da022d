"""The report in a browser: on a phone and on a screen, in light and dark, asking nothing."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import tool
from tests.load.simulated import World
from tests.load.test_session import GRPC, REST, session
from tfsclient._cli.load import page
from tfsclient._cli.load.interface import Load
from tfsclient._cli.load.limits import Latency
from tfsclient._cli.load.session import loads

_FRAMES = """<!DOCTYPE html><meta name="color-scheme" content="light dark"><pre></pre>
<iframe width="360" height="900"></iframe><iframe width="1280" height="900"></iframe><script>
for (const frame of document.querySelectorAll("iframe")) {
  frame.onload = () => {
    const { documentElement: root, body } = frame.contentDocument;
    const style = frame.contentWindow.getComputedStyle(body);
    document.querySelector("pre").textContent +=
      `${frame.width}: ${root.scrollWidth} ${style.backgroundColor} ${style.color};`;
  };
  frame.src = "report.html";
}
</script>"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """The URL of a web server with the report, and what it is asked for."""
    run = session(lambda endpoint, batch: World(lambda n: 0.005 + 0.0001 * (batch or 1)))
    run.search([GRPC], [1, 32], Load(2, warmup=0.5), Latency(90, 0.05))
    run.sweep([GRPC, REST], [None], loads(Load(2), [20, 50], []))
    (tmp_path / "report.html").write_text(page.to_html(run.report), "utf-8")
    (tmp_path / "page.html").write_text(_FRAMES, "utf-8")
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
@pytest.mark.parametrize(("scheme", "background"), [("1", "255, 255, 255"), ("0", "20, 23, 26")])
def test_a_browser_shows_it(
    site: tuple[str, list[str]], scheme: str, background: str, tmp_path: Path
) -> None:
    url, asked = site
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += [f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=20000", "--dump-dom"]
    flags += [f"--blink-settings=preferredColorScheme={scheme}"]
    with subprocess.Popen(
        [tool("chromium"), *flags, f"{url}/page.html"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, text=True,
    ) as browser:  # fmt: skip
        try:
            shown, _ = browser.communicate(timeout=120)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(browser.pid, signal.SIGKILL)
    seen = re.findall(r"(\d+): (\d+) rgb\(([\d, ]+)\) rgb\(([\d, ]+)\);", shown)
    assert sorted(int(width) for width, *_ in seen) == [360, 1280]
    for width, scrolled, back, fore in seen:
        assert int(scrolled) <= int(width)  # nothing sticks out
        assert (back, fore == back) == (background, False)
    assert set(asked) <= {"/page.html", "/report.html", "/favicon.ico"}  # the last for the frame
