"""Generated Go: its language's own checks pass, and it reads and sends what the library does."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfsclient_gen import LeftOut, Options, generate
from tfsclient_gen.languages import go
from tfsclient_gen.render import HEADER

from tests.conftest import CONFORMANCE, ZOO, Zoo, missing, tool
from tests.generator.hostile import HOSTILE
from tfsclient import rest_json, sources
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.messages import message_class
from tfsclient.schema import Model, Signature, TensorSpec
from tfsclient.tensors import Tensor, decode_tensor, encode_tensor, encode_tensor_typed

pytestmark = pytest.mark.language("go")

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "go"
MODELS = ("half_plus_two", "dtypes", "awkward", "raw_png", "ranks", "defaults")
WORK = "go 1.25.0\n"


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What the command printed; it must end well."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(model: Model, folder: Path, options: Options | None = None) -> Path:
    folder.mkdir(parents=True)
    for path, text in generate(model, "go", options).items():
        (folder / path).write_text(text, "utf-8")
    return folder


def zoo_model(name: str) -> Model:
    return sources.from_saved_model(ZOO / name, name)


def hostile_model(name: str) -> Model:
    """A model with every hostile name in every place; only its own name differs."""
    specs = {n: TensorSpec(n, DType("float32"), (-1,)) for n in HOSTILE}
    signatures = {n: Signature(n, specs, specs, defaults=frozenset({"class"})) for n in HOSTILE}
    return Model(name, None, signatures)


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of clients, healthy and hostile, so that what they share is compiled once."""
    folder = tmp_path_factory.mktemp("go")
    for name in MODELS:
        write(zoo_model(name), folder / name)
    write(hostile_model("hostile"), folder / "hostile")
    rest = Options("rest", "example.com/half")
    write(zoo_model("half_plus_two"), folder / "rest", rest)
    write(replace(zoo_model("ranks"), name="fmt", signatures={}), folder / "empty")
    modules = [*MODELS, "hostile", "rest", "empty", "programs"]
    (folder / "programs").mkdir()
    (folder / "programs" / "go.mod").write_text(f"module programs\n\n{WORK}", "utf-8")
    uses = "".join(f"use ./{module}\n" for module in modules)
    (folder / "go.work").write_text(f"{WORK}\n{uses}", "utf-8")
    return folder


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files as they stand, with their tests beside them."""
    folder = tmp_path_factory.mktemp("runtime")
    for path in (*(ROOT / "templates" / "go" / "static").iterdir(), *PROGRAMS.glob("*.go")):
        shutil.copy(path, folder)
    return folder


def test_the_runtime_by_itself(runtime: Path) -> None:
    run(tool("go"), "vet", ".", cwd=runtime)
    run(tool("go"), "test", ".", cwd=runtime)


def test_files_are_formatted(generated: Path, tmp_path: Path) -> None:
    for number, name in enumerate(HOSTILE):
        write(replace(hostile_model(name), signatures={}), tmp_path / str(number))
    folders = [generated, tmp_path, PROGRAMS, ROOT / "templates" / "go"]
    assert run(tool("gofmt"), "-l", *folders, cwd=ROOT) == ""


def test_vet_and_staticcheck_find_nothing(generated: Path) -> None:
    folders = [f"./{path.parent.name}" for path in generated.glob("*/client.go")]
    run(tool("go"), "vet", *folders, cwd=generated)
    program = generated / "staticcheck"
    build = [tool("go"), "build", "-o", str(program), "honnef.co/go/tools/cmd/staticcheck"]
    built = subprocess.run(build, cwd=PROGRAMS / "tools", check=False, capture_output=True)
    if built.returncode != 0:
        missing("what the go command downloads (is there a network?)")
    # Generated files are spared some checks, so what is hand-written is checked without its header.
    bare = generated / "programs" / "bare"
    bare.mkdir()
    for path in (generated / "dtypes").glob("*.go"):
        if not path.name.endswith("_test.go"):
            text = path.read_text("utf-8").removeprefix(f"// {HEADER}\n\n")
            (bare / path.name).write_text(text, "utf-8")
    run(program, "-checks", "all", *folders, "./programs/bare", cwd=generated)


@pytest.mark.parametrize("module", ["half_plus_two", "rest", "empty"])
def test_modules_are_tidy(generated: Path, module: str) -> None:
    run(tool("go"), "mod", "tidy", "-diff", cwd=generated / module, env={"GOWORK": "off"})


def test_transport_rest_needs_no_other_module(generated: Path) -> None:
    listed = run(tool("go"), "list", "-deps", "-f", "{{.Module}}", "./rest", cwd=generated)
    assert set(listed.split()) == {"example.com/half", "<nil>"}


def _calls(model: Model) -> list[go._Method]:
    return go._methods(model, go.package_name(model))


@pytest.mark.parametrize("name", ["awkward", "hostile"])
def test_names_reach_the_wire_unchanged(generated: Path, name: str) -> None:
    model = hostile_model(name) if name == "hostile" else zoo_model(name)
    methods = _calls(replace(model, signatures=model.usable()))
    calls = []
    for m in methods:
        fields = ", ".join(
            f"{t.name.ident}: {name}.NewTensor([]float32{{{i}}})" for i, t in enumerate(m.inputs)
        )
        outputs = json.dumps({t.name.wire: [float(i)] for i, t in enumerate(m.outputs)})
        answer = outputs if len(m.outputs) > 1 else "[0.0]"
        got = ", ".join(f"out.{t.name.ident}.Data[0]" for t in m.outputs)
        calls.append(f"""{{
            answer = {json.dumps('{"outputs": ' + answer + "}")}
            out, err := client.{m.name.ident}(ctx, {name}.{m.name.ident}Input{{{fields}}})
            if err != nil {{ panic(err) }}
            print([]float32{{{got}}})
        }}""")
    folder = generated / "programs" / name
    folder.mkdir()
    program = (PROGRAMS / "names.go.in").read_text("utf-8")
    text = program.replace("PACKAGE", name).replace("CALLS", "\n".join(calls))
    (folder / "main.go").write_text(text, "utf-8")
    seen = map(json.loads, run(tool("go"), "run", ".", cwd=folder).strip().split("\n"))
    for m, (body, got) in zip(methods, seen, strict=True):
        sent = json.loads(body)
        assert sent["signature_name"] == m.name.wire
        assert sent["inputs"] == {t.name.wire: [i] for i, t in enumerate(m.inputs)}
        assert got == list(range(len(m.outputs)))


def test_answers_read_as_the_library_reads_them(runtime: Path, tmp_path: Path) -> None:
    cases: list[dict[str, Any]] = []
    expected: list[list[np.ndarray[Any, Any]]] = []
    for body, outputs in _recorded_rest():
        cases.append({"rest": body, "outputs": list(outputs.values())})
        expected.append(list(rest_json.decode_predict(body, outputs, None).values()))
    for body, tensors in [*_recorded_grpc(), *_every_dtype()]:
        specs = [TensorSpec(n, t.dtype, None) for n, t in tensors.items()]
        cases.append({"grpc": body, "outputs": specs})
        expected.append([t.array for t in tensors.values()])
    assert len(cases) > 400
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases, default=_to_json), "utf-8")
    shown = run(
        *(tool("go"), "test", "-count=1", "-v", "-run", "TestRecorded", "."),
        cwd=runtime,
        env={"TFSCLIENT_RECORDED": str(path)},
    )
    lines = [line for line in shown.splitlines() if line.startswith("found ")]
    for line, arrays in zip(lines, expected, strict=True):
        found = json.loads(line.removeprefix("found "))
        for array, came in zip(arrays, found, strict=True):
            assert came["Shape"] == list(array.shape)
            for value, text in zip(array.reshape(-1), came["Values"], strict=True):
                assert _is_same(value, text)


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    assert isinstance(value, TensorSpec)
    return {"name": value.name, "dtype": value.dtype.number}


def _recorded_rest() -> list[tuple[bytes, Mapping[str, TensorSpec]]]:
    found = []
    for line in (CONFORMANCE / "transcripts" / "rest.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        name = record["path"].removeprefix("/v1/models/").removesuffix(":predict")
        body = record.get("response_body") or ""
        if name in MODELS and record["status"] == 200 and body.startswith('{\n    "outputs"'):
            signature = json.loads(record["body"]).get("signature_name") or "serving_default"
            found.append((body.encode(), zoo_model(name).signatures[signature].outputs))
    return found


def _recorded_grpc() -> list[tuple[bytes, dict[str, Tensor]]]:
    found = []
    for line in (CONFORMANCE / "transcripts" / "grpc.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["method"].endswith("/Predict") and record.get("response_b64"):
            body = base64.b64decode(record["response_b64"])
            outputs = message_class("tensorflow.serving.PredictResponse").FromString(body).outputs
            tensors = {n: decode_tensor(t.SerializeToString()) for n, t in outputs.items()}
            found.append((body, tensors))
    return found


def _every_dtype() -> list[tuple[bytes, dict[str, Tensor]]]:
    """A tensor of each dtype in both forms, as TensorFlow itself may write them."""
    found = []
    for number in range(64):
        dtype = DType.of_number(number)
        if not dtype.sendable:
            continue
        values = [b"", b"\xff"] if dtype == "string" else [0, 1]
        tensor = Tensor(dtype, np.array([values], dtype=dtype.numpy))
        for encode in (encode_tensor, encode_tensor_typed):
            response = message_class("tensorflow.serving.PredictResponse")()
            response.outputs["y"].MergeFromString(b"".join(map(bytes, encode(tensor))))
            found.append((response.SerializeToString(), {"y": tensor}))
    return found


def _is_same(value: Any, text: str) -> bool:
    """Whether Go's text of a value is the value."""
    if isinstance(value, bytes):
        return base64.b64decode(text) == value
    if isinstance(value, np.bool_):
        return text == str(bool(value)).lower()
    if isinstance(value, np.complexfloating):
        return bool(complex(text.replace("i", "j")) == value)
    if value.dtype.name.startswith("float8"):
        return bool(int(text) == value.view(np.uint8))
    if isinstance(value, np.integer) or "int" in value.dtype.name:
        return int(text) == int(value)
    return bool(np.array_equal(value, value.dtype.type(float(text)), equal_nan=True))


def test_it_works_on_a_real_server(generated: Path, zoo: Zoo) -> None:
    shutil.copytree(PROGRAMS / "live", generated / "programs" / "live")
    run(
        *(tool("go"), "test", "-count=1", "./programs/live"),
        cwd=generated,
        env={"TFSCLIENT_GRPC": zoo.grpc, "TFSCLIENT_REST": zoo.rest},
    )


@pytest.mark.parametrize("model", ["half_plus_two", "raw_png", "rest"])
def test_the_readme_runs_as_it_stands(
    generated: Path, zoo: Zoo, model: str, tmp_path: Path
) -> None:
    readme = (generated / model / "README.md").read_text("utf-8")
    program = readme.split("```go\n")[1].split("```")[0]
    package = re.search(
        r"^package (\w+)$", (generated / model / "doc.go").read_text(), re.MULTILINE
    )
    assert package is not None
    shutil.copytree(generated / model, tmp_path / package[1])
    for target, real in (("localhost:8500", zoo.grpc), ("http://localhost:8501", zoo.rest)):
        program = program.replace(f'"{target}"', f'"{real}"')
    (tmp_path / "example").mkdir()
    (tmp_path / "example" / "main.go").write_text(program, "utf-8")
    commands = readme.split("```sh\n")[1].split("```")[0]
    shown = run(tool("bash"), "-euc", commands, cwd=tmp_path / "example", env={"GOWORK": "off"})
    assert re.search(r"^(Y|Label): .* \[1", shown)


def test_options_say_where_the_package_lives() -> None:
    model = zoo_model("half_plus_two")
    files = generate(model, "go", Options(go_module="example.com/ml/half"))
    assert "\nmodule example.com/ml/half\n" in files["go.mod"]
    assert '\thalfplustwo "example.com/ml/half"\n' in files["example_test.go"]
    files = generate(model, "go", Options(go_mod=False))
    assert not {"go.mod", "go.sum", "example_test.go"} & files.keys()
    with pytest.raises(InvalidInput, match="no path of a Go module"):
        generate(model, "go", Options(go_module="a\nreplace b => c"))


def test_a_package_has_a_name_of_its_own() -> None:
    names = {w: str(go.package_name(Model(w, None, {}))) for w in [*HOSTILE, "text", "half_plus"]}
    assert all(re.fullmatch(r"[a-z][a-z0-9]{0,70}", name) for name in names.values())
    assert names["half_plus"] == "halfplus"
    assert names["text"] == "textmodel"
    assert names["class"] == "class"
    assert names["1st"] == "model1st"
    assert names["中文"] == "model"


def test_the_runtime_claims_no_name_of_a_signature() -> None:
    """Types of signatures end in Input and Output, methods share a scope with Close alone."""
    for path in (ROOT / "templates" / "go").rglob("*.go"):
        text = path.read_text("utf-8")
        assert not re.search(
            r"^(type|func|var|const|\t)\s*[A-Z]\w*(Input|Output)\b", text, re.MULTILINE
        )
        assert not re.search(r"^func \(\w+ \*?Client\)", text, re.MULTILINE)
    model = Model("m", None, {n: hostile_model("m").signatures["class"] for n in ("close", "id")})
    assert [str(m.name.ident) for m in _calls(model)] == ["Close2", "ID"]


def test_what_is_left_out_is_told() -> None:
    gone = [LeftOut("*/\nfunc init()", "input 'x' is a resource")]
    readme = go.files(zoo_model("half_plus_two"), Options(), gone)["README.md"]
    assert "- `*/\\nfunc init()`: input 'x' is a resource\n" in readme


def test_the_version_plays_no_part() -> None:
    model = zoo_model("half_plus_two")
    assert generate(model, "go") == generate(replace(model, version=7), "go")
