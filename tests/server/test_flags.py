"""What flags add: TLS, a unix socket, health, Prometheus."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import socket as sockets
import subprocess
import sys
import time
from pathlib import Path

import grpc
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import eventually
from tfsclient import TLS, Client
from tfsclient.errors import InvalidArgument, InvalidInput, Unavailable
from tfsclient.server.app import Server
from tfsclient.testing._serve import free_ports

from .calls import LINEAR, PREDICT, QUICK, call, predict_request
from .conftest import MODELS

# --- TLS and the socket ------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Identity:
    """A certificate for localhost, signed by itself, and its key; both in PEM."""

    cert: bytes
    key: bytes


def identity() -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.timezone.utc)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Identity(
        cert.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def ssl_config(folder: Path, server: Identity, client: Identity | None = None) -> str:
    def quoted(pem: bytes) -> str:
        return '"' + pem.decode().replace("\n", "\\n") + '"'

    text = f"server_key: {quoted(server.key)}\nserver_cert: {quoted(server.cert)}\n"
    if client is not None:
        text += f"custom_ca: {quoted(client.cert)}\nclient_verify: true\n"
    path = folder / "ssl.config"
    path.write_text(text)
    return str(path)


def test_tls(tmp_path: Path) -> None:
    right, wrong = identity(), identity()
    socket = tmp_path / "socket"
    options = dataclasses.replace(
        QUICK, ssl_config_file=ssl_config(tmp_path, right), grpc_socket_path=str(socket)
    )
    with Server(LINEAR, options) as server:
        trusted = grpc.ssl_channel_credentials(right.cert)
        assert call(grpc.secure_channel(server.grpc_target, trusted)) == 1.5
        for channel in (
            grpc.secure_channel(server.grpc_target, grpc.ssl_channel_credentials(wrong.cert)),
            grpc.insecure_channel(server.grpc_target),
            grpc.insecure_channel(f"unix:{socket}"),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(channel)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert httpx.get(f"{server.rest_target}/v1/models/linear").status_code == 200


@pytest.mark.parametrize("verbosity", [None, "info"])
@pytest.mark.parametrize("program", ["tfsclient serve", "tfsclient.server"])
def test_a_failed_handshake_is_not_logged_unless_asked(
    tmp_path: Path, program: str, verbosity: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRPC_VERBOSITY", raising=False)
    if verbosity is not None:
        monkeypatch.setenv("GRPC_VERBOSITY", verbosity)
    log, (port,) = tmp_path / "log", free_ports(1)
    flags = f"--port={port}", f"--ssl_config_file={ssl_config(tmp_path, identity())}"
    model = "--model_name=linear", f"--model_base_path={MODELS / 'linear'}"
    command = [sys.executable, "-m", *program.split(), *flags, *model]
    with log.open("wb") as output, subprocess.Popen(command, stderr=output) as process:
        while "ready: " not in log.read_text() and process.poll() is None:
            time.sleep(0.05)
        with pytest.raises(grpc.RpcError):
            call(grpc.insecure_channel(f"localhost:{port}"))
        if verbosity is not None:
            eventually(lambda: "Handshake failed" in log.read_text())
        process.terminate()
    assert ("Handshake failed" in log.read_text()) == (verbosity is not None)


def test_mutual_tls(tmp_path: Path) -> None:
    right, client, stranger = identity(), identity(), identity()
    options = dataclasses.replace(QUICK, ssl_config_file=ssl_config(tmp_path, right, client))
    with Server(LINEAR, options) as server:
        known = grpc.ssl_channel_credentials(right.cert, client.key, client.cert)
        assert call(grpc.secure_channel(server.grpc_target, known)) == 1.5
        for credentials in (
            grpc.ssl_channel_credentials(right.cert),
            grpc.ssl_channel_credentials(right.cert, stranger.key, stranger.cert),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(grpc.secure_channel(server.grpc_target, credentials))
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("text", ["server_key: 1", "server_kee: ''", "", 'server_key: "x"'])
def test_a_broken_ssl_config_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ssl.config"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=r"ssl\.config|SSLConfig"):
        Server(LINEAR, dataclasses.replace(QUICK, ssl_config_file=str(path)))


def test_a_wrong_certificate_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    right, other = identity(), identity()
    for wrong in (Identity(b"no cert", b"no key"), Identity(right.cert, other.key)):
        options = dataclasses.replace(QUICK, ssl_config_file=ssl_config(tmp_path, wrong))
        with pytest.raises(InvalidArgument, match="not a certificate and its key"):
            Server({"m": "s3://no/model"}, options).start()


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    options = dataclasses.replace(QUICK, port=None, rest_api_port=None, grpc_socket_path=str(path))
    with Server(LINEAR, options):
        assert call(grpc.insecure_channel(f"unix:{path}")) == 1.5
        with Client(f"unix:{path}") as client:
            assert client.predict("linear", [1.0]).only().tolist() == [1.5]
        with pytest.raises(Unavailable, match="another server is using it"):
            Server({"m": "s3://no/model"}, options).start()


@pytest.mark.parametrize("tls", [False, True])
def test_what_it_says_can_be_pasted(
    tmp_path: Path, tls: bool, caplog: pytest.LogCaptureFixture
) -> None:
    known = identity()
    options = dataclasses.replace(QUICK, grpc_socket_path=str(tmp_path / "a socket of 100%"))
    if tls:
        options = dataclasses.replace(options, ssl_config_file=ssl_config(tmp_path, known))
    ca = tmp_path / "ca.pem"
    ca.write_bytes(known.cert)
    with caplog.at_level("INFO", "tfsclient.server"), Server(LINEAR, options):
        (ready,) = (text for text in caplog.messages if text.startswith("ready: "))
        targets = re.findall(r"(?:gRPC|gRPC with TLS|REST) (\S+:\S+?)(?=[, ])", ready)
        assert [target.partition(":")[0] for target in targets] == [
            "grpcs" if tls else "localhost",
            "unix",
            "http",
        ]
        for target in targets:
            # The name of a socket is its path, which is in no certificate.
            secure = (
                TLS(ca=ca, server_name="localhost")
                if tls and not target.startswith("http:")
                else None
            )
            with Client(target, tls=secure) as client:
                assert client.predict("linear", [1.0]).only().tolist() == [1.5]


def test_a_socket_that_cannot_be_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for name in ("none/socket", "file", "file/socket", "s" * 200):
        options = dataclasses.replace(QUICK, grpc_socket_path=str(tmp_path / name))
        with pytest.raises(InvalidInput, match=re.escape(str(tmp_path / name))):
            Server({"m": "s3://no/model"}, options).start()
    assert (tmp_path / "file").read_text() == "mine"


def test_the_socket_of_a_server_that_has_gone_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with sockets.socket(sockets.AF_UNIX) as gone:
        gone.bind(path)
    with Server(LINEAR, dataclasses.replace(QUICK, port=None, grpc_socket_path=path)):
        assert call(grpc.insecure_channel(f"unix:{path}")) == 1.5


# --- health and metrics ------------------------------------------------------------------------


def test_health_is_served_and_watched_until_the_end() -> None:
    options = dataclasses.replace(QUICK, enable_grpc_healthcheck_service=True, grpc_max_threads=2)
    with Server(LINEAR, options) as server, grpc.insecure_channel(server.grpc_target) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(b"\x0a\x11PredictionService") == b"\x08\x01"
        with pytest.raises(grpc.RpcError) as broken:
            check(b"\x0a\xff")
        assert broken.value.code() is grpc.StatusCode.INTERNAL
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
        watches = [watch(b"") for _ in range(4)]  # more than there are threads
        assert [next(each) for each in watches] == [b"\x08\x01"] * 4
        assert next(watch(b"\x0a\x01x")) == b"\x08\x03"
        watches[0].cancel()
        assert channel.unary_unary(PREDICT)(predict_request())
        server.stop()
        assert [list(each) for each in watches[1:]] == [[]] * 3
    with Server(LINEAR, QUICK) as server, grpc.insecure_channel(server.grpc_target) as channel:
        with pytest.raises(grpc.RpcError) as unknown:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_prometheus_reads_counts_and_latencies(tmp_path: Path) -> None:
    (tmp_path / "monitoring").write_text("prometheus_config { enable: true }")
    options = dataclasses.replace(QUICK, monitoring_config_file=str(tmp_path / "monitoring"))
    with Server({'odd"name': MODELS / "linear"}, options) as server:

        def metric(name: str) -> float:
            page = httpx.get(f"{server.rest_target}/monitoring/prometheus/metrics")
            assert page.headers["content-type"] == "text/plain"
            lines = dict(line.rsplit(" ", 1) for line in page.text.splitlines())
            assert "# TYPE :tensorflow:serving:request_count" in lines
            return float(lines.get(f":tensorflow:serving:{name}", 0))

        url = f"{server.rest_target}/v1/models/odd%22name:predict"
        httpx.post(url, json={"instances": [1.0]})
        httpx.post(url, json={"instances": ["x"]})
        with grpc.insecure_channel(server.grpc_target) as channel:
            channel.unary_unary(PREDICT)(predict_request('odd"name'))
        name = 'model_name="odd\\"name"'
        assert metric(f'request_count{{{name},status="OK"}}') == 2
        assert metric(f'request_count{{{name},status="INVALID_ARGUMENT"}}') == 1
        rest = f'{name},API="predict",entrypoint="REST"'
        assert metric(f"request_latency_count{{{rest}}}") == 1
        assert metric(f'request_latency_bucket{{{rest},le="+Inf"}}') == 1
        assert metric(f'request_latency_bucket{{{rest},le="10"}}') == 0
        assert metric(f"request_latency_sum{{{rest}}}") > 0
        assert metric(f'runtime_latency_count{{{name},API="Predict",runtime="TF1"}}') == 2
