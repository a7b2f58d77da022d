"""gRPC connections of generated JavaScript: their targets, their limits and their ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.behaviour.test_tls import Authority, TLSProxy
from tests.conftest import ZOO, Zoo
from tests.generator.js.clients import node, write, zoo_model
from tfsclient.testing import FakeServer, serve

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]


def test_a_connection_serves_clients_of_other_packages(generated: Path, zoo: Zoo) -> None:
    for name in ("one", "other"):
        write(zoo_model("half_plus_two"), "js", generated / "js" / f"package-{name}")
    program = """
    const { connect } = await import(`${process.cwd()}/package-one/grpc.js`);
    const one = await import(`${process.cwd()}/package-one/index.js`);
    const other = await import(`${process.cwd()}/package-other/index.js`);
    if (one.ServingError === other.ServingError) throw "one copy";
    const connection = connect(given);
    const input = { x: [[2]] };
    for (const options of [{}, { model: "gone" }]) {
      const client = new other.HalfPlusTwoClient(connection, options);
      await showCall(() => client.servingDefault(input));
    }
    const nobody = new other.HalfPlusTwoClient(connect("127.0.0.1:1"));
    const start = performance.now();
    const error = await nobody.servingDefault(input).catch((error) => error);
    show([error.code, performance.now() - start > 100]); // it was sent again
    show([error instanceof one.ServingError, error instanceof other.ServingError]);
    connection.close();
    """
    result, gone, down, kinds = node(program, generated / "js", zoo.grpc)
    assert result["y"]["data"] == [4]
    assert gone["code"] == "NOT_FOUND"
    assert down == ["UNAVAILABLE", True]
    assert kinds == [True, True]


def test_calls_take_turns_over_servers(generated: Path) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { HalfPlusTwoClient, versionOf } = await import(`${process.cwd()}/half_plus_two.js`);
    for (const target of given) {
      const connection = connect(target);
      const client = new HalfPlusTwoClient(connection, { retries: 0 });
      const answeredBy = async () => String(versionOf(await client.servingDefault({ x: [[2]] })));
      // gRPC does not wait until all are connected.
      const connected = new Set();
      while (connected.size < 2) connected.add(await answeredBy());
      const counts = { 1: 0, 2: 0 };
      for (let i = 0; i < 20; i++) counts[await answeredBy()]++;
      show(Object.values(counts));
      connection.close();
    }
    """
    first, second = (replace(zoo_model("half_plus_two"), version=version) for version in (1, 2))
    with FakeServer(first) as one, FakeServer(second) as other:
        ports = [server.grpc_target.rsplit(":", 1)[1] for server in (one, other)]
        addresses = [f"127.0.0.1:{port}" for port in ports]
        joined = ",".join(addresses)
        targets = [addresses, [*addresses, "127.0.0.1:1"], joined, f"ipv4:{joined}"]
        shown = node(program, generated / "js", targets)
    assert len(shown) == len(targets)
    for counts in shown:
        assert min(counts) >= 9
        assert sum(counts) == 20


TARGETS = [
    (None, "must be a string, not null"),
    (["a:1", 5], "must be a string, not 5"),
    ([], "there are no addresses"),
    ("", '"" is not host:port'),
    ("localhost", "is not host:port"),
    ("a:1, b:1", "has spaces around an address"),
    (" a:1", "has spaces around an address"),
    ("a:1,b", "is not host:port"),
    ("a:65536", "is not host:port"),
    ("::1:8500", "is not host:port"),
    (["http://user:pw@h"], '"http://***@h" is a URL, which is for REST'),
    ("kubernetes:///x", 'gRPC has no resolver for "kubernetes:"'),
    (["a:1", "xds:///b"], 'gRPC has no resolver for "xds:"'),
    ("dns://b", 'write "dns:///b"'),
]


def test_targets_that_cannot_work_are_refused_at_once(generated: Path) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    for (const target of given.refused) await showCall(async () => connect(target));
    for (const target of given.taken) connect(target).close();
    """
    taken = ["a:1", "[::1]:1", "a:1,b:1", "dns:///a", "dns:a:1", "unix:/a b", ["a:1", "dns:///b"]]
    taken += ["grpc://a:1", "grpcs://a:1,b:1", ["GRPCS://a:1", "grpcs://b:1"]]
    given = {"refused": [target for target, _ in TARGETS], "taken": taken}
    errors = node(program, generated / "js", given)
    for error, (target, text) in zip(errors, TARGETS, strict=True):
        assert (error["name"], error["code"]) == ("ServingError", "INVALID_ARGUMENT"), target
        assert text in error["details"]
        assert "pw" not in error["details"]


def test_the_target_asks_for_tls(generated: Path, zoo: Zoo, tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    pair = ours.issue("client")
    program = """
    const { createRequire } = await import("node:module");
    const { readFileSync } = await import("node:fs");
    const { credentials } = createRequire(`${process.cwd()}/grpc.js`)("@grpc/grpc-js");
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { HalfPlusTwoClient } = await import(`${process.cwd()}/half_plus_two.js`);
    const certificates = given.files.map((file) => readFileSync(file));
    for (const [target, hasThem] of given.calls) {
      const options = hasThem ? { credentials: credentials.createSsl(...certificates) } : {};
      const connection = connect(target, options);
      const client = new HalfPlusTwoClient(connection, { retries: 0 });
      await showCall(() => client.servingDefault({ x: [[2]] }));
      connection.close();
    }
    """
    with closing(
        TLSProxy(int(zoo.grpc.rpartition(":")[2]), ours.issue("server"), ours.cert, alpn="h2")
    ) as proxy:
        secure = f"localhost:{proxy.port}"
        calls = [
            (f"grpcs://{secure}", True),
            (secure, True),
            (f"grpcs://{secure}", False),
            (secure, False),
            (f"grpcs://{zoo.grpc}", False),
        ]
        files = [str(path) for path in (ours.cert, pair.key, pair.cert)]
        given = {"files": files, "calls": calls}
        right, bare, unknown, plain, reverse = node(program, generated / "js", given)
    assert right["y"]["data"] == bare["y"]["data"] == [4]
    assert "certificate" in unknown["details"]
    assert f'if the server expects TLS, write "grpcs://{secure}"' in plain["details"]
    assert f'if the port does not speak TLS, write "{zoo.grpc}"' in reverse["details"]


@pytest.fixture(scope="module")
def few_threads() -> Iterator[str]:
    """The gRPC target of a server that runs four calls at once."""
    models = {name: ZOO / name for name in ("slow", "half_plus_two")}
    with serve(models, flags=["--grpc_max_threads=4"]) as server:
        yield server.grpc_target


def test_calls_beyond_the_servers_threads_wait(generated: Path, few_threads: str) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { SlowClient } = await import(`${process.cwd()}/slow.js`);
    const { HalfPlusTwoClient } = await import(`${process.cwd()}/half_plus_two.js`);
    for (let round = 0; round < 10; round++) {
      const connection = connect(given);
      const client = new HalfPlusTwoClient(connection, { retries: 0 });
      const calls = Array.from({ length: 64 }, () => client.servingDefault({ x: [[1]] }));
      const ends = await Promise.allSettled(calls);
      show(ends.filter(({ status }) => status === "rejected").map(({ reason }) => reason));
      connection.close();
    }
    const connection = connect(given);
    const client = new SlowClient(connection, { verify: true });
    const all = (count, options) =>
      Promise.all(
        Array.from({ length: count }, () =>
          client.steps({ x: [1], steps: 10_000_000 }, options).catch((error) => error),
        ),
      );
    const stop = new AbortController();
    const busy = all(8, { signal: stop.signal, timeoutMs: 30_000 });
    const soon = () => ({ signal: AbortSignal.timeout(180) });
    for (const options of [() => ({ timeoutMs: 90 }), soon]) {
      let ends; // until they get so far in their time that the server refuses one
      for (let attempt = 1; attempt <= 10; attempt++) {
        ends = await all(8, options());
        if (ends.some((end) => end.details?.includes("--grpc_max_threads"))) break;
      }
      show(ends.filter((end) => end.code));
    }
    stop.abort();
    await busy;
    connection.close();
    """
    *rounds, late, signalled = node(program, generated / "js", few_threads)
    assert rounds == [[]] * 10
    for errors in (late, signalled):
        assert errors
        assert {error["code"] for error in errors} == {"DEADLINE_EXCEEDED"}
        hinted = [e for e in errors if "--grpc_max_threads" in e["details"]]
        assert hinted
        assert "REST" in hinted[0]["details"]


def test_calls_over_grpc_end_as_they_should(generated: Path, zoo: Zoo) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { SlowClient } = await import(`${process.cwd()}/slow.js`);
    const connection = connect(given);
    const predict = (options, more) =>
      showCall(() => new SlowClient(connection, options).servingDefault({ x: [1] }, more));
    await predict({ headers: { "x-a": "b" } });
    await predict({ timeoutMs: 50 });
    await predict({}, { signal: AbortSignal.timeout(50) });
    await predict({}, { headers: { "x-a!": "b" } });
    connection.close();
    await predict();
    const nobody = connect("localhost:1");
    await showCall(() => new SlowClient(nobody).servingDefault({ x: [1] }));
    for (const target of ["", given, `http://${given}`]) {
      await showCall(async () => connect(target).close());
    }
    """
    first, *others = node(program, generated / "js", zoo.grpc)
    assert first.keys() == {"y"}
    assert [other and (other["name"], other["code"]) for other in others] == [
        ("ServingError", "DEADLINE_EXCEEDED"),
        ("ServingError", "DEADLINE_EXCEEDED"),
        ("ServingError", "INVALID_ARGUMENT"),
        ("ServingError", "CANCELLED"),
        ("ServingError", "UNAVAILABLE"),
        ("ServingError", "INVALID_ARGUMENT"),
        None,
        ("ServingError", "INVALID_ARGUMENT"),
    ]
