"""Models of several kinds: exported, generated for, compiled and called in every language."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import missing
from tests.generator.matrix import drivers
from tests.generator.matrix.architectures import ARCHITECTURES
from tests.generator.matrix.values import Array, Case, by_library, cases, difference
from tfsclient import Client, sources

pytest_plugins = ["tests.generator.js.fixtures"]

SMALL = ["forest", "tf1"]  # no Keras, whose models take long to build


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(SMALL, id="small"),
        pytest.param(
            [n for n in ARCHITECTURES if n not in SMALL], id="keras", marks=pytest.mark.slow
        ),
    ],
)
def test_clients_give_what_the_model_gives(names: Sequence[str], npm: Path, tmp_path: Path) -> None:
    try:
        import tensorflow as tf
    except ImportError:
        missing("tensorflow")
        raise
    from tfsclient.server.app import Server

    paths = {name: tmp_path / "models" / name for name in names}
    for name, path in paths.items():
        ARCHITECTURES[name](path / "1")
        generated = tmp_path / "all" / name
        command: list[str | Path] = ["--lang", "all", "--saved-model", path, "--out", generated]
        subprocess.run([sys.executable, "-m", "tfsclient_gen", *command], check=True)
        assert len(list(generated.iterdir())) == 8
    models = {name: sources.from_saved_model(path, name) for name, path in paths.items()}
    clients = drivers.clients(models, tmp_path, npm, every=False)
    calls = [case for model in models.values() for case in cases(model)]
    assert {case.model for case in calls} == set(names)
    with Server(paths) as server:
        for transport, target in (("gRPC", server.grpc_target), ("REST", server.rest_target)):
            with Client(target) as raw:
                wanted = [by_library(raw, case) for case in calls]
            for case, told in zip(calls, wanted, strict=True):
                assert not told.code, (transport, str(case), told)
                for output, value in own_answer(tf, paths[case.model], case).items():
                    assert_close(told.values[output], value)
            for language, driver in clients.items():
                if transport not in drivers.TRANSPORTS[language]:
                    continue
                for case, came, told in zip(calls, driver(target, calls), wanted, strict=True):
                    different = difference(came, told, rest=transport == "REST")
                    assert not different, (language, transport, str(case))


def assert_close(got: Array, wanted: Array) -> None:
    """The kernels are the same, but they may be fused in another way."""
    if wanted.dtype.kind == "f":
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(got, wanted)


def own_answer(tf: Any, path: Path, case: Case) -> dict[str, Any]:
    """What the model itself says."""
    call = tf.saved_model.load(str(path / "1")).signatures[case.signature.name]
    inputs = {name: tf.constant(value) for name, value in case.inputs.items()}
    return {name: tensor.numpy() for name, tensor in call(**inputs).items()}
