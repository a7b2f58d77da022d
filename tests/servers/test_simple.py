"""simple_tensorflow_serving: a fake that keeps to the source of 0.8.2, before a real local server.

Its own application needs TensorFlow 1 and old versions of Flask, which are not to be had.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from tests.conftest import Zoo
from tests.servers.conftest import Answer, Received, Recorder, model
from tfsclient import (
    Client,
    DecodeError,
    Internal,
    InvalidArgument,
    NotFound,
    Signature,
    TensorSpec,
    Unauthenticated,
)
from tfsclient import Unimplemented as NotThere
from tfsclient.dtypes import DType

Start = Callable[[Answer], Recorder]


class Simple:
    """server.py and tensorflow_inference_service.py, with a real server to run the models."""

    def __init__(self, rest: str, models: dict[str, str], *, auth: str | None = None) -> None:
        self._rest = rest
        self._models = models
        self._auth = auth

    def __call__(self, received: Received) -> tuple[int, bytes]:
        if self._auth is not None and received.headers.get("authorization") != self._auth:
            return 401, b"Need basic auth to request the resources"
        if received.method == "POST":
            return self._inference(received)
        name = received.path.removeprefix("/v1/models/")
        if name not in self._models:
            return 200, f"Model not found: {name}".encode()
        return 200, json.dumps(self._detail(name)).encode()

    def _detail(self, name: str) -> dict[str, Any]:
        url = f"{self._rest}/v1/models/{self._models[name]}"
        told = httpx.get(f"{url}/metadata").json()["metadata"]["signature_def"]["signature_def"]
        versions = httpx.get(url).json()["model_version_status"]
        return {
            "model_name": name,
            "model_base_path": "./models",
            "model_version_list": [one["version"] for one in versions],
            "model_signature": {
                part: [
                    {
                        "name": tensor,
                        "dtype": DType.of_enum(info["dtype"]).number,
                        "shape": [int(d["size"]) for d in info["tensor_shape"]["dim"]],
                    }
                    for tensor, info in told["serving_default"][part].items()
                ]
                for part in ("inputs", "outputs")
            },
            "platform": "TensorFlow",
        }

    def _inference(self, received: Received) -> tuple[int, bytes]:
        if not received.headers.get("content-type", "").startswith("application/json"):
            return 400, b'{"error": "Error, unsupported content type"}'
        asked = json.loads(received.body)
        name = asked.get("model_name", "default")
        if name not in self._models:
            text = f"Invalid model name: {name}, available models: {self._models.keys()}"
            return 400, json.dumps({"error": text}).encode()
        path = f"/v1/models/{self._models[name]}"
        if "model_version" in asked:
            path += f"/versions/{asked['model_version']}"
        body = {"signature_name": asked["signature_name"], "inputs": asked["data"]}
        answer = httpx.post(f"{self._rest}{path}:predict", json=body)
        if answer.status_code != 200:
            # It reads `e.message`, which no exception of Python 3 has: Flask answers with its page.
            return 500, b"<!DOCTYPE HTML><title>500 Internal Server Error</title>"
        outputs = answer.json()["outputs"]
        if not isinstance(outputs, dict):
            (output,) = self._detail(name)["model_signature"]["outputs"]
            outputs = {output["name"]: outputs}
        return 200, json.dumps(outputs).encode()


def test_a_server(zoo: Zoo, recorder: Start) -> None:
    server = recorder(Simple(zoo.rest, {"default": "linear"}))
    with (
        Client(zoo.rest) as direct,
        Client(f"{server.url}/", profile="simple-tensorflow-serving") as client,
    ):
        ours, theirs = client.signature("default"), direct.signature("linear")
        assert (ours.inputs, ours.outputs) == (theirs.inputs, theirs.outputs)
        expected = direct.predict("linear", [1.0, 2.0])
        answer = client.predict("default", [1.0, 2.0])
        for name in expected:
            np.testing.assert_array_equal(answer[name], expected[name])
        (name,) = ours.inputs
        assert json.loads(server.requests[-1].body) == {
            "model_name": "default",
            "signature_name": "serving_default",
            "data": {name: [1.0, 2.0]},
        }
        versions = [one.version for one in direct.status("linear")]
        assert [one.version for one in client.status("default")] == versions
        assert client.wait_until_ready("default", timeout=30).version == versions[0]
        assert client.predict("default", [1.0], version=versions[0])
        with pytest.raises(NotFound, match="Model not found: other"):
            client.predict("other", [1.0])
        with pytest.raises(NotFound, match="no version 99"):
            client.status("default", version=99)
        with pytest.raises(InvalidArgument, match="Invalid model name: other"):
            client.predict("other", [1.0], signature=theirs)
        with pytest.raises(Internal, match="500"):
            client.predict("default", [1.0], version=99)
        with pytest.raises(NotThere, match="no version labels"):
            client.predict("default", [1.0], label="stable")
        server.answer = lambda _: (200, b'["no object"]')
        with pytest.raises(DecodeError, match="not an answer of simple-tensorflow-serving"):
            client.metadata("default")
        with pytest.raises(DecodeError, match="not an answer of simple-tensorflow-serving"):
            client.predict("default", [1.0], signature=theirs)


def test_basic_authentication(zoo: Zoo, recorder: Start) -> None:
    pair = base64.b64encode(b"admin:admin").decode()
    server = recorder(Simple(zoo.rest, {"default": "linear"}, auth=f"Basic {pair}"))
    options = {"profile": "simple-tensorflow-serving"}
    with Client(server.url, auth=("admin", "admin"), **options) as client:  # type: ignore[arg-type]
        assert client.predict("default", [1.0])
    with Client(server.url.replace("//", "//admin:admin@"), **options) as client:  # type: ignore[arg-type]
        assert client.predict("default", [1.0])
    with Client(server.url, **options) as client, pytest.raises(Unauthenticated):  # type: ignore[arg-type]
        client.predict("default", [1.0])


def test_pictures_travel_as_in_its_own_forms(recorder: Start) -> None:
    """Which write them in base64, of the kind that is safe in URLs, beside plain text."""
    server = recorder(lambda _: (200, b'{"size": [3]}'))
    schemas = {"m": model({"images": "string"}, {"size": "int64"})}
    with Client(server.url, profile="simple-tensorflow-serving", schemas=schemas) as client:
        client.predict("m", [b"\xff\xd8\xfe", b"text"])
        client.predict("m", [b"only", b"text"])
        # All of a tensor or none: a model cannot see which of its strings are text.
        sent = [json.loads(one.body)["data"]["images"] for one in server.requests]
        assert sent == [["_9j-", "dGV4dA=="], ["only", "text"]]
        examples = Signature("serving_default", *_specs(), example_input="images")
        client.predict("m", [b"text"], signature=examples)
    assert json.loads(server.requests[-1].body)["data"] == {"images": ["dGV4dA=="]}


def _specs() -> tuple[dict[str, TensorSpec], dict[str, TensorSpec]]:
    return (
        {"images": TensorSpec("images", "string", (-1,))},
        {"size": TensorSpec("size", "int64", (-1,))},
    )
