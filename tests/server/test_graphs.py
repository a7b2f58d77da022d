"""Graphs as others export them: stale notes, operations of other packages, inputs fed twice."""

from __future__ import annotations

import dataclasses
import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tfsclient import Client, sources
from tfsclient._codec.messages import message_class
from tfsclient.errors import InvalidArgument, InvalidInput, Unknown
from tfsclient.schema import from_json, to_json
from tfsclient.server.app import Server
from tfsclient.testing import FakeServer

from .calls import QUICK
from .conftest import MODELS

Edit = Callable[[Callable[[Any], None]], dict[str, Path]]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """A copy of ``linear`` whose MetaGraphDef a function has changed."""

    def edit(change: Callable[[Any], None]) -> dict[str, Path]:
        folder = tmp_path / "linear"
        shutil.copytree(MODELS / "linear", folder)
        path = folder / "1" / "saved_model.pb"
        saved_model = message_class("tensorflow.SavedModel").FromString(path.read_bytes())
        change(saved_model.meta_graphs[0])
        path.write_bytes(saved_model.SerializeToString())
        return {"linear": folder}

    return edit


def predict(server: Server) -> list[float]:
    with Client(server.grpc_target) as client:
        values: list[float] = client.predict("linear", [1.0]).only().tolist()
        return values


# --- what the real server's loader does not look at --------------------------------------------


def with_stale_shapes(meta_graph: Any) -> None:
    graph = meta_graph.graph_def
    functions = [node for function in graph.library.function for node in function.node_def]
    for node in (*graph.node, *functions):
        for shape in node.attr["_output_shapes"].list.shape:
            shape.ClearField("unknown_rank")
            shape.dim.add(size=7)
            shape.dim.add(size=7)


def test_stale_output_shapes_do_not_matter(edited: Edit) -> None:
    with Server(edited(with_stale_shapes), QUICK) as server:
        assert predict(server) == [1.5]


# --- operations of other packages --------------------------------------------------------------


def with_node(op: str) -> Callable[[Any], None]:
    return lambda meta_graph: meta_graph.graph_def.node.add(name="foreign", op=op)


@pytest.mark.parametrize(
    ("op", "told"),
    [
        ("TFText>Anything", "belongs to tensorflow_text: install"),
        ("SentencepieceTokenizeOp", "belongs to tensorflow_text"),
        ("WordpieceTokenizeWithOffsets", "belongs to tensorflow_text"),
        ("SimpleMLInferenceOpWithHandle", "--import tensorflow_decision_forests"),
        ("Foreign", "--import NAME"),
    ],
)
def test_an_operation_that_is_not_registered_names_its_package(
    edited: Edit, op: str, told: str
) -> None:
    with pytest.raises(Unknown, match=f"Op type not registered '{op}'.*{told}"):
        Server(edited(with_node(op)), QUICK).start()


def test_one_in_a_function_matters_when_it_runs(
    edited: Edit, caplog: pytest.LogCaptureFixture
) -> None:
    def change(meta_graph: Any) -> None:
        function = meta_graph.graph_def.library.function.add()
        function.signature.name = "never_called"
        function.node_def.add(name="foreign", op="Foreign")

    with caplog.at_level(logging.WARNING, "tfsclient.server"), Server(edited(change), QUICK) as it:
        assert predict(it) == [1.5]
    assert "'Foreign', which is not registered" in caplog.text


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a module that can be imported once TensorFlow has been."""

    def install(name: str) -> None:
        (tmp_path / f"{name}.py").write_text("import sys; assert 'tensorflow' in sys.modules")
        monkeypatch.delitem(sys.modules, name, raising=False)

    monkeypatch.syspath_prepend(str(tmp_path))
    return install


def test_modules_are_imported_if_asked(installed: Callable[[str], None]) -> None:
    installed("some_ops")
    options = dataclasses.replace(QUICK, imports=("some_ops",))
    with Server({"linear": MODELS / "linear"}, options) as server:
        assert predict(server) == [1.5]
    assert "some_ops" in sys.modules


def test_tensorflow_text_is_imported_if_needed(
    edited: Edit, installed: Callable[[str], None]
) -> None:
    installed("tensorflow_text")
    with Server({"linear": MODELS / "linear"}, QUICK):
        assert "tensorflow_text" not in sys.modules
    with pytest.raises(Unknown, match="Op type not registered"):
        Server(edited(with_node("TFText>Anything")), QUICK).start()
    assert "tensorflow_text" in sys.modules


@pytest.mark.parametrize("name", ["no_such_module", "no.such.module", "", "."])
def test_a_module_that_cannot_be_imported_is_named(name: str) -> None:
    options = dataclasses.replace(QUICK, imports=(name,))
    with pytest.raises(InvalidInput, match=f"cannot import {name}"):
        Server({"linear": MODELS / "linear"}, options).start()


# --- inputs that are one tensor ----------------------------------------------------------------


def with_a_twin(meta_graph: Any) -> None:
    inputs = meta_graph.signature_def["serving_default"].inputs
    inputs["twin"].CopyFrom(inputs["x"])


FED_TWICE = r'Endpoint "\S+:0" fed more than once\.'


@pytest.mark.parametrize("real", [True, False])
def test_a_tensor_is_not_fed_twice(edited: Edit, real: bool) -> None:
    models = edited(with_a_twin)
    inputs = {"x": [1.0], "twin": [2.0]}
    schema = sources.from_saved_model(models["linear"])
    with Server(models, QUICK) if real else FakeServer(models["linear"]) as server:
        url = f"{server.rest_target}/v1/models/linear:predict"
        for body in ({"inputs": inputs}, {"instances": [{"x": 1.0, "twin": 2.0}]}):
            answer = httpx.post(url, json=body)
            assert answer.status_code == 400
            assert "fed more than once." in answer.json()["error"]
        told = "inputs 'twin' and 'x' are the same tensor .* fed more than once"
        for target in (server.grpc_target, server.rest_target):
            with Client(target) as client:
                with pytest.raises(InvalidInput, match=told):
                    client.predict("linear", inputs)
                # The server says of itself what its folder says.
                assert client.metadata("linear").signatures == schema.signatures
        unaware = Client(server.grpc_target, schemas={"linear": _unaware(schema)})
        with unaware as client, pytest.raises(InvalidArgument, match=FED_TWICE):
            client.predict("linear", inputs)
    assert from_json(to_json(schema)) == schema


def _unaware(model: Any) -> Any:
    signatures = {
        name: dataclasses.replace(signature, same_tensors=())
        for name, signature in model.signatures.items()
    }
    return dataclasses.replace(model, signatures=signatures)
