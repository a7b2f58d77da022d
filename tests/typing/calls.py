"""Calls that must and must not type-check: every line that ends in E, and no other, is an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Future

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_type

import tfsclient
from tfsclient import (
    AsyncBoundModel,
    AsyncClient,
    BoundModel,
    Client,
    Example,
    Image,
    InvalidInput,
    Model,
    Prediction,
    Signature,
    TFSError,
    VersionStatus,
    build_classify,
    build_predict,
)
from tfsclient.testing import FakeTransport


def sync(client: Client, signature: Signature, images: npt.NDArray[np.float32]) -> None:
    assert_type(client.predict("digits", images), Prediction)
    assert_type(client.predict("digits", {"images": images})["scores"].ndim, int)
    client.predict("digits", [{"x": 1}, {"x": 2}])
    client.predict("digits", Image("scan.png"), signature=signature, outputs=["scores"])
    client.predict("digits", Example({"age": 3}), timeout=None, headers={"a": "b"}, copy=True)
    client.predict("digits", b"bytes", version=3, validate=False)
    assert_type(client.predict_future("digits", images), Future[Prediction])
    assert_type(client.predict_batches("digits", [images, images]), Iterator[Prediction])
    assert_type(client.model("digits", label="stable"), BoundModel)
    assert_type(client.metadata("digits"), Model)
    assert_type(client.signature("digits"), Signature)
    assert_type(client.status("digits"), list[VersionStatus])
    client.view_api("digits", "serving_default", label="stable")
    assert_type(client.classify("m", [{"age": 3}]), list[list[tuple[str, float]]])
    assert_type(client.regress("m", [b""]), npt.NDArray[np.float32])
    client.multi_inference("m", {"a": "classify", "b": "regress"}, [{"age": 3}])
    client.send(client.build_predict("digits", images))
    client.predict(3, images)  # E
    client.predict("digits", images, version="3")  # E
    client.predict("digits", images, versions=3)  # E
    client.predict("digits", images, timeout="2 s")  # E
    client.predict("digits", images, headers=[("a", "b")])  # E
    client.predict("digits", images, validate="no")  # E
    client.predict("digits", images, outputs=3)  # E
    client.predict("digits")  # E
    client.multi_inference("m", {"a": "rank"}, [])  # E
    client.predict_batches("digits", [images], concurrency="8")  # E
    client.wait_until_ready("digits", version="latest")  # E
    client.view_api("digits", validate=False)  # E
    assert_type(client.view_api("digits"), str)  # E


def answered(out: Prediction) -> None:
    assert_type(out.copy(), Prediction)
    assert_type(out.to_json(), str)
    out.text("label")
    out.to_pandas()
    assert_type(out.top("scores", 3), list[list[tuple[str, float]]])
    out.text(3)  # E
    out.top(3)  # E
    out.tops("scores")  # E


def bound(model: BoundModel, images: npt.NDArray[np.float32]) -> None:
    assert_type(model.predict(images, timeout=2), Prediction)
    assert_type(model.predict_future(images), Future[Prediction])
    assert_type(model.predict_batches([images], batch_size=4), Iterator[Prediction])
    model.view_api(signature="serving_default")
    model.predict(images, version=3)  # E
    model.predict(images, time_out=2)  # E
    model.status(label="stable")  # E


async def aio(client: AsyncClient, images: npt.NDArray[np.float32]) -> None:
    assert_type(await client.predict("digits", images), Prediction)
    assert_type(client.model("digits"), AsyncBoundModel)
    assert_type(client.predict_batches("digits", [images]), AsyncIterator[Prediction])
    assert_type(await client.model("digits").predict(images), Prediction)
    client.predict("digits", images)["scores"]  # E
    client.predict_future("digits", images)  # E
    await client.predict("digits", images, label=3)  # E


def made(model: Model, signature: Signature, schemas: Mapping[str, Model]) -> None:
    transport = FakeTransport(lambda request: request.path.encode())
    Client("localhost:8500", transport=transport)
    AsyncClient("http://localhost:8501", transport=transport)
    Client(["10.0.0.1:8500", "10.0.0.2:8500"], token=lambda: "secret", schemas=schemas)
    build_predict("m", {"x": 1}, signature=signature)
    build_classify("m", [{"age": 3}], signature="classify")
    tfsclient.Client("localhost:8500", on_call=lambda info: print(info.wire_seconds))
    Client(8500)  # E
    Client("localhost:8500", retries="2")  # E
    Client("localhost:8500", transport=print)  # E
    Client("localhost:8500", schemas={"m": signature})  # E
    build_predict("m", {"x": 1})  # E
    model.signatures["a"] = signature  # E


def errors(error: TFSError) -> str:
    assert_type(error.attempts, tuple[TFSError, ...])
    try:
        raise InvalidInput("text", model="m")
    except ValueError:
        return error.details
