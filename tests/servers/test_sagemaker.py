"""SageMaker: signatures equal to botocore's, and the container's rules re-played.

The container here is a fake before a real local server, which routes as tensorflowServing.js and
nginx.conf.template of aws/sagemaker-tensorflow-serving-container do; the real one was never tried.
"""

from __future__ import annotations

import datetime as dt
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from tests.conftest import Zoo, missing
from tests.servers.conftest import HALF, Answer, Received, Recorder
from tfsclient import (
    AsyncClient,
    Client,
    Example,
    InvalidArgument,
    InvalidInput,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unimplemented,
)
from tfsclient.testing import FakeTransport

try:
    import botocore.auth
    import botocore.session
    from botocore.credentials import Credentials, RefreshableCredentials
except ImportError:
    missing("botocore")

Start = Callable[[Answer], Recorder]

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"


class Container:
    """The container's routes, before TF Serving's REST interface."""

    def __init__(self, rest: str, default_model: str) -> None:
        self._rest = rest
        self._default = default_model

    def __call__(self, received: Received) -> tuple[int, bytes]:
        if received.path == "/ping":
            return 200, b""
        if received.path != "/invocations":
            return 404, b'{"error": "Not Found"}'
        kind = received.headers.get("content-type", "Unknown")
        if kind not in ("application/json", "application/jsonlines", "application/jsons"):
            return 415, f'{{"error": "Unsupported Media Type: {kind}"}}'.encode()
        attributes: dict[str, str] = {}
        for pair in re.findall(r"tfs-[a-z\-]+=[^,]+", received.headers.get(ATTRIBUTES, "")):
            if len(parts := pair.split("=")) == 2:
                attributes[parts[0]] = parts[1]
        path = "/v1/models/" + attributes.get("tfs-model-name", self._default)
        if "tfs-model-version" in attributes:
            path += "/versions/" + attributes["tfs-model-version"]
        assert re.search(rb'"(instances|inputs|examples)"\s*:', received.body)
        method = attributes.get("tfs-method", "predict")
        answer = httpx.post(f"{self._rest}{path}:{method}", content=received.body)
        return answer.status_code, answer.content


class Runtime(Container):
    """SageMaker's runtime, before the container: it wraps the container's errors."""

    def __call__(self, received: Received) -> tuple[int, bytes]:
        if "authorization" not in received.headers:
            return 403, b'{"message":"Missing Authentication Token"}'
        path = received.path.removeprefix("/endpoints/digits")
        status, body = super().__call__(received._replace(path=path))
        if status == 200:
            return status, body
        told = {
            "ErrorCode": "CLIENT_ERROR_FROM_MODEL",
            "LogStreamArn": "arn:aws:logs:...",
            "Message": f"Received client error ({status}) from primary with message ...",
            "OriginalMessage": body.decode(),
            "OriginalStatusCode": status,
        }
        return 424, json.dumps(told).encode()


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")


@pytest.mark.parametrize(
    ("moment", "token"),
    [
        (dt.datetime(2015, 8, 30, 12, 36, 0, tzinfo=dt.timezone.utc), None),
        (dt.datetime(2026, 11, 26, 0, 0, 1, tzinfo=dt.timezone.utc), "FwoGZXIvYXdzE"),
    ],
)
def test_signatures_are_those_of_botocores_own_client(
    moment: dt.datetime, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ``invoke_endpoint`` of botocore's client sends, but for the headers it adds."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
    transport = FakeTransport(lambda _: b'{"outputs": [2.5]}')
    credentials = Credentials(KEY, SECRET, token)
    with Client(
        "sagemaker://eu-central-1/digits",
        transport=transport,
        auth=credentials,
        schemas={"half": HALF},
    ) as client:
        client.predict("half", [1.0], version=2)
    (sent,), (headers,) = transport.requests, transport.headers
    theirs: list[Any] = []

    def capture(request: Any, **_: Any) -> Any:
        theirs.append(request)
        answer = botocore.awsrequest.AWSResponse(request.url, 200, {}, None)
        answer._content = b"{}"
        return answer

    session = botocore.session.get_session()
    session.set_credentials(KEY, SECRET, token)
    runtime = session.create_client("sagemaker-runtime", region_name="eu-central-1")
    runtime.meta.events.register("before-send.sagemaker-runtime.InvokeEndpoint", capture)
    # It signs these two, too, which are about its own retries.
    runtime.meta.events.register(
        "before-sign.sagemaker-runtime.InvokeEndpoint",
        lambda request, **_: [request.headers.pop(n, None) for n in list(request.headers)
                              if n.lower().startswith("amz-sdk")],
    )  # fmt: skip
    runtime.invoke_endpoint(
        EndpointName="digits",
        Body=sent.body,
        ContentType="application/json",
        CustomAttributes=headers[ATTRIBUTES],
    )
    (request,) = theirs
    assert request.url == (
        "https://runtime.sagemaker.eu-central-1.amazonaws.com/endpoints/digits" + sent.path
    )

    def text(name: str) -> str | None:
        value = request.headers.get(name)
        return value.decode() if isinstance(value, bytes) else value

    assert headers["authorization"] == text("Authorization")
    assert headers["x-amz-date"] == text("X-Amz-Date")
    assert headers.get("x-amz-security-token") == text("X-Amz-Security-Token")
    assert headers[ATTRIBUTES] == "tfs-model-name=half,tfs-model-version=2,tfs-method=predict"


@pytest.fixture
def endpoint(zoo: Zoo, recorder: Start) -> Iterator[tuple[Recorder, Client, Client]]:
    server = recorder(Runtime(zoo.rest, "linear"))
    target = f"{server.url}/endpoints/digits"
    session = botocore.session.get_session()
    session.set_credentials(KEY, SECRET)
    session.set_config_variable("region", "eu-west-1")
    with Client(zoo.rest) as direct:
        schemas = {name: direct.metadata(name) for name in ("linear", "half_plus_two")}
        with Client(target, profile="sagemaker", auth=session, schemas=schemas) as client:
            yield server, client, direct


def test_an_endpoint(endpoint: tuple[Recorder, Client, Client]) -> None:
    server, client, direct = endpoint
    expected = direct.predict("linear", [1.0, 2.0])
    for name, value in client.predict("linear", [1.0, 2.0]).items():
        np.testing.assert_array_equal(value, expected[name])
    assert "/eu-west-1/sagemaker/aws4_request" in server.requests[-1].headers["authorization"]
    version = direct.status("linear")[0].version
    assert client.predict("linear", [1.0], version=version).keys() == expected.keys()
    half, examples = "half_plus_two", [Example({"x": 2.0})]
    assert client.classify(half, examples, signature="classify_x_to_y") == [[("", 4.0)]]
    assert client.regress(half, examples, signature="regress_x_to_y").tolist() == [4.0]
    with pytest.raises(InvalidArgument) as refused:
        client.classify("linear", examples)
    assert refused.value.http_status == 424
    with pytest.raises(InvalidArgument) as refused_directly:
        direct.classify("linear", examples)
    assert refused.value.details == refused_directly.value.details
    with pytest.raises(NotFound, match=r"Specific\(linear, 99\)"):
        client.predict("linear", [1.0], version=99)
    before = len(server.requests)
    for call, reason in (
        (lambda: client.predict("linear", [1.0], label="stable"), "no version labels"),
        (lambda: client.status("linear"), "does not tell the state"),
        (lambda: client.metadata("other"), "does not tell a model's signatures"),
    ):
        with pytest.raises(Unimplemented, match=reason):
            call()
    with pytest.raises(InvalidInput, match="without , and ="):
        client.predict("a,b", [1.0], signature=HALF.signature())
    assert len(server.requests) == before


def test_a_container_that_runs_here(zoo: Zoo, recorder: Start) -> None:
    """Nobody signs for it, and no library is needed; the rest of it is TF Serving under /tfs."""
    server = recorder(Container(zoo.rest, "linear"))
    with Client(zoo.rest) as direct:
        schemas = {"linear": direct.metadata("linear")}
    with Client(server.url, profile="sagemaker", schemas=schemas) as client:
        assert client.predict("linear", [1.0])
    assert "authorization" not in server.requests[0].headers
    assert server.requests[0].path == "/invocations"


def test_credentials_that_are_missing_wrong_or_renewed(recorder: Start) -> None:
    with pytest.raises(Unauthenticated, match="no AWS credentials were found") as none:
        Client("sagemaker://us-east-1/digits", schemas={"half": HALF}).predict("half", [1.0])
    assert "AWS_ACCESS_KEY_ID" in str(none.value)
    with pytest.raises(InvalidInput, match="session or credentials of botocore's"):
        Client("sagemaker://us-east-1/digits", auth=object())
    server = recorder(
        lambda _: (403, b'{"message":"The security token included in the request is invalid."}')
    )
    wrong = Client(
        server.url,
        profile="sagemaker",
        auth=Credentials(KEY, SECRET),
        schemas={"half": HALF},
    )
    with pytest.raises(InvalidInput, match="region is not known"):
        wrong.predict("half", [1.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_REGION", "us-east-2")
        with pytest.raises(PermissionDenied, match=r"security token .* is invalid"):
            wrong.predict("half", [1.0])
    renewed: list[str] = []

    def renew() -> dict[str, str]:
        renewed.append(f"AKID{len(renewed)}")
        soon = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=1)  # so: at every use
        return {
            "access_key": renewed[-1],
            "secret_key": SECRET,
            "token": "t",
            "expiry_time": soon.isoformat(),
        }

    credentials = RefreshableCredentials.create_from_metadata(renew(), renew, "a test")
    transport = FakeTransport(lambda _: b'{"outputs": [2.5]}')
    with Client(
        "sagemaker://us-east-1/digits", auth=credentials, transport=transport, schemas={"h": HALF}
    ) as client:
        client.predict("h", [1.0])
        client.predict("h", [1.0])
    signed = [str(headers["authorization"]) for headers in transport.headers]
    assert "AKID1/" in signed[0]
    assert "AKID2/" in signed[1]


@pytest.mark.parametrize(
    ("target", "address"),
    [
        (
            "sagemaker://us-gov-west-1/a-B-9",
            "https://runtime.sagemaker.us-gov-west-1.amazonaws.com",
        ),
        ("sagemaker://cn-north-1/x", "https://runtime.sagemaker.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_targets(target: str, address: str) -> None:
    client = Client(target)
    assert client._target.address == f"{address}/endpoints/{target.rpartition('/')[2]}"
    assert repr(client) == f"<tfsclient.Client of {target}>"
    assert repr(pickle.loads(pickle.dumps(client))) == repr(client)
    assert repr(AsyncClient(target, profile="sagemaker"))
    with pytest.raises(InvalidInput, match=r"is of sagemaker, not of 'mlflow'"):
        Client(target, profile="mlflow")


@pytest.mark.parametrize(
    "rest", ["", "digits", "us-east-1", "us-east-1/a/b", "US-EAST-1/a", "x/-a"]
)
def test_targets_that_are_none(rest: str) -> None:
    with pytest.raises(InvalidInput, match="sagemaker://REGION/ENDPOINT"):
        Client(f"sagemaker://{rest}")


def test_hosts_that_are_signed_for() -> None:
    from tfsclient._transports.aws import authenticate

    for host in ("us-east-1.amazonaws.com", "us-east-1.api.aws", "cn-north-1.amazonaws.com.cn"):
        assert authenticate(f"https://runtime.sagemaker.{host}/endpoints/e", None) is not None
    for host in ("us-east-1.api.aws.evil.test", "us-east-1.evilapi.aws"):
        assert authenticate(f"https://runtime.sagemaker.{host}/endpoints/e", None) is None


def test_botocore_is_loaded_when_it_is_needed() -> None:
    program = (
        "import sys, tfsclient; tfsclient.Client('http://localhost:8080', profile='sagemaker'); "
        "print('botocore' in sys.modules); sys.modules['botocore.session'] = None\n"
        "try: tfsclient.Client('sagemaker://us-east-1/digits')\n"
        "except tfsclient.MissingExtra as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[0] == "False", done.stderr
    assert "pip install 'tfsclient[sagemaker]'" in done.stdout
