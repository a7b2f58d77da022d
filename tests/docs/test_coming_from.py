"""docs/coming-from.md: the old lines and the new ones give the same scores."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import missing

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"
BLOCKS = re.findall(
    r"^```python (old|new|sketch)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def test_old_and_new_lines_agree(tmp_path: Path) -> None:
    for needed in ("tensorflow", "sklearn", "tensorflow_serving", "requests"):
        if find_spec(needed) is None:
            missing(needed)
    from tfsclient.demo import digits
    from tfsclient.server.app import Server

    scans = digits.build(tmp_path / "digits" / "1")
    with Server({"digits": tmp_path / "digits"}) as server:
        results = []
        for kind, text in BLOCKS:
            if kind == "sketch":  # of a package that needs another environment
                continue
            code = text.replace("http://localhost:8501", server.rest_target)
            code = code.replace("localhost:8500", server.grpc_target)
            scope: dict[str, Any] = {"images": scans.images[:3]}
            exec(compile(code, str(PAGE), "exec"), scope)
            results.append(np.asarray(scope["scores"], np.float32))
    assert len(results) == 5
    for scores in results:
        np.testing.assert_allclose(scores, results[0], rtol=1e-5)


@pytest.mark.parametrize("kind", ["old", "new", "sketch"])
def test_every_block_is_python(kind: str) -> None:
    for number, (found, text) in enumerate(BLOCKS):
        if found == kind:
            compile(text, f"block {number}", "exec")
