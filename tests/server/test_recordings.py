"""The local server answers as a real TF Serving was recorded to answer."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tfsclient.testing import RunningServer

TRANSCRIPTS = Path(__file__).parent.parent / "conformance" / "transcripts"

# Cases that differ, each with the reason.  One that comes to agree has to leave this list.
DIFFERENT = {
    "rest/json/nested_100_instances": "numpy, through which tensors go, ends at 64 dimensions",
    "grpc/unknown/reflection": "no reflection: an open-source TF Serving offers none, either",
}


def cases(name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (TRANSCRIPTS / f"{name}.jsonl").open()]
    return [{**line, "kind": name} for line in lines if line.get("server") is None]


@pytest.mark.parametrize("name", ["rest", "grpc"])
def test_answers_are_the_recorded_ones(name: str, zoo: RunningServer, corpus: ModuleType) -> None:
    rest = corpus.Rest("localhost", int(zoo.rest_target.rsplit(":", 1)[1]))
    grpc_client = corpus.Grpc("localhost", int(zoo.grpc_target.rsplit(":", 1)[1]))
    different = {}
    for line in corpus.ordered(cases(name)):
        # The text of an error raised in a graph is TensorFlow's, and changes with its version.
        case = {**line, "normalise": ["code_only"]} if line.get("graph_error") else line
        got = corpus.run_case(line, rest, grpc_client, f"{TRANSCRIPTS.parent}/models")
        tries = [corpus.compare(want, got, case) for want in [line, *line.get("alternatives", [])]]
        if not any(same for same, _, _ in tries):
            different[line["id"]] = tries[0][2]
    grpc_client.close()
    unexpected = {case: why for case, why in different.items() if case not in DIFFERENT}
    assert not unexpected
    assert set(different) == {case for case in DIFFERENT if case.startswith(f"{name}/")}
