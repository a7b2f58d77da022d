"""The local server answers as a real TF Serving was recorded to answer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tfsclient.server.app import Options, Server
from tfsclient.testing import RunningServer

from .conftest import CONFORMANCE, MODELS

TRANSCRIPTS = CONFORMANCE / "transcripts"
KINDS = ("rest", "grpc")

# Cases that differ, each with the reason; docs/server.md tells them, too.  One that comes to agree
# has to leave this list.
DIFFERENT = {
    "rest/json/nested_100_instances": "numpy, through which tensors go, ends at 64 dimensions",
    "grpc/unknown/reflection": "no reflection: an open-source TF Serving offers none, either",
}


def cases(kind: str, server: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (TRANSCRIPTS / f"{kind}.jsonl").open(encoding="utf-8"))
    return [{**case, "kind": kind} for case in lines if case.get("server", "default") == server]


def replay(
    corpus: ModuleType, server: RunningServer, which: list[dict[str, Any]], models: str
) -> dict[str, str]:
    """The cases that are answered differently, with what differs.

    ``models`` is where the server finds the zoo.
    """
    rest_host, rest_port = server.rest_target.removeprefix("http://").split(":")
    grpc_host, grpc_port = server.grpc_target.split(":")
    rest = corpus.Rest(rest_host, int(rest_port))
    grpc_client = corpus.Grpc(grpc_host, int(grpc_port))
    different = {}
    for line in corpus.ordered(which):
        # The text of an error raised in a graph is TensorFlow's, and changes with its version.
        case = {**line, "normalise": ["code_only"]} if line.get("graph_error") else line
        got = corpus.run_case(line, rest, grpc_client, models)
        tries = [corpus.compare(want, got, case) for want in [line, *line.get("alternatives", [])]]
        if not any(same for same, _, _ in tries):
            different[line["id"]] = tries[0][2]
    grpc_client.close()
    return different


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_recorded_ones(kind: str, zoo: RunningServer, corpus: ModuleType) -> None:
    different = replay(corpus, zoo, cases(kind, "default"), str(MODELS))
    assert not {case: why for case, why in different.items() if case not in DIFFERENT}
    assert set(different) == {case for case in DIFFERENT if case.startswith(f"{kind}/")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_server_answers_so(
    kind: str, real_server: RunningServer, corpus: ModuleType
) -> None:
    models = os.environ.get("TFSCLIENT_TEST_MODELS", str(MODELS))
    assert not replay(corpus, real_server, cases(kind, "default"), models)


def options(folder: Path) -> dict[str, Options]:
    """The options of the other recorded servers; their files are put into ``folder``."""
    monitoring, batching = folder / "monitoring.config", folder / "batching.config"
    monitoring.write_text(
        'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }'
    )
    batching.write_text(
        "max_batch_size { value: 4 } batch_timeout_micros { value: 1000 }"
        " num_batch_threads { value: 1 }"
    )
    return {
        "flags": Options(
            rest_api_enable_cors_support=True,
            rest_api_timeout_in_ms=100,
            enable_signature_method_name_check=True,
            enable_grpc_healthcheck_service=True,
            monitoring_config_file=str(monitoring),
        ),
        "batching": Options(enable_batching=True, batching_parameters_file=str(batching)),
    }


@pytest.mark.parametrize("name", ["flags", "batching"])
def test_flags_change_answers_as_recorded(name: str, tmp_path: Path, corpus: ModuleType) -> None:
    which = [case for kind in KINDS for case in cases(kind, name)]
    assert len(which) > 10
    models = ("linear", "ranks", "estimator", "signatures_tf2", "half_plus_two")
    with Server({model: MODELS / model for model in models}, options(tmp_path)[name]) as server:
        running = RunningServer(server.grpc_target, server.rest_target)
        assert not replay(corpus, running, which, str(MODELS))
