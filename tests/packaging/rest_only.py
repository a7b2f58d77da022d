"""What an installation without grpcio and protobuf does; run there, against the zoo over REST."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfsclient import AsyncClient, Client, Example, Image, MissingExtra, ServerConfig, sources
from tfsclient.model_config import read_config

target, zoo = sys.argv[1], Path(sys.argv[2])

with Client(target) as client:
    assert client.wait_until_ready("linear").version == 1
    assert client.status("linear")[0].available
    assert list(client.metadata("composite").signatures) == [
        "composite", "serving_default", "sparse"
    ]  # fmt: skip
    assert client.signature("linear").inputs["x"].dtype == "float32"

    assert client.predict("linear", np.array([1.0, 2.0]))["y"].tolist() == [1.5, 4.5]
    assert client.predict_future("linear", [1.0]).result(60)["y"].tolist() == [1.5]
    (batch,) = client.predict_batches("linear", [[1.0, 2.0]], batch_size=1)
    assert batch["y"].tolist() == [1.5, 4.5]
    for text in ("grün", b"gr\xfcn"):
        joined = client.predict("strings", text, signature="test_concat")["concat"].item()
        assert joined.endswith(text.encode() if isinstance(text, str) else text)
    picture = Image(zoo.parent / "data" / "digit_3.png")
    assert client.predict("raw_png", picture, outputs=["label"])["label"].tolist() == [b"three"]

    examples = [Example({"x": 2.0}), {"x": 4.0}]
    asked = client.predict("half_plus_two", examples * 1000, signature="regress_x_to_y")
    assert asked["outputs"].tolist() == [[4.0], [5.0]] * 1000
    assert client.regress("half_plus_two", examples, signature="regress_x_to_y").tolist() == [4, 5]
    assert len(client.classify("half_plus_two", examples, signature="classify_x_to_y")) == 2


async def predict() -> None:
    async with AsyncClient(target) as client:
        assert (await client.predict("linear", [1.0]))["y"].tolist() == [1.5]


asyncio.run(predict())

needy: list[Callable[[], object]] = [
    lambda: Client("localhost:8500"),
    lambda: AsyncClient("localhost:8500"),
    lambda: sources.from_saved_model(zoo / "linear"),
    lambda: read_config("model_config_list {}"),
    lambda: ServerConfig({}).to_text(),
    lambda: Client(target).regress("half_plus_two", [b""]),
    lambda: sources.from_file(zoo / "linear" / "1" / "saved_model.pb"),
]
for call in needy:
    try:
        call()
        told = "nothing"
    except MissingExtra as error:
        told = str(error)
    assert told.endswith("pip install grpcio protobuf"), told

assert not {"grpc", "google", "PIL", "click", "jinja2"} & set(sys.modules)
