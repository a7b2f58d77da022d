"""Generated clients in JavaScript and TypeScript, and the programs that check and run them."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tfsclient_gen import Options, generate
from tfsclient_gen.languages.js.methods import methods as js_methods
from tfsclient_gen.languages.js.names import names_of
from tfsclient_gen.target import Run

from tests.conftest import ZOO, tool
from tests.generator.hostile import HOSTILE
from tfsclient import TFSError, sources
from tfsclient.dtypes import DType
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec

ROOT = Path(__file__).resolve().parents[3]
TOOLS = Path(__file__).parent
LANGUAGES = ["js", pytest.param("ts", marks=pytest.mark.language("ts"))]
SAMPLES = ("half_plus_two", "dtypes", "estimator", "feature_spec", "raw_png", "bert", "awkward")


def run(*command: str | Path, cwd: Path, stdin: str = "") -> str:
    """What the command printed; it must end well."""
    done = subprocess.run(
        command,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=600,  # nothing takes that long: it hangs
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def node(program: str, cwd: Path, given: Any = None) -> list[Any]:
    """The lines of JSON that the module printed; ``given`` is a variable in it."""
    lead = f"""
    import {{ read, show, showCall }} from "{(TOOLS / "show.mjs").as_uri()}";
    const given = await read();
    """
    command = [tool("node"), "--input-type=module", "-e", lead + program]
    shown = run(*command, cwd=cwd, stdin=json.dumps(given))
    return [json.loads(line) for line in shown.split("\n")[:-1]]


@functools.cache
def zoo_model(name: str) -> Model:
    return sources.from_saved_model(ZOO / name, name)


def loadable() -> list[str]:
    """The models of the zoo that have a schema."""
    names = []
    for folder in sorted(ZOO.iterdir()):
        try:
            zoo_model(folder.name)
        except TFSError:
            continue
        names.append(folder.name)
    return names


def hostile_model() -> Model:
    """A model whose signatures, tensors and features have every hostile name there is."""
    specs = {n: TensorSpec(n, DType("float32"), (-1,)) for n in HOSTILE}
    signatures = {n: Signature(n, specs, specs) for n in HOSTILE}
    return Model("hostile", None, signatures | {"examples": example_signature(HOSTILE)})


def example_signature(names: list[str]) -> Signature:
    """A signature that takes Examples, with features of these names."""
    inputs = {names[-1]: TensorSpec(names[-1], DType("string"), (-1,))}
    outputs = {"y": TensorSpec("y", DType("float32"), (-1,))}
    dtypes = [DType(dtype) for dtype in ("float32", "int64", "string")]
    features = {n: FeatureSpec(n, dtypes[i % 3], required=i % 2 == 0) for i, n in enumerate(names)}
    return Signature("examples", inputs, outputs, example_input=names[-1], features=features)


def large_model() -> Model:
    """A model with more dimensions, and longer lines, than fit one line."""
    long = "a_name_that_takes_most_of_the_line_" * 3
    shape = (-1, 1000, *[1] * 40)
    specs = {n: TensorSpec(n, DType("int64"), shape) for n in ("x", long, f"{long}?")}
    signatures = {n: Signature(n, specs, specs) for n in ("s", long)}
    examples = replace(example_signature([f"{long}{i}" for i in range(9)]), name=f"{long}!")
    return Model(long, None, signatures | {examples.name: examples, "none": no_features()})


def no_features() -> Signature:
    """A signature that parses Examples for nothing."""
    return replace(example_signature(["x"]), name="none", features={})


def write(
    models: Model | Sequence[Model], language: str, folder: Path, options: Options | None = None
) -> Path:
    """A package of clients."""
    for path, text in generate(models, language, options).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


def module_of(model: Model) -> str:
    """The module of the model's client."""
    return str(names_of(Run(model)).module)


def compile_all(folder: Path, npm: Path, **options: Any) -> None:
    """Let the compiler be strict, beyond what its "strict" is."""
    strict = ["strict", "exactOptionalPropertyTypes", "noUncheckedIndexedAccess"]
    strict += ["noUnusedLocals", "noUnusedParameters", "verbatimModuleSyntax"]
    settings = {"module": "nodenext", "target": "es2022", "types": ["node"], **options}
    config = {"compilerOptions": settings | dict.fromkeys(strict, True), "include": ["**/*.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    run(npm / ".bin" / "tsc", "--project", folder, cwd=folder)


def tsc(npm: Path, version: str) -> Path:
    """The compiler of this version of TypeScript."""
    return npm / f"typescript-{version}" / "bin" / "tsc"


def plain(came: Any) -> Any:
    """A value that show.mjs told."""
    if isinstance(came, list):
        return [plain(item) for item in came]
    if isinstance(came, dict):
        if came.keys() == {"int"}:
            return int(came["int"])
        if came.keys() == {"float"}:
            return float(came["float"].replace("Infinity", "inf"))
        if came.keys() == {"bytes"}:
            return bytes(came["bytes"])
        return {key: plain(item) for key, item in came.items()}
    return came


def array(tensor: Any, dtype: DType) -> npt.NDArray[Any]:
    """A tensor that show.mjs told, as the library gives it."""
    flat = plain(tensor["data"])
    if dtype == "string":
        flat = [item.encode() if isinstance(item, str) else item for item in flat]
    if dtype.kind == "complex":
        flat = [complex(*pair) for pair in zip(flat[::2], flat[1::2], strict=True)]
    if dtype.startswith("float8"):
        return np.array(flat, np.uint8).view(dtype.numpy).reshape(tensor["shape"])
    made = np.empty(len(flat), dtype.numpy)
    made[:] = flat
    return made.reshape(tensor["shape"])


def assert_same(came: Any, wanted: dict[str, npt.NDArray[Any]], signature: Signature) -> None:
    for key, value in wanted.items():
        names = js_methods(Model("m", None, {"s": signature}))[0].outputs
        (ident,) = (field.name.ident for field in names if field.name.wire == key)
        got = array(came[ident], signature.outputs[key].dtype)
        assert got.dtype == value.dtype
        np.testing.assert_array_equal(got, value)
