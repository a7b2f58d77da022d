"""A server that has stopped is gone: no connection, no port and no thread of it is left."""

from __future__ import annotations

import dataclasses
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from tests.conftest import eventually
from tfsclient import TLS, Client
from tfsclient._codec.messages import message_class
from tfsclient.errors import InvalidInput, NotFound, TFSError, Unavailable
from tfsclient.server import ports as ports_module
from tfsclient.server.app import Options, Server
from tfsclient.server.rest import http as http_module
from tfsclient.testing import FakeServer, serve
from tfsclient.testing._serve import free_ports

from .calls import LINEAR, PREDICT, QUICK, predict_request, under_way
from .conftest import MODELS
from .test_flags import identity, ssl_config

HEAD = b"POST /v1/models/linear:predict HTTP/1.1\r\nHost: x\r\n"
BODY = b'{"instances": [1.0]}'
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
STEPS = 10_000_000  # of the slow model: it takes half an hour


def connect(target: str) -> socket.socket:
    port = int(target.rpartition(":")[2])
    return socket.create_connection(("localhost", port), timeout=60)


@contextmanager
def soon() -> Iterator[None]:
    """Sooner than if a stop had waited: it gives calls half a minute."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 25


@contextmanager
def leaving_no_thread() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    # Two threads of gRPC's own end just after the server has.
    deadline = time.monotonic() + 30
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left


def is_gone(connection: socket.socket) -> bool:
    """Whether the server has closed a connection, perhaps after sending something."""
    connection.settimeout(30)
    with suppress(ConnectionError):
        while connection.recv(1 << 20):
            pass
    return True  # or a timeout was raised


def assert_refused(target: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(target)


KINDS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "FakeServer": lambda: FakeServer(MODELS / "linear"),
    "Server": lambda: Server(LINEAR, QUICK),
    "serve": lambda: serve(LINEAR),
}


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[Any]]:
    return KINDS[request.param]


@pytest.fixture(scope="module", autouse=True)
def warmed_up() -> None:
    """TensorFlow's and gRPC's own threads run from now on."""
    with Server(LINEAR, QUICK) as server, Client(server.grpc_target) as client:
        client.predict("linear", [1.0])


def test_kept_alive_connections_end(make: Callable[[], AbstractContextManager[Any]]) -> None:
    with leaving_no_thread(), ExitStack() as clients:
        with make() as server:
            targets = server.grpc_target, server.rest_target
            raw = clients.enter_context(connect(server.rest_target))
            raw.sendall(WHOLE)
            assert b" 200 OK" in raw.recv(1 << 16)
            http = clients.enter_context(httpx.Client(base_url=server.rest_target))
            assert http.get("/v1/models/linear").status_code == 200
            ours = [clients.enter_context(Client(target, retries=0)) for target in targets]
            for client in ours:
                client.predict("linear", [1.0])
            start = time.monotonic()
        assert time.monotonic() - start < 25
        for target in targets:
            assert_refused(target)
        assert is_gone(raw)
        with pytest.raises(httpx.ConnectError):
            http.get("/v1/models/linear")
        for client in ours:
            with pytest.raises(Unavailable):
                client.predict("linear", [1.0])
        clients.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/mod",
        HEAD,
        HEAD + b"Content-Length: 20\r\n\r\n" + BODY[:5],
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        HEAD + b"Content-Length: 20\r\nExpect: 100-continue\r\n\r\n",
        WHOLE + HEAD,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01",
    ],
)
@pytest.mark.parametrize("over", ["grpc_target", "rest_target"])
def test_requests_that_are_not_whole_are_not_waited_for(over: str, sent: bytes) -> None:
    with leaving_no_thread():
        server = Server(LINEAR, QUICK)
        server.start()
        with connect(getattr(server, over)) as connection:
            connection.sendall(sent)
            time.sleep(0.1)
            with soon():
                server.stop()
            assert is_gone(connection)
        assert_refused(server.grpc_target)
        assert_refused(server.rest_target)


def test_a_client_that_does_not_read_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "_STALLED_SECONDS", 3.0)
    # Its answer is as long as it, and more than any buffers between.
    request = b"GET /v1/models/%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * (20 << 20))
    with leaving_no_thread(), FakeServer(MODELS / "linear") as fake:
        rest: Any = fake._ports._rest
        with connect(fake.rest_target) as unread, connect(fake.rest_target) as read:
            unread.sendall(request)
            read.sendall(request)
            sending = ["sending", "sending"]
            eventually(lambda: [c.phase.value for c in list(rest._connections)] == sending)
            # As a Server's stop, which gives calls that are under way half a minute.
            stopping = threading.Thread(target=rest.stop, args=[30])
            stopping.start()
            with soon():
                answer = bytearray()
                start = time.monotonic()
                while piece := read.recv(1 << 18):
                    answer += piece
                    if time.monotonic() - start < 4.5:
                        time.sleep(0.05)  # slowly, but it does read
                stopping.join()
            length = int(answer.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            assert len(answer.partition(b"\r\n\r\n")[2]) == length > len(request) - 100
            assert is_gone(unread)


def slow_request() -> bytes:
    request = message_class("tensorflow.serving.PredictRequest").FromString(predict_request("slow"))
    request.model_spec.signature_name = "steps"
    request.inputs["steps"].dtype = 3
    request.inputs["steps"].tensor_shape.SetInParent()
    request.inputs["steps"].int_val.append(STEPS)
    data: bytes = request.SerializeToString()
    return data


def test_runs_are_cancelled_after_the_grace() -> None:
    with leaving_no_thread():
        server = Server({"slow": MODELS / "slow"}, QUICK)
        server.start()
        answers: list[object] = []

        def post() -> None:
            body = {"signature_name": "steps", "inputs": {"x": [1.0], "steps": STEPS}}
            try:
                url = f"{server.rest_target}/v1/models/slow:predict"
                answers.append(httpx.post(url, json=body, timeout=600).status_code)
            except httpx.TransportError as error:
                answers.append(error)

        poster = threading.Thread(target=post)
        poster.start()
        with grpc.insecure_channel(server.grpc_target) as channel:
            call = channel.unary_unary(PREDICT).future(slow_request())
            eventually(lambda: under_way(server) == 2)
            start = time.monotonic()
            server.stop(grace=0.5)
            assert 0.5 <= time.monotonic() - start < 25
            assert call.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        poster.join()
        assert isinstance(answers[0], httpx.TransportError)


def test_runs_whose_client_gave_up_are_cancelled_too() -> None:
    with leaving_no_thread():
        server = Server({"slow": MODELS / "slow"}, QUICK)
        server.start()
        with grpc.insecure_channel(server.grpc_target) as channel:
            call = channel.unary_unary(PREDICT).future(slow_request())
            eventually(lambda: under_way(server) == 1)
            call.cancel()
        with soon():
            server.stop()


def test_delays_end_with_a_fake_server() -> None:
    with leaving_no_thread():
        errors: list[object] = []

        def predict(target: str) -> None:
            with Client(target, retries=0) as client:
                try:
                    errors.append(client.predict("linear", [1.0]))
                except TFSError as error:
                    errors.append(error)

        with FakeServer(MODELS / "linear") as fake:
            fake.delay(600)
            callers = [
                threading.Thread(target=predict, args=[target])
                for target in (fake.grpc_target, fake.rest_target)
                for _ in range(30)
            ]
            for caller in callers:
                caller.start()
            eventually(lambda: under_way(fake) == len(callers))
            start = time.monotonic()
        assert time.monotonic() - start < 25
        for caller in callers:
            caller.join()
        assert {type(error) for error in errors} == {Unavailable}


def test_a_function_that_never_ends_does_not_hold_up_a_stop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ports_module, "_JOIN_SECONDS", 0.3)
    end, hanging = threading.Event(), threading.Semaphore(0)

    def hang(_: object) -> dict[str, Any]:
        hanging.release()
        end.wait(60)
        return {"y": [1.0]}

    with leaving_no_thread():
        with FakeServer(MODELS / "linear") as fake, grpc.insecure_channel(fake.grpc_target) as to:
            fake.answer("linear", hang)
            call = to.unary_unary(PREDICT).future(predict_request())
            with connect(fake.rest_target) as connection:
                connection.sendall(WHOLE)
                assert all(hanging.acquire(timeout=30) for _ in range(2))
                with soon(), caplog.at_level(logging.WARNING, "tfsclient.server"):
                    fake.stop()
                assert is_gone(connection)
            assert call.code() is grpc.StatusCode.UNAVAILABLE
        assert "a call is still running" in caplog.text
        end.set()


def test_health_and_queued_calls_end() -> None:
    options = dataclasses.replace(
        QUICK, enable_grpc_healthcheck_service=True, rest_api_num_threads=1, grpc_max_threads=1
    )
    with leaving_no_thread():
        server = Server({"slow": MODELS / "slow"}, options)
        server.start()
        with grpc.insecure_channel(server.grpc_target) as channel, ExitStack() as stack:
            watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
            assert next(watch) == b"\x08\x01"
            body = b'{"signature_name": "steps", "inputs": {"x": [1.0], "steps": %d}}' % STEPS
            head = HEAD.replace(b"linear", b"slow") + b"Content-Length: %d\r\n\r\n" % len(body)
            for _ in range(5):  # one runs, and four wait for it
                stack.enter_context(connect(server.rest_target)).sendall(head + body)
            eventually(lambda: under_way(server) == 5)
            with soon():
                server.stop(grace=0.2)
            assert list(watch) == []


def test_a_server_may_be_stopped_many_times_and_before_it_starts() -> None:
    with leaving_no_thread():
        server = Server(LINEAR, QUICK)
        server.stop()
        server = Server(LINEAR, QUICK)
        server.start()
        stops = [threading.Thread(target=server.stop) for _ in range(4)]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join(60)
        server.stop()
        for again in (server.start, server.__enter__):
            with pytest.raises(InvalidInput, match="started only once"):
                again()


@pytest.mark.parametrize("taken", ["port", "rest_api_port"])
def test_a_failed_start_leaves_nothing(taken: str) -> None:
    with FakeServer(MODELS / "linear") as other:
        busy = int(other.rest_target.rpartition(":")[2])
        (free,) = free_ports(1)
        ports = {"port": free, "rest_api_port": free, taken: busy}
        options = Options(**{**dataclasses.asdict(QUICK), **ports})
        with leaving_no_thread():
            with pytest.raises(Unavailable, match=f"cannot listen on port {busy}"):
                Server(LINEAR, options).start()
            assert_refused(f"localhost:{free}")


@pytest.mark.parametrize("over", ["grpc", "rest", "unix", "tls"])
def test_a_client_finds_the_next_server_on_the_port(over: str, tmp_path: Path) -> None:
    ours = identity()
    (tmp_path / "ca.pem").write_bytes(ours.cert)
    socket_path = str(tmp_path / "socket")
    grpc_port, rest_port = free_ports(2)
    options = dataclasses.replace(QUICK, port=grpc_port, rest_api_port=rest_port)
    if over == "unix":
        options = dataclasses.replace(options, grpc_socket_path=socket_path)
    elif over == "tls":
        config = ssl_config(tmp_path, ours)
        options = dataclasses.replace(options, ssl_config_file=config)
    with ExitStack() as stack:
        client: Client | None = None
        for _ in range(3):
            with Server(LINEAR, options) as server:
                if client is None:
                    targets = {"rest": server.rest_target, "unix": f"unix:{socket_path}"}
                    tls = TLS(ca=tmp_path / "ca.pem") if over == "tls" else None
                    target = targets.get(over, server.grpc_target)
                    client = stack.enter_context(Client(target, tls=tls, retries=0))
                # gRPC waits a while before it connects again.
                client.wait_until_ready("linear", timeout=60)
                assert client.predict("linear", [1.0]).only().tolist() == [1.5]
            with pytest.raises(Unavailable):
                client.predict("linear", [1.0])


def test_a_fake_server_says_what_it_cannot_do() -> None:
    fake = FakeServer(MODELS / "linear")
    for name in ("grpc_target", "rest_target"):
        with pytest.raises(InvalidInput, match="has not been started"):
            getattr(fake, name)
    fake.answer("linear", {"y": [3.0]})  # before it starts
    with fake:
        with pytest.raises(InvalidInput, match="is running already"):
            fake.__enter__()
        with Client(fake.grpc_target) as client:
            assert client.predict("linear", [1.0]).only().tolist() == [3.0]
            with pytest.raises(NotFound):
                client.predict("nobody", {"x": [1.0]}, validate=False)
        target = fake.grpc_target
        fake.stop()
    with pytest.raises(InvalidInput, match="has stopped, and can be started only once"):
        fake.__enter__()
    uses: list[Callable[[], None]] = [
        lambda: fake.answer("linear", {"y": [1.0]}),
        lambda: fake.fail("UNAVAILABLE"),
        lambda: fake.delay(1),
    ]
    for use in uses:
        with pytest.raises(InvalidInput, match="this FakeServer has stopped"):
            use()
    # What it received, and where, can still be asked.
    assert [call.method for call in fake.calls if call.model == "nobody"][-1:] == ["Predict"]
    assert fake.grpc_target == target


def test_a_program_that_closes_no_server_ends() -> None:
    program = (
        "from tfsclient.testing import FakeServer, serve\n"
        f"kept = serve({{'linear': {str(MODELS / 'linear')!r}}})\n"
        "print(kept.__enter__().grpc_target, FakeServer().__enter__())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
