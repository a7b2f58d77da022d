"""Generated Java: its language's own checks pass, and names stay names."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tfsclient_gen import LeftOut, Options, generate
from tfsclient_gen.languages.java import files as java
from tfsclient_gen.languages.java.methods import methods
from tfsclient_gen.target import Run

from tests.conftest import ZOO, tool
from tests.generator.go.clients import hostile_model, zoo_model
from tests.generator.hostile import HOSTILE
from tests.generator.java.clients import REPOSITORY, ROOT, maven, run, write
from tests.generator.java.fixtures import Clients, odd_models
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model, Signature, TensorSpec

pytestmark = pytest.mark.language("java")
pytest_plugins = ["tests.generator.java.fixtures"]

FORMATTER = "com.google.googlejavaformat:google-java-format:1.28.0:jar:all-deps"


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["any", "rest"])
def test_maven_verifies_the_whole_zoo(transport: str, tmp_path: Path) -> None:
    models = _loadable()
    for i in range(0, len(models), 10):
        folder = tmp_path / f"ten{i}"
        write(models[i : i + 10], folder, Options(transport, java_package="com.acme.ml"))
        maven("verify", cwd=folder)
    write(models[0], tmp_path / "one", Options(transport))
    maven("verify", cwd=tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["any", "rest"])
def test_files_are_formatted(transport: str, tmp_path: Path) -> None:
    folder = write([*_loadable(), *odd_models()], tmp_path / "clients", Options(transport))
    jar = REPOSITORY / "formatter" / "google-java-format-1.28.0-all-deps.jar"
    if not jar.exists():
        to = f"-DoutputDirectory={jar.parent}"
        maven("dependency:copy", f"-Dartifact={FORMATTER}", to, cwd=folder)
    listed = tmp_path / "files.txt"
    files = [*folder.rglob("*.java")]
    files += [p for place in ("tests", "benchmarks") for p in (ROOT / place).rglob("*.java")]
    listed.write_text("\n".join(map(str, files)), "utf-8")
    assert run(tool("java"), "-jar", jar, "--dry-run", f"@{listed}", cwd=tmp_path) == ""


def _loadable() -> list[Model]:
    models = []
    for path in sorted(ZOO.iterdir()):
        with suppress(InvalidInput):  # two of them are broken on purpose
            models.append(zoo_model(path.name))
    return models


@pytest.mark.slow
@pytest.mark.parametrize("name", ["awkward", "hostile"])
def test_names_reach_the_wire_unchanged(java_clients: Clients, name: str) -> None:
    model = hostile_model(name) if name == "hostile" else zoo_model(name)
    found = methods(replace(model, signatures=model.usable()), "", rest_only=False)
    calls = []
    for m in found:
        package = f"models.{java.package_name(name)}"
        if m.kind == "classify":
            assert m.features is not None
            features = "".join(f".{f.name.ident}({i}f)" for i, f in enumerate(m.features))
            given = f"{package}.{m.examples}.builder(){features}.build()"
            call = f"{m.name.ident}({package}.{m.type}Input.of({given}))"
            answer, got = '{"results": [[]]}', ""
        else:
            inputs = "".join(
                f".{t.name.ident}(FloatTensor.of({i}f))" for i, t in enumerate(m.inputs)
            )
            call = f"{m.name.ident}({package}.{m.type}Input.builder(){inputs}.build())"
            outputs = {t.name.wire: [float(i)] for i, t in enumerate(m.outputs)}
            answer = json.dumps({"outputs": outputs if len(outputs) > 1 else [0.0]})
            got = ", ".join(f"out.{t.name.ident}().data()[0]" for t in m.outputs)
        calls.append((call, answer, got))
    program = (Path(__file__).parent / "java" / "Names.java.in").read_text("utf-8")
    bodies = "".join(
        f"  static void call{i}(CLIENT client) throws Exception {{\n"
        f"    answer = {json.dumps(answer)};\n    var out = client.{call};\n"
        f"    print(new float[] {{{got}}});\n  }}\n\n"
        for i, (call, answer, got) in enumerate(calls)
    )
    each = "".join(f"      call{i}(client);\n" for i in range(len(calls)))
    program = program.replace("BODIES", bodies).replace("CALLS", each)
    client = f"models.{java.package_name(name)}.{java.client_name(name)}Client"
    program = program.replace("CLIENT", client).replace("NAME", f"Names{java.client_name(name)}")
    source = java_clients.folder / f"Names{java.client_name(name)}.java"
    source.write_text(program, "utf-8")
    shown = java_clients.run(source, f"Names{java.client_name(name)}")
    for m, line in zip(found, shown.split("\n")[:-1], strict=True):
        body, got = line.rsplit("\t", 1)
        sent = json.loads(body)
        assert sent["signature_name"] == m.name.wire
        if m.kind == "classify":
            assert m.features is not None
            wanted = {f.name.wire: [float(i)] for i, f in enumerate(m.features)}
            assert sent["examples"] == [wanted]
        else:
            assert sent["inputs"] == {t.name.wire: [i] for i, t in enumerate(m.inputs)}
            assert json.loads(got) == list(range(len(m.outputs)))


def test_options_say_where_the_packages_live() -> None:
    files = generate(zoo_model("half_plus_two"), "java", Options(java_package="com.acme.ml"))
    text = files["src/main/java/com/acme/ml/halfplustwo/HalfPlusTwoClient.java"]
    assert "\npackage com.acme.ml.halfplustwo;\n" in text
    assert "<groupId>com.acme.ml</groupId>" in files["pom.xml"]
    for package in ("a-b", "a..b", "java.x", "com.class", "com.aux", "a;b"):
        with pytest.raises(InvalidInput, match="is not a Java package"):
            generate(zoo_model("half_plus_two"), "java", Options(java_package=package))


def test_rest_alone_needs_nothing_else() -> None:
    files = generate(zoo_model("half_plus_two"), "java", Options("rest"))
    assert "<dependency>" not in files["pom.xml"]
    assert not [path for path, text in files.items() if "io.grpc" in text]


def test_names_are_of_their_own() -> None:
    names = {w: str(java.package_name(w)) for w in [*HOSTILE, "tfs", "aux"]}
    assert (names["class"], names["tfs"], names["aux"]) == ("classmodel", "tfsmodel", "auxmodel")
    spec = {n: TensorSpec(n, DType("float32"), (-1,)) for n in ("version", "wait", "getClass", "y")}
    wires = ["close", "Run", "run", "run_async", "wait", "typed"]
    model = Model("m", None, {n: Signature(n, spec, spec) for n in wires})
    found = methods(model, "MFake", rest_only=False)
    types = [m.name.type.lower() for m in found]
    assert len(set(types)) == len(wires)  # each is a file
    assert not {str(m.name.ident) for m in found} & {"close", "wait", "typed", "runAsync"}
    assert [str(t.name.ident) for t in found[0].outputs] == ["version2", "wait2", "getClass2", "y"]


def test_what_is_left_out_is_told() -> None:
    gone = [LeftOut("*/\nclass X", "input 'x' is a resource")]
    readme = java.shared([Run(zoo_model("half_plus_two"), left_out=gone)])["README.md"]
    assert "- `*/\\nclass X`: input 'x' is a resource\n" in readme


def test_no_file_of_the_runtime_is_long() -> None:
    files: dict[str, Any] = generate(zoo_model("half_plus_two"), "java")
    for path, text in files.items():
        if "/tfs/" in path:
            assert text.count("\n") <= 300, path


def test_the_version_plays_no_part() -> None:
    model = zoo_model("half_plus_two")
    assert generate(model, "java") == generate(replace(model, version=7), "java")
