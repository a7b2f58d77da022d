"""Variables that steer other programs, right and wrong, do not break a call that needs none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.test_arguments import IMAGES, SCHEMA
from tfsclient import InvalidInput, testing
from tfsclient._transports.proxies import proxy_for

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "grpc_proxy")
DEAD = "127.0.0.1:1"
NOWHERE = "/does/not/exist"

# With these a call to a plain server on localhost succeeds.
HARMLESS: list[dict[str, str]] = [
    {"NO_PROXY": "[::1]"},
    {"no_proxy": "[::1]:8501,fe80::/10,::1,2001:db8::/32,[bad"},
    {"HTTP_PROXY": f"http://{DEAD}", "NO_PROXY": "localhost,[::1],::1/128"},
    {"http_proxy": f"http://{DEAD}", "no_proxy": "*"},
    {"ALL_PROXY": f"socks5://{DEAD}", "NO_PROXY": "localhost"},
    {"ALL_PROXY": f"ftp://{DEAD}", "NO_PROXY": ".localhost,localhost"},
    {"HTTPS_PROXY": "nonsense://"},
    {"SSL_CERT_FILE": NOWHERE},
    {"SSL_CERT_DIR": NOWHERE},
    {"SSLKEYLOGFILE": f"{NOWHERE}/keys"},
    {"REQUESTS_CA_BUNDLE": NOWHERE},
]
# With these a REST call cannot succeed: the variable and its value are named.
WRONG: list[tuple[str, str]] = [
    ("HTTP_PROXY", f"socks4://{DEAD}"),
    ("http_proxy", f"ftp://{DEAD}"),
    ("ALL_PROXY", f"socks5://{DEAD}"),  # without the package socksio
    ("HTTP_PROXY", "http://"),
    ("HTTP_PROXY", "http://host:port"),
    ("ALL_PROXY", "http://a b"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[testing.FakeServer]:
    with testing.FakeServer(SCHEMA) as running:
        yield running


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("variables", HARMLESS, ids=str)
def test_calls_that_need_none(
    variables: dict[str, str],
    server: testing.FakeServer,
    clean: pytest.MonkeyPatch,
    make_client: Callable[..., Any],
) -> None:
    for name, value in variables.items():
        clean.setenv(name, value)
    with make_client(server.rest_target) as client:
        assert client.predict("digits", IMAGES).keys() == {"digit", "scores"}
        assert client.status("digits")


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_proxy_that_cannot_be_used(
    name: str,
    value: str,
    server: testing.FakeServer,
    clean: pytest.MonkeyPatch,
    make_client: Callable[..., Any],
) -> None:
    clean.setenv(name, value)
    with make_client(server.rest_target) as client:
        for call in (client.status, client.metadata, lambda model: client.predict(model, IMAGES)):
            with pytest.raises(InvalidInput) as caught:
                call("digits")
            assert f"{name}={value}" in str(caught.value)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSLKEYLOGFILE"])
def test_a_file_for_tls_that_is_missing(
    name: str, clean: pytest.MonkeyPatch, make_client: Callable[..., Any]
) -> None:
    clean.setenv(name, f"{NOWHERE}/file")
    with (
        make_client(f"https://{DEAD}", retries=0) as client,
        pytest.raises(InvalidInput, match=f"{name}={NOWHERE}"),
    ):
        client.status("m")


def test_a_password_of_a_proxy_is_not_shown(
    clean: pytest.MonkeyPatch, make_client: Callable[..., Any]
) -> None:
    clean.setenv("HTTP_PROXY", "socks4://user:secret@host")
    with make_client("http://localhost:1") as client, pytest.raises(InvalidInput) as caught:
        client.status("m")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("example.org", "http://example.org", True),
        ("example.org", "http://a.example.org:8501", True),
        (".example.org", "http://a.example.org", True),
        ("*.example.org", "http://a.example.org", True),
        ("example.org", "http://badexample.org", False),
        ("example.org:8501", "http://example.org:8501", True),
        ("example.org:8501", "http://example.org:8502", False),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.1.2.3", "http://10.1.2.3:8501", True),
        ("2001:db8::/32", "http://[2001:db8::1]:8501", True),
        ("[2001:db8::1]", "http://[2001:db8::1]:8501", True),
        ("[2001:db8::1]:8501", "http://[2001:db8::1]:8502", False),
        ("::1", "http://[::1]", True),
        ("http://example.org", "http://example.org", True),
        ("a, example.org ,b", "http://example.org", True),
        ("", "http://example.org", False),
        (",[,//,:", "http://example.org", False),
    ],
)
def test_no_proxy(no_proxy: str, url: str, direct: bool, clean: pytest.MonkeyPatch) -> None:
    clean.setenv("http_proxy", "proxy.example:3128")
    clean.setenv("no_proxy", no_proxy)
    proxy = proxy_for(url)
    assert (proxy is None) == direct
    assert proxy is None or proxy.url == "http://proxy.example:3128"


@pytest.mark.parametrize(
    "variables", [{"NO_PROXY": "[::1]"}, {"SSLKEYLOGFILE": f"{NOWHERE}/keys"}], ids=str
)
def test_commands(variables: dict[str, str], server: testing.FakeServer, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k.lower() not in PROXIES} | variables
    target = server.rest_target
    for command in (
        ["tfsclient", "status", target, "digits"],
        ["tfsclient", "inspect", target, "digits"],
        ["tfsclient", "doctor", target, "digits"],
        ["tfsclient_gen", "--lang", "curl", "--server", target, "--model", "digits",
         "--out", str(tmp_path / "out")],
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", *command], env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
