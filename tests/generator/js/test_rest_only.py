"""Packages of --transport rest: nothing of gRPC, and nothing that is not used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tfsclient_gen import Options, generate

from tests.conftest import Zoo, tool
from tests.generator.js.clients import LANGUAGES, node, run, write, zoo_model

pytestmark = pytest.mark.language("js")
pytest_plugins = ["tests.generator.js.fixtures"]

MODELS = ["half_plus_two", "estimator", "defaults", "feature_spec", "strings"]
_IMPORTED = re.compile(r'^(?:import|export|\}).* from "(.*)";$', re.MULTILINE)


def rest_only(model: str, language: str) -> dict[str, str]:
    return generate(zoo_model(model), language, Options(transport="rest"))


def put(model: str, language: str, folder: Path) -> Path:
    return write(zoo_model(model), language, folder, Options(transport="rest"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("model", MODELS)
def test_nothing_speaks_of_grpc(model: str, language: str) -> None:
    files = rest_only(model, language)
    # Headers that begin with grpc- are refused on every transport.
    plain = {path: re.sub(r'"grpc-[a-z-]+"', "", text) for path, text in files.items()}
    plain["serving/options"] = plain.pop(f"serving/options.{language}").replace("HTTP and gRPC", "")
    assert not [path for path, text in plain.items() if "grpc" in (path + text).lower()]
    package = json.loads(files["package.json"])
    assert package["exports"].keys() == {".", f"./{model}", "./testing", "./package.json"}
    assert not {"peerDependencies", "dependencies"} & package.keys()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("model", MODELS)
def test_every_module_is_imported(model: str, language: str) -> None:
    files = rest_only(model, language)
    code = {path: text for path, text in files.items() if re.search(r"\.[jt]s$", path)}
    own = {f"{name}.{end}" for name in ("index", "testing") for end in (language, "d.ts")}
    imported = own & code.keys()
    for path, text in code.items():
        for name in _IMPORTED.findall(text):
            stem = str(Path(path).parent / name.removeprefix("./")).removesuffix(".js")
            there = {f"{stem}.{end}" for end in ("js", "ts", "d.ts")} & code.keys()
            assert there, (path, name)
            imported |= there
    assert imported == code.keys()


def test_examples_bring_what_writes_them() -> None:
    assert "serving/protobuf-writer.js" not in rest_only("half_plus_two", "js")
    assert "serving/protobuf-writer.js" in rest_only("estimator", "js")


USE = """
const { %s } = await import(given.index);
const client = new %s(given.rest);
"""
CALLS = {
    "half_plus_two": "show((await client.servingDefault({ x: [[4]] })).y.data[0]);",
    "estimator": """
        const examples = [{ a: ["x"], b: 1 }];
        show((await client.predict({ examples })).logits.shape);
    """,
    "defaults": """
        const call = client.servingDefault({ x: [1] });
        show(await call.then(String, (error) => error.code));
    """,
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("model", CALLS)
def test_it_works_where_grpc_js_is_not(
    npm: Path, zoo: Zoo, tmp_path: Path, language: str, model: str
) -> None:
    client = put(model, language, tmp_path / "client")
    index = client / "index.js"
    if language == "ts":  # by its own settings, with nothing but the compiler
        run(tool("node"), npm / "typescript" / "bin" / "tsc", "--project", client, cwd=client)
        index = client / "dist" / "index.js"
    name = re.search(r"(\w+Client)", index.read_text("utf-8"))
    assert name is not None
    program = USE % (name[1], name[1]) + CALLS[model]
    (came,) = node(program, tmp_path, {"index": index.as_uri(), "rest": zoo.rest})
    wanted = {"half_plus_two": 5, "estimator": [1, 1], "defaults": "INVALID_ARGUMENT"}
    assert came == wanted[model]
