"""PAI-EAS: messages and signatures against Alibaba's SDK, and TF Serving's image behind a token.

eas.json is what eas-prediction 0.36 made; a slow test makes it again.  The service here is a fake,
checked against those messages and Alibaba's documents: the real one was never tried.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Zoo
from tests.servers.conftest import PROGRAMS, Answer, Received, Recorder, environment, model
from tfsclient import (
    Client,
    DecodeError,
    Outgoing,
    ResourceExhausted,
    Unauthenticated,
    Unimplemented,
)
from tfsclient._calls.profiles.pai_eas import Signed
from tfsclient._codec import eas
from tfsclient._codec.tensor import Tensor
from tfsclient.dtypes import STRING, DType

Start = Callable[[Answer], Recorder]

RECORDED = Path(__file__).with_name("eas.json")
TOLD: dict[str, Any] = json.loads(RECORDED.read_text("utf-8"))
TOKEN = "c2VjcmV0LXRva2Vu"
SIGNATURE = {
    "inputs": [{"name": "images", "shape": [-1, 784], "type": "DT_FLOAT"}],
    "outputs": [{"name": "scores", "shape": [-1, 10], "type": "DT_FLOAT"}],
    "signature_name": "predict_images",
}


def tensor(request: Mapping[str, Any]) -> Tensor:
    dtype = DType.of_number(request["dtype"])
    values = request["values"]
    if dtype == STRING:
        array = np.empty(len(values), object)
        array[:] = [bytes.fromhex(value) for value in values]
    else:
        array = np.array(values, dtype.numpy)
    return Tensor(dtype, array.reshape(request["shape"]))


@pytest.mark.parametrize("name", TOLD["requests"])
def test_messages_are_those_of_the_sdk(name: str) -> None:
    request = TOLD["requests"][name]
    given = tensor(request)
    ours = eas.encode_request({name: given}, "serving_default", ["scores"])
    assert ours.hex() == request["bytes"]
    read = eas.decode_response(bytes.fromhex(TOLD["responses"][name]))
    assert list(read) == [name]
    assert read[name].dtype == given.array.dtype
    np.testing.assert_array_equal(read[name], given.array)


def test_messages_are_read_as_protobuf_reads_them() -> None:
    """Not packed, in pieces, unknown fields between; and what is none is refused."""
    # float32 of dimensions 2 and 1, which stand alone as the two values do.
    array = bytes.fromhex("0801 1204 0802 0801 7a00 1d0000803f 1d00000040")
    entry = bytes.fromhex("0a0179") + bytes([0x12, len(array)]) + array
    read = eas.decode_response(bytes([0x0A, len(entry)]) + entry)
    assert read["y"].tolist() == [[1.0], [2.0]]
    for bad in (b"\x0a\x05\x0a", b"\xff\xff", bytes([0x0A, len(entry)]) + entry[:-1]):
        with pytest.raises(DecodeError):
            eas.decode_response(bad)
    with pytest.raises(Unimplemented, match="'x' is float16, which PAI-EAS has no field for"):
        eas.encode_request({"x": Tensor(DType("float16"), np.zeros(2, np.float16))}, None, [])


@pytest.mark.parametrize("case", TOLD["signatures"])
def test_signatures_are_those_of_the_sdk(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: case["time"])
    url = "http://uid.cn-shanghai.pai-eas.aliyuncs.com/api/predict/digits"
    outgoing = Outgoing("POST", url, {}, bytes.fromhex(case["body"]))
    theirs = {name.lower(): value for name, value in case["headers"].items()}
    ours = Signed(TOKEN)(outgoing)
    assert ours == {name: theirs[name] for name in ("authorization", "content-md5", "date")}


@pytest.mark.slow
def test_the_recorded_messages_are_what_the_sdk_makes() -> None:
    python = environment("eas", "eas-prediction==0.36", "protobuf<=3.20.3")
    made = subprocess.check_output([python, PROGRAMS / "eas_messages.py"])
    assert json.loads(made) == TOLD


def test_a_service(recorder: Start) -> None:
    rows = np.arange(20, dtype=np.float32).reshape(2, 10)

    def answer(received: Received) -> tuple[int, bytes]:
        if "authorization" not in received.headers:
            return 401, b"Unauthorized"
        if received.method == "GET":
            return 200, json.dumps(SIGNATURE).encode()
        return 200, _response("scores", Tensor(DType("float32"), rows))

    server = recorder(answer)
    service = f"{server.url}/api/predict/digits"
    with Client(service, profile="pai-eas", token=TOKEN) as client:
        signature = client.signature("digits")
        assert (signature.name, signature.inputs["images"].shape) == ("predict_images", (-1, 784))
        images = np.zeros((2, 784))
        np.testing.assert_array_equal(client.predict("digits", images)["scores"], rows)
        asked, *_, sent = server.requests
        assert (asked.method, asked.path) == ("GET", "/api/predict/digits")
        assert asked.headers["authorization"] == TOKEN
        assert (sent.method, sent.path) == ("POST", "/api/predict/digits")
        assert sent.headers["authorization"].startswith("EAS ")
        assert sent.headers["content-type"] == "application/octet-stream"
        wanted = {"images": Tensor(DType("float32"), np.zeros((2, 784), np.float32))}
        assert sent.body == eas.encode_request(wanted, "predict_images", [])
        copied = client.predict("digits", images, outputs=["scores"], copy=True)["scores"]
        assert copied.flags.writeable
        assert client.predict("digits", {"images": images}, validate=False)["scores"].size == 20
        assert client.status("digits")[0].available
        with pytest.raises(Unimplemented, match="cannot be chosen"):
            client.predict("digits", images, version=1)
        server.answer = lambda _: (450, b"Exceeded max queue limit")
        with pytest.raises(ResourceExhausted, match="queue is full") as full:
            client.predict("digits", images)
        assert full.value.http_status == 450
        server.answer = lambda _: (200, json.dumps({"signature_name": 3}).encode())
        with pytest.raises(DecodeError, match="not an answer of pai-eas"):
            client.metadata("digits")
    server.answer = answer
    with (
        Client(service, profile="pai-eas") as client,
        pytest.raises(Unauthenticated, match="Unauthorized"),
    ):
        client.metadata("digits")
    # The token itself, as one writes it for curl.
    with Client(service, profile="pai-eas", headers={"authorization": TOKEN}) as client:
        client.predict("digits", np.zeros((2, 784)))
    assert server.requests[-1].headers["authorization"] == TOKEN


def test_what_has_no_field_is_refused() -> None:
    half = model({"x": "float16"}, {"y": "float32"})
    with (
        Client(
            "http://localhost:1/api/predict/s", profile="pai-eas", schemas={"m": half}
        ) as client,
        pytest.raises(Unimplemented, match="float16"),
    ):
        client.predict("m", [1.0])


def test_tf_servings_image_behind_a_token(zoo: Zoo, recorder: Start) -> None:
    """REST under the service's path; over gRPC a bearer token without TLS."""
    import httpx

    def proxy(received: Received) -> tuple[int, bytes]:
        if received.headers.get("authorization") != TOKEN:
            return 401, b"Unauthorized"
        path = received.path.removeprefix("/api/predict/digits")
        answer = httpx.request(received.method, zoo.rest + path, content=received.body)
        return answer.status_code, answer.content

    server = recorder(proxy)
    target = f"{server.url}/api/predict/digits"
    with Client(target, headers={"authorization": TOKEN}) as client:
        expected = client.predict("linear", [1.0])
        assert client.status("linear")[0].available
    with Client(zoo.grpc, token=TOKEN) as client:
        answer = client.predict("linear", [1.0])
    for name in answer:
        np.testing.assert_allclose(expected[name], answer[name])


def _response(name: str, given: Tensor) -> bytes:
    """A PredictResponse, whose outputs have the number and form of a request's inputs less one."""
    request = eas.encode_request({name: given}, None, [])
    return b"\x0a" + request[1:]  # the field 1 instead of 2
