"""Fixtures of the tests of Go: a plugin of pytest, once for all of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tfsclient_gen import Options
from tfsclient_gen.languages.go import runtime
from tfsclient_gen.names import identifier
from tfsclient_gen.quoting import code
from tfsclient_gen.render import SHIPPED

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
    """A workspace of clients, healthy and hostile, so that what they share is compiled once."""
    folder = tmp_path_factory.mktemp("go")
    for name in MODELS:
        write(zoo_model(name), folder / name)
    write(hostile_model("hostile"), folder / "hostile")
    write(known_methods(), folder / "methods")
    kinds = (schema.PREDICT, schema.CLASSIFY, schema.REGRESS)
    nothing: dict[str, FeatureSpec] = {}
    for features in (None, nothing):
        for kind in kinds:
            name = f"nothing{features is None}{kind.rpartition('/')[2]}".lower()
            write(without_features(name, kind, features), folder / name)
    write(all_of_it(), folder / "every")
    for name in REST_MODELS:
        write(zoo_model(name), folder / f"rest_{name}", Options("rest", f"example.com/{name}"))
    write(from_server(zoo_model("estimator")), folder / "untyped", Options(go_module="untyped"))
    write(replace(zoo_model("ranks"), name="fmt", signatures={}), folder / "empty")
    return workspace(folder)


@pytest.fixture(scope="session")
def go_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of the runtime, with its tests beside it."""
    folder = tmp_path_factory.mktemp("runtime")
    view = runtime.view(all_of_it(), rest_only=False)
    files = runtime.files(view, identifier("client"), SHIPPED)
    files["go.mod"] = SHIPPED.render("go/go.mod.j2", module=code("client"), rest_only=False)
    files["go.sum"] = SHIPPED.read("go/go.sum")
    for path, text in files.items():
        (folder / path).write_text(text, "utf-8")
    for program in PROGRAMS.glob("*.go"):
        shutil.copy(program, folder)
    return folder
