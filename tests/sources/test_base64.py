"""Which inputs take base64 text is read from the graph, or not known."""

from __future__ import annotations

import pytest

from tests.conftest import ZOO
from tfsclient.errors import TFSError
from tfsclient.sources._base64 import base64_inputs


def test_what_the_graph_decodes() -> None:
    # In a loop over the pictures, as most models of pictures have it.
    assert base64_inputs(ZOO / "mnist_images") == {"serving_default": {"images"}}
    assert base64_inputs(ZOO / "failing") == {"json": {"x"}}
    for name in ("raw_png", "strings", "estimator", "simplest"):
        assert base64_inputs(ZOO / name) == {}
    with pytest.raises(TFSError):
        base64_inputs(ZOO / "broken")
