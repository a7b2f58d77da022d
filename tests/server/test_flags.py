"""What flags add: TLS, a unix socket, health, Prometheus."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import grpc
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tfsclient import Client
from tfsclient.errors import InvalidArgument, Unavailable
from tfsclient.server.app import Server

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


def test_a_certificate_that_is_none_fails_the_start(tmp_path: Path) -> None:
    path = ssl_config(tmp_path, Identity(b"no cert", b"no key"))
    with pytest.raises(Unavailable, match="with this certificate"):
        Server(LINEAR, dataclasses.replace(QUICK, ssl_config_file=path)).start()


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    options = dataclasses.replace(QUICK, port=None, rest_api_port=None, grpc_socket_path=str(path))
    with Server(LINEAR, options):
        assert call(grpc.insecure_channel(f"unix:{path}")) == 1.5
        with Client(f"unix:{path}") as client:
            assert client.predict("linear", [1.0]).only().tolist() == [1.5]


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
