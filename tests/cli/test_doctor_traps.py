"""``tfsclient doctor`` lives on where the installation or the environment is broken."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ZOO
from tfsclient.testing import FakeServer


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(ZOO / "linear") as running:
        yield running


def doctor(
    target: str, *, before: str = "", **environment: str
) -> tuple[int, list[dict[str, Any]], str]:
    """The exit code, the findings and standard error of a process of its own."""
    arguments = ["doctor", target, "linear", "--json", "--timeout", "30"]
    code = f"{before}\nfrom tfsclient._cli.main import main\nmain({arguments!r})"
    ours = re.compile("(?i).*_proxy|SSL.*|TFSCLIENT_.*|GRPC_.*")
    kept = {name: value for name, value in os.environ.items() if not ours.fullmatch(name)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_findings_are_json(server: FakeServer) -> None:
    code, findings, _ = doctor(server.grpc_target)
    assert code == 0
    assert {"kind": "ok", "text": "version 1 is available", "remedy": None} in findings
    code, findings, _ = doctor("localhost:1")
    assert code == 3
    assert findings[-1]["kind"] == "problem"
    assert findings[-1]["remedy"].startswith("start the server")


def test_an_installation_without_grpc(server: FakeServer) -> None:
    before = "import sys\nsys.modules['grpc'] = None"
    code, findings, _ = doctor(server.grpc_target, before=before)
    assert code == 1
    (problem,) = (one for one in findings if one["kind"] == "problem")
    assert problem["text"].startswith("grpc is not installed here")
    assert "pip install grpcio" in problem["remedy"]
    assert any(one["text"].endswith("accepts connections") for one in findings)
    code, findings, _ = doctor(server.rest_target, before=before)
    assert code == 0
    assert findings[0]["kind"] == "note"


@pytest.mark.parametrize("package", ["httpx", "numpy", "ml_dtypes", "orjson"])
def test_a_package_that_is_missing_or_broken(
    server: FakeServer, tmp_path: Path, package: str
) -> None:
    (tmp_path / f"{package}.py").write_text("import no_such_library")
    for before, words, remedy in (
        (f"sys.modules[{package!r}] = None", "is not installed here", "install"),
        (f"sys.path.insert(0, {str(tmp_path)!r})", "cannot be imported", "--force-reinstall"),
    ):
        code, findings, _ = doctor(server.rest_target, before=f"import sys\n{before}")
        assert code == 1
        (problem,) = (one for one in findings if one["kind"] == "problem")
        assert problem["text"].startswith(package)
        assert words in problem["text"]
        assert f"pip install {remedy}".removesuffix(" install") in problem["remedy"]
        assert any(one["text"].endswith("accepts connections") for one in findings)
    code, findings, _ = doctor(server.grpc_target, before=f"import sys\n{before}")
    assert code == (0 if package == "httpx" else 1)
    assert findings[0]["text"].startswith(f"{package} is installed but cannot be imported")


def test_a_broken_package_is_named_where_the_library_is_used(tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules[%r] = None\n"
        "from tfsclient._cli.main import main\n%s\nmain(['status', 'localhost:1', 'm'])"
    )
    for package, more, words in (
        ("orjson", "", "error: a package that is needed"),
        ("numpy", "import tfsclient\ntfsclient.TLS", "cannot be used: import of numpy"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code % (package, more)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == (1 if more else 2)
        assert words in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"SSL_CERT_FILE": "/nowhere.pem"},
        {"SSL_CERT_DIR": "/nowhere"},
        {"SSLKEYLOGFILE": "/nowhere/keys"},
        {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "/nowhere.pem"},
        {"NO_PROXY": "[::1,10.0.0.0/99"},
        {"TFSCLIENT_CA": "/nowhere.pem"},
        {"ALL_PROXY": "socks4://nowhere:1", "NO_PROXY": "localhost"},
    ],
)
def test_what_is_broken_but_not_in_the_way_is_a_note(
    server: FakeServer, environment: dict[str, str]
) -> None:
    name, value = next(iter(environment.items()))
    for target in (server.grpc_target, server.rest_target):
        code, findings, _ = doctor(target, **environment)
        assert code == 0, findings
        if "NO_PROXY" in environment and len(environment) == 2:
            continue  # nothing is broken: no call goes there
        notes = [one["text"] for one in findings if one["kind"] == "note"]
        assert any(note.startswith(name) for note in notes), (findings, value)


@pytest.mark.parametrize(
    ("scheme", "environment"),
    [
        ("http", {"ALL_PROXY": "socks4://nowhere:1"}),
        ("http", {"HTTP_PROXY": "ftp://nowhere:1"}),
        ("http", {"http_proxy": "http://[nowhere"}),
        ("https", {"SSL_CERT_FILE": "/nowhere.pem"}),
        ("https", {"SSL_CERT_DIR": "/nowhere"}),
        ("https", {"SSLKEYLOGFILE": "/nowhere/keys"}),
        ("grpcs", {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "/nowhere.pem"}),
        ("grpcs", {"TFSCLIENT_CA": "/nowhere.pem"}),
        ("https", {"TFSCLIENT_CA": "/nowhere.pem"}),
        ("http", {"TFSCLIENT_TOKEN": "two\nlines"}),
        ("http", {"TFSCLIENT_HEADERS": "no header"}),
    ],
)
def test_what_is_in_the_way_is_named(
    server: FakeServer, scheme: str, environment: dict[str, str]
) -> None:
    place = server.grpc_target if scheme == "grpcs" else server.rest_target.partition("://")[2]
    code, findings, _ = doctor(f"{scheme}://{place}", **environment)
    assert code in (1, 3)
    problems = " ".join(one["text"] for one in findings if one["kind"] == "problem")
    (name,) = environment
    shown = {"TFSCLIENT_CA": "without TLS"}.get(name, name)
    assert shown in problems, findings
    assert "two" not in problems
