"""Fixtures of the tests of Go: a plugin of pytest, once for all of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tfsclient_gen import Options

from tests.generator.go.clients import (
    MODELS,
    PROGRAMS,
    REST_MODELS,
    all_of_it,
    from_server,
    hostile_model,
    known_methods,
    without_features,
    workspace,
    write,
    zoo_model,
)
from tfsclient import schema
from tfsclient.schema import FeatureSpec


@pytest.fixture(scope="session")
def go_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of two modules of clients, healthy and hostile; in ``rest`` without gRPC."""
    folder = tmp_path_factory.mktemp("go")
    models = [zoo_model(name) for name in MODELS]
    models += [hostile_model("hostile"), known_methods(), all_of_it()]
    nothing: dict[str, FeatureSpec] = {}
    for features in (None, nothing):
        for kind in (schema.PREDICT, schema.CLASSIFY, schema.REGRESS):
            name = f"nothing{features is None}{kind.rpartition('/')[2]}".lower()
            models.append(without_features(name, kind, features))
    models.append(replace(from_server(zoo_model("estimator")), name="untyped"))
    models.append(replace(zoo_model("ranks"), name="fmt", signatures={}))
    write(models, folder / "clients")
    over_rest = [zoo_model(name) for name in REST_MODELS]
    write(over_rest, folder / "rest", Options("rest", "example.com/rest"))
    write(zoo_model("linear"), folder / "one", Options(go_module="example.com/one"))
    return workspace(folder)


@pytest.fixture(scope="session")
def go_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package tfs in a module, with its tests beside it."""
    folder = tmp_path_factory.mktemp("runtime")
    write(zoo_model("linear"), folder)
    for program in PROGRAMS.glob("*.go"):
        shutil.copy(program, folder / "tfs")
    return folder
