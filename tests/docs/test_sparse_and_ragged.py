"""docs/sparse-and-ragged.md: TF exports what it says, and its example runs over gRPC and REST."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Zoo, missing
from tfsclient import Client, InvalidInput, Unimplemented, sources
from tfsclient.testing import serve

TEXT = (Path(__file__).parents[2] / "docs" / "sparse-and-ragged.md").read_text("utf-8")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    try:
        import tensorflow as tf
    except ImportError:
        missing("tensorflow")
    folder = tmp_path_factory.mktemp("models")
    sparse, ragged = tf.SparseTensorSpec([None, 4], tf.float32), tf.RaggedTensorSpec([None, None])
    functions = {
        "sparse": (sparse, lambda x: {"sum": tf.sparse.reduce_sum(x, axis=1)}),
        "ragged": (ragged, lambda r: {"sum": tf.reduce_sum(r, axis=1)}),
        "gives_sparse": (sparse, lambda x: {"y": x}),
        "gives_both": (sparse, lambda x: {"y": x, "rows": tf.shape(x)[0]}),
        "gives_ragged": (ragged, lambda r: {"y": r}),
    }
    for name, (spec, function) in functions.items():
        made = tf.function(function, input_signature=[spec])
        module: Any = tf.Module()
        module.made = made
        tf.saved_model.save(module, str(folder / name / "1"), signatures=made)
    return {name: folder / name for name in functions}


@pytest.fixture(scope="module")
def targets(models: dict[str, Path]) -> Iterator[list[str]]:
    with serve({name: models[name] for name in ("sparse", "ragged", "gives_both")}) as server:
        yield [server.grpc_target, server.rest_target]


def test_the_table_is_what_is_exported(models: dict[str, Path]) -> None:
    shown = dict(re.findall(r"\| `(\w+)` (\w+ \[.*?\]) \|", TEXT))
    for name in ("sparse", "ragged"):
        inputs = sources.from_saved_model(models[name]).signature().inputs
        assert {n: shown.pop(n) for n in inputs} == {n: str(s) for n, s in inputs.items()}
    assert not shown
    for name, form in (("gives_sparse", "a SparseTensor"), ("gives_ragged", "a composite tensor")):
        reason = sources.from_saved_model(models[name]).signature().why_unusable
        assert f"output 'y' is {form}" in str(reason)


def test_the_example_runs(targets: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    for target in targets:
        exec(compile(example.replace("localhost:8500", target), "sparse-and-ragged", "exec"), {})
        assert capsys.readouterr().out.splitlines() == re.findall(r"\)  # (\[.*\])", example)


def test_a_sparse_tensor_without_values_goes_over_grpc_only(targets: list[str]) -> None:
    nothing = {"x": np.empty((0, 2), np.int64), "x_1": [], "x_2": [2, 4]}
    with Client(targets[0]) as client:
        assert client.predict("sparse", nothing)["sum"].tolist() == [0, 0]
    with Client(targets[1]) as client, pytest.raises(Unimplemented, match="follows a zero"):
        client.predict("sparse", nothing)


def test_dense_outputs_beside_a_sparse_one_come_over_grpc(targets: list[str]) -> None:
    inputs = {"x": [[0, 1]], "x_1": [2.0], "x_2": [3, 4]}
    with Client(targets[0]) as client:
        assert client.predict("gives_both", inputs, outputs=["rows"])["rows"] == 3
        for wanted in (None, ["rows", "y"]):
            with pytest.raises(InvalidInput, match="output 'y' is a SparseTensor"):
                client.predict("gives_both", inputs, outputs=wanted)
        with pytest.raises(InvalidInput, match="there is no output 'z'"):
            client.predict("gives_both", inputs, outputs=["z"])
    with Client(targets[1]) as client, pytest.raises(Unimplemented, match="has all outputs"):
        client.predict("gives_both", inputs, outputs=["rows"])


def test_what_is_put_down_as_one_cannot_be_sent(zoo: Zoo) -> None:
    for target in (zoo.grpc, zoo.rest):
        with Client(target) as client:
            for name in ("sparse", "composite"):
                with pytest.raises(InvalidInput, match=r"only: export its .* as inputs"):
                    client.predict("composite", {"x": [1.0]}, signature=name)
