"""The page of the zoo, as its own requests see it: no browser, no port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.conftest import ZOO, Zoo, missing
from tfsclient import AsyncClient, sources

TOKEN = "the-token"
BASE = "http://127.0.0.1:8600"


class Api:
    """What the page asks, as it asks it."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/{path}")

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(f"/api/{path}", json=body, headers=headers)

    def form(self, model: str, inputs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "target": 0,
            "model": model,
            "signature": "serving_default",
            "inputs": inputs,
            **more,
        }

    def call(self, model: str, inputs: Mapping[str, Any], **more: Any) -> Any:
        answer = self.post("call", self.form(model, inputs, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, model: str, inputs: Mapping[str, Any], **more: Any) -> Any:
        answer = self.post("call", self.form(model, inputs, **more))
        assert answer.status_code == 422, answer.text
        return answer.json()["error"]


@pytest.fixture(scope="session")
def api(zoo: Zoo) -> Iterator[Api]:
    try:
        from starlette.testclient import TestClient

        from tfsclient.ui.api import make_app
    except ImportError as error:
        missing(str(error.name))
    from tfsclient.ui.servers import Server, Servers, on_call

    folders = {
        name: sources.from_saved_model(ZOO / name, name) for name in ("estimator", "feature_spec")
    }
    servers = [
        Server(target, AsyncClient(target, on_call=on_call), zoo.rest)
        for target in (zoo.grpc, zoo.rest)
    ]
    app = make_app(Servers(servers, lambda: ["simplest", "dense15"], folders.get), TOKEN)
    with TestClient(app, base_url=BASE, headers={"x-tfsclient-token": TOKEN}) as client:
        yield Api(client)
