"""Generated Go: its language's own checks pass, and names stay names."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfsclient_gen import Options
from tfsclient_gen.languages.go import methods as go_methods

from tests.conftest import ZOO, missing, tool
from tests.generator.go.clients import (
    PROGRAMS,
    ROOT,
    hostile_model,
    run,
    workspace,
    write,
    zoo_model,
)
from tests.generator.hostile import HOSTILE
from tfsclient._codec import rest_json
from tfsclient._inputs.example import content_of, serialize
from tfsclient.errors import InvalidInput
from tfsclient.schema import Model

pytestmark = pytest.mark.language("go")
pytest_plugins = ["tests.generator.go.fixtures"]


def test_the_runtime_by_itself(go_runtime: Path, tmp_path: Path) -> None:
    features: dict[str, Any] = {
        "floats": [1.0, -0.5, math.nan, math.inf, -math.inf, 16777216.0],
        "ints": [-(1 << 63), -1, 0, (1 << 63) - 1],
        "none": np.array([], np.float32),
        "strings": ["", 'é"\\\n\u2028', b"\xff\x00"],
        "中": 1,
    }
    written = {
        "Proto": base64.b64encode(serialize(features)).decode(),
        "JSON": rest_json.example_to_json(content_of(features)).decode(),
    }
    (tmp_path / "examples.json").write_text(json.dumps(written), "utf-8")
    run(tool("go"), "vet", "./tfs", cwd=go_runtime)
    race = ["-race"] if shutil.which("cc") else []  # it needs a C compiler
    run(
        *(tool("go"), "test", *race, "./tfs"),
        cwd=go_runtime,
        env={"TFSCLIENT_EXAMPLES": str(tmp_path / "examples.json")},
    )


def test_a_program_is_tested_without_a_server(go_clients: Path) -> None:
    shutil.copytree(PROGRAMS / "service", go_clients / "programs" / "service")
    run(tool("go"), "vet", "./programs/service", cwd=go_clients)
    run(tool("go"), "test", "-count=1", "./programs/service", cwd=go_clients)


def test_files_are_formatted(go_clients: Path, tmp_path: Path) -> None:
    for number, name in enumerate(HOSTILE):
        write(replace(hostile_model(name), signatures={}), tmp_path / str(number))
    assert run(tool("gofmt"), "-l", go_clients, tmp_path, PROGRAMS, cwd=ROOT) == ""


def test_vet_and_staticcheck_find_nothing(go_clients: Path) -> None:
    _check(go_clients)


@pytest.mark.slow
def test_the_whole_zoo_is_clean(tmp_path: Path) -> None:
    models = []
    for path in sorted(ZOO.iterdir()):
        with contextlib.suppress(InvalidInput):  # two of them are broken on purpose
            models.append(zoo_model(path.name))
    for transport in ("any", "rest"):
        write(models, tmp_path / transport, Options(transport, f"zoo.test/{transport}"))
    assert len(list(tmp_path.glob("*/*/client.go"))) > 50
    workspace(tmp_path)
    assert run(tool("gofmt"), "-l", tmp_path, cwd=ROOT) == ""
    _check(tmp_path)


def _check(folder: Path) -> None:
    """Run go vet and staticcheck over the clients in a workspace."""
    clients = [f"./{path.parent.name}/..." for path in sorted(folder.glob("*/README.md"))]
    run(tool("go"), "vet", *clients, cwd=folder)
    program = ROOT / ".cache" / "go" / "staticcheck"
    build = [tool("go"), "build", "-o", str(program), "honnef.co/go/tools/cmd/staticcheck"]
    built = subprocess.run(build, cwd=PROGRAMS / "tools", check=False, capture_output=True)
    if built.returncode != 0:
        missing("what the go command downloads (is there a network?)")
    run(program, "-checks", "all", *clients, cwd=folder)


@pytest.mark.parametrize("module", ["clients", "rest", "one"])
def test_modules_are_tidy(go_clients: Path, module: str) -> None:
    run(tool("go"), "mod", "tidy", "-diff", cwd=go_clients / module, env={"GOWORK": "off"})


def test_transport_rest_needs_no_other_module(go_clients: Path) -> None:
    listed = run(tool("go"), "list", "-deps", "-f", "{{.Module}}", "./rest/...", cwd=go_clients)
    assert set(listed.split()) == {"example.com/rest", "<nil>"}


def _calls(model: Model) -> list[go_methods.Method]:
    return go_methods.methods(model, rest_only=False)


@pytest.mark.parametrize("name", ["awkward", "hostile"])
def test_names_reach_the_wire_unchanged(go_clients: Path, name: str) -> None:
    model = hostile_model(name) if name == "hostile" else zoo_model(name)
    methods = _calls(replace(model, signatures=model.usable()))
    calls = []
    for m in methods:
        call = f"client.{m.name.ident}(ctx, {name}.{m.name.ident}Input"
        if m.kind == "classify":
            fields = ", ".join(
                f"{f.name.ident}: []float32{{{i}}}" for i, f in _numbered(m.features)
            )
            answer, got = '{"results": [[]]}', ""
            call += f"{{Examples: []{name}.{m.examples}{{{{{fields}}}}}}})"
        else:
            fields = ", ".join(
                f"{t.name.ident}: tfs.NewTensor([]float32{{{i}}})" for i, t in _numbered(m.inputs)
            )
            outputs = json.dumps({t.name.wire: [float(i)] for i, t in _numbered(m.outputs)})
            answer = f'{{"outputs": {outputs if len(m.outputs) > 1 else "[0.0]"}}}'
            got = ", ".join(f"out.{t.name.ident}.Data[0]" for t in m.outputs)
            call += f"{{{fields}}})"
        calls.append(f"""{{
            answer = {json.dumps(answer)}
            out, err := {call}
            if err != nil {{ panic(err) }}
            _ = out
            print([]float32{{{got}}})
        }}""")
    folder = go_clients / "programs" / name
    folder.mkdir()
    program = (PROGRAMS / "names.go.in").read_text("utf-8")
    text = program.replace("PACKAGE", name).replace("CALLS", "\n".join(calls))
    (folder / "main.go").write_text(text, "utf-8")
    seen = map(json.loads, run(tool("go"), "run", ".", cwd=folder).strip().split("\n"))
    for m, (body, got) in zip(methods, seen, strict=True):
        sent = json.loads(body)
        assert sent["signature_name"] == m.name.wire
        if m.kind == "classify":
            assert sent["examples"] == [{f.name.wire: [i] for i, f in _numbered(m.features)}]
        else:
            assert sent["inputs"] == {t.name.wire: [i] for i, t in _numbered(m.inputs)}
            assert got == list(range(len(m.outputs)))


def _numbered(items: Any) -> list[tuple[int, Any]]:
    return list(enumerate(items))
