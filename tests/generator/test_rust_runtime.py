"""The runtime of generated Rust, apart from any model."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tfsclient_gen import generate

from tests.behaviour import toxic
from tests.behaviour.test_tls import Authority, TLSProxy
from tests.conftest import ZOO, Zoo, missing
from tests.generator.answers import assert_read, write_answers
from tests.generator.go.clients import zoo_model
from tests.generator.rust.clients import PROGRAMS, cargo, write
from tfsclient import errors, testing

pytestmark = [pytest.mark.language("rust"), pytest.mark.slow]

RUNTIME = PROGRAMS / "runtime"
# They see what users of the crate do not.
INSIDE = ("lies", "recorded")


@pytest.fixture(scope="module")
def crate() -> Path:
    """A crate with the tests of its runtime."""
    made = generate(zoo_model("linear"), "rust")
    more = {
        "Cargo.toml": made["Cargo.toml"].replace('"macros",', '"io-util", "macros", "net",'),
        "src/tfs/mod.rs": made["src/tfs/mod.rs"]
        + "".join(f"#[cfg(test)]\nmod {name};\n" for name in INSIDE),
        "tests/specs/mod.rs": (RUNTIME / "specs" / "mod.rs").read_text("utf-8"),
    }
    for path in RUNTIME.glob("*.rs"):
        folder = "src/tfs" if path.stem in INSIDE else "tests"
        more[f"{folder}/{path.name}"] = path.read_text("utf-8")
    more["Cargo.toml"] = more["Cargo.toml"].replace('"models"', '"runtime"')
    return write(zoo_model("linear"), "runtime", more=more)


def run_test(crate: Path, program: str, **env: str) -> str:
    kind = ("--lib", program) if program in INSIDE else ("--test", program)
    return cargo("test", "-q", *kind, "--", "--nocapture", cwd=crate, env=env)


def test_it_works_on_a_real_server(crate: Path, zoo: Zoo) -> None:
    for program in ("live", "connections"):
        run_test(crate, program, TFSCLIENT_GRPC=zoo.grpc, TFSCLIENT_REST=zoo.rest)


def test_answers_that_lie_end_in_errors(crate: Path) -> None:
    for program in ("lies", "http2"):
        assert "test result: ok" in run_test(crate, program)


def test_a_server_with_few_threads_answers_many_calls(crate: Path) -> None:
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    models = {"half_plus_two": ZOO / "half_plus_two"}
    with testing.serve(models, flags=["--grpc_max_threads=4"]) as server:
        run_test(crate, "busy", TFSCLIENT_GRPC=server.grpc_target)


def test_a_proxy_that_fails_is_named(crate: Path) -> None:
    proxy = "http://user:s3cret@127.0.0.1:1"
    names = ("HTTP_PROXY", "http_proxy")
    run_test(crate, "proxy", **dict.fromkeys(names, proxy), NO_PROXY="", no_proxy="")


@contextmanager
def behind_tls(zoo: Zoo, ours: Authority) -> Iterator[str]:
    """Targets over TLS for gRPC and for REST, which want a certificate."""
    with ExitStack() as running:
        targets = []
        for scheme, plain, alpn in (("grpcs", zoo.grpc, "h2"), ("https", zoo.rest, "http/1.1")):
            port = int(plain.rpartition(":")[2])
            proxy = TLSProxy(port, ours.issue(f"server-{scheme}"), ours.cert, alpn=alpn)
            running.callback(proxy.close)
            targets.append(f"{scheme}://localhost:{proxy.port}")
        yield " ".join(targets)


def test_certificates_are_shown_and_asked_for(crate: Path, zoo: Zoo, tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    pair = ours.issue("client")
    files = {"CA": ours.cert, "CERT": pair.cert, "KEY": pair.key}
    settings = {f"TFSCLIENT_{name}": str(path) for name, path in files.items()}
    with behind_tls(zoo, ours) as targets:
        run_test(crate, "tls", TFSCLIENT_TLS=targets, **settings)


def test_whatever_a_server_does_calls_end_in_time(crate: Path, tmp_path: Path) -> None:
    told = []
    with ExitStack() as running:
        servers = [
            (name, running.enter_context(toxic.http_server(behave)), wanted)
            for name, (behave, wanted) in toxic.HTTP.items()
        ] + [
            (name, running.enter_context(toxic.grpc_server(answer)), wanted)
            for name, (answer, wanted) in toxic.GRPC.items()
        ]
        for name, target, wanted in servers:
            # Headers may be so large here, and no body follows these.
            bad = wanted == "DecodeError" or name == "sends a huge header"
            code = "INTERNAL" if bad else str(getattr(errors, wanted)("").code)
            told.append(f"{name}\t{target}\t{code}\t{'bad' if bad else ''}\n")
        (tmp_path / "toxic.txt").write_text("".join(told), "utf-8")
        run_test(crate, "toxic", TFSCLIENT_TOXIC=str(tmp_path / "toxic.txt"))


def test_answers_read_as_the_library_reads_them(crate: Path, tmp_path: Path) -> None:
    expected = write_answers(tmp_path / "answers.json")
    cases = [_case(answer) for answer in json.loads((tmp_path / "answers.json").read_text("utf-8"))]
    path = tmp_path / "cases.txt"
    path.write_text("".join(cases), "utf-8")
    shown = run_test(crate, "recorded", TFSCLIENT_RECORDED=str(path)).splitlines()
    lines = [line.partition("found ")[2] for line in shown if "found [" in line]
    assert_read(lines, expected)


def _case(answer: dict[str, Any]) -> str:
    transport = "grpc" if "grpc" in answer else "rest"
    words = [transport, answer.get("kind", "predict"), answer[transport]]
    for spec in answer.get("outputs", ()):
        shape = "open" if spec["shape"] is None else ",".join(map(str, spec["shape"]))
        name = base64.b64encode(spec["name"].encode()).decode()
        words.append(f"{name} {spec['dtype']} {shape}")
    return "\t".join(words) + "\n"


def test_the_programs_are_as_strict_as_the_crate(crate: Path) -> None:
    cargo("clippy", "-q", "--all-targets", "--", "-D", "warnings", cwd=crate)
