"""A browser for the tests of the page: what it saw, and what it must never see."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.conftest import ROOT, ZOO, Zoo, missing, tool
from tfsclient import AsyncClient, sources
from tfsclient.schema import Model

_AXE = Path(__file__).parent / "axe"


class Tab:
    """A tab that shows the page, and all that it asked and complained of."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.asked: list[str] = []
        self.wrong: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        refused = "Failed to load resource" in message.text  # a refusal's status, which is meant
        if message.type in ("error", "warning") and not refused:
            self.wrong.append(message.text)

    def open(self, model: str, version: str = "") -> Tab:
        """Show a model."""
        page = self.page
        page.fill("input[name=version]", version)
        page.fill("input[name=model]", model)
        with page.expect_response("**/api/model"):
            page.keyboard.press("Enter")
        page.wait_for_function(
            "m => document.querySelector('.about h2 bdi')?.textContent === m", arg=model
        )
        return self

    def predict(self, act: Callable[[], object] | None = None) -> Any:
        """Call the model, by the keyboard or otherwise; what the server of the page answered."""
        with self.page.expect_response("**/api/call") as found:
            (act or (lambda: self.page.keyboard.press("Control+Enter")))()
        return found.value.json()

    def drop(self, path: Path) -> None:
        """Drop a file on the page."""
        self.page.evaluate(
            """([name, b64]) => {
                const data = Uint8Array.from(atob(b64), (c) => c.charCodeAt(0));
                const transfer = new DataTransfer();
                transfer.items.add(new File([data], name, { type: "image/png" }));
                const of = { dataTransfer: transfer, bubbles: true, cancelable: true };
                for (const kind of ["dragover", "drop"]) {
                    document.body.dispatchEvent(new DragEvent(kind, of));
                }
            }""",
            [path.name, base64.b64encode(path.read_bytes()).decode()],
        )

    def mode(self, field: str, name: str) -> None:
        """Choose how a field is given."""
        group = self.page.get_by_role("group", name=f"How {field} is given", exact=True)
        group.get_by_role("radio", name=name, exact=True).check()

    def show(self, tab: str) -> None:
        """Choose what is shown beside the form."""
        self.page.get_by_role("tab", name=tab, exact=True).click()

    def check(self) -> None:
        """Nothing ran that must not run, and nothing was asked of anybody else."""
        assert self.wrong == []
        own = self.address.partition("?")[0]
        assert {url for url in self.asked if not url.startswith((own, "blob:", "data:"))} == set()


@contextmanager
def serving(
    targets: list[str], rest: str | None, models: tuple[str, ...] = (), **more: Any
) -> Iterator[str]:
    """The page over these servers; its address."""
    from tfsclient._cli.page.page import Page
    from tfsclient._cli.page.servers import Server, Servers, on_call

    folders: dict[str, Model] = more.pop("folders", {})
    texts: dict[str, Mapping[str, frozenset[str]]] = more.pop("texts", {})
    servers = [Server(t, AsyncClient(t, on_call=on_call, **more), rest) for t in targets]
    with Page() as page:
        page.start(Servers(servers, lambda: models, folders.get, lambda name: texts.get(name, {})))
        yield page.address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Closed with the module: while it is open, its event loop runs in this thread."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(zoo: Zoo) -> Iterator[str]:
    """The page of the zoo."""
    folders = {"estimator": sources.from_saved_model(ZOO / "estimator", "estimator")}
    with serving(
        [zoo.grpc, zoo.rest], zoo.rest, ("half_plus_two", "linear"), folders=folders
    ) as found:
        yield found


@contextmanager
def tab_of(browser: Any, address: str, **options: Any) -> Iterator[Tab]:
    """A new tab in a profile of its own; it is checked in the end."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        tab = Tab(page, address)
        page.goto(address)
        page.wait_for_selector(".welcome, .form")
        yield tab
        tab.check()
    finally:
        context.close()


def axe() -> str:
    """The source of axe-core, installed once for this checkout."""
    folder = ROOT / ".cache" / "npm-axe"
    lock = (_AXE / "package-lock.json").read_bytes()
    stamp = folder / "installed.json"
    if not stamp.is_file() or stamp.read_bytes() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_AXE / name, folder / name)
        command = [tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
            missing("what npm installs (is there a network?)")
        stamp.write_bytes(lock)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
