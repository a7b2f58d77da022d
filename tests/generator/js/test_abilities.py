"""What production asks of clients: versions, states, headers, tokens and what is told of calls."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Zoo
from tests.generator.js.clients import assert_same, node, plain, zoo_model
from tests.generator.js.live import on_both, over_grpc
from tfsclient import Client
from tfsclient._calls.options import Token
from tfsclient.testing import FakeServer
from tfsclient.testing._serve import free_ports

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]


def over_each(folder: Path, model: str, server: Any, program: str) -> tuple[list[Any], list[Any]]:
    """What a program shows over REST and over gRPC; ``server`` is the target, Client the class."""
    whole = f"""
    const {{ connect }} = await import(`${{process.cwd()}}/grpc.js`);
    const {{ ServingError, versionOf, ...clients }} =
      await import(`${{process.cwd()}}/{model}.js`);
    const [Client] = Object.values(clients);
    const connection = connect(given.grpc);
    for (const server of [given.rest, connection]) {{
      {program}
      show("end");
    }}
    connection.close();
    """
    targets = (
        {"rest": server.rest_target, "grpc": server.grpc_target}
        if isinstance(server, FakeServer)
        else {"rest": server.rest, "grpc": server.grpc}
    )
    shown = node(whole, folder, targets)
    end = shown.index("end")
    return shown[:end], shown[end + 1 : -1]


def test_a_result_has_the_version_that_answered(generated: Path, zoo: Zoo) -> None:
    program = """
    for (const options of [{}, { version: 123 }]) {
      const client = new Client(server, options);
      const results = await Promise.all([
        client.servingDefault({ x: [[2]] }),
        client.classifyTwo({ examples: [{ x: 1 }] }),
        client.regressXToY({ examples: [{ x: 1 }] }),
      ]);
      show(results.map((result) => String(versionOf(result))));
      show(Object.getOwnPropertySymbols({ ...results[0] }).length + Object.keys(results[0]).length);
    }
    """
    with Client(zoo.grpc) as client:
        version = str(client.predict("half_plus_two", [[2.0]]).version)
    rest, grpc = over_each(generated / "js", "half_plus_two", zoo, program.replace("123", version))
    assert rest == [["undefined"] * 3, 1, [version] * 3, 1]
    assert grpc == [[version] * 3, 1, [version] * 3, 1]


def test_outputs_can_be_chosen(generated: Path, zoo: Zoo) -> None:
    signature = zoo_model("ranks").signatures["uneven"]
    calls = [
        f"uneven({{ x: [[1, 2]] }}, {{ outputs: {chosen} }})"
        for chosen in (
            '["sum", "rows"]', '["columns"]', '["z"]', "[]", '["sum", "rows", "sum"]', '"sum"',
            "undefined",
        )
    ]  # fmt: skip
    *chosen, unknown, empty, twice, text, every = on_both(generated / "js", zoo, "ranks", calls)
    with Client(zoo.grpc) as client:
        x = {"x": np.array([[1, 2]], np.float32)}
        for came, names in zip(chosen, (["rows", "sum"], ["columns"]), strict=True):
            wanted = client.predict("ranks", x, signature="uneven", outputs=names)
            assert came.keys() == wanted.keys()
            assert_same(came, dict(wanted), signature)
    assert every.keys() == signature.outputs.keys()
    for error, why in (
        (unknown, "columns, rows, sum"), (empty, "outputs is empty"), (twice, '"sum" twice'),
        (text, "must be a list"),
    ):  # fmt: skip
        assert error["code"] == "INVALID_ARGUMENT"
        assert why in error["details"]


def test_a_filtered_output_of_bytes_is_read(generated: Path, zoo: Zoo) -> None:
    png = (Path(__file__).parents[3] / "tests/conformance/data").glob("*.png")
    data = list(next(png).read_bytes())
    call = f'servingDefault({{ imageBytes: [Uint8Array.from({data})] }}, {{ outputs: ["%s"] }})'
    calls = [call % "thumbBytes", call % "label"]
    thumb, label = on_both(generated / "js", zoo, "raw_png", calls)
    assert plain(thumb["thumbBytes"]["data"])[0].startswith(b"\x89PNG")
    assert label.keys() == {"label"}


def test_only_chosen_outputs_are_sent_over_grpc(generated: Path) -> None:
    program = """
    let bytes = [];
    const onCall = ({ responseBytes }) => bytes.push(responseBytes);
    const client = new Client(server, { onCall });
    const input = { x: new Float32Array(1000) };
    await client.cast(input);
    await client.cast(input, { outputs: ["single"] });
    show(bytes[1] < bytes[0] / 2);
    await showCall(() => client.cast(input, { outputs: "single" }));
    await showCall(() => client.cast(input, { outputs: 5 }));
    """
    with FakeServer(zoo_model("dtypes")) as server:
        whole = f"""
        const {{ connect }} = await import(`${{process.cwd()}}/grpc.js`);
        const {{ DtypesClient: Client }} = await import(`${{process.cwd()}}/dtypes.js`);
        const server = connect(given);
        {program}
        server.close();
        """
        halved, *wrong = node(whole, generated / "js", server.grpc_target)
        assert halved is True
        assert [error["code"] for error in wrong] == ["INVALID_ARGUMENT"] * 2


def test_states_and_signatures_are_told(generated: Path, zoo: Zoo) -> None:
    program = """
    const client = new Client(server);
    show(await client.model.status());
    show(await client.model.waitUntilReady());
    const { version, signatures } = await client.model.metadata();
    const { method, inputs, outputs, defaults } = signatures.get("every");
    show([String(version), method, [...inputs], [...outputs], [...defaults]]);
    await showCall(() => new Client(server, { model: "gone" }).model.status());
    await showCall(() => new Client(server, { version: 99 }).model.metadata());
    """
    rest, grpc = over_each(generated / "js", "defaults", zoo, program)
    for error in rest[-2:]:
        del error["httpStatus"]
    assert rest == grpc
    status, ready, metadata, *errors = rest
    with Client(zoo.rest) as client:
        (one,) = client.status("defaults")
        model = client.metadata("defaults")
    assert status == [ready]
    assert plain(ready) == {
        "version": one.version, "state": "AVAILABLE", "errorCode": "OK", "errorMessage": "",
    }  # fmt: skip
    version, _, inputs, outputs, defaults = metadata
    signature = model.signatures["every"]
    assert version == str(model.version)
    for came, specs in ((inputs, signature.inputs), (outputs, signature.outputs)):
        wanted = {
            n: {"dtype": str(s.dtype), "shape": list(s.shape or ())} for n, s in specs.items()
        }
        assert dict(came) == wanted
    assert set(defaults) == set(signature.defaults)
    assert [error["code"] for error in errors] == ["NOT_FOUND", "NOT_FOUND"]


def test_a_model_that_never_comes_is_waited_for_in_time(generated: Path, zoo: Zoo) -> None:
    program = """
    const wait = (options, more) =>
      showCall(() => new Client(server, options).model.waitUntilReady(more));
    const gone = new Client(server, { model: "gone" }).model;
    const told = async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await gone.waitUntilReady({ timeoutMs: 300 });
        } catch (error) { // without an answer, if the machine did not let it get so far
          if (attempt === 10 || error.message.includes("NOT_FOUND")) throw error;
        }
      }
    };
    await showCall(told);
    await wait({ model: "gone", timeoutMs: 300 });
    await wait({ label: "gone" }, { timeoutMs: 300 });
    await wait({ model: "gone" }, { signal: AbortSignal.timeout(300) });
    await wait({ model: "gone" }, { timeoutMs: -1 });
    """
    for shown in over_each(generated / "js", "half_plus_two", zoo, program):
        *late, wrong = shown
        assert {error["code"] for error in late} == {"DEADLINE_EXCEEDED"}
        assert "not ready after 300 ms: NOT_FOUND: Could not find" in late[0]["details"]
        assert wrong["code"] == "INVALID_ARGUMENT"


def test_a_server_that_starts_late_is_waited_for(generated: Path, zoo: Zoo) -> None:
    del zoo
    program = """
    const { createServer } = await import("node:http");
    const { HalfPlusTwoClient } = await import(`${process.cwd()}/half_plus_two.js`);
    const failed = { state: "END", status: { error_code: "NOT_FOUND", error_message: "no" } };
    const states = [{ state: "LOADING" }, { state: "AVAILABLE" }, failed];
    const server = createServer((_, response) => {
      const status = { version: "7", ...states.shift() };
      response.end(JSON.stringify({ model_version_status: [status] }));
    });
    const client = new HalfPlusTwoClient(`http://127.0.0.1:${given}`, { retries: 0 });
    setTimeout(() => server.listen(given, "127.0.0.1"), 300);
    show(await client.model.waitUntilReady());
    await showCall(() => client.model.waitUntilReady());
    server.closeAllConnections();
    server.close();
    """
    ready, failed = node(program, generated / "js", *free_ports(1))
    assert plain(ready["version"]) == 7
    assert (failed["code"], failed["details"]) == ("NOT_FOUND", "version 7 did not load: no")


def test_headers_and_tokens_are_those_of_the_call(generated: Path) -> None:
    program = """
    let count = 0;
    const input = { x: [[1]] };
    const headers = { "x-a": "client", "x-b": "client" };
    for (const token of ["t", () => `t${++count}`, async () => `t${++count}`]) {
      const client = new Client(server, { headers, token });
      await client.servingDefault(input, { headers: { "X-B": "call" } });
      await client.model.status();
    }
    const wrong = [
      () => 5, () => "", () => { throw new Error("no secret"); }, () => new Promise(() => {}),
    ];
    for (const token of wrong) {
      const client = new Client(server, { token, timeoutMs: 300 });
      await showCall(() => client.servingDefault(input));
    }
    for (const token of ["s\\nx", ""]) {
      await showCall(async () => new Client(server, { token }));
    }
    await showCall(() => new Client(server).servingDefault(input, { headers: { "a b": "c" } }));
    """
    with FakeServer(zoo_model("half_plus_two")) as server:
        for shown in over_each(generated / "js", "half_plus_two", server, program):
            codes = [error["code"] for error in shown]
            assert codes == [
                "INVALID_ARGUMENT", "INVALID_ARGUMENT", "UNAUTHENTICATED", "DEADLINE_EXCEEDED",
                "INVALID_ARGUMENT", "INVALID_ARGUMENT", "INVALID_ARGUMENT",
            ]  # fmt: skip
            assert "s\n" not in str(shown[4])
        calls = [call.headers for call in server.calls]
    tokens = [call["authorization"] for call in calls]
    assert tokens == ["Bearer t"] * 2 + [f"Bearer t{n}" for n in range(1, 5)] + [
        "Bearer t", "Bearer t", *(f"Bearer t{n}" for n in range(1, 5))
    ]  # fmt: skip
    assert [(call["x-a"], call["x-b"]) for call in calls[:2]] == [
        ("client", "call"), ("client", "client"),
    ]  # fmt: skip


AUTHORIZED = [
    ({"authorization": "client"}, None, None),
    ({"authorization": "client"}, "t", None),
    ({"Authorization": "client"}, "t", {"authorization": "call"}),
    ({}, "t", {"AUTHORIZATION": "call"}),
]


def test_what_a_call_gives_goes_before_a_token_and_that_before_headers(generated: Path) -> None:
    program = """
    for (const [headers, token, own] of CASES) {
      for (const given of token === null ? [undefined] : [token, () => token]) {
        const client = new Client(server, { headers, token: given });
        const options = own === null ? {} : { headers: own };
        await client.servingDefault({ x: [[1]] }, options);
      }
    }
    """.replace("CASES", json.dumps(AUTHORIZED))
    wanted = ["client", *["Bearer t"] * 2, *["call"] * 4]
    with FakeServer(zoo_model("half_plus_two")) as server:
        over_each(generated / "js", "half_plus_two", server, program)
        for target in (server.rest_target, server.grpc_target):  # as the library has it
            for headers, token, own in AUTHORIZED:
                tokens: list[Token] = [None] if token is None else [token, lambda: "t"]
                for given in tokens:
                    with Client(target, headers=headers, token=given) as client:
                        client.predict("half_plus_two", [[1.0]], headers=own)
        predicts = [call.headers for call in server.calls if call.method == "Predict"]
    assert [headers["authorization"] for headers in predicts] == wanted * 4


def test_binary_headers_are_bytes(generated: Path) -> None:
    program = """
    const client = new Client(server, { headers: { "x-bin": Uint8Array.of(255, 0) } });
    await client.servingDefault({ x: [[1]] });
    for (const headers of [
      { "x-bin": "text" }, { x: Uint8Array.of(1) }, { x: undefined }, { x: null }, { x: 5 },
    ]) {
      await showCall(() => client.servingDefault({ x: [[1]] }, { headers }));
    }
    """
    with FakeServer(zoo_model("half_plus_two")) as server:
        for shown in over_each(generated / "js", "half_plus_two", server, program):
            assert [error["code"] for error in shown] == ["INVALID_ARGUMENT"] * 5
            assert "must be a Uint8Array" in shown[0]["details"]
        rest, grpc = [call.headers["x-bin"] for call in server.calls]
    assert (rest, grpc) == ("/wA=", b"\xff\x00")


def test_headers_that_would_break_the_message_are_refused(generated: Path) -> None:
    wrong: list[Any] = [{"Connection": "close"}, {"transfer-encoding": "chunked"}, {"te": "x"}, "a"]
    wrong += [{"x": value} for value in ("s3cret\n", "s3cret\nx", "s3cret é", " s3cret")]
    program = """
    const client = new Client(server, { timeoutMs: 60_000 });
    for (const headers of WRONG) {
      await showCall(() => client.servingDefault({ x: [[1]] }, { headers }));
    }
    await showCall(() => client.servingDefault({ x: [[1]] }, { headers: new Headers({ a: "b" }) }));
    """.replace("WRONG", json.dumps(wrong))
    with FakeServer(zoo_model("half_plus_two")) as server:
        for *shown, _ in over_each(generated / "js", "half_plus_two", server, program):
            assert [error["code"] for error in shown] == ["INVALID_ARGUMENT"] * len(wrong)
            assert "s3cret" not in str(shown)
        assert [call.headers.get("a") for call in server.calls] == ["b", "b"]


def test_a_hook_that_fails_later_is_only_logged(generated: Path, zoo: Zoo) -> None:
    program = """
    const logged = [];
    console.error = (...given) => logged.push(given.length);
    const onCall = async () => { throw new Error("logged"); };
    await new Client(server, { onCall }).servingDefault({ x: [[1]] });
    await new Promise((resolve) => setTimeout(resolve));
    show(logged);
    """
    assert over_each(generated / "js", "half_plus_two", zoo, program) == ([[2]], [[2]])


def test_a_hook_is_told_of_each_call(generated: Path, zoo: Zoo) -> None:
    program = """
    const told = [];
    const onCall = (call) => {
      const { signature = null, durationMs, error } = call;
      told.push({ ...call, signature, durationMs: durationMs > 0, error: error?.message });
      throw new Error("logged");
    };
    console.error = () => {};
    const client = new Client(server, { onCall, version: 1, verify: true });
    const { version } = await client.model.waitUntilReady();
    await client.servingDefault({ x: [[1], [2]] });
    await client.servingDefault({ x: [["not sent"]] }).catch(() => {});
    const gone = new Client(server, { onCall, model: "gone" });
    await gone.servingDefault({ x: [[1]] }).catch(() => {});
    const slow = new Client(server, { onCall, token: () => new Promise(() => {}), timeoutMs: 50 });
    await slow.servingDefault({ x: [[1]] }).catch(() => {});
    await client.regressXToY({ examples: [{ x: 1 }] }, { signal: AbortSignal.abort() })
      .catch(() => {});
    show(told);
    """.replace("version: 1", f"version: {_version(zoo)}")
    for told in over_each(generated / "js", "half_plus_two", zoo, program):
        status, metadata, predict, gone = told[0]  # the others were not sent
        assert [call["code"] for call in told[0]] == ["OK", "OK", "OK", "NOT_FOUND"]
        assert status["signature"] is metadata["signature"] is None
        assert "metadata" in metadata["path"].lower()
        assert plain(metadata["version"]) == _version(zoo)
        assert (predict["model"], gone["model"]) == ("half_plus_two", "gone")
        assert predict["signature"] == "serving_default"
        assert plain(predict["version"]) == _version(zoo)
        assert predict["durationMs"] is True
        assert min(predict["requestBytes"], predict["responseBytes"]) > 20
        assert gone["responseBytes"] == 0
        where = r'NOT_FOUND: \S*localhost:\d+: model "gone", signature "serving_default": '
        assert re.match(where, gone["error"])


def _version(zoo: Zoo) -> int:
    with Client(zoo.grpc) as client:
        version = client.predict("half_plus_two", [[2.0]]).version
    assert version is not None
    return version


def test_large_batches_are_sent_in_parts(generated: Path, zoo: Zoo) -> None:
    program = """
    let underWay = 0;
    let most = 0;
    const calls = [];
    const token = async () => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return "t";
    };
    const onCall = (call) => calls.push(call.code) && underWay--;
    const client = new Client(server, { token, onCall });
    const rows = Array.from({ length: 10 }, (_, i) => [i]);
    const examples = Array.from({ length: 7 }, (_, i) => ({ x: i }));
    const parts = { batchSize: 3, concurrency: 2 };
    const result = await client.servingDefault({ x: rows }, parts);
    show([result.y.shape, result.y.data, typeof versionOf(result), calls.length, most]);
    show(await client.regressXToY({ examples }, parts));
    show(await client.classifyTwo({ examples, context: { x2: 5 } }, parts));
    await showCall(() => client.servingDefault({ x: rows }, { batchSize: 0 }));
    for (const concurrency of [0.5, 0, -1, NaN, null, "2"]) {
      for (const size of [{}, { batchSize: 3 }, { batchSize: 300 }]) {
        await showCall(() => client.servingDefault({ x: rows }, { ...size, concurrency }));
      }
    }
    await showCall(() => client.servingDefault({ x: rows }, { batchSize: 3, signal: {} }));
    const signal = AbortSignal.abort();
    await showCall(() => client.servingDefault({ x: rows }, { ...parts, signal }));
    calls.length = 0;
    const gone = new Client(server, { model: "gone", onCall });
    await showCall(() => gone.servingDefault({ x: rows }, { batchSize: 1, concurrency: 3 }));
    show(calls.length <= 6);
    """
    rest, grpc = over_each(generated / "js", "half_plus_two", zoo, program)
    with Client(zoo.grpc) as client:
        wanted = client.predict("half_plus_two", {"x": np.arange(10, dtype="f")[:, None]})
        examples = [{"x": float(i)} for i in range(7)]
        numbers = client.regress("half_plus_two", examples, signature="regress_x_to_y")
    for shown, version in ((rest, "undefined"), (grpc, "bigint")):
        result, regressed, classes, *errors, few = shown
        assert result == [[10, 1], wanted["y"].ravel().tolist(), version, 4, 2]
        assert regressed == numbers.tolist()
        assert len(classes) == 7
        codes = [error["code"] for error in errors]
        assert codes == ["INVALID_ARGUMENT"] * 20 + ["CANCELLED", "NOT_FOUND"]
        assert few is True


def test_what_cannot_be_put_together_is_refused(generated: Path, zoo: Zoo) -> None:
    parts = "{ batchSize: 1 }"
    calls = [
        f"uneven({{ x: [[1, 2], [3, 4]] }}, {parts})",
        f"uneven({{ x: [[1, 2], [3, 4]] }}, {{ ...{parts}, outputs: ['rows'] }})",
    ]
    uneven, rows = on_both(generated / "js", zoo, "ranks", calls)
    assert uneven["code"] == "INVALID_ARGUMENT"
    assert "output columns has shape [2] for a batch of 1" in uneven["details"]
    assert rows["rows"]["shape"][0] == 2


def test_bodies_are_compressed_on_wish(generated: Path, zoo: Zoo) -> None:
    program = """
    const { connect } = await import(`${process.cwd()}/grpc.js`);
    const { HalfPlusTwoClient } = await import(`${process.cwd()}/half_plus_two.js`);
    for (const server of given) {
      const client = new HalfPlusTwoClient(server, { gzip: true });
      show((await client.servingDefault({ x: [[2], [3]] })).y.data);
    }
    const connection = connect("localhost:1");
    await showCall(async () => new HalfPlusTwoClient(connection, { gzip: true }));
    connection.close();
    """
    with FakeServer(zoo_model("half_plus_two")) as server:
        given = [zoo.rest, server.rest_target]
        real, fake, refused = node(program, generated / "js", given)
        (call,) = server.calls
    assert (real, fake) == ([4, 4.5], [0, 0])
    assert call.headers["content-encoding"] == "gzip"
    assert refused["code"] == "INVALID_ARGUMENT"


def test_several_signatures_run_on_the_same_examples(generated: Path, zoo: Zoo) -> None:
    examples = "{ examples: [{ x: 1 }, { x: [2.5] }], context: { x2: 3 } }"
    methods = '["regressXToY", "classifyTwo"]'
    calls = [
        f"multiInference({methods}, {examples})",
        f"multiInference({methods}, {examples}, {{ batchSize: 1 }})",
    ]
    came, in_parts = over_grpc(generated / "js", zoo, "half_plus_two", calls)
    assert in_parts == came
    given = [{"x": 1.0}, {"x": 2.5}], {"x2": 3.0}
    with Client(zoo.grpc) as client:
        numbers = client.regress("half_plus_two", *given, signature="regress_x_to_y")
        classes = client.classify("half_plus_two", *given, signature="classify_two")
    assert came["regressXToY"] == numbers.tolist()
    assert [[(c["label"], c["score"]) for c in each] for each in came["classifyTwo"]] == classes
    assert len(came) == 2


def test_only_signatures_of_examples_run_together(generated: Path, zoo: Zoo) -> None:
    calls = [f"multiInference({names}, {{ examples: [{{ x: 1 }}] }})" for names in (
        '["servingDefault"]', '["toString"]', "[]", "5", '["regressXToY", "regressXToY"]',
    )]  # fmt: skip
    program = f"""
    const {{ connect }} = await import(`${{process.cwd()}}/grpc.js`);
    const {{ HalfPlusTwoClient }} = await import(`${{process.cwd()}}/half_plus_two.js`);
    const connection = connect(given);
    const client = new HalfPlusTwoClient(connection);
    {"".join(f"await showCall(() => client.{call});" for call in calls)}
    connection.close();
    """
    for error in node(program, generated / "js", zoo.grpc):
        assert error["code"] == "INVALID_ARGUMENT"
