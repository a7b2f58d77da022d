"""Fakes for users' own tests: what they answer has to fit, and they fail as servers do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Zoo
from tests.generator.js.clients import node

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]


def on_fakes(folder: Path, answers: str, program: str) -> tuple[list[Any], list[Any]]:
    """What a program shows with a client in front of a fake, by its fetch and its connection."""
    whole = f"""
    const {{ HalfPlusTwoClient, ServingError, versionOf }} =
      await import(`${{process.cwd()}}/half_plus_two.js`);
    const {{ fakeConnection, fakeFetch, fakeModel }} =
      await import(`${{process.cwd()}}/testing.js`);
    const answers = {answers};
    const fake = fakeModel(HalfPlusTwoClient, answers);
    const connection = fakeConnection(fake);
    for (const [server, options] of [
      ["http://fake", {{ fetch: fakeFetch(fake), retries: 0 }}], [connection, {{ retries: 0 }}],
    ]) {{
      const client = new HalfPlusTwoClient(server, options);
      {program}
      show("end");
    }}
    """
    shown = node(whole, folder)
    end = shown.index("end")
    return shown[:end], shown[end + 1 : -1]


MISFITS = {
    "undefined": ("must be an object, not undefined", "not a list", "not a list"),
    "null": ("must be an object, not null", "not a list", "not a list"),
    "({})": ("output y is missing", "not a list of lists", "not a list of numbers"),
    "[]": ("output y is missing", "0 results came for 1", "0 results came for 1"),
    "[[], []]": ("no output 0", "2 results came for 1", "2 results came for 1"),
    "[5]": ("no output 0", "example 0 has 5, not a list", None),
    "['x']": ("no output 0", "example 0 has", 'example 0 has "x", not a number'),
    "[[null]]": ("no output 0", "not { label, score } each", "example 0 has"),
    "[[{ label: 5, score: 1 }]]": ("no output 0", "not { label, score } each", "example 0 has"),
    "[[{ label: 'a', score: 'b' }]]": ("no output", "not { label, score } each", "example 0 has"),
    "({ y: { data: [1], shape: [1] } })": ("output y has shape [1]", "not a list", "not a list"),
    "({ y: [['a']] })": ('output y holds, at index 0, "a"', "not a list", "not a list"),
    "({ y: [[1]], z: 1 })": ("there is no output z", "not a list", "not a list"),
}


def test_an_answer_that_does_not_fit_is_the_fakes_fault(generated: Path) -> None:
    answers = """(() => {
      const answer = async () => eval(globalThis.given);
      return { servingDefault: answer, classifyTwo: answer, regressXToY: answer };
    })()"""
    program = f"""
    for (globalThis.given of {[*MISFITS]}) {{
      await showCall(() => client.servingDefault({{ x: [[1]] }}));
      await showCall(() => client.classifyTwo({{ examples: [{{ x: 1 }}] }}));
      await showCall(() => client.regressXToY({{ examples: [{{ x: 1 }}] }}));
    }}
    """
    wanted = [why for reasons in MISFITS.values() for why in reasons]
    for shown in on_fakes(generated / "js", answers, program):
        for came, why in zip(shown, wanted, strict=True):
            if why is None:
                assert came == [5]
                continue
            assert came["code"] == "INTERNAL", came
            assert came["details"].startswith("the fake's answer does not fit: ")
            assert why in came["details"]


# What the real server's statuses leave of the codes.
OVER_REST = {
    "UNKNOWN": "INTERNAL",
    "ALREADY_EXISTS": "ABORTED",
    "FAILED_PRECONDITION": "INVALID_ARGUMENT",
    "OUT_OF_RANGE": "INVALID_ARGUMENT",
    "DATA_LOSS": "INTERNAL",
}
CODES = [
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    "UNAUTHENTICATED",
]  # fmt: skip


def test_an_error_has_the_code_that_a_server_would_give_it(generated: Path) -> None:
    answers = '{ servingDefault: () => { throw new ServingError(globalThis.given, "why"); } }'
    program = f"""
    for (globalThis.given of {CODES}) await showCall(() => client.servingDefault({{ x: [[1]] }}));
    """
    rest, direct = on_fakes(generated / "js", answers, program)
    assert [error["code"] for error in direct] == CODES
    assert [error["code"] for error in rest] == [OVER_REST.get(code, code) for code in CODES]
    assert {error["details"] for error in [*rest, *direct]} == {"why"}


def test_one_answer_can_be_given_again_and_is_like_a_servers(generated: Path) -> None:
    answers = """(() => {
      const classes = [[{ label: "a", score: 0.1 }]];
      return { classifyTwo: () => classes, regressXToY: () => [0.1] };
    })()"""
    program = """
    for (const version of [1, 2n ** 53n + 1n, 2n ** 63n - 1n]) {
      const client = new HalfPlusTwoClient(server, { ...options, version });
      for (const call of ["classifyTwo", "regressXToY"]) {
        const result = await client[call]({ examples: [{ x: 1 }] });
        show([String(versionOf(result)), result[0][0]?.score ?? result[0]]);
      }
      show(String((await client.model.metadata()).version));
    }
    """
    for shown in on_fakes(generated / "js", answers, program):
        wanted: list[Any] = []
        for version in ("1", "9007199254740993", "9223372036854775807"):
            wanted += [[version, 0.10000000149011612]] * 2 + [version]
        assert shown == wanted


def test_a_connection_that_was_closed_is(generated: Path) -> None:
    program = """
    await showCall(async () => fakeModel(HalfPlusTwoClient));
    connection.close();
    await showCall(() => client.model.status());
    """
    rest, direct = on_fakes(generated / "js", "{}", program)
    assert "code" not in rest[1]
    assert direct[1]["code"] == "CANCELLED"
    assert "object of functions, not undefined" in rest[0]["details"]


def test_what_passes_through_a_fake_comes_as_from_a_server(generated: Path, zoo: Zoo) -> None:
    program = """
    const from = (name) => import(`${process.cwd()}/${name}.js`);
    const [{ connect }, { fakeConnection, fakeFetch, fakeModel }] =
      [await from("grpc"), await from("testing")];
    const [{ DtypesClient }, { StringsClient }] = [await from("dtypes"), await from("strings")];
    const same = ({ x }) => ({ y: x });
    const fakes = [
      fakeModel(DtypesClient, { idString: same, idFloat16: same, idBfloat16: same }),
      fakeModel(StringsClient, { testAssign: ({ b }) => ({ assigned: b }) }),
    ];
    const connection = connect(given.grpc);
    for (const [server, fetch] of [
      [given.rest], [connection], ["http://fake", fakeFetch(...fakes)], [fakeConnection(...fakes)],
    ]) {
      const options = fetch ? { fetch } : {};
      const dtypes = new DtypesClient(server, options);
      for (const bytes of [[255], [97], [195, 169, 34, 92, 10, 127], []]) {
        const x = [Uint8Array.from(bytes)];
        await showCall(() => dtypes.idString({ x }));
        await showCall(() => dtypes.idString({ x }, { strings: "bytes" }));
      }
      await showCall(() => new StringsClient(server, options).testAssign({ b: "a" }));
      for (const call of ["idFloat16", "idBfloat16"]) {
        await showCall(() => dtypes[call]({ x: [0.1, -1e-9, NaN, -Infinity] }));
      }
    }
    connection.close();
    """
    shown = node(program, generated / "js", {"rest": zoo.rest, "grpc": zoo.grpc})
    for one in shown:
        one.pop("httpStatus", None)
    rest, grpc, over_rest, direct = (shown[at : at + 11] for at in range(0, 44, 11))
    assert (rest, direct) == (over_rest, grpc)
    assert (rest[:9], rest[0]["code"]) == (grpc[:9], "FAILED_PRECONDITION")
    assert rest[9]["code"] == "UNIMPLEMENTED"  # halves have no form in JSON
    assert grpc[9]["y"]["data"][0] == 0.0999755859375


def test_a_fake_gets_floats_as_a_server_does(generated: Path) -> None:
    answers = "{ regressXToY: ({ examples }) => [examples[0].x[0] === Math.fround(0.1) ? 1 : 0] }"
    program = "show(Array.from(await client.regressXToY({ examples: [{ x: 0.1 }] })));"
    assert on_fakes(generated / "js", answers, program) == ([[1]], [[1]])


def test_a_fake_gets_a_lone_string_as_text_on_every_way(generated: Path) -> None:
    program = """
    const { StringsClient } = await import(`${process.cwd()}/strings.js`);
    const { fakeConnection, fakeFetch, fakeModel } = await import(`${process.cwd()}/testing.js`);
    const fake = fakeModel(StringsClient, {
      testAssign: ({ b }) => { show(b.data); return { assigned: "done" }; },
    });
    for (const [server, fetch] of [["http://fake", fakeFetch(fake)], [fakeConnection(fake)]]) {
      const client = new StringsClient(server, fetch ? { fetch } : {});
      for (const b of ["\u00e9", Uint8Array.from([97]), Uint8Array.from([255])]) {
        await client.testAssign({ b });
      }
    }
    """
    assert node(program, generated / "js") == [["\u00e9"], ["a"], [{"bytes": [255]}]] * 2


def test_bytes_come_as_bytes_from_a_fake(generated: Path) -> None:
    program = """
    const { RawPngClient } = await import(`${process.cwd()}/raw_png.js`);
    const { fakeConnection, fakeFetch, fakeModel } = await import(`${process.cwd()}/testing.js`);
    const tensor = (data, ...shape) => ({ data, shape });
    const fake = fakeModel(RawPngClient, { servingDefault: () => ({
      label: tensor(["a"], 1), scores: tensor(new Float32Array(10), 1, 10),
      thumbBytes: tensor(["a"], 1),
    }) });
    for (const [server, options] of [
      ["http://fake", { fetch: fakeFetch(fake) }], [fakeConnection(fake), {}],
    ]) {
      const client = new RawPngClient(server, options);
      const { label, thumbBytes } = await client.servingDefault({ imageBytes: ["x"] });
      show([label.data[0], thumbBytes.data[0]]);
    }
    """
    assert node(program, generated / "js") == [["a", {"bytes": [97]}]] * 2
