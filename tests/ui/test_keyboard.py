"""The keyboard stays where it was, or near, whatever is drawn anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from tests.ui.browser import Tab, address, browser, serving, tab_of
from tfsclient import Model, Signature, TensorSpec
from tfsclient.testing import FakeServer

__all__ = ["address", "browser"]

_FOCUSED = """() => {
    const one = document.activeElement;
    const label = one.getAttribute("aria-label") ?? one.closest("label")?.textContent;
    return one === document.body ? "nothing" : (label ?? one.textContent).trim();
}"""


def focused(tab: Tab) -> str:
    """What has the focus: its label or text."""
    said: str = tab.page.evaluate(_FOCUSED)
    return said


def press(tab: Tab, name: str, role: Any = "button", key: str = "Enter") -> None:
    """Press a key on a control."""
    tab.page.get_by_role(role, name=name, exact=True).first.press(key)


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Tab]:
    with tab_of(browser, address) as found:
        yield found


def test_the_form(tab: Tab) -> None:
    page = tab.page
    press(tab, "half_plus_two")
    page.wait_for_selector(".form")
    assert focused(tab) == "half_plus_two"  # the heading of what is new
    press(tab, "Add a row")
    press(tab, "Add a row")
    assert focused(tab) == "Add a row"
    press(tab, "Remove row 2")
    assert focused(tab) == "Remove row 2"  # of the row that is there now
    press(tab, "Remove row 2")
    assert focused(tab) != "nothing"
    press(tab, "Values", "radio", "ArrowRight")
    for shown in ("JSON", "File", "Fill"):
        assert focused(tab) == shown
        page.keyboard.press("ArrowRight")
    press(tab, "Fields", "radio", "ArrowRight")
    assert focused(tab) == "JSON"
    press(tab, "Start over")
    assert focused(tab) == "Start over"
    with page.expect_response("**/api/status"):
        press(tab, "Refresh")
    page.wait_for_selector("button:focus")
    assert focused(tab) == "Refresh"
    with page.expect_response("**/api/model"):
        press(tab, "1 available")
    page.wait_for_selector("h2:focus")


def test_the_result(browser: Any) -> None:
    x, y = TensorSpec("x", "float32", (-1,)), TensorSpec("y", "float32", (-1, -1))
    model = Model("m", 1, {"serving_default": Signature("serving_default", {"x": x}, {"y": y})})
    go = threading.Event()

    def stall(inputs: Mapping[str, Any]) -> dict[str, Any]:
        go.wait(60)
        return {"y": np.zeros((1, 15), np.float32)}

    with (
        FakeServer(model) as server,
        serving([server.grpc_target], None) as address,
        tab_of(browser, address) as tab,
    ):
        page = tab.open("m").page
        server.answer("m", stall)
        page.get_by_role("button", name="Predict").focus()
        page.keyboard.press("Control+Enter")
        press(tab, "Cancel")
        page.get_by_text("Cancelled.").wait_for()
        assert focused(tab) != "nothing"
        go.set()
        tab.predict()
        press(tab, "5 more")
        assert focused(tab) != "nothing"
        server.answer("m", {"y": np.zeros((1500, 15), np.float32)})
        tab.predict()
        press(tab, "Heat map", "radio", "ArrowRight")
        page.get_by_text("values 0 to 999").wait_for()
        press(tab, "Later")
        page.get_by_text("values 1,000 to 1,999").wait_for()
        press(tab, "Earlier")
        page.get_by_text("values 0 to 999").wait_for()
        assert focused(tab) == "Later"  # for there is nothing earlier
        server.answer("m", {"y": np.zeros((1, 2), np.float32)})
        for name, start in (("What if", "Run"), ("Compare", "Call both")):
            tab.show(name)
            press(tab, start)
            page.wait_for_selector(".chart:visible, .differences:visible")
            assert focused(tab) == start
        tab.show("Calls")
        press(tab, "Again")
        page.wait_for_selector("h2:focus")
