"""Generated Java on real servers."""

from __future__ import annotations

import base64
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from tfsclient_gen import Options

from tests.conftest import ZOO, Zoo, missing, tool
from tests.generator.go.clients import zoo_model
from tests.generator.java.clients import compiled, run, write
from tests.generator.java.fixtures import Clients
from tfsclient import testing
from tfsclient._inputs.samples import PNG_BASE64

pytestmark = pytest.mark.language("java")
pytest_plugins = ["tests.generator.java.fixtures"]


@pytest.mark.slow
def test_it_works_on_a_real_server(java_clients: Clients, zoo: Zoo) -> None:
    java_clients.program("program.Live", zoo.grpc, zoo.rest)


@pytest.mark.slow
def test_it_follows_the_rules_that_all_languages_share(java_clients: Clients, zoo: Zoo) -> None:
    java_clients.program("program.Rules", zoo.grpc, zoo.rest)


@pytest.mark.slow
def test_targets_that_cannot_be_called_are_told(java_clients: Clients, zoo: Zoo) -> None:
    java_clients.program("program.Targets", zoo.grpc, zoo.rest)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="gRPC for Java has them on Linux only")
def test_it_calls_unix_sockets(java_clients: Clients, zoo: Zoo) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,  # the path of pytest's may be too long
        grpc.insecure_channel(zoo.grpc) as channel,
    ):

        class Forwarder(grpc.GenericRpcHandler):  # type: ignore[misc]
            def service(self, handler_call_details: Any) -> Any:
                call = channel.unary_unary(handler_call_details.method)
                return grpc.unary_unary_rpc_method_handler(lambda request, context: call(request))

        server = grpc.server(ThreadPoolExecutor(4), handlers=(Forwarder(),))
        server.add_insecure_port(f"unix:{folder}/socket")
        server.start()
        java_clients.program("program.Socket", f"unix:{folder}/socket")
        server.stop(0).wait()


@pytest.mark.slow
def test_lost_connections_are_told_and_made_again(java_clients: Clients, zoo: Zoo) -> None:
    java_clients.program("program.Lost", zoo.grpc, zoo.rest)


@pytest.mark.slow
def test_connections_over_tls(java_clients: Clients, tmp_path: Path) -> None:
    store = tmp_path / "keys.p12"
    made = ("-alias", "a", "-keyalg", "RSA", "-validity", "2", "-dname", "CN=localhost")
    kept = ("-ext", "SAN=dns:localhost", "-storetype", "PKCS12", "-storepass", "changeit")
    run(tool("keytool"), "-genkeypair", *made, *kept, "-keystore", store, cwd=tmp_path)
    java_clients.program("program.Tls", store)


@pytest.mark.slow
def test_a_server_with_few_threads_answers_many(java_clients: Clients) -> None:
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    models = {"half_plus_two": ZOO / "half_plus_two"}
    with testing.serve(models, flags=["--grpc_max_threads=4"]) as server:
        assert java_clients.program("program.Busy", server.grpc_target) == ""


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["any", "rest"])
@pytest.mark.parametrize("model", ["half_plus_two", "raw_png", "estimator", "feature_spec_tf2"])
def test_the_readme_runs_as_it_stands(zoo: Zoo, model: str, transport: str, tmp_path: Path) -> None:
    clients = write(zoo_model(model), tmp_path / "clients", Options(transport))
    program = (clients / "README.md").read_text("utf-8").split("```java\n")[1].split("```")[0]
    for target, real in (("localhost:8500", zoo.grpc), ("http://localhost:8501", zoo.rest)):
        program = program.replace(f'"{target}"', f'"{real}"')
    (clients / "image.png").write_bytes(base64.b64decode(PNG_BASE64))
    (clients / "Main.java").write_text(program, "utf-8")
    shown = run(tool("java"), "-cp", compiled(clients), "Main.java", cwd=clients)
    assert re.search(r"^(\w+: \w+Tensor\[|\[\"|\d\.)", shown)
