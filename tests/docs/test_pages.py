"""Pages that are tried on a server of their own, and notebooks as Jupyter would run them."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, ZOO, missing
from tests.docs.pages import blocks, promised
from tests.server.test_flags import identity, ssl_config
from tfsclient import schema, sources

DOCS = ROOT / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


def cells(name: str) -> list[str]:
    """The code of a notebook."""
    notebook = json.loads((DOCS / "notebooks" / f"{name}.ipynb").read_text("utf-8"))
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def shown(page: str, kind: str) -> list[str]:
    """The blocks of a page that are of this kind."""
    return [b.text for b in blocks((DOCS / page).read_text("utf-8")) if b.kind == kind]


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a model called digits in it."""
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    shutil.copytree(ZOO / "linear", tmp_path / "models" / "digits")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tls_and_tokens(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tfsclient.server.app import Options, Server

    right = identity()
    (digits / "ca.pem").write_bytes(right.cert)
    options = Options(ssl_config_file=ssl_config(digits, right))
    with Server({"digits": digits / "models" / "digits"}, options) as server:
        scope: dict[str, Any] = {}
        for text in shown("tls.md", "python"):
            here = text.replace("grpcs://localhost:8500", server.grpc_target)
            exec(compile(here, "tls.md", "exec"), scope)
            assert promised(text) <= set(capsys.readouterr().out.splitlines())
        scope["client"].close()


def test_kubernetes_starts_the_server_with_flags_that_there_are() -> None:
    yaml = pytest.importorskip("yaml")
    from tfsclient.server.cli import serve

    deployment, service = yaml.safe_load_all(*shown("kubernetes.md", "yaml"))
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    flags = serve.make_context("serve", list(container["args"])).params
    assert {p["containerPort"] for p in container["ports"]} == {
        flags["port"], flags["rest_api_port"]
    }  # fmt: skip
    assert flags["enable_grpc_healthcheck_service"]
    assert container["readinessProbe"]["grpc"]["port"] == flags["port"]
    assert service["spec"]["selector"] == pod["metadata"]["labels"]
    assert service["spec"]["clusterIP"] == "None"


def test_the_schema_is_what_is_written() -> None:
    (text,) = shown("schema.md", "json")
    written = json.loads(schema.to_json(sources.from_saved_model(ZOO / "linear")))
    del written["version"], written["signatures"]["__saved_model_init_op"]
    assert json.loads(text) == written
    keys = (DOCS / "schema.md").read_text("utf-8")
    for name in ("estimator", "feature_spec", "composite", "defaults"):
        for key in _keys(json.loads(schema.to_json(sources.from_saved_model(ZOO / name)))):
            assert f"`{key}`" in keys, key


def _keys(model: dict[str, Any]) -> set[str]:
    """Those of our own; names of signatures, tensors and features are the model's."""
    found = set(model)
    for signature in model["signatures"].values():
        found |= set(signature)
        for part in ("inputs", "outputs", "features"):
            found |= {key for each in signature.get(part, {}).values() for key in each}
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_what_it_printed(path: Path) -> None:
    notebook = json.loads(path.read_text("utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["cells"][0]["cell_type"] == "markdown"
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_notebook_of_a_table_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for needed in ("tensorflow", "pandas"):
        if find_spec(needed) is None:
            missing(needed)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    try:
        for text in cells("examples"):
            exec(compile(text, "examples.ipynb", "exec"), scope)
            assert promised(text) <= set(capsys.readouterr().out.splitlines())
    except BaseException:
        if "serving" in scope:  # the last cell ends it
            scope["serving"].__exit__(None, None, None)
        raise
