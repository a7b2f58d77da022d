"""Generated JavaScript: its language's own checks pass, and it gives what the library gives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfsclient_gen import LeftOut, Options, generate
from tfsclient_gen.languages import js

from tests.conftest import CONFORMANCE, ZOO, Zoo, missing, tool
from tests.generator.hostile import HOSTILE
from tfsclient import Client, rest_json, sources
from tfsclient.dtypes import DType
from tfsclient.schema import Model, Signature, TensorSpec

pytestmark = pytest.mark.language("js")

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(__file__).parent / "js"
_NOT_OURS = "!**/tfsclient.lock.json"
MODELS = ("half_plus_two", "dtypes", "awkward", "raw_png", "bert", "ranks")


def run(*command: str | Path, cwd: Path, stdin: str = "") -> str:
    """What the command printed; it must end well."""
    done = subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def node(program: str, cwd: Path, given: Any = None) -> str:
    """What the module printed; ``given`` is a variable in it."""
    lead = 'import { readFileSync } from "node:fs";\nconst given = JSON.parse(readFileSync(0));\n'
    command = [tool("node"), "--input-type=module", "-e", lead + program]
    return run(*command, cwd=cwd, stdin=json.dumps(given))


def write(model: Model, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for path, text in generate(model, "js").items():
        (folder / path).write_text(text, "utf-8")
    return folder


def zoo_model(name: str) -> Model:
    return sources.from_saved_model(ZOO / name, name)


def hostile_model(name: str) -> Model:
    """A model whose signatures and tensors have every hostile name there is."""
    specs = {n: TensorSpec(n, DType("float32"), (-1,)) for n in HOSTILE}
    return Model(name, None, {n: Signature(n, specs, specs) for n in HOSTILE})


def large_model() -> Model:
    """A model with more dimensions, and longer lines, than fit one line."""
    long = "a_name_that_takes_most_of_the_line_" * 3
    shape = (-1, 1000, *[1] * 40)
    specs = {n: TensorSpec(n, DType("int64"), shape) for n in ("x", long, f"{long}?")}
    return Model(long, None, {n: Signature(n, specs, specs) for n in ("s", long)})


@pytest.fixture(scope="session")
def npm() -> Path:
    """The programs that npm brings, installed once for this checkout."""
    folder = ROOT / ".cache" / "npm"
    lock = (TOOLS / "package-lock.json").read_bytes()
    stamp = folder / "installed.json"
    if not stamp.is_file() or stamp.read_bytes() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(TOOLS / name, folder / name)
        command = [tool("npm"), "ci", "--no-audit", "--no-fund"]
        if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
            missing("what npm installs (is there a network?)")
        stamp.write_bytes(lock)
    shutil.copy(TOOLS / "eslint.config.js", folder / "eslint.config.js")
    return folder


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clients, healthy and hostile."""
    folder = tmp_path_factory.mktemp("js")
    for name in MODELS:
        write(zoo_model(name), folder / name)
    for number, name in enumerate(HOSTILE):
        write(replace(zoo_model("half_plus_two"), name=name), folder / f"hostile-{number}")
    write(hostile_model("hostile"), folder / "hostile")
    write(large_model(), folder / "large")
    return folder


def test_the_runtime_by_itself() -> None:
    run(tool("node"), "--test", TOOLS, cwd=ROOT)


def test_files_are_formatted(generated: Path, npm: Path) -> None:
    prettier = npm / "node_modules" / ".bin" / "prettier"
    run(prettier, "--check", "*/{index,package,README}.*", "large/*", _NOT_OURS, cwd=generated)
    run(prettier, "--check", TOOLS, cwd=ROOT)


def test_linters_find_nothing(generated: Path, npm: Path) -> None:
    eslint = npm / "node_modules" / ".bin" / "eslint"
    files = ["*/index.js", "large/*.js"]
    run(eslint, "--config", npm / "eslint.config.js", "--max-warnings=0", *files, cwd=generated)


@pytest.mark.parametrize("library", ["ES2022,DOM", "ES2022"])
def test_typescript_accepts_declarations_and_right_use_only(
    generated: Path, npm: Path, library: str
) -> None:
    (generated / "use.mts").write_text(_USE, "utf-8")
    types: list[str | Path] = ["--types", "node"] if library == "ES2022" else ["--types", ""]
    tsc = npm / "node_modules" / ".bin" / "tsc"
    strict = ["--strict", "--noEmit", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"]
    target = ["--module", "nodenext", "--target", "es2022", "--lib", library]
    roots: list[str | Path] = ["--typeRoots", npm / "node_modules" / "@types"]
    clients = [path for path in generated.glob("*/*.d.ts") if path.name == "index.d.ts"]
    run(tsc, *strict, *target, *types, *roots, *clients, "use.mts", cwd=generated)


_USE = """
import { DtypesClient, ServingError, type Code } from "./dtypes/index.js";
import { HalfPlusTwoClient } from "./half_plus_two/index.js";
import { RawPngClient } from "./raw_png/index.js";

const half = new HalfPlusTwoClient(new URL("http://h"), { version: 1, headers: { a: "b" } });
const { y } = await half.servingDefault({ x: [[1], [2]] }, { timeoutMs: 5 });
const floats: Float32Array = y.data;
const shape: readonly number[] = y.shape;
await half.servingDefault({ x: { data: floats, shape } });
await half.servingDefault({ x: [new Float64Array(1)] });
// @ts-expect-error strings are no floats
await half.servingDefault({ x: [["1"]] });
// @ts-expect-error x is missing
await half.servingDefault({});
// @ts-expect-error there is no z
await half.servingDefault({ x: [[1]], z: 1 });

const dtypes = new DtypesClient("http://h", { label: "stable", fetch });
const big: BigInt64Array = (await dtypes.idInt64({ x: [1n, 2] })).y.data;
const unsigned: BigUint64Array = (await dtypes.idUint64({ x: new BigUint64Array(1) })).y.data;
const flags: boolean[] = (await dtypes.idBool({ x: [true] })).y.data;
const texts: string[] = (await dtypes.idString({ x: ["a", new Uint8Array(1)] })).y.data;
// @ts-expect-error a float is no boolean
await dtypes.idBool({ x: [1] });

const bytes: Uint8Array[] = (await new RawPngClient("http://h").servingDefault({
  imageBytes: [new Uint8Array(1)],
})).thumbBytes.data;

try {
  await half.servingDefault({ x: 1 });
} catch (error) {
  if (error instanceof ServingError) {
    const code: Code = error.code;
    const status: number | undefined = error.httpStatus;
    console.log(code, status, error.details, big, unsigned, flags, texts, bytes);
  }
}
"""


def test_every_client_loads_and_nothing_else_runs(generated: Path) -> None:
    program = """
    for (const name of given) {
      const { ServingError, ...clients } = await import(`${process.cwd()}/${name}/index.js`);
      const [Client] = Object.values(clients);
      const client = new Client("http://localhost", { model: "m" });
      if (typeof ServingError !== "function" || !(client instanceof Client)) throw name;
      console.log(Client.name);
    }
    """
    names = sorted(path.parent.name for path in generated.glob("*/index.js"))
    classes = node(program, generated, names).splitlines()
    assert len(classes) == len(MODELS) + len(HOSTILE) + 2
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
        }
        for m in js._methods(model)
    ]


@pytest.mark.parametrize("name", ["awkward", "hostile"])
def test_names_reach_the_wire_unchanged(generated: Path, name: str) -> None:
    model = hostile_model(name) if name == "hostile" else zoo_model(name)
    calls = _calls(replace(model, signatures=model.usable()))
    program = """
    const clients = await import(`${process.cwd()}/${given.name}/index.js`);
    let names, body;
    const fetch = async (url, options) => {
      body = options.body;
      const outputs = names.map((name, i) => `${JSON.stringify(name)}: [${i}.0]`);
      return new Response(`{"outputs": {${outputs.join()}}}`);
    };
    const client = new clients[given.client]("http://localhost", { fetch });
    const seen = [];
    for (const { method, inputs, outputs } of given.calls) {
      names = Object.keys(outputs);
      const values = Object.values(inputs).map((ident, i) => [ident, [i]]);
      const result = await client[method](Object.fromEntries(values));
      const got = Object.entries(result).map(([ident, tensor]) => [ident, tensor.data[0]]);
      seen.push([body, Object.fromEntries(got)]);
    }
    console.log(JSON.stringify(seen));
    """
    given = {"name": name, "client": f"{name.capitalize()}Client", "calls": calls}
    seen = json.loads(node(program, generated, given))
    for call, (body, got) in zip(calls, seen, strict=True):
        sent = json.loads(body)
        assert sent["signature_name"] == call["wire"]
        assert sent["inputs"] == {wire: [i] for i, wire in enumerate(call["inputs"])}
        assert got == {ident: i for i, ident in enumerate(call["outputs"].values())}


def test_recorded_answers_read_as_the_library_reads_them(tmp_path: Path) -> None:
    cases, expected = [], []
    for line in (CONFORMANCE / "transcripts" / "rest.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        name = record["path"].removeprefix("/v1/models/").removesuffix(":predict")
        body = record.get("response_body") or ""
        if name not in MODELS or record["status"] != 200 or not body.startswith('{\n    "outputs"'):
            continue
        signature = json.loads(record["body"]).get("signature_name") or "serving_default"
        outputs = zoo_model(name).signatures[signature].outputs
        specs = {n: {"name": n, "dtype": s.dtype, "shape": s.shape} for n, s in outputs.items()}
        cases.append([list(specs.values()), body])
        expected.append(rest_json.decode_predict(body.encode(), outputs, None))
    assert len(cases) > 100
    program = """
    const { decodeAnswer } = await import(given.module);
    const plain = (v) => (v instanceof Uint8Array ? Array.from(v) : { text: String(v) });
    for (const [specs, body] of given.cases) {
      const outputs = Object.fromEntries(specs.map((spec, i) => [`k${i}`, spec]));
      const result = decodeAnswer({ outputs }, new TextEncoder().encode(body));
      const tensors = Object.values(result);
      console.log(JSON.stringify(tensors.map((t) => [t.shape, Array.from(t.data, plain)])));
    }
    """
    module = (ROOT / "templates" / "js" / "outputs.js").as_uri()
    lines = node(program, tmp_path, {"module": module, "cases": cases}).rstrip("\n").split("\n")
    for (_, body), wanted, line in zip(cases, expected, lines, strict=True):
        for array, (shape, data) in zip(wanted.values(), json.loads(line), strict=True):
            assert list(array.shape) == shape, body
            for value, came in zip(array.reshape(-1).tolist(), data, strict=True):
                assert _is_same(value, came), body


def _is_same(value: Any, came: Any) -> bool:
    """Whether JavaScript's text of a value, or a list of bytes, is the value."""
    if isinstance(came, list):
        return bool(bytes(came) == value)
    text = came["text"]
    if isinstance(value, bytes):
        return bool(text.encode() == value)
    if isinstance(value, bool):
        return bool(text == str(value).lower())
    if isinstance(value, float):
        return bool(np.array_equal(value, float(text.replace("Infinity", "inf")), equal_nan=True))
    return bool(int(text) == value)


@pytest.mark.parametrize("model", ["half_plus_two", "raw_png", "bert"])
def test_the_readme_runs_as_it_stands(generated: Path, zoo: Zoo, model: str) -> None:
    readme = (generated / model / "README.md").read_text("utf-8")
    program = readme.split("```js\n")[1].split("```")[0]
    example = generated / model / "example.mjs"
    example.write_text(program.replace("http://localhost:8501", zoo.rest), "utf-8")
    assert "data: Float32Array" in run(tool("node"), example, cwd=generated)
    example.unlink()


def test_it_gives_what_the_library_gives(generated: Path, zoo: Zoo) -> None:
    program = """
    const { DtypesClient } = await import(`${process.cwd()}/dtypes/index.js`);
    const client = new DtypesClient(given);
    const result = await client.rest({
      bool: [true, false],
      float32: [NaN, -0],
      float64: new Float64Array([1 / 3, -Infinity]),
      int8: [-128, 127],
      int16: [-32768, 32767],
      int32: new Int32Array([-2147483648, 2147483647]),
      int64: [2n ** 63n - 1n, -5],
      string: ["é\\0", new Uint8Array([104, 105])],
      uint8: { data: [0, 255], shape: [2] },
      uint32: [0, 4294967295],
      uint64: [18446744073709551615n, 0],
    });
    for (const [name, { data, shape }] of Object.entries(result)) {
      console.log(name, shape, ...Array.from(data, (v) => Object.is(v, -0) ? "-0" : String(v)));
    }
    """
    shown = node(program, generated, zoo.rest)
    with Client(zoo.rest) as client:
        same = client.predict("dtypes", {"x": [1 / 3]}, signature="id_float64").only()
    assert shown.splitlines() == [
        "bool [ 2 ] true false",
        "float32 [ 2 ] NaN -0",
        f"float64 [ 2 ] {float(same[0])!r} -Infinity",
        "int16 [ 2 ] -32768 32767",
        "int32 [ 2 ] -2147483648 2147483647",
        "int64 [ 2 ] 9223372036854775807 -5",
        "int8 [ 2 ] -128 127",
        "string [ 2 ] é\0 hi",
        "uint32 [ 2 ] 0 4294967295",
        "uint64 [ 2 ] 18446744073709551615 0",
        "uint8 [ 2 ] 0 255",
    ]


def test_errors_and_versions_on_a_real_server(generated: Path, zoo: Zoo) -> None:
    program = """
    const module = await import(`${process.cwd()}/half_plus_two/index.js`);
    const call = async (options) => {
      try {
        const client = new module.HalfPlusTwoClient(given, options);
        return (await client.servingDefault({ x: [[2]] })).y.data[0];
      } catch (error) {
        return [error instanceof module.ServingError, error.code, error.httpStatus];
      }
    };
    const options = [{ version: 1 }, { label: "canary" }, { version: 9 }, { model: "a/b?" }];
    console.log(JSON.stringify(await Promise.all(options.map(call))));
    """
    shown = json.loads(node(program, generated, zoo.rest))
    assert shown == [3.0, 4.0, [True, "NOT_FOUND", 404], [True, "NOT_FOUND", 404]]


def test_a_package_can_be_imported_by_its_name(generated: Path, tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    modules.mkdir()
    os.symlink(generated / "half_plus_two", modules / "half-plus-two-client")
    program = 'console.log(Object.keys(await import("half-plus-two-client")).join())'
    assert node(program, tmp_path).strip() == "HalfPlusTwoClient,ServingError"


def test_what_is_left_out_is_told() -> None:
    gone = [LeftOut("*/\nalert(1)", "input 'x' is float16, which has no form in JSON")]
    index = js.files(zoo_model("half_plus_two"), Options(), gone)["index.js"]
    assert "Left out: '*/\\nalert(1)': input 'x' is float16" in " ".join(index.split("\n// ")[1:])


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


def test_the_version_plays_no_part() -> None:
    model = zoo_model("half_plus_two")
    assert generate(model, "js") == generate(replace(model, version=7), "js")
