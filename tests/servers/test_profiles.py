"""A client of another server than TF Serving: what is sent, refused, and what authenticates."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tfsclient_gen.cli import main as generator

from tests.conftest import missing
from tests.score.helpers import letters, write
from tests.servers.conftest import HALF, SUMS, Answer, Received, Recorder, model
from tfsclient import (
    AsyncClient,
    Client,
    DecodeError,
    Example,
    Internal,
    InvalidInput,
    Model,
    Outgoing,
    PredictRequest,
    Profile,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from tfsclient._cli.main import main
from tfsclient.schema import to_json
from tfsclient.score import score_files
from tfsclient.testing import FakeTransport

DEFAULT = "serving_default"
Start = Callable[[Answer], Recorder]


def halves(received: Received) -> tuple[int, bytes]:
    """As KServe's V1 answers, with half of each number and 2."""
    if received.method == "GET":
        return 200, b'{"name":"half","ready":true}'
    rows = json.loads(received.body)["instances"]
    return 200, json.dumps({"predictions": [row / 2 + 2 for row in rows]}).encode()


def client(server: Recorder, **options: object) -> Client:
    arguments = {"profile": "kserve-v1", "schemas": {"half": HALF}, **options}
    return Client(server.url, **arguments)  # type: ignore[arg-type]


def test_every_way_of_calling(recorder: Start) -> None:
    server = recorder(halves)
    with client(server, token="t") as half:
        assert half.predict("half", [1.0])["y"].tolist() == [2.5]
        assert half.model("half").predict([2.0])["y"].tolist() == [3.0]
        assert half.predict_future("half", [1.0]).result(30)["y"].tolist() == [2.5]
        answers = half.predict_batches("half", [[1.0, 2.0, 3.0]], batch_size=2)
        assert [one["y"].tolist() for one in answers] == [[2.5, 3.0, 3.5]]
        request = half.build_predict("half", [1.0])
        assert half.send(request)["y"].tolist() == [2.5]
        assert half.metadata("half") == HALF  # which it was given
        assert half.status("half")[0].version is None
        assert pickle.loads(pickle.dumps(half)).predict("half", [1.0])["y"].tolist() == [2.5]
    sent = server.requests[0]
    assert (sent.method, sent.path) == ("POST", "/v1/models/half:predict")
    assert json.loads(sent.body) == {"instances": [1.0]}
    assert sent.headers["authorization"] == "Bearer t"
    assert sent.headers["content-type"] == "application/json"

    async def ask() -> list[float]:
        async with AsyncClient(
            server.url, profile="kserve-v1", schemas={"half": HALF}, auth=("me", "secret")
        ) as half:
            answers = half.predict_batches("half", [[1.0], [2.0]])
            return [float(one["y"][0]) async for one in answers]

    assert asyncio.run(ask()) == [2.5, 3.0]
    assert server.requests[-1].headers["authorization"] == "Basic bWU6c2VjcmV0"


def test_the_host_that_an_ingress_routes_by(recorder: Start) -> None:
    server = recorder(halves)
    host = "half-predictor.models.example.com"
    with client(server, headers={"host": host}) as half:
        half.predict("half", [1.0])
        half.status("half")
    assert [one.headers["host"] for one in server.requests] == [host, host]


def test_what_a_server_lacks_is_refused_before_it_is_asked(recorder: Start) -> None:
    server = recorder(halves)
    with client(server) as half:
        refused: list[tuple[Callable[[], object], str]] = [
            (lambda: half.predict("half", [1.0], version=1), "one version, which cannot be chosen"),
            (lambda: half.predict("half", [1.0], label="stable"), "no version labels"),
            (lambda: half.classify("half", [Example({"x": 1.0})]), "no call classify"),
            (
                lambda: half.multi_inference("half", {DEFAULT: "classify"}, [Example({})]),
                "no multi",
            ),
            (lambda: half.metadata("other"), "does not tell a model's signatures"),
            (lambda: half.predict("other", [1.0]), "does not tell a model's signatures"),
            (lambda: half.reload_config("model_config_list {}"), "cannot reload"),
        ]
        for call, reason in refused:
            with pytest.raises(Unimplemented, match=reason) as error:
                call()
            assert ("from_saved_model" in str(error.value)) == ("signatures" in reason)
        with pytest.raises(InvalidInput, match="no rows in common"):
            half.predict("half", np.array([], np.float32))
    assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"profile": "mlfow"}, r"no profile 'mlfow' \(did you mean 'mlflow'\?\)"),
        ({"profile": 3}, "name of one or a tfsclient.Profile"),
        ({"profile": "mlflow", "auth": "secret"}, "pair of a user and a password"),
        ({"token": "t", "auth": ("a", "b")}, "token or auth, not both"),
        ({"profile": "mlflow", "compression": "gzip"}, "does not read compressed"),
        ({"auth": ("a", "b"), "compression": "gzip"}, "auth may sign the bytes"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        Client("http://localhost:1", **arguments)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="speaks HTTP, but the target is localhost:1"):
        Client("localhost:1", profile="mlflow")


def test_what_authenticates_sees_each_request_as_it_is_sent(recorder: Start) -> None:
    server = recorder(halves)
    seen: list[Outgoing] = []

    def sign(outgoing: Outgoing) -> Mapping[str, str]:
        seen.append(outgoing)
        return {"authorization": f"Signed {len(seen)}", "x-date": "now"}

    with client(server, auth=sign, headers={"x-mine": "1"}) as half:
        half.predict("half", [1.0])
        half.status("half")
        half.predict("half", [1.0], headers={"authorization": "My own"})
    assert [one.headers["authorization"] for one in server.requests] == [
        "Signed 1", "Signed 2", "My own",
    ]  # fmt: skip
    post, get = seen
    assert (post.method, post.url) == ("POST", f"{server.url}/v1/models/half:predict")
    assert post.body == server.requests[0].body
    assert post.headers == {"content-type": "application/json", "x-mine": "1"}
    assert (get.method, get.body) == ("GET", b"")

    def broken(_: Outgoing) -> Mapping[str, str]:
        raise KeyError("s3cret")

    with client(server, auth=broken) as half, pytest.raises(Unauthenticated, match="KeyError") as e:
        half.predict("half", [1.0])
    assert "s3cret" not in str(e.value)
    assert len(server.requests) == 3


def test_credentials_do_not_follow_a_redirect(recorder: Start) -> None:
    other, server = recorder(halves), recorder(lambda _: (307, b""))
    server.location = f"{other.url}/v1/models/half:predict"
    with client(server, auth=("me", "secret")) as half, pytest.raises(Exception, match="redirects"):
        half.predict("half", [1.0])
    assert (len(server.requests), other.requests) == (1, [])


def test_authentication_of_tf_serving_itself() -> None:
    """Which a gateway may ask for, over gRPC as well."""
    transport = FakeTransport(lambda _: b"")
    with Client("localhost:1", auth=("me", "secret"), transport=transport) as tf_serving:
        tf_serving.status("half")
    assert transport.headers[0]["authorization"].startswith("Basic ")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        b'{"predictions": [[1]]}',
        b'{"predictions": [{"z": 1}]}',
        b'{"predictions": [{"sum": 1, "name": "x"}, {"sum": 1}]}',
        b'{"outputs": [1]}',
        b"<html>",
    ],
)
def test_answers_that_are_none(recorder: Start, answer: bytes) -> None:
    server = recorder(lambda _: (200, answer))
    with client(server, schemas={"sums": SUMS}) as sums, pytest.raises(DecodeError):
        sums.predict("sums", {"a": [1], "b": [2], "name": ["x"]})
    with client(server) as half, pytest.raises(DecodeError, match=r"not KServe's V1|not JSON"):
        half.status("half")


def test_mlflow(recorder: Start) -> None:
    def answer(received: Received) -> tuple[int, bytes]:
        if received.path == "/ping":
            return 200, b"\n"
        if b"nan" in received.body.lower():
            return 400, b'{"error_code": "BAD_REQUEST", "message": "not a number"}'
        columns = json.loads(received.body)["inputs"]
        return 200, json.dumps({"predictions": {"y": [v + 1 for v in columns["x"]]}}).encode()

    server = recorder(answer)
    with client(server, profile="mlflow") as half:
        assert half.predict("half", [1.0, 2.0])["y"].tolist() == [2.0, 3.0]
        assert half.status("half")[0].available
        with pytest.raises(Exception, match=r"BAD_REQUEST: not a number") as refused:
            half.predict("half", [float("nan")])
    assert refused.value.http_status == 400  # type: ignore[attr-defined]
    assert [one.path for one in server.requests] == ["/invocations", "/ping", "/invocations"]
    server.answer = lambda _: (200, b'{"predictions": [2.5]}')
    unnamed = model({"": "float32"}, {"y": "float32"})
    with client(server, profile="mlflow", schemas={"m": unnamed}) as lone:
        assert lone.predict("m", [1.0])["y"].tolist() == [2.5]
    assert json.loads(server.requests[-1].body) == {"instances": [1.0]}


def test_scoring_sets_aside_the_row_that_json_cannot_carry(recorder: Start, tmp_path: Path) -> None:
    server = recorder(halves)
    (tmp_path / "in.csv").write_text("x\n1\nnan\n3\n")
    with client(server) as half:
        out = str(tmp_path / "out")
        summary = score_files(
            half, "half", str(tmp_path / "in.csv"), out, on_error="dead-letter", format="csv"
        )
    assert (summary.rows, summary.errors) == (2, 1)
    (line,) = (tmp_path / "out" / "_errors" / "part-00000.csv").read_text().splitlines()[1:]
    assert "row 1 (line 3): UNIMPLEMENTED: input 'x' holds NaN" in line

    server.answer = lambda _: (200, b'{"predictions": [2.5]}')
    strings = write(tmp_path / "in.parquet", {"x": [b"text", b"\xff"]})
    texts = {"text": model({"x": "string"}, {"y": "float32"})}
    with client(server, profile="mlflow", schemas=texts) as text:
        summary = score_files(text, "text", strings, tmp_path / "two", on_error="dead-letter")
    assert (summary.rows, summary.errors) == (1, 1)
    assert "UNIMPLEMENTED: input 'x' holds bytes" in letters(tmp_path / "two")[0]["error"]


def test_what_a_servers_json_cannot_carry(recorder: Start) -> None:
    server = recorder(lambda _: (200, b"<html>sign in</html>"))
    schemas = {"half": HALF, "text": model({"x": "string"}, {"y": "float32"})}
    with client(server, schemas=schemas) as kserve:
        for number in (float("nan"), float("inf")):
            with pytest.raises(Unimplemented, match="'x' holds NaN or an infinity"):
                kserve.predict("half", [1.0, number])
    with client(server, profile="mlflow", schemas=schemas) as mlflow:
        with pytest.raises(Unimplemented, match="'x' holds bytes that are not UTF-8"):
            mlflow.predict("text", [b"text", b"\xff"])
        assert server.requests == []
        with pytest.raises(DecodeError, match="not MLflow's /ping: it answered '<html>"):
            mlflow.status("half")
    server.answer = lambda _: (200, b'{"predictions": [1.5, null]}')
    with client(server) as half, pytest.raises(DecodeError, match=r"null, .* for NaN"):
        half.predict("half", [1.0])


@pytest.mark.parametrize("profile", ["mlflow", "simple-tensorflow-serving"])
def test_an_error_with_a_good_status(recorder: Start, profile: str) -> None:
    server = recorder(lambda _: (200, b'{"error": "why"}'))
    with client(server, profile=profile) as half, pytest.raises(Internal, match="why"):
        half.predict("half", [1.0])


def test_a_profile_of_ones_own(recorder: Start) -> None:
    def answer(data: bytes, request: PredictRequest) -> Mapping[str, np.ndarray]:
        assert request.spec is not None
        return {"y": np.array(data.split(b","), dtype=request.spec.outputs["y"].dtype.numpy)}

    own = Profile(
        name="csv",
        path=lambda ref, method: f"/{method}/{ref.name}/{ref.version}",
        body=lambda request: b",".join(b"%g" % x for x in request.tensors["x"].array),
        answer=answer,
        content_type="text/csv",
        versions=True,
        headers=lambda ref, method: {"x-model": ref.name, "x-method": method},
        error=lambda status, body: (429 if status == 503 else status, body.decode()),
        authenticate=lambda outgoing: {"x-size": str(len(outgoing.body))},
    )
    server = recorder(lambda received: (200, received.body))
    with client(server, profile=own) as half:
        assert half.predict("half", [1.0, 2.5], version=7)["y"].tolist() == [1.0, 2.5]
        (sent,) = server.requests
        assert (sent.path, sent.body) == ("/predict/half/7", b"1,2.5")
        assert sent.headers["content-type"] == "text/csv"
        assert (sent.headers["x-model"], sent.headers["x-method"]) == ("half", "predict")
        assert sent.headers["x-size"] == "5"
        server.answer = lambda _: (200, b"1,what")
        with pytest.raises(DecodeError, match="not an answer of csv: ValueError"):
            half.predict("half", [1.0])
        server.answer = lambda _: (503, b"too much")
        with pytest.raises(Exception, match=r"RESOURCE_EXHAUSTED.* too much"):
            half.predict("half", [1.0])


def test_a_model_that_is_not_ready_is_unavailable(recorder: Start) -> None:
    server = recorder(lambda _: (503, b'{"error":"Model with name half is not ready."}'))
    with client(server, retries=0) as half, pytest.raises(Unavailable, match="is not ready"):
        half.predict("half", [1.0])


def test_commands(recorder: Start, tmp_path: Path) -> None:
    saved_half = str(tmp_path / "half.json")
    (tmp_path / "half.json").write_bytes(to_json(HALF))
    server = recorder(halves)
    options = ["--profile", "kserve-v1"]

    def run(*arguments: str, **environment: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, list(arguments), env=environment)
        return done.exit_code, done.output

    predict = ["predict", server.url, "half", "-i", "[1, 2]"]
    code, text = run(*predict, "--saved-model", saved_half, TFSCLIENT_PROFILE="kserve-v1")
    assert (code, "[2.5, 3. ]" in text) == (0, True)
    code, text = run(*predict, *options)
    assert code == 2  # nothing was sent
    assert "--saved-model DIR of `tfsclient predict`" in text
    code, text = run(
        "bench", server.url, "half", "-i", "[1]", "--transports", "grpc,rest", *options
    )
    assert code != 0
    assert "is for TF Serving" in text
    assert run("status", server.url, "half", *options)[0] == 0
    code, text = run("doctor", server.url, "half", *options)
    assert (code, "the model is available" in text) == (0, True)


def test_given_signatures_are_of_no_version(recorder: Start) -> None:
    """Their folder has a number, which is not what the server serves."""
    numbered = Model("half", 3, HALF.signatures)
    with client(recorder(halves), schemas={"half": numbered}) as half:
        assert half.metadata("half").version is None


def test_the_page_of_another_server(recorder: Start, tmp_path: Path) -> None:
    """Its form knows the signature that the command line gave; its code says what it is."""
    try:
        from starlette.testclient import TestClient

        from tfsclient._cli.page.api import make_app
        from tfsclient._cli.page.servers import Server, Servers, on_call
    except ImportError as error:
        missing(str(error.name))
    server = recorder(halves)
    half = AsyncClient(server.url, profile="kserve-v1", schemas={"half": HALF}, on_call=on_call)
    listed = Server(server.url, half, None, ("schemas=",), "kserve-v1")
    app = make_app(Servers([listed], lambda: ["half"], {"half": HALF}.get), "token")
    headers = {"x-tfsclient-token": "token"}
    form = {
        "target": 0,
        "model": "half",
        "signature": DEFAULT,
        "inputs": {"x": {"mode": "json", "text": "[1, 2]"}},
    }
    with TestClient(app, base_url="http://127.0.0.1:8600", headers=headers) as page:
        described = page.post("/api/model", json={"target": 0, "model": "half"}).json()
        assert [one["name"] for one in described["signatures"]] == [DEFAULT]
        versions = page.post("/api/status", json={"target": 0, "model": "half"}).json()["versions"]
        assert [one["version"] for one in versions] == [None]
        called = page.post("/api/call", json=form)
        assert called.status_code == 200, called.text
        code = page.post("/api/code", json={**form, "language": "python"}).text
        assert "kserve-v1" in code
        refused = page.post("/api/code", json={**form, "language": "curl"})
        assert "would call TF Serving" in refused.text


def test_signatures_that_a_server_tells_reach_the_generator(
    recorder: Start, tmp_path: Path
) -> None:
    told = {
        "signature_name": DEFAULT,
        "inputs": [{"name": "x", "shape": [-1], "type": "DT_FLOAT"}],
        "outputs": [{"name": "y", "shape": [-1], "type": "DT_FLOAT"}],
    }
    server = recorder(lambda _: (200, json.dumps(told).encode()))
    arguments = ["schema", "--server", server.url, "--model", "half", "--profile", "pai-eas"]
    done = CliRunner().invoke(generator, arguments)
    assert done.exit_code == 0, done.output
    assert '"float32"' in done.stdout
    done = CliRunner().invoke(generator, [*arguments[:-1], "mlflow"])
    assert done.exit_code != 0
    assert "does not tell a model's signatures" in done.output


def test_code_that_view_api_prints(recorder: Start, capsys: pytest.CaptureFixture[str]) -> None:
    with client(recorder(halves)) as half:
        half.view_api("half")
    printed = capsys.readouterr().out
    assert "# with the profile=, schemas= that this client was made with" in printed
