"""The page in a browser: models are called from it, and what it shows is what they answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from tests.conftest import CONFORMANCE, ZOO, Zoo
from tests.ui.browser import Tab, address, axe, browser, serving, tab_of
from tfsclient import Client, Image, Model, Prediction, Signature, TensorSpec
from tfsclient.sources._base64 import base64_inputs
from tfsclient.testing import FakeServer

__all__ = ["address", "browser"]

SEVEN = CONFORMANCE / "data" / "digit_7.png"


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Tab]:
    with tab_of(browser, address) as found:
        yield found


def equal(answer: Any, out: Mapping[str, Any]) -> bool:
    """Whether what the page was told is what the library was."""
    given = {one["name"]: np.asarray(one["values"]) for one in answer["outputs"]}
    wanted = {
        name: np.char.decode(array.astype(bytes)) if array.dtype == object else array
        for name, array in out.items()
    }
    assert given.keys() == wanted.keys()
    return all(
        np.array_equal(given[n], w) if w.dtype.kind in "US" else np.allclose(given[n], w)
        for n, w in wanted.items()
    )


def test_two_models_are_called(tab: Tab, zoo: Zoo) -> None:
    page = tab.page
    page.get_by_role("button", name="half_plus_two").click()
    page.get_by_label("x, row 1").fill("2.5")
    answer = tab.predict()
    assert page.locator(".lone").inner_text() == "4.25"
    with Client(zoo.grpc) as client:
        assert equal(answer, client.predict("half_plus_two", [[2.5]]))

        tab.open("mnist_images")
        tab.drop(SEVEN)  # calls at once; the model wants base64, which nobody has said
        page.wait_for_selector(".failure")
        answer = tab.predict(lambda: page.get_by_role("button", name="Send it so").click())
        assert equal(answer, client.predict("mnist_images", Image(SEVEN, base64url=True)))
    page.wait_for_selector(".bars .first")
    assert page.locator(".bars .first .label").inner_text() == "7"


def test_a_scan_is_classified_as_the_saved_model_wants_it(browser: Any, zoo: Zoo) -> None:
    texts = {"mnist_images": base64_inputs(ZOO / "mnist_images")}
    with (
        serving([zoo.grpc], None, texts=texts) as address,
        tab_of(browser, address) as tab,
    ):
        tab.open("mnist_images")
        tab.predict(lambda: tab.drop(SEVEN))
        tab.page.wait_for_selector(".bars .first")
        assert tab.page.locator(".bars .first .label").inner_text() == "7"


def test_a_refusal_stands_beside_its_field_and_the_address_keeps_what_was_typed(
    tab: Tab, browser: Any
) -> None:
    page = tab.page
    tab.open("half_plus_two")
    page.get_by_label("x, row 1").fill("two")
    page.wait_for_selector(".field.refused")
    assert "'two' is not a number" in page.locator(".field .wrong").inner_text()
    page.get_by_label("x, row 1").fill("7")
    page.wait_for_selector(".field:not(.refused)")
    page.wait_for_function("() => decodeURIComponent(location.hash).includes('\"7\"')")
    link = page.url
    assert "token" not in link
    other = page.context.new_page()  # another tab of the same user
    other.goto(link)
    other.get_by_label("x, row 1").wait_for()
    other.wait_for_function("() => document.querySelector('.cells input').value === '7'")


@pytest.mark.slow
@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("model", ["simplest", "linear", "estimator", "mlp", "strings", "dense15"])
def test_what_the_form_starts_with_is_answered_as_the_library_is(
    tab: Tab, zoo: Zoo, model: str, target: int
) -> None:
    tab.page.locator("#bar select").select_option(str(target))
    tab.open(model)
    if model == "mlp":
        tab.mode("images", "JSON")  # else a picture is wanted
    answer = tab.predict()
    signature = answer["signature"]
    tab.show("Code")
    tab.page.get_by_label("Language").select_option("python")
    tab.page.wait_for_function(
        "() => document.querySelector('pre.code').textContent.includes('import')"
    )
    program = tab.page.locator("pre.code").inner_text()
    ran: dict[str, Any] = {}
    exec(program, ran)
    if isinstance(ran["out"], Prediction):
        assert ran["out"].signature == signature
        assert equal(answer, ran["out"])


@pytest.mark.slow
def test_pictures_become_pixels_and_pixels_pictures(tab: Tab, zoo: Zoo) -> None:
    page = tab.open("segmentation").page
    tab.drop(SEVEN)
    for name in ("height", "width"):
        page.get_by_label(f"{name}, row 1").fill("28")
    answer = tab.predict()
    page.wait_for_selector("canvas[data-drawn]")
    with Client(zoo.grpc) as client:
        inputs = {"image": Image(SEVEN), "height": 28, "width": 28}
        assert equal(answer, client.predict("segmentation", inputs))

        tab.open("predict_images")
        page.locator(".signature select").select_option("predict_images")
        page.get_by_label("images as JSON").fill(f"[{[0.5] * 784}]")
        page.wait_for_selector(".field:not(.refused)")
        answer = tab.predict()
        wanted = client.predict("predict_images", [[0.5] * 784], signature="predict_images")
        assert equal(answer, wanted)


@pytest.mark.slow
def test_a_form_can_be_left_and_is_as_it_was(tab: Tab) -> None:
    page = tab.open("half_plus_two").page
    page.get_by_label("x, row 1").fill("12")
    tab.open("linear")
    tab.open("half_plus_two")
    assert page.get_by_label("x, row 1").input_value() == "12"
    tab.open("no such model")
    page.wait_for_selector(".failure")
    tab.open("half_plus_two", version="1")
    assert page.get_by_label("x, row 1").input_value() == "12"
    assert tab.predict()["answered"] == 1


@pytest.mark.slow
def test_a_model_that_is_left_is_not_called_any_more(browser: Any) -> None:
    x, y = TensorSpec("x", "float32", (-1,)), TensorSpec("y", "float32", (-1,))
    signature = Signature("serving_default", {"x": x}, {"y": y})
    go = threading.Event()

    def stall(inputs: Mapping[str, Any]) -> dict[str, Any]:
        go.wait(60)
        return {"y": inputs["x"]}

    models = [Model(name, 1, {"serving_default": signature}) for name in ("one", "other")]
    with (
        FakeServer(*models) as server,
        serving([server.grpc_target], None) as address,
        tab_of(browser, address) as tab,
    ):
        server.answer("one", stall)
        page = tab.open("one").page
        page.get_by_label("x, row 1").fill("7")
        page.keyboard.press("Control+Enter")
        page.get_by_text("Waiting for the server").wait_for()
        server.delay(1, method="GetModelMetadata", model="other")
        page.fill("input[name=model]", "other")
        with page.expect_response("**/api/model"):
            page.keyboard.press("Enter")
            page.keyboard.press("Control+Enter")  # what is seen is of the one that is left
        page.get_by_text("The answer will be here.").wait_for()
        go.set()
        tab.open("one")
        assert page.get_by_label("x, row 1").input_value() == "7"
        page.wait_for_function("() => decodeURIComponent(location.hash).includes('\"7\"')")
        assert [call.model for call in server.calls if call.method == "Predict"] == ["one"]


HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>',
    "javascript:alert(1)", "a\u202eb\u2066c\u2069", "{{7*7}}", "\x00\x1b[31m", "</td></table><b>",
]  # fmt: skip


@pytest.mark.slow
def test_names_and_values_of_models_are_text(browser: Any) -> None:
    hostile = [text for text in HOSTILE if "img" not in text]  # that one would want a picture
    names = {text: TensorSpec(text, "string", (-1,)) for text in hostile}
    out = {"out": TensorSpec("out", "string", (-1,)), **names}
    signatures = {
        text: Signature(text, {"x": TensorSpec("x", "string", (-1,)), text: names[text]}, out)
        for text in hostile
    }
    model = Model("<b>&amp;", 1, signatures)
    with FakeServer(model) as server:
        for signature in hostile:
            server.answer(model.name, dict.fromkeys(out, HOSTILE), signature=signature)
        with (
            serving([server.grpc_target], None) as address,
            tab_of(browser, address) as tab,
        ):
            tab.open(model.name)
            for signature in hostile:
                tab.page.locator(".signature select").select_option(signature)
                tab.page.wait_for_function(
                    "n => [...document.querySelectorAll('.field h3 bdi')]"
                    ".some((e) => e.textContent === n)",
                    arg=signature,
                )
                assert "error" not in tab.predict()
                tab.page.wait_for_selector(".output table")
                cells = tab.page.evaluate(
                    "[...document.querySelector('.output table').querySelectorAll('td')]"
                    ".map((e) => e.textContent)"
                )
                assert cells == HOSTILE
            assert tab.page.evaluate("document.querySelectorAll('main script, main b').length") == 0


@pytest.mark.slow
def test_names_of_javascript_and_versions_beyond_its_numbers(browser: Any) -> None:
    names = ("constructor", "__proto__", "toString", "x")
    inputs = {name: TensorSpec(name, "float32", (-1,)) for name in names}
    out = {"y": TensorSpec("y", "float32", (-1,))}
    version = 1_700_000_000_000_000_001
    model = Model("m", version, {"serving_default": Signature("serving_default", inputs, out)})
    with (
        FakeServer(model) as server,
        serving(["localhost:1", server.grpc_target], None) as address,
        tab_of(browser, address) as tab,
    ):
        tab.page.locator("#bar select").select_option("1")
        page = tab.open("m", version=str(version)).page
        assert page.locator(".versions strong").inner_text() == str(version)
        page.get_by_label("x, row 1").fill("two")
        page.wait_for_selector(".field.refused")
        assert page.locator(".field.refused h3").all_inner_texts() == ["x"]
        page.get_by_label("x, row 1").fill("2")
        assert tab.predict()["answered"] == str(version)
        tab.show("Compare")
        page.get_by_role("button", name="Call both").click()
        page.wait_for_selector(".differences")  # the same server, unless another is chosen


@pytest.mark.slow
def test_every_awkward_signature(tab: Tab) -> None:
    tab.open("awkward")
    options = tab.page.locator(".signature select option:not([disabled])")
    for name in options.evaluate_all("all => all.map((one) => one.value)"):
        tab.page.locator(".signature select").select_option(name)
        assert "error" not in tab.predict()


@pytest.mark.slow
def test_a_server_that_stalls_stops_or_sends_much(browser: Any) -> None:
    x, y = TensorSpec("x", "float32", (-1,)), TensorSpec("y", "float32", (-1,))
    model = Model("m", 1, {"serving_default": Signature("serving_default", {"x": x}, {"y": y})})
    go = threading.Event()

    def stall(inputs: Mapping[str, Any]) -> dict[str, Any]:
        go.wait(60)
        return {"y": inputs["x"]}

    server = FakeServer(model)
    server.__enter__()
    try:
        with (
            serving([server.grpc_target], None, timeout=5) as address,
            tab_of(browser, address) as tab,
        ):
            page = tab.open("m").page
            box = page.get_by_label("x, row 1")
            box.fill("4.5")

            server.answer("m", stall)
            page.keyboard.press("Control+Enter")
            page.get_by_role("button", name="Cancel").click()
            page.get_by_text("Cancelled.").wait_for()
            go.set()

            server.answer("m", {"y": np.arange(1_000_000, dtype=np.float32)})
            page.evaluate("window.ticks = 0; setInterval(() => window.ticks++, 1)")
            tab.predict()
            page.wait_for_selector("canvas[data-drawn]")
            assert page.evaluate("window.ticks") > 5  # other things were done meanwhile
            page.get_by_role("radio", name="Raw").check()
            page.get_by_role("button", name="Later").click()
            page.get_by_text("values 1,000 to 1,999").wait_for()

            server.answer("m", {"y": np.zeros(5_000_000, np.float32)})  # 20 MB
            tab.predict()
            page.wait_for_selector("canvas[data-drawn]")

            server.__exit__(None, None, None)
            assert "error" in tab.predict()
            page.wait_for_selector(".out .failure")
            assert box.input_value() == "4.5"
            box.fill("5.5")
            assert "error" in tab.predict()
    finally:
        go.set()


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser: Any, address: str, width: int, scheme: str) -> None:
    source = axe()
    size = {"width": width, "height": 900}
    with tab_of(browser, address, viewport=size, color_scheme=scheme) as tab:

        def accessible(where: str) -> None:
            tab.page.wait_for_timeout(300)
            tab.page.evaluate(source)
            found = tab.page.evaluate("axe.run()")["violations"]
            bad = [
                (one["id"], one["nodes"][0]["html"])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert bad == [], where
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert tab.page.evaluate(wide) == 0, where

        accessible("welcome")
        for model in ("half_plus_two", "dense15", "estimator", "mnist_images", "segmentation"):
            tab.open(model)
            accessible(model)
            tab.predict()
            accessible(f"the answer of {model}")
        tab.open("half_plus_two")
        tab.predict()
        for name in ("Code", "What if", "Compare", "Calls"):
            tab.show(name)
            for text in ("Run", "Call both"):
                start = tab.page.get_by_role("button", name=text, exact=True)
                if start.is_visible():
                    start.click()
                    tab.page.wait_for_selector(".chart:visible, .differences:visible")
            accessible(name)
        for way in ("JSON", "CSV", "File"):
            group = tab.page.get_by_role("group", name="How the inputs are given")
            group.get_by_role("radio", name=way).check()
            accessible(way)
        group.get_by_role("radio", name="Fields").check()
        tab.page.get_by_label("x, row 1").fill("two")
        tab.page.wait_for_selector(".field.refused")
        accessible("a refusal")
        tab.page.get_by_role("button", name="Predict").click()
        tab.page.get_by_text("Nothing was sent: see the form.").wait_for()
        accessible("nothing was sent")
        tab.page.fill("input[name=model]", "no-such-model" * 40)
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_selector(".failure")
        accessible("a failure")
