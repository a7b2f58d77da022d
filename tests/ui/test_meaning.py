"""What a model's meaning.toml says, on the page: labels, scales, named examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from tests.ui.browser import browser, serving, tab_of
from tfsclient import Model, Signature, TensorSpec, meaning
from tfsclient.testing import FakeServer

__all__ = ["browser"]

MEANING = """
format = 1
[signatures.serving_default.inputs.pixels]
kind = "image"
range = [0.0, 1.0]
colour = "gray"
layout = "HW"
description = "ink is bright"
[signatures.serving_default.outputs.scores]
kind = "scores"
labels = ["cat", "dog"]
[[signatures.serving_default.examples]]
name = "a white one"
inputs = {pixels = "white.png"}
"""


@pytest.fixture
def read(tmp_path: Path) -> meaning.Meaning:
    Picture.new("L", (4, 4), 255).save(tmp_path / "white.png")
    (tmp_path / "meaning.toml").write_text(MEANING, "utf-8")
    return meaning.read(tmp_path / "meaning.toml")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    inputs = {"pixels": TensorSpec("pixels", "float32", (-1, 4, 4))}
    outputs = {"scores": TensorSpec("scores", "float32", (-1, 2))}
    signature = Signature("serving_default", inputs, outputs)
    with FakeServer(Model("pets", 1, {"serving_default": signature})) as running:
        running.answer("pets", {"scores": [[0.25, 0.75]]})
        yield running


def test_examples_labels_and_scales(
    browser: Any, server: FakeServer, read: meaning.Meaning
) -> None:
    with (
        serving([server.grpc_target], None, meanings={"pets": read}) as address,
        tab_of(browser, address) as tab,
    ):
        page = tab.open("pets").page
        assert page.get_by_text("ink is bright").is_visible()
        assert not page.get_by_text("Values of pictures").is_visible()
        page.get_by_role("button", name="a white one").click()
        page.wait_for_selector(".bars .first")
        assert page.locator(".bars .first .label").inner_text() == "dog"
    assert np.array_equal(server.calls[-1].inputs["pixels"], np.ones((1, 4, 4)))
