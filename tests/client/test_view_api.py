"""``view_api``: what it prints works as pasted, whatever a model's names, types and shapes are."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ZOO, Zoo
from tests.generator.hostile import HOSTILE
from tfsclient import (
    AsyncClient,
    Client,
    InvalidArgument,
    InvalidInput,
    Model,
    Signature,
    TensorSpec,
    TFSError,
)
from tfsclient.sources import from_saved_model

LOADABLE = sorted(p.name for p in ZOO.iterdir() if p.name not in ("broken", "wrong_tag"))

# What no sample can be made for from a signature: they fail, or ask more of values than it says.
PARTICULAR = {
    ("composite", "serving_default"), ("failing", "number"), ("failing", "reshape"),
    ("mnist_images", "serving_default"), ("ranks", "missing_tensor"), ("ranks", "wrong_dtype"),
    ("signatures_tf2", "ragged"),
}  # fmt: skip


def printed(of: Any, *args: Any, **options: Any) -> str:
    """What ``of.view_api`` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        result = of.view_api(*args, **options)
        if inspect.isawaitable(result):
            asyncio.run(result)  # type: ignore[arg-type]
    return out.getvalue()


def pasted(code: str) -> str:
    """What the code prints when it is run."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, {})
    return out.getvalue()


@pytest.mark.parametrize("name", LOADABLE)
@pytest.mark.parametrize("over", ["grpc", "rest"])
def test_every_signature_of_the_zoo_can_be_pasted(zoo: Zoo, over: str, name: str) -> None:
    target = zoo.grpc if over == "grpc" else zoo.rest
    model = from_saved_model(ZOO / name)
    with Client(target, schemas={name: model}) as client:
        for signature in model.signatures.values():
            code = printed(client, name, signature.name)
            assert max(map(len, code.splitlines())) <= 100
            reason = signature.why_unusable
            if over == "rest":
                reason = reason or signature.why_not_over_rest
            elif signature.callable_part() is not None:
                reason = None
            if reason is not None:
                assert "client.predict(" not in code
                assert "REST: " in code or "cannot be called: " in code
            elif (name, signature.name) in PARTICULAR:
                with pytest.raises(InvalidArgument):
                    pasted(code)
            else:
                assert pasted(code), code


def test_all_signatures_at_once_and_one_alone(zoo: Zoo) -> None:
    with Client(zoo.grpc) as client:
        code = printed(client, "big")
        assert code == (
            "from tfsclient import Client\n\n"
            f'client = Client("{zoo.grpc}")\n\n'
            "# ramp (predict)\n#   in   n     int32    []\n#   out  ramp  float32  [-1]\n"
            'out = client.predict("big", {"n": 1}, signature="ramp")\nprint(out)\n\n'
            "# serving_default (predict)\n#   in   n      int32    []\n"
            "#   out  zeros  float32  [-1]\n"
            'out = client.predict("big", {"n": 1})\nprint(out)\n\n'
            "# text (predict)\n#   in   n     int32   []\n#   out  text  string  [1]\n"
            'out = client.predict("big", {"n": 1}, signature="text")\nprint(out)\n'
        )
        assert pasted(code).count("big version 1") == 3
        with pytest.raises(InvalidInput, match="no signature 'x'"):
            client.view_api("big", "x")
        pinned = printed(client.model("half_plus_two", version=1), "serving_default")
        assert "half_plus_two version 1" in pasted(pinned)
        labelled = printed(client.model("half_plus_two", label="canary"), "serving_default")
        assert 'label="canary"' in labelled
        assert pasted(labelled)


def test_features_that_are_not_known_are_told(zoo: Zoo) -> None:
    with Client(zoo.grpc) as client:
        code = printed(client, "estimator", "regression")
    assert "# The server does not say which features the Examples have" in code
    assert '[Example({"feature": 1.0})]' in code


@pytest.mark.parametrize("over", ["grpc", "rest"])
def test_asyncio_is_a_program_and_can_be_typed(zoo: Zoo, over: str) -> None:
    client = AsyncClient(zoo.grpc if over == "grpc" else zoo.rest)
    for of, args in ((client, ["big"]), (client.model("big"), [])):
        code = printed(of, *args)
        assert pasted(code).count("big") == 3
        done = subprocess.run(
            [sys.executable, "-i", "-q"], input=code, capture_output=True, text=True, check=True
        )
        assert "Error" not in done.stderr, done.stderr
        assert done.stdout.count("big") == 3


def test_secrets_are_not_printed_and_what_is_missing_is_named() -> None:
    model = Model("m", 1, {})
    client = Client(
        "http://localhost:1", token="hidden", headers={"key": "hidden"},
        schemas={"m": model},
    )  # fmt: skip
    code = printed(client, "m")
    assert "hidden" not in code
    assert "# with the headers=, token=, schemas= that this client was made with" in code
    password = Client("http://me:secret@localhost:1", schemas={"m": model})
    assert "secret" not in printed(password, "m")
    replicas = Client(["10.0.0.1:1", "10.0.0.2:1"], schemas={"m": model})
    assert 'Client(["10.0.0.1:1", "10.0.0.2:1"])' in printed(replicas, "m")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(name: str) -> None:
    specs = {name: TensorSpec(name, "string", [-1, 2])}
    model = Model("m", 1, {name: Signature(name, specs, specs)})
    for make in (Client, AsyncClient):
        client = make("localhost:1", schemas={"m": model})
        if not name:
            assert "its name is empty" in printed(client, "m")
            continue
        nodes = list(ast.walk(ast.parse(printed(client, "m"))))
        called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
        assert called <= {
            "Client", "client.predict", "print", "AsyncClient", "asyncio.run", "main",
        }  # fmt: skip
        (sent,) = [node for node in nodes if isinstance(node, ast.Dict)]
        assert [ast.literal_eval(key) for key in sent.keys if key] == [name]


def test_a_server_that_cannot_be_asked_is_an_error() -> None:
    with pytest.raises(TFSError), Client("localhost:1", retries=0) as client:
        client.view_api("m", timeout=0.5)
