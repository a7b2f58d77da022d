"""TLS and mTLS, with certificates made here, through a proxy that ends TLS before the zoo."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Zoo, missing
from tfsclient import TLS, Client, InvalidInput, Unavailable

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
except ImportError:
    missing("cryptography")

NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path


class Authority:
    """Signs certificates for localhost."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.cert = folder / f"{name}.pem"
        made = self._builder(self._name, self._key, NOW + DAY).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.cert.write_bytes(self._signed(made))

    def issue(self, name: str, *, until: dt.datetime = NOW + DAY) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key, until).add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
        )
        pair = Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        pair.cert.write_bytes(self._signed(made))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, until: dt.datetime
    ) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=NOW - 3 * DAY,
            not_valid_after=until,
        )

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class TLSProxy:
    """Ends TLS and passes the bytes on; asks clients for a certificate that ``ca`` signed."""

    def __init__(self, port: int, server: Pair, ca: Path, *, alpn: str) -> None:
        self._upstream = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(server.cert, server.key)
        self._context.load_verify_locations(ca)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.set_alpn_protocols([alpn])
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._listening.wait(30)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "localhost", 0, ssl=self._context)
        self.port: int = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("localhost", self._upstream)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(1 << 16):
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass
            finally:
                sink.close()

        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))

    def ask_nobody(self) -> None:
        """Take clients without a certificate from now on."""
        self._context.verify_mode = ssl.CERT_NONE

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "theirs")


@pytest.fixture(params=["grpcs", "https"])
def secure(request: pytest.FixtureRequest, zoo: Zoo, ours: Authority) -> Iterator[str]:
    plain, alpn = (zoo.grpc, "h2") if request.param == "grpcs" else (zoo.rest, "http/1.1")
    port = int(plain.rpartition(":")[2])
    proxy = TLSProxy(port, ours.issue("server"), ours.cert, alpn=alpn)
    yield f"{request.param}://localhost:{proxy.port}"
    proxy.close()


def test_the_right_certificate_passes(
    secure: str, ours: Authority, make_client: Callable[..., Any]
) -> None:
    pair = ours.issue("client")
    tls = TLS(ca=ours.cert, cert=pair.cert, key=pair.key)
    with make_client(secure, tls=tls) as client:
        assert client.predict("linear", [2.0]).only() == [4.5]


@pytest.mark.parametrize("kind", ["none", "wrong", "expired"])
def test_no_other_certificate_passes(
    secure: str, ours: Authority, theirs: Authority, kind: str, make_client: Callable[..., Any]
) -> None:
    pair = {
        "none": None,
        "wrong": theirs.issue("wrong"),
        "expired": ours.issue("expired", until=NOW - DAY),
    }[kind]
    tls = TLS(ca=ours.cert, cert=pair.cert, key=pair.key) if pair else TLS(ca=ours.cert)
    with make_client(secure, tls=tls, timeout=30) as client, pytest.raises(Unavailable) as caught:
        client.status("linear")
    assert secure in str(caught.value)
    assert "TLS" in str(caught.value.hint), str(caught.value)


@pytest.mark.parametrize("trusting", ["others", "the usual authorities"])
def test_a_server_that_is_not_trusted_is_not_talked_to(
    secure: str, theirs: Authority, trusting: str
) -> None:
    pair = theirs.issue("client")
    ca = theirs.cert if trusting == "others" else None
    tls = TLS(ca=ca, cert=pair.cert, key=pair.key)
    with Client(secure, tls=tls, timeout=30) as client, pytest.raises(Unavailable) as caught:
        client.status("linear")
    assert "TLS" in str(caught.value.hint), str(caught.value)


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="both cert and key"):
        TLS(cert=tmp_path / "c")
    refused: list[dict[str, Any]] = [
        {"ca": b"-----BEGIN"}, {"cert": b"c", "key": b"k"}, {"server_name": b"host"}
    ]  # fmt: skip
    for wrong in refused:
        with pytest.raises(InvalidInput, match=f"^{next(iter(wrong))} must be"):
            TLS(**wrong)
    for target in ("grpcs://localhost:1", "https://localhost:1"):
        with pytest.raises(InvalidInput, match="nowhere"):
            Client(target, tls=TLS(ca=tmp_path / "nowhere.pem")).status("m")
