"""Arguments that a program without types may give: each is refused, alike on both transports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Zoo
from tests.generator.js.clients import node, zoo_model
from tfsclient.testing import FakeServer

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]

CLIENTS = {
    "null": "options must be an object",
    "{ model: null }": "null is not a name",
    "{ model: '' }": '"" is not a name',
    "{ label: null }": "null is not a name",
    "{ label: '' }": '"" is not a name',
    "{ version: 2 ** 53 }": "not 9007199254740992",
    "{ version: '1' }": 'not "1"',
    "{ version: 2n ** 63n }": "not 9223372036854775808n",
    "{ headers: [5] }": "names and values, not 5",
    "{ headers: null }": "not null",
    "{ token: null }": "token must be",
    "{ retries: NaN }": "not NaN",
    "{ verify: 'no' }": 'true or false, not "no"',
    "{ gzip: 0 }": "true or false, not 0",
    "{ onCall: null }": "not null",
}
CALLS = {
    "servingDefault({ x: [[1]] }, null)": "options must be an object",
    "servingDefault({ x: [[1]] }, { timeoutMs: -1 })": "positive number, not -1",
    "servingDefault({ x: [[1]] }, { timeoutMs: NaN })": "positive number, not NaN",
    "servingDefault({ x: [[1]] }, { signal: {} })": "AbortSignal, not Object",
    "servingDefault({ x: [[1]] }, { headers: null })": "not null",
    "servingDefault({ x: [[1]] }, { outputs: null })": "list of names, not null",
    "servingDefault({ x: null })": "input x is null",
    "servingDefault({ x: [[,]] })": "undefined",
    "classifyTwo({ examples: [,] })": "example 0 must be an object, not undefined",
    "classifyTwo({ examples: [{ x: 1 }], contxt: {} })": 'not "contxt"',
    "classifyTwo({ examples: [{ x: 1 }] }, { outputs: ['x'] })": "that predict",
    "multiInference(['classifyTwo'], { examples: [{ x: 1 }] }, { outputs: ['x'] })": "that predict",
    "multiInference(null, { examples: [{ x: 1 }] })": "list of names, not null",
    "model.status({ timeoutMs: 0 })": "positive number, not 0",
    "model.waitUntilReady(5)": "options must be an object",
}


def test_what_makes_no_sense_is_refused(generated: Path, zoo: Zoo) -> None:
    made = "\n".join(f"await showCall(async () => new Client(server, {o}));" for o in CLIENTS)
    called = "\n".join(f"await showCall(async () => client.{call});" for call in CALLS)
    program = f"""
    const {{ connect }} = await import(`${{process.cwd()}}/grpc.js`);
    const {{ HalfPlusTwoClient: Client }} = await import(`${{process.cwd()}}/half_plus_two.js`);
    const connection = connect(given.grpc);
    for (const server of [given.rest, connection]) {{
      const client = new Client(server);
      {made.replace("new Client(server, { gzip", "new Client(given.rest, { gzip")}
      {called}
    }}
    connection.close();
    """
    shown = node(program, generated / "js", {"rest": zoo.rest, "grpc": zoo.grpc})
    wanted = [*CLIENTS.values(), *CALLS.values()]
    for error, why in zip(shown, wanted * 2, strict=True):
        assert (error and error["name"], error["code"]) == ("ServingError", "INVALID_ARGUMENT"), why
        assert why in error["details"]


def test_a_timeout_may_be_as_long_as_one_likes(generated: Path, zoo: Zoo) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { HalfPlusTwoClient } = await import(`${process.cwd()}/half_plus_two.js`);
    const connection = connect(given.grpc);
    for (const server of [given.rest, connection]) {
      for (const timeoutMs of [2 ** 31, 1e12, Number.MAX_VALUE, Infinity]) {
        const client = new HalfPlusTwoClient(server, { timeoutMs });
        show((await client.servingDefault({ x: [[2]] })).y.data);
        show((await client.model.waitUntilReady()).state);
      }
    }
    connection.close();
    """
    shown = node(program, generated / "js", {"rest": zoo.rest, "grpc": zoo.grpc})
    assert shown[1::2] == ["AVAILABLE"] * 8
    assert shown[::2] == [shown[0]] * 8


def test_a_version_is_never_rounded(generated: Path) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { HalfPlusTwoClient, versionOf } = await import(`${process.cwd()}/half_plus_two.js`);
    const connection = connect(given.grpc);
    for (const server of [given.rest, connection]) {
      for (const version of [undefined, BigInt(given.version)]) {
        const client = new HalfPlusTwoClient(server, { version });
        show(String(versionOf(await client.servingDefault({ x: [[1]] }))));
        show(String((await client.model.metadata()).version));
        for (const state of await client.model.status()) show(String(state.version));
      }
    }
    connection.close();
    const one = `{"version": ${given.version}, "state": "AVAILABLE"}`; // a number, not text
    const fetch = async () => new Response(`{"model_version_status": [${one}]}`);
    await showCall(() => new HalfPlusTwoClient("http://h", { fetch }).model.status());
    """
    version = 2**53 + 1
    with FakeServer(replace(zoo_model("half_plus_two"), version=version)) as server:
        given = {"rest": server.rest_target, "grpc": server.grpc_target, "version": str(version)}
        first, *shown, rounded = node(program, generated / "js", given)
    assert first == "undefined"  # REST does not say
    assert shown == [str(version)] * 11
    assert rounded["code"] == "INTERNAL"
    assert "is not a version" in rounded["details"]
