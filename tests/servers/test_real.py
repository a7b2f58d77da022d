"""Real servers that are not TF Serving: our client against each, on loopback."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.servers.conftest import HALF, SUMS, environment, model, running
from tfsclient import (
    AsyncClient,
    Client,
    InvalidArgument,
    NotFound,
    TFSError,
    Unavailable,
    Unimplemented,
)
from tfsclient._cli.main import main
from tfsclient.schema import to_json

pytestmark = pytest.mark.slow

ROWS = {"a": [1, 2], "b": [3, 4], "name": ["x", "y"]}


@pytest.fixture(scope="module")
def kserve() -> Iterator[str]:
    python = environment("kserve", "kserve==0.21.0")
    with running(python, "kserve_v1.py") as place:
        yield f"http://{place}"


@pytest.fixture(scope="module", params=["half", "sums", "unnamed"])
def mlflow(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    python = environment("mlflow", "mlflow-skinny==3.17.2", "fastapi", "uvicorn", "pandas")
    with running(python, "mlflow_scoring.py", request.param) as place:
        yield request.param, f"http://{place}"


def test_kserve_v1(kserve: str, tmp_path: Path) -> None:
    schemas = {"half": HALF, "sums": SUMS, "gone": HALF, "sleeping": HALF}
    with Client(kserve, profile="kserve-v1", schemas=schemas) as client:
        np.testing.assert_allclose(client.predict("half", [1.0, 2.0])["y"], [2.5, 3.0])
        sums = client.predict("sums", ROWS, outputs=["sum"])
        assert sums["sum"].dtype == np.int64
        assert sums["sum"].tolist() == [4, 6]
        assert list(sums) == ["sum"]
        assert client.predict("sums", ROWS)["name"].tolist() == [b"x", b"y"]
        future = client.predict_future("half", [1.0])
        assert future.result(30)["y"].tolist() == [2.5]
        batches = client.predict_batches("half", [[1.0], [3.0]] * 8, batch_size=1)
        assert [float(one["y"][0]) for one in batches] == [2.5, 3.5] * 8
        (status,) = client.status("half")
        assert (status.version, status.available) == (None, True)
        assert client.wait_until_ready("half", timeout=30).available
        with pytest.raises(NotFound, match="gone does not exist"):
            client.predict("gone", [1.0])
        with pytest.raises(Unavailable, match="not ready"):
            client.status("sleeping")
        with pytest.raises(Unimplemented, match="cannot be chosen"):
            client.predict("half", [1.0], version=3)

    async def ask() -> list[float]:
        async with AsyncClient(kserve, profile="kserve-v1", schemas=schemas) as client:
            answers = [client.predict("half", [float(n)]) for n in range(4)]
            return [float(one["y"][0]) for one in await asyncio.gather(*answers)]

    assert asyncio.run(ask()) == [2.0, 2.5, 3.0, 3.5]


def test_commands_over_kserve_v1(kserve: str, tmp_path: Path) -> None:
    schema, rows = tmp_path / "half.json", tmp_path / "rows.jsonl"
    schema.write_bytes(to_json(HALF))
    rows.write_text('{"x": 1}\n{"x": 2}\n')
    options = ["--profile", "kserve-v1", "--saved-model", str(schema)]

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, list(arguments))
        assert done.exit_code == 0, done.output
        return done.stdout

    answer = json.loads(run("predict", kserve, "half", "-i", "[1, 2]", "--json", *options))
    assert answer["outputs"]["y"]["values"] == [2.5, 3.0]
    scored = run("score", kserve, "half", str(rows), "--out", "-", *options)
    assert [json.loads(line)["y"] for line in scored.splitlines()] == [2.5, 3.0]
    file = tmp_path / "bench.json"
    run("bench", kserve, "half", "-i", "[1]", "--seconds", "0.5", "--json", str(file), *options)
    assert json.loads(file.read_text())["runs"]
    assert "AVAILABLE" in run("status", kserve, "half", *options[:2])
    assert "half is ready" in run("wait", kserve, "half", *options[:2])
    found = run("doctor", kserve, "half", *options[:2])
    assert "the model is available" in found
    assert "must be given: --saved-model" in " ".join(found.split())


def test_mlflow(mlflow: tuple[str, str]) -> None:
    kind, target = mlflow
    models = {"half": HALF, "sums": SUMS, "unnamed": model({"": "float32"}, {"y": "float32"})}
    with Client(target, profile="mlflow", schemas={"any": models[kind]}) as c:
        if kind != "sums":
            np.testing.assert_allclose(c.predict("any", [1.0, 2.0])["y"], [2.5, 3.0])
        else:
            answer = c.predict("any", ROWS)
            assert answer["sum"].tolist() == [4, 6]
            assert answer["name"].tolist() == [b"x", b"y"]
        assert c.status("any")[0].available
        assert c.wait_until_ready("any", timeout=30).version is None
    other = model({"z": "float32"}, {"y": "float32"})
    with (
        Client(target, profile="mlflow", schemas={"any": other}) as client,
        pytest.raises(InvalidArgument, match=r"(BAD_REQUEST|INVALID_PARAMETER_VALUE): "),
    ):
        client.predict("any", [1.0])


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="pythie-serving needs Python 3.11")
def test_pythie_serving_is_tf_serving_with_nothing_but_predict() -> None:
    python = environment("pythie", "pythie-serving==3.4.3", "setuptools<81")
    with running(python, "pythie.py") as target, Client(target) as client:
        inputs = {"a": np.array([[1], [2]]), "b": np.array([[3], [4]])}
        assert client.predict("sums", inputs, validate=False)["predictions"].tolist() == [4, 6]
        with pytest.raises(Unimplemented, match="not implemented") as refused:
            client.predict("sums", inputs)
        assert "validate=False" in str(refused.value)
        with pytest.raises(TFSError, match="No prediction found") as failed:
            client.predict("sums", {"a": [[9]], "b": [[9]]}, validate=False)
        assert failed.value.code == "UNKNOWN"
        # More at once than it takes: it refuses, and is asked again.
        batches = ({"a": [[n % 5]], "b": [[1]]} for n in range(40))
        answers = client.predict_batches("sums", batches, concurrency=8, validate=False)
        assert [int(a["predictions"][0]) for a in answers] == [n % 5 + 1 for n in range(40)]
