"""Generated JavaScript and TypeScript: their languages' own checks pass, and names stay names."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tfsclient_gen import LeftOut, generate
from tfsclient_gen.languages.js import files as js
from tfsclient_gen.languages.js.methods import methods as js_methods
from tfsclient_gen.target import Run

from tests.conftest import tool
from tests.generator.hostile import HOSTILE
from tests.generator.js.clients import (
    LANGUAGES,
    ROOT,
    SAMPLES,
    TOOLS,
    compile_all,
    hostile_model,
    large_model,
    loadable,
    module_of,
    node,
    run,
    write,
    zoo_model,
)
from tfsclient._inputs.example import serialize
from tfsclient.dtypes import DType
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]


def test_the_runtime_by_itself() -> None:
    run(tool("node"), "--test", TOOLS, cwd=ROOT)


def test_the_runtime_is_made_from_typescript(npm: Path) -> None:
    run(tool("node"), ROOT / "codegen" / "dev" / "js.mjs", "--check", cwd=npm.parent)


def test_files_are_formatted(generated: Path, npm: Path) -> None:
    prettier = npm / ".bin" / "prettier"
    # What tests of calls compile or put beside the clients is not of the generator's making.
    clients = ["{js,ts}/*.{js,ts,md}", "{js,ts}/serving/*", "{js,ts}/package.json"]
    clients += ["js/hostile-*/*.{js,ts,md}"]
    run(prettier, "--check", *clients, cwd=generated)
    run(prettier, "--check", TOOLS, "codegen/dev/js.mjs", cwd=ROOT)


def test_linters_find_nothing(generated: Path, npm: Path) -> None:
    names = ",".join([*SAMPLES, "hostile", module_of(large_model()), "index", "grpc", "serving/*"])
    linted = [f"{language}/{{{names}}}.{language}" for language in ("js", "ts")]
    # They ask linters to pass over them; here they are looked at.
    checks = ["--no-inline-config", "--max-warnings=0"]
    run(npm / ".bin" / "eslint", *checks, *linted, cwd=generated)


@pytest.mark.parametrize("library", ["ES2022,DOM", "ES2022"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_typescript_accepts_right_use_only(
    generated: Path, built: Path, npm: Path, language: str, library: str
) -> None:
    if (language, library) != ("ts", "ES2022,DOM"):  # which is how they were built
        compile_all(generated / language, npm, noEmit=True, lib=library.split(","))


@pytest.mark.language("ts")
def test_users_test_their_code_without_a_server(built: Path) -> None:
    run(tool("node"), "--test", built / "offline.js", cwd=built)


@pytest.mark.language("ts")
def test_a_typescript_package_compiles_by_its_own_settings(npm: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(npm)
    write(zoo_model("estimator"), "ts", tmp_path / "client")
    run(npm / ".bin" / "tsc", "--project", tmp_path / "client", cwd=tmp_path)
    names = ["index.js", "estimator.d.ts", "grpc.js", "grpc.d.ts", "serving/model.js"]
    assert all((tmp_path / "client" / "dist" / name).is_file() for name in names)


def test_every_client_loads_and_nothing_else_runs(generated: Path) -> None:
    program = """
    for (const name of given) {
      const { ServingError, ...clients } = await import(`${process.cwd()}/${name}.js`);
      const [Client] = Object.values(clients);
      const client = new Client("http://localhost", { model: "m" });
      if (typeof ServingError !== "function" || !(client instanceof Client)) throw name;
      show(Client.name);
    }
    """
    models = [*map(zoo_model, loadable()), hostile_model(), large_model()]
    hostile = [f"hostile-{number}/index" for number in range(len(HOSTILE))]
    names = [*map(module_of, models), *hostile]
    classes = node(program, generated / "js", names)
    assert len(classes) == len(names)
    assert all(name.isidentifier() and name.endswith("Client") for name in classes)
    assert not list(generated.rglob("pwned"))


def _calls(model: Model) -> list[dict[str, Any]]:
    """How the client says each signature and tensor, beside what the server says."""
    return [
        {
            "wire": m.name.wire,
            "method": m.name.ident,
            "inputs": {t.name.wire: t.name.ident for t in m.inputs},
            "outputs": {t.name.wire: t.name.ident for t in m.outputs},
            "features": {f.name.wire: f.name.ident for f in m.features or ()},
        }
        for m in js_methods(model)
    ]


@pytest.mark.parametrize("name", ["awkward", "hostile"])
def test_names_reach_the_wire_unchanged(generated: Path, name: str) -> None:
    model = hostile_model() if name == "hostile" else zoo_model(name)
    *calls, examples = _calls(replace(model, signatures=model.usable()))
    calls += [examples] * (name == "awkward")
    program = """
    const clients = await import(`${process.cwd()}/${given.name}.js`);
    let names, body;
    const fetch = async (url, options) => {
      body = options.body;
      const outputs = names.map((name, i) => `${JSON.stringify(name)}: [${i}.0]`);
      return new Response(`{"outputs": {${outputs.join()}}}`);
    };
    const client = new clients[given.client]("http://localhost", { fetch });
    for (const { method, inputs, outputs } of given.calls) {
      names = Object.keys(outputs);
      const values = Object.values(inputs).map((ident, i) => [ident, [i]]);
      const result = await client[method](Object.fromEntries(values));
      const got = Object.entries(result).map(([ident, tensor]) => [ident, tensor.data[0]]);
      show([body, Object.fromEntries(got)]);
    }
    """
    given = {"name": name, "client": f"{name.capitalize()}Client", "calls": calls}
    for call, (body, got) in zip(calls, node(program, generated / "js", given), strict=True):
        sent = json.loads(body)
        assert sent["signature_name"] == call["wire"]
        assert sent["inputs"] == {wire: [i] for i, wire in enumerate(call["inputs"])}
        assert got == {ident: i for i, ident in enumerate(call["outputs"].values())}


def test_features_reach_the_wire_unchanged(generated: Path) -> None:
    signature = hostile_model().signatures["examples"]
    (call,) = _calls(Model("hostile", None, {"examples": signature}))
    program = """
    const { HostileClient } = await import(`${process.cwd()}/hostile.js`);
    let body;
    const fetch = async (url, options) => {
      body = options.body;
      return new Response('{"outputs": [1.0]}');
    };
    const client = new HostileClient("http://localhost", { fetch });
    const values = Object.values(given.features).map((ident, i) => [
      ident,
      [1, 2n ** 62n, new Uint8Array([255])][i % 3],
    ]);
    const examples = [Object.fromEntries(values)];
    await client[given.method]({ [Object.values(given.inputs)[0]]: examples });
    show(body);
    """
    (body,) = node(program, generated / "js", call)
    ((sent,),) = json.loads(body)["inputs"].values()
    values = [1.0, 1 << 62, b"\xff"]
    example = {name: values[i % 3] for i, name in enumerate(call["features"])}
    assert base64.b64decode(sent["b64"]) == serialize(example)


def test_a_package_can_be_imported_by_its_name(npm: Path, tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    write(zoo_model("half_plus_two"), "js", modules / "half-plus-two-client")
    (modules / "@grpc").symlink_to(npm / "@grpc")
    program = """
    for (const path of ["", "/half_plus_two", "/grpc", "/grpc.js"]) {
      show(Object.keys(await import(`half-plus-two-client${path}`)).join());
    }
    """
    client = "HalfPlusTwoClient,ServingError,versionOf"
    assert node(program, tmp_path) == [client, client, "connect", "connect"]


def test_what_is_left_out_is_told() -> None:
    gone = [LeftOut("*/\nalert(1)", "input 'x' is float16, which has no form in JSON", ("more",))]
    module = js.javascript(Run(zoo_model("half_plus_two"), left_out=gone))["half_plus_two.js"]
    told = " ".join(module.split("\n// ")[1:])
    assert "Left out: '*/\\nalert(1)': input 'x' is float16" in told
    assert "form in JSON; more" in told


def test_an_example_of_optional_features_shows_one() -> None:
    inputs = {"examples": TensorSpec("examples", DType("string"), (-1,))}
    outputs = {"y": TensorSpec("y", DType("float32"), (-1,))}
    features = {n: FeatureSpec(n, DType("float32"), required=False) for n in ("age", "height")}
    signature = Signature("s", inputs, outputs, example_input="examples", features=features)
    readme = generate(Model("m", None, {"s": signature}), "ts")["README.md"]
    assert "examples: [{ age: [0] }]" in readme or "examples: [{ age: 0 }]" in readme


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_seen_in_names_is_an_escape(language: str) -> None:
    model = replace(hostile_model(), name="bidi\u202ezero\u200b\x07")
    for path, text in generate(model, language).items():
        if path != "tfsclient.lock.json":
            shown = text.replace("\n", "")
            assert shown.isprintable(), (path, [c for c in shown if not c.isprintable()])


def test_what_only_grpc_carries_is_told() -> None:
    files = generate(zoo_model("dtypes"), "ts")
    assert "Over gRPC only: input 'x' is float16" in files["dtypes.ts"]
    assert "`idFloat16`, over gRPC only: input 'x' is float16" in files["README.md"]


def test_the_readme_makes_a_picture_only_if_one_is_sent() -> None:
    for dtype, made in (("string", True), ("float32", False)):
        specs = {"picture": TensorSpec("picture", DType(dtype), (-1,))}
        model = Model("m", None, {"s": Signature("s", specs, specs)})
        assert ("const png" in generate(model, "js")["README.md"]) is made


def test_a_healthy_name_keeps_its_identifier_beside_awkward_ones() -> None:
    specs = {n: TensorSpec(n, DType("float32"), (-1,)) for n in ("aB", "a_b", "a-b", "x")}
    signatures = {
        n: Signature(n, specs, specs) for n in ("aB", "a_b", "a-b", "constructor", "then")
    }
    calls = {call["wire"]: call for call in _calls(Model("m", None, signatures))}
    assert {w: c["method"] for w, c in calls.items()} == {
        "aB": "aB", "a_b": "aB2", "a-b": "aB3", "constructor": "constructor2", "then": "then2",
    }  # fmt: skip
    assert calls["aB"]["inputs"] == {"aB": "aB", "a_b": "aB2", "a-b": "aB3", "x": "x"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_version_plays_no_part(language: str) -> None:
    model = zoo_model("half_plus_two")
    assert generate(model, language) == generate(replace(model, version=7), language)
