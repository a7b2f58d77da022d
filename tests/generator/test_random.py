"""Random signatures in every language, read by its own parser: the wire names are there."""

from __future__ import annotations

import ast
import base64
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pytest
from tfsclient_gen import generate, left_out
from tfsclient_gen.languages.python.imports import IMPORTED

from tests.conftest import tool
from tests.generator.matrix.random_models import random_model
from tests.generator.rust import clients as rust
from tfsclient._codec.messages import message_class
from tfsclient.schema import Model, Signature

pytest_plugins = ["tests.generator.js.fixtures"]

PROGRAMS = Path(__file__).parent / "matrix"
SIGNATURES = 20  # a model

SIZES = [
    pytest.param(10, id="200 signatures"),
    pytest.param(500, id="10,000 signatures", marks=pytest.mark.slow),
]
each_size = pytest.mark.parametrize("count", SIZES)


@dataclass(frozen=True)
class Names:
    """The wire names of a signature."""

    inputs: frozenset[str]
    outputs: frozenset[str]
    features: frozenset[str]


Found: TypeAlias = dict[str, Names]


def models(count: int) -> list[Model]:
    return [random_model(Random(seed), SIGNATURES) for seed in range(count)]


def expected(model: Model, language: str) -> Found:
    """What a client in this language has to know."""
    gone = {one.signature for one in left_out(model, language)}
    return {name: _names(s) for name, s in model.signatures.items() if name not in gone}


def _names(signature: Signature) -> Names:
    # A method takes Examples apart from its only input; beside another, it takes their bytes.
    features = signature.features or {}
    return Names(*map(frozenset, (signature.inputs, signature.outputs, features)))


def parsed(command: list[str | Path], language: str, made: list[Model]) -> list[Found]:
    """What a parser finds in the files of all models' clients."""
    seen: set[str] = set()
    lines = []
    for number, model in enumerate(made):
        for path, text in generate(model, language).items():
            if path.endswith(".json"):
                json.loads(text)
            elif path.endswith((".go", ".js", ".ts")) and text not in seen:
                seen.add(text)  # what all clients share is parsed once
                line = {"client": str(number), "path": path, "text": text}
                lines.append(json.dumps(line))
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[Found] = [{} for _ in made]
    for line in map(json.loads, done.stdout.split("\n")[:-1]):
        names = Names(*(frozenset(line[key]) for key in ("inputs", "outputs", "features")))
        found[int(line["client"])][line["name"]] = names
    return found


@each_size
@pytest.mark.language("python")
def test_python(count: int) -> None:
    for model in models(count):
        (text,) = (t for path, t in generate(model, "python").items() if path.endswith(".py"))
        assert in_python(ast.parse(text)) == expected(model, "python")


@pytest.mark.language("python")
def test_python_imports_what_it_uses() -> None:
    for model in [*models(20), Model("empty", None, {})]:
        (text,) = (t for path, t in generate(model, "python").items() if path.endswith(".py"))
        tree = ast.parse(text)
        nodes = list(ast.walk(tree))
        imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
        imported = {alias.asname or alias.name for node in imports for alias in node.names}
        used = {node.id for node in nodes if isinstance(node, ast.Name)}
        assert imported == used & IMPORTED | {"annotations"}


def in_python(tree: ast.Module) -> Found:
    """The names in the calls that make signatures."""
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }

    def keys(node: ast.expr | None) -> frozenset[str]:
        node = constants[node.id] if isinstance(node, ast.Name) else node
        assert node is None or isinstance(node, ast.Dict)
        return frozenset(ast.literal_eval(key) for key in node.keys if key) if node else frozenset()

    found = {}
    for value in constants.values():
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "Signature":
            given = {keyword.arg: keyword.value for keyword in value.keywords}
            names = [keys(given.get(key)) for key in ("inputs", "outputs", "features")]
            found[ast.literal_eval(given["name"])] = Names(*names)
    return found


@each_size
@pytest.mark.language("go")
def test_go(count: int, tmp_path: Path) -> None:
    program = tmp_path / "parse"
    subprocess.run([tool("go"), "build", "-o", program, PROGRAMS / "parse.go"], check=True)
    made = models(count)
    for model, found in zip(made, parsed([program], "go", made), strict=True):
        wanted = expected(model, "go")
        assert found == {name: offered(model, name, names) for name, names in wanted.items()}


def offered(model: Model, signature: str, names: Names) -> Names:
    """The names without outputs that no server can give, and features of no typed Examples."""
    one = model.signatures[signature]
    names = replace(names, outputs=frozenset((one.callable_part() or one).outputs))
    apart = one.kind != "predict" or list(one.inputs) == [one.example_input]
    return names if apart else replace(names, features=frozenset())


@each_size
@pytest.mark.language("java")
@pytest.mark.slow
def test_java(count: int, tmp_path: Path) -> None:
    made = models(count)
    for number, model in enumerate(made):
        for path, text in generate(model, "java").items():
            if path.endswith(".java") and (number == 0 or "/tfs/" not in path):
                (tmp_path / str(number) / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / str(number) / path).write_text(text, "utf-8")
    command: list[str | Path] = [tool("java"), PROGRAMS / "Parse.java", tmp_path]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[Found] = [{} for _ in made]
    for line in done.stdout.splitlines():
        client, name, *lists = line.split("\t")
        found[int(client)][_decoded(name)] = Names(
            *(frozenset(map(_decoded, names.split())) for names in lists)
        )
    for model, came in zip(made, found, strict=True):
        wanted = expected(model, "java")
        assert came == {name: offered(model, name, names) for name, names in wanted.items()}


PARSER = """[package]
name = "parse"
version = "0.0.0"
edition = "2021"

[dependencies]
syn = { version = "2", features = ["full", "visit"] }
"""


@each_size
@pytest.mark.language("rust")
@pytest.mark.slow
def test_rust(count: int, tmp_path: Path) -> None:
    made = models(count)
    for number, model in enumerate(made):
        for path, text in generate(model, "rust").items():
            if path.endswith(".rs") and (number == 0 or "/tfs/" not in path):
                (tmp_path / str(number)).mkdir(exist_ok=True)
                (tmp_path / str(number) / path.replace("/", "_")).write_text(text, "utf-8")
    source = (PROGRAMS / "parse.rs").read_text("utf-8")
    crate = rust.crate("parse", {"Cargo.toml": PARSER, "src/main.rs": source})
    rust.cargo("build", "-q", cwd=crate)
    found: list[Found] = [{} for _ in made]
    program = rust.TARGET / "debug" / "parse"
    for line in rust.run(program, tmp_path, cwd=tmp_path).splitlines():
        client, name, *lists = line.split("\t")
        found[int(client)][_from_hex(name)] = Names(
            *(frozenset(map(_from_hex, names.split())) for names in lists)
        )
    for model, came in zip(made, found, strict=True):
        wanted = expected(model, "rust")
        assert came == {name: offered(model, name, names) for name, names in wanted.items()}


def _from_hex(text: str) -> str:
    return bytes.fromhex(text.removeprefix("x")).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode().removeprefix('"')


@each_size
@pytest.mark.parametrize("language", ["js", "ts"])
@pytest.mark.language("js")
def test_javascript(count: int, language: str, npm: Path) -> None:
    command: list[str | Path] = [tool("node"), PROGRAMS / "parse.mjs", npm.parent]
    made = models(count)
    for model, found in zip(made, parsed(command, language, made), strict=True):
        wanted = expected(model, language)
        assert found == {name: offered(model, name, names) for name, names in wanted.items()}


@each_size
@pytest.mark.language("curl")
def test_curl(count: int, tmp_path: Path) -> None:
    def check(given: tuple[int, Model]) -> None:
        number, model = given
        folder = tmp_path / str(number)
        folder.mkdir()
        (text,) = (t for path, t in generate(model, "curl").items() if path.endswith(".sh"))
        script = folder / "client.sh"
        script.write_text(text, "utf-8", newline="\n")
        subprocess.run([tool("sh"), "-n", script], check=True)
        wanted = {n: names for n, names in expected(model, "curl").items() if "\0" not in n}
        command: list[str | Path] = [tool("sh"), PROGRAMS / "bodies.sh", script, *wanted]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
        bodies = done.stdout.decode().split("\0")[:-1]
        for (name, names), body in zip(wanted.items(), bodies, strict=True):
            sent = json.loads(body, object_pairs_hook=first_wins)
            assert sent["signature_name"] == name
            if "inputs" in sent:
                assert sent["inputs"].keys() == names.inputs
                assert features_inside(sent["inputs"]) in ([], [names.features])
            elif "examples" in sent:
                assert sent["examples"][0].keys() == names.features
        assert [path.name for path in folder.iterdir()] == ["client.sh"]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(check, enumerate(models(count))))


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as TF Serving reads one: the first of equal keys counts."""
    return dict(reversed(pairs))


def features_inside(inputs: dict[str, Any]) -> list[frozenset[str]]:
    """The features of the serialized Examples that a sample sends."""
    value = inputs.get("inputs")
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return []
    example = message_class("tensorflow.Example").FromString(base64.b64decode(value[0]["b64"]))
    return [frozenset(example.features.feature)]


@each_size
@pytest.mark.language("openapi")
def test_openapi(count: int) -> None:
    for model in models(count):
        (text,) = (t for p, t in generate(model, "openapi").items() if p.endswith(".openapi.json"))
        document = json.loads(text)
        wanted = expected(model, "openapi")
        assert in_openapi(document["components"].get("schemas", {})) == {
            name: by_json_keys(model.signatures[name], names) for name, names in wanted.items()
        }


def in_openapi(schemas: dict[str, Any]) -> Found:
    """The properties of the schemas around each one that a signature's name is fixed in."""

    def keys(name: str) -> frozenset[str]:
        return frozenset(schemas.get(name, {}).get("properties", {}))

    found = {}
    for title, schema in schemas.items():
        name = schema.get("properties", {}).get("signature_name", {}).get("const")
        if name is not None:
            prefix = title.removesuffix("Request")
            for form in ("Column", "Row", "Examples", "Context"):
                prefix = prefix.removesuffix(form)
            parts = (keys(f"{prefix}{part}") for part in ("Inputs", "Outputs", "Features"))
            found[name] = Names(*parts)
    return found


def by_json_keys(signature: Signature, names: Names) -> Names:
    """The names that JSON has as keys: a lone output has none in TF Serving's answers."""
    if signature.kind != "predict":
        return Names(frozenset(), frozenset(), names.features)
    outputs = names.outputs if len(names.outputs) > 1 else frozenset[str]()
    return Names(names.inputs, outputs, frozenset())
