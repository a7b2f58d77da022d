"""Whatever a server does, calls end in time and in a ServingError, and nothing is left."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.behaviour import toxic
from tests.conftest import Zoo, tool
from tests.generator.js.clients import node

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]

PROGRAM = """
const { getEventListeners } = await import("node:events");
const { readdirSync } = await import("node:fs");
const { connect } = await import(`${process.cwd()}/grpc.js`);
const { HalfPlusTwoClient, ServingError } = await import(`${process.cwd()}/half_plus_two.js`);
const stop = new AbortController();
const inputs = { x: [[1], [2], [3]] };
const calls = {
  predict: (client, more) => client.servingDefault(inputs, more),
  parts: (client, more) => client.servingDefault(inputs, { ...more, batchSize: 1 }),
  regress: (client, more) => client.regressXToY({ examples: [{ x: 1 }] }, more),
  status: (client, more) => client.model.status(more),
  metadata: (client, more) => client.model.metadata(more),
  ready: (client, more) => client.model.waitUntilReady({ ...more, timeoutMs: 300 }),
};
const descriptors = () => readdirSync("/proc/self/fd").length;
let before;
for (let round = 0; round < 2; round++) {
  const ends = given.map(async ([what, wanted, target]) => {
    const server = target.startsWith("http") ? target : connect(target);
    const client = new HalfPlusTwoClient(server, { retries: 0 });
    // Where a server hangs up before it is asked, the fetch of Node 20 may not notice.
    const passes = wanted === "DeadlineExceeded" || what === "hangs up at once";
    const timeoutMs = passes ? 300 : 60_000;
    for (const [name, call] of Object.entries(calls)) {
      const start = performance.now();
      const error = await call(client, { signal: stop.signal, timeoutMs }).catch((error) => error);
      const isLate = performance.now() - start > 15_000; // whoever drips does so for longer
      if (round > 0) show([what, name, wanted, error instanceof ServingError, error.code, isLate]);
    }
    server.close?.();
  });
  await Promise.all(ends);
  before ??= descriptors();
}
show(getEventListeners(stop.signal, "abort").length);
for (let wait = 0; wait < 300 && descriptors() > before + 2; wait++) {
  await new Promise((resolve) => setTimeout(resolve, 100));
}
show(descriptors() - before);
"""


def codes_of(error: str) -> set[str]:
    """The codes that a Python error's class may have here; a fetch fails where it cannot read."""
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", error).upper()
    # And grpc-js has a code of its own for an answer without a message.
    more = {"DECODE_ERROR": {"INTERNAL", "UNAVAILABLE"}, "INTERNAL": {"INTERNAL", "UNIMPLEMENTED"}}
    return more.get(code, {code})


def test_calls_end_in_time_and_leave_nothing(generated: Path) -> None:
    with ExitStack() as stack:
        given = []
        for what, (behave, wanted) in toxic.HTTP.items():
            # A small request is sent at once, and a bomb takes its time to inflate.
            if what not in ("reads slowly", "sends a gzip bomb"):
                given.append((what, wanted, stack.enter_context(toxic.http_server(behave))))
        for what, (answer, wanted) in toxic.GRPC.items():
            given.append((what, wanted, stack.enter_context(toxic.grpc_server(answer))))
        *ends, listeners, descriptors = node(PROGRAM, generated / "js", given)
    assert len(ends) == 6 * len(given)
    for what, call, wanted, typed, code, late in ends:
        told = (what, call, code)
        if what in toxic.EMPTY:
            assert typed or call == "status", told
        else:
            assert typed, told
        assert not late, told
        if call == "predict":
            again = {"DEADLINE_EXCEEDED"} if what == "hangs up at once" else set()
            assert code in codes_of(wanted) | again, told
    assert listeners == 0
    assert descriptors <= 2


def test_the_other_port_is_told(generated: Path, zoo: Zoo) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { HalfPlusTwoClient } = await import(`${process.cwd()}/half_plus_two.js`);
    const servers = [connect(given.rest), `http://${given.grpc}`, `https://${given.rest}`];
    for (const server of servers) {
      const client = new HalfPlusTwoClient(server, { retries: 0 });
      await showCall(() => client.servingDefault({ x: [[1]] }));
      server.close?.();
    }
    """
    rest = zoo.rest.removeprefix("http://")
    grpc, http, https = node(program, generated / "js", {"rest": rest, "grpc": zoo.grpc})
    assert {error["code"] for error in (grpc, http, https)} == {"UNAVAILABLE"}
    assert grpc["details"].startswith(f"cannot reach {rest}: Protocol error; if that is")
    assert f'give the client "http://{rest}"; its gRPC port is usually 8500' in grpc["details"]
    assert "REST port of TF Serving, usually 8501" in http["details"]
    assert f"does not speak TLS: write http://{rest}" in https["details"]


def test_a_proxy_is_told(generated: Path) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { HalfPlusTwoClient } = await import(`${process.cwd()}/half_plus_two.js`);
    for (const target of ["models.example:8500", "127.0.0.1:1"]) {
      const connection = connect(target);
      const client = new HalfPlusTwoClient(connection, { retries: 0, timeoutMs: 60_000 });
      const error = await client.servingDefault({ x: [[1]] }).catch((error) => error);
      console.log(error.message);
      connection.close();
    }
    """
    environment = os.environ | {
        "http_proxy": "http://user:secret@127.0.0.1:1", "no_proxy": "127.0.0.1",
    }  # fmt: skip
    done = subprocess.run(
        [tool("node"), "--input-type=module", "-e", program],
        cwd=generated / "js", env=environment, capture_output=True, check=True, encoding="utf-8",
    )  # fmt: skip
    behind, direct = done.stdout.splitlines()
    assert "cannot reach models.example:8500: " in behind
    assert behind.endswith("calls go through the proxy http_proxy=http://***@127.0.0.1:1")
    assert "proxy" not in direct
    assert "secret" not in done.stdout
