"""The site that ``make docs`` builds: complete, on its own, and readable on a phone."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import ROOT, missing, tool
from tfsclient._cli.explanations import EXPLANATIONS
from tfsclient._cli.main import main as tfsclient_command

# Opens each page in a frame as wide as a phone; says how much wider than it each page is.
_PHONE = """<!DOCTYPE html><iframe width=360 height=800></iframe><script>
const frame = document.querySelector("iframe"), wider = {};
const open = (page) => new Promise((done) => { frame.onload = done; frame.src = page; });
for (const page of PAGES) {
  await open(page);
  const root = frame.contentDocument.documentElement;
  wider[page] = root.scrollWidth - root.clientWidth;
}
await open("index.html");
const input = frame.contentDocument.querySelector("[data-md-component=search-query]");
input.value = "predict";
for (let i = 0; i < 600 && !wider.found; i++) {
  for (const event of ["focus", "keyup"]) input.dispatchEvent(new Event(event));
  await new Promise((done) => setTimeout(done, 100));  // time for the worker that searches
  wider.found = frame.contentDocument.querySelectorAll(".md-search-result__item").length;
}
await fetch("seen", { method: "POST", body: JSON.stringify(wider) });
</script>""".replace("<script>", '<script type="module">')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        import material  # noqa: F401
        import mkdocstrings  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "build.py", "--site-dir", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class _Loads(HTMLParser):
    """What a page loads by itself: of links, only those of its head."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.urls += [found[a] for a in ("src", "srcset", "data") if a in found]
        self.urls += re.findall(r"url\(([^)]*)\)", found.get("style", ""))
        if tag == "link":
            self.urls.append(found["href"])
        if "id" in found:
            self.ids.add(found["id"])


def read(page: Path) -> _Loads:
    parser = _Loads()
    parser.feed(page.read_text("utf-8"))
    return parser


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        for url in read(page).urls:
            assert not re.match(r"(\w+:)?//", url), f"{page.name} loads {url}"
    for sheet in site.rglob("*.css"):
        for url in re.findall(r"""url\(["']?([^)"']*)|@import""", sheet.read_text("utf-8")):
            assert url, f"{sheet.name} imports a sheet"
            assert not re.match(r"(https?:)?//", url), f"{sheet.name} loads {url}"


def test_what_is_made_from_the_code_is_there(site: Path) -> None:
    troubleshooting = read(site / "troubleshooting.html").ids
    assert {entry.key.lower() for entry in EXPLANATIONS} <= troubleshooting
    commands = read(site / "commands.html").ids
    assert {f"tfsclient-{name}" for name in tfsclient_command.list_commands(None)} <= commands  # type: ignore[arg-type]
    assert {"tfsclient-gen-drift", "tfsclient-gen-eject"} <= commands
    assert "tfsclient.Client.predict" in read(site / "reference.html").ids
    assert "tfsclient.sources.from_saved_model" in read(site / "modules.html").ids
    assert ":class:" not in (site / "reference.html").read_text("utf-8")


class Served(NamedTuple):
    """The site on a port of this machine."""

    url: str
    seen: queue.Queue[dict[str, int]]  # what the page for the test found


@pytest.fixture
def served(site: Path) -> Iterator[Served]:
    seen: queue.Queue[dict[str, int]] = queue.Queue()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()
            seen.put(json.loads(body))

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site))) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Served(f"http://127.0.0.1:{server.server_port}", seen)
        server.shutdown()


def test_a_browser_asks_nobody_else_and_shows_it_on_a_phone(
    site: Path, served: Served, tmp_path: Path
) -> None:
    pages = sorted(page.name for page in site.glob("*.html"))
    (site / "phone.html").write_text(_PHONE.replace("PAGES", json.dumps(pages)), "utf-8")
    log = tmp_path / "log.json"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-quic"]
    flags += [f"--user-data-dir={tmp_path}", f"--log-net-log={log}"]
    browser = subprocess.Popen(
        [tool("chromium"), *flags, "--remote-debugging-port=0", f"{served.url}/phone.html"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wider = served.seen.get(timeout=300)
    finally:
        browser.terminate()
        browser.wait(120)
    assert wider.pop("found") > 0
    assert wider == dict.fromkeys(pages, 0)

    asked = set()
    for line in log.read_text("utf-8").splitlines():  # an event each; the browser may not end them
        event: dict[str, Any] = {}
        with suppress(json.JSONDecodeError):
            event = json.loads(line.rstrip(",")) if line.startswith('{"params"') else {}
        if event.get("params", {}).get("initiator") == served.url and "url" in event["params"]:
            asked.add(event["params"]["url"])
    assert any("search_index.json" in url for url in asked)
    assert {u for u in asked if not u.startswith((served.url, "data:", "blob:"))} == set()
