"""Generated Go on real servers."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfsclient_gen import Options

from tests.conftest import CONFORMANCE, ZOO, Zoo, missing, tool
from tests.generator.go.clients import PROGRAMS, run, write, zoo_model
from tfsclient import Client, Example, Image, testing
from tfsclient._inputs.samples import PNG_BASE64

pytestmark = pytest.mark.language("go")
pytest_plugins = ["tests.generator.go.fixtures"]

IMAGE = CONFORMANCE / "data" / "digit_3.png"


def test_it_works_on_a_real_server(go_clients: Path, zoo: Zoo, tmp_path: Path) -> None:
    shutil.copytree(PROGRAMS / "live", go_clients / "programs" / "live")
    (tmp_path / "answers.json").write_text(json.dumps(_answers(zoo)), "utf-8")
    run(
        *(tool("go"), "test", "-count=1", "./programs/live"),
        cwd=go_clients,
        env={
            "TFSCLIENT_GRPC": zoo.grpc,
            "TFSCLIENT_REST": zoo.rest,
            "TFSCLIENT_ANSWERS": str(tmp_path / "answers.json"),
            "TFSCLIENT_IMAGE": str(IMAGE),
        },
    )


def test_a_server_with_few_threads_answers_many_goroutines(go_clients: Path) -> None:
    shutil.copytree(PROGRAMS / "busy", go_clients / "programs" / "busy")
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    models = {"half_plus_two": ZOO / "half_plus_two"}
    with testing.serve(models, flags=["--grpc_max_threads=4"]) as server:
        run(
            *(tool("go"), "test", "-count=10", "./programs/busy"),
            cwd=go_clients,
            env={"TFSCLIENT_GRPC": server.grpc_target},
        )


def test_a_proxy_that_fails_is_named(go_clients: Path) -> None:
    shutil.copytree(PROGRAMS / "proxy", go_clients / "programs" / "proxy")
    proxy = "http://user:s3cret@127.0.0.1:1"
    run(
        *(tool("go"), "test", "-count=1", "./programs/proxy"),
        cwd=go_clients,
        env={"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "NO_PROXY": ""},
    )


def _answers(zoo: Zoo) -> dict[str, Any]:
    """What the library gets for the examples of the live test."""
    people = [{"a": ["x"], "b": [1.0]}, {"a": ["\n中"], "b": [-0.5]}]
    features = [
        {"f_required": [3.0]},
        {"f_required": [1.5], "f_default": 2.0, "s_var": ["é", b"\xff"]},
    ]
    context = {"f_seq": [1.0, 2.0], "i_fixed": [1 << 62, -1, 0]}
    with Client(zoo.grpc) as client:
        predicted = client.predict("estimator", [Example(p) for p in people], signature="predict")
        rows = np.arange(10, dtype=np.float32)[:, None]
        half = client.predict("half_plus_two", rows)
        uneven = client.predict("ranks", [[1.0, 2.0], [3.0, 4.0]], signature="uneven")
        status = client.status("half_plus_two")
        return {
            "version": half.version,
            "sum": float(uneven["sum"]),
            "states": [f"{one.version} {one.state} <nil>" for one in status],
            "signatures": sorted(client.metadata("half_plus_two").signatures),
            "inputs": rows.ravel().tolist(),
            "halves": half["y"].ravel().tolist(),
            "classes": client.classify("estimator", people, signature="classification"),
            "values": client.regress("estimator", people, signature="regression").tolist(),
            "shared": client.regress(
                "feature_spec", features, context, signature="regress"
            ).tolist(),
            "logits": predicted["logits"].tolist(),
            "scores": client.predict("mlp", Image(IMAGE)).only().tolist(),
        }


@pytest.mark.parametrize("options", [None, Options("rest", "example.com/models")])
@pytest.mark.parametrize("model", ["half_plus_two", "raw_png", "estimator", "feature_spec_tf2"])
def test_the_readme_runs_as_it_stands(
    zoo: Zoo, model: str, options: Options | None, tmp_path: Path
) -> None:
    write(zoo_model(model), tmp_path / "clients", options)
    readme = (tmp_path / "clients" / "README.md").read_text("utf-8")
    program = readme.split("```go\n")[1].split("```")[0]
    for target, real in (("localhost:8500", zoo.grpc), ("http://localhost:8501", zoo.rest)):
        program = program.replace(f'"{target}"', f'"{real}"')
    (tmp_path / "example").mkdir()
    (tmp_path / "example" / "image.png").write_bytes(base64.b64decode(PNG_BASE64))
    (tmp_path / "example" / "main.go").write_text(program, "utf-8")
    commands = readme.split("```sh\n")[1].split("```")[0]
    shown = run(tool("bash"), "-euc", commands, cwd=tmp_path / "example", env={"GOWORK": "off"})
    assert re.search(r"^(\w+: .* \[1|.*: 0\.)", shown)
