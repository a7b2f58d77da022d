"""How commands reach a server: tokens, headers and certificates, by options and environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tfsclient_gen.cli import main as generator

from tests.behaviour.test_tls import Authority, TLSProxy
from tests.conftest import ZOO
from tfsclient._cli.main import main
from tfsclient.testing import FakeServer

SECRET = "s3cr3t-t0k3n"
CONFIG = 'model_config_list { config { name: "linear" base_path: "/linear" %s } }'


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TFSCLIENT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    with FakeServer(ZOO / "linear") as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def target(request: pytest.FixtureRequest, server: FakeServer) -> str:
    server.reset()
    return server.grpc_target if request.param == "grpc" else server.rest_target


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    return path


def run(*arguments: object, stdin: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), input=stdin, env=environment)


def generate(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(generator, list(map(str, arguments)), env=environment)


def commands(target: str, folder: Path) -> Iterator[list[str]]:
    """Every command that connects, as it succeeds against the server."""
    config = folder / "models.config"
    config.write_text(CONFIG % 'model_platform: "tensorflow"')
    yield ["inspect", target, "linear"]
    yield ["predict", target, "linear", "--input", "[1, 2]"]
    yield ["status", target, "linear"]
    yield ["wait", target, "linear"]
    yield ["bench", target, "linear", "--seconds", "0.1", "--warmup", "0"]
    (folder / "rows.jsonl").write_text("1\n2\n")
    sides = ["--right", "version:1", "--data", str(folder / "rows.jsonl")]
    yield ["compare", target, "linear", *sides]
    yield ["doctor", target, "linear"]
    if not target.startswith("http"):
        yield ["reload", target, str(config)]


# Tokens and headers.


def test_every_command_sends_the_token_and_the_headers(
    server: FakeServer, target: str, token_file: Path, tmp_path: Path
) -> None:
    options = ["--token-file", str(token_file), "--header", "x-team=a=b"]
    for command in commands(target, tmp_path):
        server.reset()
        result = run(*command, *options)
        assert result.exit_code == 0, result.output
        assert server.calls, command
        for call in server.calls:
            if call.model == "tfsclient-doctor":
                continue  # what looks at which protocol is spoken there
            assert call.headers["authorization"] == f"Bearer {SECRET}", command
            assert call.headers["x-team"] == "a=b", command
        assert SECRET not in result.output


def test_the_generator_sends_them_too(
    server: FakeServer, target: str, token_file: Path, tmp_path: Path
) -> None:
    source = ["--server", target, "--model", "linear"]
    written: list[list[object]] = [
        ["--lang", "curl", *source, "--out", tmp_path / "out"],
        ["schema", *source],
        ["drift", "--lock", tmp_path / "out" / "tfsclient.lock.json", *source],
    ]
    for command in written:
        server.reset()
        result = generate(*command, "--token-file", token_file, TFSCLIENT_HEADERS="x-team=a")
        assert result.exit_code == 0, result.output
        assert [call.headers["authorization"] for call in server.calls] == [f"Bearer {SECRET}"]
        assert [call.headers["x-team"] for call in server.calls] == ["a"]
    refused = generate("schema", "--saved-model", ZOO / "linear", "--ca", "ca.pem")
    assert refused.exit_code == 2
    assert "--ca can only be used with --server" in refused.output
    assert generate("schema", "--saved-model", ZOO / "linear", TFSCLIENT_CA="x").exit_code == 0


def test_tls_to_a_port_without_tls(server: FakeServer) -> None:
    grpc, rest = server.grpc_target, server.rest_target
    for target, right in ((f"grpcs://{grpc}", grpc), (f"https{rest.removeprefix('http')}", rest)):
        result = run_alone("status", target, "linear")
        assert result.returncode == 3
        error, hint, _ = result.stderr.splitlines()
        assert error.startswith(f"error: UNAVAILABLE: model 'linear': {target} cannot be reached")
        assert hint == (
            f"  hint: the port does not speak TLS: write {right}; `tfsclient doctor {target}` "
            "finds out more"
        )
        absent = run("status", target, "linear", TFSCLIENT_CA="nope", SSL_CERT_FILE=__file__)
        assert absent.stderr.startswith("error: nope cannot be used for TLS: ")


def run_alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, whose libraries may write to standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    return subprocess.run(
        [sys.executable, "-m", "tfsclient", *arguments],
        capture_output=True, text=True, check=False, env=kept,
    )  # fmt: skip


def test_where_a_token_may_come_from(server: FakeServer, target: str, token_file: Path) -> None:
    status = ["status", target, "linear"]
    cases: list[tuple[list[object], dict[str, str], str | None]] = [
        (["--token", "flag"], {}, "flag"),
        ([], {"TFSCLIENT_TOKEN": "environment"}, "environment"),
        (["--token", "flag"], {"TFSCLIENT_TOKEN": "environment"}, "flag"),
        (["--token-file", token_file], {"TFSCLIENT_TOKEN": "environment"}, SECRET),
        ([], {"TFSCLIENT_TOKEN": ""}, None),
    ]
    for arguments, environment, sent in cases:
        server.reset()
        assert run(*status, *arguments, **environment).exit_code == 0
        (call,) = server.calls
        wanted = None if sent is None else f"Bearer {sent}"
        assert call.headers.get("authorization") == wanted
    server.reset()
    headers = {"TFSCLIENT_HEADERS": "authorization=Basic b", "TFSCLIENT_TOKEN": "environment"}
    mine = ["--header", "Authorization=Basic a"]
    server.reset()
    assert run(*status, *mine, TFSCLIENT_TOKEN="environment").exit_code == 0
    assert run(*status, "--token", "flag", **headers).exit_code == 0
    assert [call.headers["authorization"] for call in server.calls] == ["Basic a", "Bearer flag"]
    assert "both hold an authorization" in run(*status, **headers).stderr
    for secret in ("--token", "--token-file"):
        refused = run(*status, *mine, secret, token_file)
        assert refused.exit_code == 2
        assert f"give {secret} or --header authorization=..., not both" in refused.stderr
        refused = run(*status, secret, "", TFSCLIENT_TOKEN="environment")
        assert refused.exit_code == 2
        assert f"{secret} is empty" in refused.stderr
    server.reset()
    assert run(*status, "--token-file", "-", stdin="standard-input\r\n").exit_code == 0
    assert server.calls[0].headers["authorization"] == "Bearer standard-input"


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that can close it")
def test_a_token_from_standard_input_that_is_closed(target: str) -> None:
    status = [sys.executable, "-m", "tfsclient", "status", target, "linear", "--token-file", "-"]
    shell = ["sh", "-c", '"$@" <&-', "sh"]
    ended = subprocess.run([*shell, *status], capture_output=True, text=True, check=False)
    said = "error: --token-file: standard input is closed\n"
    assert (ended.returncode, ended.stderr) == (2, said)


def test_headers_of_the_command_line_win_by_name(server: FakeServer, target: str) -> None:
    environment = {"TFSCLIENT_HEADERS": "x-one=1\n\n X-Two=2\nx-raw-bin=AP8"}
    assert run("status", target, "linear", "--header", "x-two=3", **environment).exit_code == 0
    (call,) = server.calls
    assert [call.headers[name] for name in ("x-one", "x-two")] == ["1", "3"]
    assert call.headers["x-raw-bin"] in (b"\x00\xff", "AP8=", "AP8")


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot read"), (b"\n", "is empty"), (b"\x00\xff\xfe", "does not hold a token"),
     (b"two words\n", "does not hold a token"), (b"two\nlines\n", "does not hold a token"),
     (b"a" * 100_000, "does not hold a token")],
)  # fmt: skip
def test_a_token_file_that_holds_none_is_named(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    for result in (
        run("status", "localhost:1", "m", "--token-file", path),
        generate("schema", "--server", "localhost:1", "--model", "m", "--token-file", path),
    ):
        assert result.exit_code == 2
        assert str(path) in result.output
        assert told in result.output
    assert run("status", "localhost:1", "m", "--token-file", tmp_path).exit_code == 2
    refused = run("status", "localhost:1", "m", TFSCLIENT_TOKEN=f"{SECRET}\n")
    assert (refused.exit_code, "TFSCLIENT_TOKEN must be" in refused.output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--token", f"{SECRET}\n"], {}), (["--token", SECRET], {}),
     ([], {"TFSCLIENT_TOKEN": f"ü{SECRET}"}),
     (["--header", f"Authorization: Bearer {SECRET}"], {}),
     (["--header", f"authorization={SECRET}\t\x07"], {}),
     (["--header", f"x-key-bin=%{SECRET}"], {}),
     (["--header", f"x-key={SECRET}", "--header", f"x-key={SECRET}"], {}),
     ([], {"TFSCLIENT_HEADERS": f"{SECRET}"})],
)  # fmt: skip
def test_no_failure_shows_a_secret(arguments: list[str], environment: dict[str, str]) -> None:
    for target in ("localhost:1", "http://localhost:1"):
        command = [sys.executable, "-X", "dev", "-m", "tfsclient", "status", target, "m"]
        done = subprocess.run(
            [*command, "--timeout", "1", *arguments],
            capture_output=True, text=True, check=False, env=os.environ | environment,
        )  # fmt: skip
        assert done.returncode in (2, 3)
        assert SECRET not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


# TLS.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(params=["grpcs", "https"])
def proxy(
    request: pytest.FixtureRequest, server: FakeServer, authority: Authority
) -> Iterator[tuple[str, TLSProxy]]:
    server.reset()
    plain, alpn = (
        (server.grpc_target, "h2") if request.param == "grpcs" else (server.rest_target, "http/1.1")
    )
    running = TLSProxy(
        int(plain.rpartition(":")[2]), authority.issue("server"), authority.cert, alpn=alpn
    )
    yield f"{request.param}://localhost:{running.port}", running
    running.close()


def test_mutual_tls(
    server: FakeServer,
    proxy: tuple[str, TLSProxy],
    authority: Authority,
    tmp_path: Path,
    token_file: Path,
) -> None:
    target, _ = proxy
    pair = authority.issue("client")
    options = ["--ca", authority.cert, "--cert", pair.cert, "--key", pair.key]
    for command in commands(target, tmp_path):
        if target.startswith("https") and command[0] == "reload":
            continue
        server.reset()
        result = run(*command, *options, "--token-file", token_file)
        assert result.exit_code == 0, result.output
        sent = [call for call in server.calls if call.model != "tfsclient-doctor"]
        assert {call.headers["authorization"] for call in sent} == {f"Bearer {SECRET}"}
    environment = {
        "TFSCLIENT_CA": str(authority.cert),
        "TFSCLIENT_CERT": str(pair.cert),
        "TFSCLIENT_KEY": str(pair.key),
    }
    assert run("status", target, "linear", **environment).exit_code == 0
    source = ["--server", target, "--model", "linear"]
    assert generate("schema", *source, *options).exit_code == 0
    assert generate("schema", *source, **environment).exit_code == 0
    assert run("status", target, "linear", *options[:2], "--timeout", "3").exit_code == 3


def test_an_authority_and_a_name(proxy: tuple[str, TLSProxy], authority: Authority) -> None:
    target, running = proxy
    running.ask_nobody()
    ca = ["--ca", authority.cert, "--timeout", "30"]
    assert run("status", target, "linear", *ca).exit_code == 0
    by_number = target.replace("localhost", "127.0.0.1")
    assert run("status", by_number, "linear", *ca).exit_code == 3
    assert run("status", by_number, "linear", *ca, "--server-name", "localhost").exit_code == 0
    assert run("status", target, "linear", "--timeout", "30").exit_code == 3


@pytest.mark.parametrize("option", ["--ca", "--cert", "--key", "--server-name"])
def test_tls_options_want_a_target_with_tls(server: FakeServer, option: str) -> None:
    for target in (server.grpc_target, server.rest_target, "unix:/socket", "dns:///name:1"):
        result = run("status", target, "linear", option, "x")
        assert result.exit_code == 2
        assert f"{option} is for targets with TLS" in result.stderr
        assert "write grpcs://host:port or https://host:port" in result.stderr
    variables = {f"TFSCLIENT_{name}": "/nowhere" for name in ("CA", "CERT", "KEY")}
    assert run("status", server.grpc_target, "linear", **variables).exit_code == 0


def test_what_cannot_be_used_for_tls_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    cases = {
        ("--cert", "c.pem"): "--cert needs --key",
        ("--key", "k.pem"): "--key needs --cert",
        ("--ca", "/nowhere.pem"): "/nowhere.pem",
        ("--ca", str(tmp_path / "no.pem")): "no.pem",
    }
    for target in ("grpcs://localhost:1", "https://localhost:1"):
        for arguments, told in cases.items():
            result = run("status", target, "m", *arguments, "--timeout", "2")
            assert result.exit_code == 2, result.output
            assert told in result.stderr


# Time.


def test_the_environment_sets_the_time(server: FakeServer) -> None:
    server.reset()
    server.delay(5)
    try:
        late = run("status", server.grpc_target, "linear", TFSCLIENT_TIMEOUT="0.2")
        assert late.exit_code == 3
    finally:
        server.reset()
    flag = run(
        "status", server.grpc_target, "linear", "--timeout", "30", TFSCLIENT_TIMEOUT="0.0001"
    )
    assert flag.exit_code == 0
    wrong = run("status", server.grpc_target, "linear", TFSCLIENT_TIMEOUT="soon")
    assert wrong.exit_code == 2
    assert "--timeout" in wrong.stderr  # newer versions of click name the variable, too
