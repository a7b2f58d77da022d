"""Generated packages where people are: their compilers, their settings, and npm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tfsclient_gen import Options

from tests.conftest import tool
from tests.generator.js.clients import (
    LANGUAGES,
    ROOT,
    hostile_model,
    run,
    tsc,
    write,
    zoo_model,
)

pytestmark = pytest.mark.language("ts")
pytest_plugins = ["tests.generator.js.fixtures"]

OLDEST, NEWEST = "5.2", "7"
VERSIONS = ["5.4", "5.9", "6"]
STRICT = [
    "strict", "isolatedModules", "verbatimModuleSyntax", "exactOptionalPropertyTypes",
    "noUncheckedIndexedAccess", "noImplicitOverride", "noImplicitReturns",
    "noPropertyAccessFromIndexSignature", "noUnusedLocals", "noUnusedParameters",
]  # fmt: skip
MODULES = [("nodenext", "nodenext"), ("esnext", "bundler")]

USE = """
import { DtypesClient, ServingError, type estimator } from "./client/index.js";
import { EstimatorClient } from "./client/estimator.js";
import { connect } from "./client/grpc.js";

const client = new DtypesClient(connect(["a:1", "b:1"]));
const { y } = await client.idFloat16({ x: new Float32Array(1) });
const halves: Float32Array = y.data;
const pairs: Float32Array = (await client.idComplex64({ x: [[1, 2]] })).y.data;
const shorts: Uint16Array = (await client.idUint16({ x: [1, 2n] })).y.data;
try {
  // @ts-expect-error text is not a number
  await client.idFloat16({ x: ["1"] });
} catch (error) {
  if (error instanceof ServingError) console.log(error.code, error.details);
}
const other: estimator.PredictResult = await new EstimatorClient(
  connect("a:1"),
).predict({ examples: [{ a: "x", b: 1 }] });
console.log(halves, pairs, shorts, other.logits.shape);
"""


@pytest.mark.parametrize("language", ["ts", "js"])
@pytest.mark.parametrize(
    "version", [OLDEST, NEWEST, *(pytest.param(v, marks=pytest.mark.slow) for v in VERSIONS)]
)
def test_it_compiles_under_the_users_settings(
    npm: Path, tmp_path: Path, version: str, language: str
) -> None:
    (tmp_path / "node_modules").symlink_to(npm)
    (tmp_path / "package.json").write_text('{"type": "module"}', "utf-8")
    models = [*map(zoo_model, ("dtypes", "estimator", "defaults")), hostile_model()]
    write(models, language, tmp_path / "client")
    (tmp_path / "use.ts").write_text(USE, "utf-8")
    for module, resolution in MODULES:
        settings: dict[str, Any] = dict.fromkeys(STRICT, True) | {
            "target": "es2022", "lib": ["es2022", "dom"], "types": ["node"], "noEmit": True,
            "module": module, "moduleResolution": resolution,
            # What @grpc/grpc-js brings has errors of its own in a bundler's eyes.
            "skipLibCheck": language == "ts" and resolution == "bundler",
        }  # fmt: skip
        config = {"compilerOptions": settings, "include": ["use.ts", "*/*.ts", "*/serving/*.ts"]}
        if language == "js" and resolution == "bundler":
            config["exclude"] = ["**/grpc.d.ts"]
            settings["skipLibCheck"] = True
        (tmp_path / "tsconfig.json").write_text(json.dumps(config), "utf-8")
        compiler = npm / "typescript" / "bin" / "tsc" if version == "6" else tsc(npm, version)
        run(tool("node"), compiler, "--project", tmp_path, cwd=tmp_path)


def test_a_quote_in_a_name_does_not_end_the_quotes_around_it(tmp_path: Path) -> None:
    client = (write(zoo_model("awkward"), "js", tmp_path) / "awkward.d.ts").read_text("utf-8")
    assert """the signature 'double"' takes""" in client
    assert """the signature "quote'" takes""" in client


@pytest.mark.slow
def test_sources_compile_in_a_program_that_is_not_strict(npm: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(npm)
    (tmp_path / "package.json").write_text('{"type": "module"}', "utf-8")
    write(zoo_model("dtypes"), "ts", tmp_path / "client")
    settings = {"strict": False, "module": "nodenext", "target": "es2022", "types": ["node"]}
    config = {"compilerOptions": settings | {"noEmit": True}, "include": ["client/**/*.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    run(tool("node"), tsc(npm, "5.9"), "--project", tmp_path, cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_npm_packs_it_and_its_checkers_find_nothing(
    npm: Path, tmp_path: Path, language: str
) -> None:
    folder = tmp_path / "client"
    models = [zoo_model("half_plus_two"), zoo_model("bert")]
    write(models, language, folder, Options(npm_name="@acme/models"))
    (folder / "node_modules").symlink_to(npm)
    if language == "ts":
        run(tool("node"), npm / "typescript" / "bin" / "tsc", "--project", folder, cwd=folder)
    cache = f"--cache={ROOT / '.cache' / 'npm-cache'}"
    run(tool("npm"), "pack", "--ignore-scripts", "--offline", cache, cwd=folder)
    (packed,) = folder.glob("acme-models-*.tgz")
    listed = run(shutil.which("tar") or "tar", "-tzf", packed, cwd=folder).splitlines()
    inside = "package/dist/" if language == "ts" else "package/"
    for name in ("index.js", "half_plus_two.d.ts", "bert.js", "grpc.js", "serving/model.js"):
        assert inside + name in listed
    run(npm / ".bin" / "publint", "run", packed, "--strict", "--pack=false", cwd=folder)
    # ES modules only, as Node 18 has them.
    run(npm / ".bin" / "attw", packed, "--profile", "esm-only", cwd=folder)
