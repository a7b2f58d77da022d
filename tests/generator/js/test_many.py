"""Several models in one package: what they share, and what each has of its own."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tfsclient_gen import Options, generate

from tests.conftest import Zoo, tool
from tests.generator.hostile import HOSTILE
from tests.generator.js.clients import (
    LANGUAGES,
    ROOT,
    loadable,
    module_of,
    node,
    run,
    tsc,
    write,
    zoo_model,
)
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]

ACME = Options(npm_name="@acme/models")
INDEX = {"README.md", "package.json", "tfsclient.lock.json"}
INDEXES = {"js": INDEX | {"index.js", "index.d.ts"}, "ts": INDEX | {"index.ts"}}


def changes(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The files that a run adds, removes or writes anew."""
    return {path for path in before | after if before.get(path) != after.get(path)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_model_that_comes_goes_or_is_renamed_touches_its_own_files(language: str) -> None:
    bert, half, estimator = map(zoo_model, ("bert", "half_plus_two", "estimator"))
    endings = ("js", "d.ts") if language == "js" else ("ts",)

    def own(*modules: str) -> set[str]:
        return {f"{module}.{ending}" for module in modules for ending in endings}

    alone = generate(half, language, ACME)
    two = generate([half, bert], language, ACME)
    three = generate([half, estimator, bert], language, ACME)
    assert changes(alone, two) == own("bert") | INDEXES[language]
    assert changes(two, three) == own("estimator") | INDEXES[language]
    renamed = replace(ACME, names={"bert": "TextEncoder"})
    after = generate([half, bert], language, renamed)
    assert changes(two, after) == own("bert", "text_encoder") | INDEXES[language]
    assert 'name: "bert"' in after[f"text_encoder.{language}"]  # what the server knows
    assert generate([bert, half], language, ACME) == two


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_runtime_is_there_once_for_thirty_models(language: str) -> None:
    models = [zoo_model(name) for name in loadable()]
    models += [replace(model, name=f"{model.name}_again") for model in models]
    assert len(models) > 30
    folders = [path.rpartition("/")[0] for path in generate(models, language)]
    assert set(folders) == {"", "serving"}
    alone = [path.rpartition("/")[0] for path in generate(models[0], language)]
    assert folders.count("serving") == alone.count("serving") > 10


def test_models_that_would_be_one_are_refused() -> None:
    model = zoo_model("linear")
    for one, other, name in (
        ("text-encoder", "text_encoder", "text_encoder.js"),  # one module
        ("a1b", "a_1b", "A1bClient"),  # two modules with one class
        ("中文", "漢字", "model.js"),
    ):
        models = [replace(model, name=one), replace(model, name=other)]
        with pytest.raises(InvalidInput, match=name):
            generate(models, "js")
        names = Options(names={one: "first"})
        assert "FirstClient" in generate(models, "js", names)["index.js"]


def test_the_packages_own_names_are_left_to_it() -> None:
    for name in ("index", "grpc", "serving", "testing"):
        assert module_of(Model(name, None, {})) == f"{name}_model"
    declared = generate(replace(zoo_model("linear"), name="class"), "js")["index.d.ts"]
    assert "export type * as classModel" in declared


def test_npm_names() -> None:
    for name in ("Models", "a b", "@acme", "@acme/", ".models", "a" * 215, "models;rm",
                 "-x", "fs", "node_modules", "@grpc/grpc-js"):  # fmt: skip
        with pytest.raises(InvalidInput, match="not a name for an npm package"):
            generate(zoo_model("linear"), "js", Options(npm_name=name))
    for chosen, private in ((None, True), ("@acme/models", False)):
        package = json.loads(
            generate(zoo_model("linear"), "ts", Options(npm_name=chosen))["package.json"]
        )
        assert package["name"] == (chosen or "linear-client")
        assert package.get("private", False) is private


def test_hostile_names_are_subpaths(tmp_path: Path) -> None:
    hostile = [name for name in HOSTILE if name not in ("", ".", "..")]  # no URL has those
    names = {name: f"m{number} {name}" for number, name in enumerate(hostile)}
    models = [replace(zoo_model("half_plus_two"), name=name) for name in hostile]
    options = replace(ACME, names=names)
    package = write(models, "js", tmp_path / "node_modules" / "@acme" / "models", options)
    paths = json.loads((package / "package.json").read_text("utf-8"))["exports"]
    modules = [path[2:] for path in paths if path.startswith("./m")]
    assert len(modules) == len(hostile)
    program = """
    for (const path of given) {
      const { ServingError, ...clients } = await import(`@acme/models/${path}`);
      const [Client] = Object.values(clients);
      let asked;
      const fetch = async (url) => ((asked = url), new Response("{}"));
      const client = new Client("http://h", { fetch });
      await client.servingDefault({ x: [[1]] }).catch(() => {});
      show(decodeURIComponent(asked));
    }
    """
    wanted = {f"http://h/v1/models/{name}:predict" for name in hostile}
    assert set(node(program, tmp_path, modules)) == wanted


SHARED = """
import { connect } from "@acme/models/grpc";
import { BertClient, HalfPlusTwoClient, ServingError } from "@acme/models";
import { HalfPlusTwoClient as Half } from "@acme/models/half_plus_two";
import { EstimatorClient, ServingError as Other } from "estimator-client";

if (Half !== HalfPlusTwoClient) throw "two copies of a module";
const connection = connect(given.grpc);
const ids = [[1, 0]];
const texts = { inputIds: ids, inputMask: ids, segmentIds: ids };
for (const server of [given.rest, connection]) {
  show((await new HalfPlusTwoClient(server).servingDefault({ x: [[4]] })).y);
  show((await new BertClient(server).servingDefault(texts)).logits.shape);
  const estimator = new EstimatorClient(server); // of another package
  const examples = [{ a: ["x"], b: 1 }];
  show((await estimator.predict({ examples })).logits.shape);
  for (const Client of [HalfPlusTwoClient, BertClient, EstimatorClient]) {
    const client = new Client(server, { model: "gone" });
    const call = client.servingDefault ? "servingDefault" : "predict";
    const inputs = { HalfPlusTwoClient: { x: [[1]] }, BertClient: texts }[Client.name];
    const error = await client[call](inputs ?? { examples }).catch((error) => error);
    show([error.code, error instanceof ServingError && error instanceof Other]);
  }
}
connection.close();
"""
TYPED = """
import { connect } from "@acme/models/grpc";
import { HalfPlusTwoClient, type bert, type Connection } from "@acme/models";
import { BertClient, type ServingDefaultResult } from "@acme/models/bert";
import { EstimatorClient } from "estimator-client";

const connection: Connection = connect("localhost:8500");
const ids = [[1, 0]];
const input: bert.ServingDefaultInput = { inputIds: ids, inputMask: ids, segmentIds: ids };
const found: ServingDefaultResult = await new BertClient(connection).servingDefault(input);
const same: bert.ServingDefaultResult = found;
// @ts-expect-error it is another model's
await new HalfPlusTwoClient(connection).servingDefault(input);
console.log(same, new EstimatorClient(connection)); // a connection of another package
"""
# Which compilers know which settings; where types are found without "exports" is the old way.
SETTINGS = [
    ("5.2", "nodenext", "nodenext"), ("5.2", "esnext", "bundler"), ("5.2", "esnext", "node10"),
    ("7", "nodenext", "nodenext"), ("7", "esnext", "bundler"),
]  # fmt: skip


def install(npm: Path, folder: Path, language: str) -> None:
    """An app with two packages as npm packs and installs them."""
    cache = f"--cache={ROOT / '.cache' / 'npm-cache'}"
    half, bert, estimator = map(zoo_model, ("half_plus_two", "bert", "estimator"))
    packages = {"models": write([half, bert], language, folder / "models", ACME)}
    packages["other"] = write(estimator, language, folder / "other")
    packed: list[Path] = []
    for package in packages.values():
        (package / "node_modules").symlink_to(npm)
        if language == "ts":
            run(tool("node"), npm / "typescript" / "bin" / "tsc", cwd=package)
        run(tool("npm"), "pack", "--ignore-scripts", "--offline", cache, cwd=package)
        packed += package.glob("*.tgz")
    app = folder / "app"
    app.mkdir()
    (app / "package.json").write_text('{"type": "module"}', "utf-8")
    flags = ["--ignore-scripts", "--offline", "--no-audit", "--no-fund", "--legacy-peer-deps"]
    run(tool("npm"), "install", *flags, cache, *packed, cwd=app)
    shutil.copytree(npm / "@grpc" / "grpc-js", app / "node_modules" / "@grpc" / "grpc-js")
    (folder / "node_modules").symlink_to(npm)  # what that one needs


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_two_packages_in_one_app(npm: Path, zoo: Zoo, tmp_path: Path, language: str) -> None:
    install(npm, tmp_path, language)
    shown = node(SHARED, tmp_path / "app", {"rest": zoo.rest, "grpc": zoo.grpc})
    assert shown[:6] == shown[6:]
    (half, *shapes), errors = shown[:3], shown[3:6]
    assert half == {"data": [5], "shape": [1, 1]}
    assert shapes == [[1, 2], [1, 1]]
    assert errors == [["NOT_FOUND", True]] * 3
    (tmp_path / "app" / "use.ts").write_text(TYPED, "utf-8")
    for version, module, resolution in SETTINGS:
        flags = ["--strict", "--exactOptionalPropertyTypes", "--noEmit", "--skipLibCheck"]
        flags += ["--target", "es2022", "--lib", "es2022,dom", "--types", "node"]
        flags += ["--module", module, "--moduleResolution", resolution]
        run(tool("node"), tsc(npm, version), *flags, "use.ts", cwd=tmp_path / "app")


def bundle(npm: Path, package: Path, *imports: str) -> int:
    """The bytes of a minified bundle of what is imported from the package."""
    lines = [
        f'export {{ {name} }} from "{package.as_posix()}/{path}";'
        for name, path in (one.split(" ") for one in imports)
    ]
    flags = ["--bundle", "--minify", "--format=esm", "--log-level=error"]
    made = run(npm / "esbuild" / "bin" / "esbuild", *flags, cwd=package, stdin="\n".join(lines))
    return len(made.encode())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_bundle_grows_little_with_each_model(npm: Path, tmp_path: Path, language: str) -> None:
    models = [zoo_model(name) for name in ("bert", "half_plus_two", "awkward")]
    package = write(models, language, tmp_path / "models", ACME)
    module = f"index.{language}"
    bert = bundle(npm, package, f"BertClient bert.{language}")
    assert bert < 40_000
    both = bundle(npm, package, f"BertClient bert.{language}", f"HalfPlusTwoClient {module}")
    assert 0 < both - bert < 3_000
    # What the index has beside is not in it.
    assert abs(bundle(npm, package, f"BertClient {module}") - bert) < 10
