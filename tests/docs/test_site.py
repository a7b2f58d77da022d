"""The site that ``make docs`` builds: complete, on its own, found by searching, for everybody."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.browser import chromium
from tests.conftest import ROOT, tool
from tests.docs.pages import PAGES
from tests.ui.browser import axe
from tfsclient._cli.explanations import EXPLANATIONS
from tfsclient._cli.main import main as tfsclient_command

# What users ask, and the page that answers: it is among the first three that a search finds.
QUESTIONS = {
    "AWS Lambda megabyte": "production.html",
    "Received message larger than max": "troubleshooting.html",
    "Serving signature key not found": "troubleshooting.html",
    "readiness probe": "kubernetes.html",
    "one pod gets all calls": "kubernetes.html",
    "web-safe base64": "pictures.html",
    "serialized tf.Examples": "examples.html",
    "asyncio": "async.html",
    "gunicorn fork": "production.html",
    "float16 REST": "rest.html",
    "warm-up file": "production.html",
    "Go service test": "go-service.html",
    "tensorflow-serving-api": "coming-from.html",
    "FakeServer pytest": "testing.html",
}
# Ten pages of every kind.
LOOKED_AT = (
    "index start languages pictures kubernetes testing architecture troubleshooting commands "
    "reference"
).split()

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
const search = async (text, enough) => {
  let found;
  input.value = text;
  for (let i = 0; i < 600; i++) {
    for (const event of ["focus", "keyup"]) input.dispatchEvent(new Event(event));
    await new Promise((done) => setTimeout(done, 50));  // time for the worker that searches
    const links = frame.contentDocument.querySelectorAll(".md-search-result__item > a");
    found = [...new Set([...links].map((link) => link.pathname.split("/").pop()))].slice(0, 3);
    if (enough(found)) break;
  }
  return found;
};
wider.lost = {};
for (const [question, page] of Object.entries(QUESTIONS)) {
  await search("", (found) => found.length === 0);
  const found = await search(question, (found) => found.includes(page));
  if (!found.includes(page)) wider.lost[question] = found;
}
await fetch("seen", { method: "POST", body: JSON.stringify(wider) });
</script>""".replace("<script>", '<script type="module">')


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
    seen: queue.Queue[dict[str, Any]]  # what the page for the test found


@pytest.fixture
def served(site: Path) -> Iterator[Served]:
    seen: queue.Queue[dict[str, Any]] = queue.Queue()

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
    pages = sorted(str(page.relative_to(site)) for page in site.rglob("*.html"))
    looks = _PHONE.replace("PAGES", json.dumps(pages)).replace("QUESTIONS", json.dumps(QUESTIONS))
    (site / "phone.html").write_text(looks, "utf-8")
    log = tmp_path / "log.json"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-quic"]
    flags += [f"--user-data-dir={tmp_path}", f"--log-net-log={log}"]
    browser = subprocess.Popen(
        [tool("chromium"), *flags, "--remote-debugging-port=0", f"{served.url}/phone.html"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wider = served.seen.get(timeout=600)
    finally:
        browser.terminate()
        browser.wait(120)
    (site / "phone.html").unlink()
    assert wider.pop("lost") == {}
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


def test_llms_txt_lists_the_pages_as_they_are_written(site: Path) -> None:
    text = (site / "llms.txt").read_text("utf-8")
    assert text.startswith("# tfsclient\n\n> A light Python client")
    listed = re.findall(r"^- \[[^\]]+\]\(([^)]+)\)", text, re.MULTILINE)
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert pages < set(listed)
    for name in listed:
        assert (site / name).read_text("utf-8").startswith("# "), name


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_hold_in_a_checkout_too(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    made = {"commands.md", "reference.md", "modules.md", "changelog.md"}
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and target not in made:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    ("width", "scheme", "names"),
    [
        (360, "dark", LOOKED_AT[:2]),
        *(
            pytest.param(width, scheme, LOOKED_AT, marks=pytest.mark.slow)
            for width in (360, 1280)
            for scheme in ("light", "dark")
        ),
    ],
)
def test_everybody_can_read_it(served: Served, width: int, scheme: str, names: list[str]) -> None:
    source = axe()
    with chromium() as browser:
        size = {"width": width, "height": 900}
        page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
        for name in names:
            page.goto(f"{served.url}/{name}.html")
            page.evaluate(source)
            bad = [
                (one["id"], one["nodes"][0]["html"], one["nodes"][0]["failureSummary"])
                for one in page.evaluate("axe.run()")["violations"]
                if one["impact"] in ("serious", "critical")
            ]
            assert bad == [], name
