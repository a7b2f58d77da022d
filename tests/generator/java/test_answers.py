"""Generated Java reads answers as the library does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.generator.go.test_answers import (
    _every_dtype,
    _is_same,
    _recorded_grpc,
    _recorded_rest,
    _recorded_results,
    _to_json,
)
from tests.generator.java.fixtures import Clients
from tfsclient._codec import rest_json
from tfsclient.schema import TensorSpec

pytestmark = [pytest.mark.language("java"), pytest.mark.slow]
pytest_plugins = ["tests.generator.java.fixtures"]


def test_answers_read_as_the_library_reads_them(java_clients: Clients, tmp_path: Path) -> None:
    cases: list[dict[str, Any]] = []
    expected: list[list[np.ndarray[Any, Any]]] = []
    for body, outputs in _recorded_rest():
        cases.append({"rest": body, "outputs": list(outputs.values())})
        expected.append(list(rest_json.decode_predict(body, outputs, None).values()))
    for answer, tensors in [*_recorded_grpc(), *_every_dtype()]:
        specs = [TensorSpec(n, t.dtype, None) for n, t in tensors.items()]
        cases.append({"grpc": answer, "outputs": specs})
        expected.append([t.array for t in tensors.values()])
    for case, results in _recorded_results():
        cases.append(case)
        expected.append(results)
    assert len(cases) > 450
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases, default=_to_json), "utf-8")
    lines = java_clients.program("models.tfs.Recorded", path).splitlines()
    for line, arrays in zip(lines, expected, strict=True):
        found = json.loads(line.removeprefix("found "))
        for array, came in zip(arrays, found, strict=True):
            assert came["Shape"] == list(array.shape)
            for value, text in zip(array.reshape(-1), came["Values"], strict=True):
                assert _is_same(value, text)
