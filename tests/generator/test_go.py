"""Generated Go: its language's own checks pass, and it reads and sends what the library does."""

from __future__ import annotations

import base64
import contextlib
import json
import math
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
from tfsclient_gen import Options, generate
from tfsclient_gen.languages.go import files as go
from tfsclient_gen.languages.go import methods as go_methods
from tfsclient_gen.languages.go import runtime as go_runtime
from tfsclient_gen.names import identifier
from tfsclient_gen.quoting import code
from tfsclient_gen.render import HEADER, SHIPPED
from tfsclient_gen.target import Run

from tests.conftest import CONFORMANCE, ZOO, Zoo, missing, tool
from tests.generator.hostile import HOSTILE
from tfsclient import Client, Example, Image, schema, sources, testing
from tfsclient._codec import inference, rest_json
from tfsclient._codec.messages import message_class
from tfsclient._codec.tensor import Tensor, decode_tensor, encode_tensor, encode_tensor_typed
from tfsclient._inputs.example import content_of, serialize
from tfsclient.dtypes import DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec
from tfsclient.schema._samples import PNG_BASE64

pytestmark = pytest.mark.language("go")

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "go"
# Of the zoo; with those that differ in what they need of the runtime first.
MODELS = (
    "half_plus_two",
    "dtypes",
    "awkward",
    "raw_png",
    "ranks",
    "defaults",
    "estimator",
    "feature_spec",
    "feature_spec_tf2",
    "mlp",
)
REST_MODELS = ("half_plus_two", "awkward", "estimator", "feature_spec_tf2", "ranks")
IMAGE = CONFORMANCE / "data" / "digit_3.png"
WORK = "go 1.25.0\n"


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What the command printed; it must end well."""
    done = subprocess.run(
        command,
        cwd=cwd,
        # What the go command remembers would otherwise belong to a folder that is gone by then.
        env={**os.environ, "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -trimpath", **(env or {})},
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
    features = {n: FeatureSpec(n, DType("float32"), "ragged", None) for n in HOSTILE}
    signatures = {n: Signature(n, specs, specs, defaults=frozenset({"class"})) for n in HOSTILE}
    text = {"inputs": TensorSpec("inputs", DType("string"), (-1,))}
    scores = {"scores": TensorSpec("scores", DType("float32"), (-1, 1))}
    for n in HOSTILE[::2]:
        signatures[n] = Signature(n, text, scores, schema.CLASSIFY, features=features)
    return Model(name, None, signatures)


# What go vet's stdmethods checks, what fmt looks for, and what a Client has of its own.
KNOWN_METHODS = """
    as is unwrap string go_string error format scan close status metadata wait_until_ready
    gob_encode gob_decode marshal_json unmarshal_json marshal_xml unmarshal_xml marshal_text
    unmarshal_text marshal_binary unmarshal_binary read_byte write_byte unread_byte read_rune
    unread_rune read_from write_to seek flush read write value
    MarshalJSON ReadByte GobEncode String marshalJSON
""".split()


def known_methods() -> Model:
    """A model whose signatures are called like methods that mean something to others."""
    spec = {"x": TensorSpec("x", DType("float32"), (-1,))}
    return Model("methods", None, {n: Signature(n, spec, spec) for n in KNOWN_METHODS})


def without_features(name: str, method: str, features: Mapping[str, FeatureSpec] | None) -> Model:
    """A model that takes Examples without a feature, or of which that is not known."""
    one = {"inputs": TensorSpec("inputs", DType("string"), (-1,))}
    scores = {"scores": TensorSpec("scores", DType("float32"), (-1, 2))}
    if method == schema.REGRESS:
        scores = {"outputs": TensorSpec("outputs", DType("float32"), (-1,))}
    only = Signature(
        "serving_default", one, scores, method, example_input="inputs", features=features
    )
    return Model(name, None, {only.name: only})


def from_server(model: Model) -> Model:
    """The model as a server tells it, which does not know what Examples are made of."""
    known = model.signatures.items()
    signatures = {n: replace(s, example_input=None, features=None) for n, s in known}
    return replace(model, signatures=signatures)


def all_of_it() -> Model:
    """A model that needs every part of the runtime."""
    dtypes = [DType.of_number(n) for n in range(64)]
    every = {str(d): TensorSpec(d, d, (-1,)) for d in dtypes if d.sendable}
    over_rest = {d: spec for d, spec in every.items() if spec.dtype.rest}
    pictures = {n: TensorSpec(n, DType(n), (-1, -1, -1, 3)) for n in ("float32", "uint8")}
    one = TensorSpec("inputs", DType("string"), (-1,))
    scores = {"scores": TensorSpec("scores", DType("float32"), (-1, 2))}
    values = {"outputs": TensorSpec("outputs", DType("float32"), (-1,))}
    features = {str(r): FeatureSpec("f", DType("float32"), required=r) for r in (True, False)}
    signatures = [
        Signature("every", every, every, defaults=frozenset({"bool"})),
        Signature("rest", over_rest, over_rest),
        Signature("pictures", pictures | {"img": TensorSpec("img", one.dtype, ())}, scores),
        Signature("example_png", {"png": replace(one, name="png")}, values, example_input="png"),
        Signature("bare", {"b64": TensorSpec("b64", one.dtype, ())}, values),
        Signature("classify", {"inputs": one}, scores, schema.CLASSIFY),
        Signature("regress", {"inputs": one}, values, schema.REGRESS),
        Signature("example", {"inputs": one}, values, example_input="inputs", features=features),
    ]
    return Model("all", None, {s.name: s for s in signatures})


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of clients, healthy and hostile, so that what they share is compiled once."""
    folder = tmp_path_factory.mktemp("go")
    for name in MODELS:
        write(zoo_model(name), folder / name)
    write(hostile_model("hostile"), folder / "hostile")
    write(known_methods(), folder / "methods")
    kinds = (schema.PREDICT, schema.CLASSIFY, schema.REGRESS)
    nothing: dict[str, FeatureSpec] = {}
    for features in (None, nothing):
        for kind in kinds:
            name = f"nothing{features is None}{kind.rpartition('/')[2]}".lower()
            write(without_features(name, kind, features), folder / name)
    write(all_of_it(), folder / "every")
    for name in REST_MODELS:
        write(zoo_model(name), folder / f"rest_{name}", Options("rest", f"example.com/{name}"))
    write(from_server(zoo_model("estimator")), folder / "untyped", Options(go_module="untyped"))
    write(replace(zoo_model("ranks"), name="fmt", signatures={}), folder / "empty")
    return workspace(folder)


def workspace(folder: Path) -> Path:
    """Tie the modules in ``folder`` together; nobody downloads what they share twice."""
    # Staticcheck spares generated files some checks, so here they do not say what they are; but a
    # client without a method has little use for the rest of itself.
    for path in folder.glob("*/*.go"):
        if path.parent.name != "empty":
            text = path.read_text("utf-8")
            path.write_text(text.removeprefix(f"// {HEADER}\n\n"), "utf-8")
    (folder / "programs").mkdir()
    (folder / "programs" / "go.mod").write_text(f"module programs\n\n{WORK}", "utf-8")
    uses = "".join(f"use ./{path.parent.name}\n" for path in sorted(folder.glob("*/go.mod")))
    (folder / "go.work").write_text(f"{WORK}\n{uses}", "utf-8")
    return folder


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of the runtime, with its tests beside it."""
    folder = tmp_path_factory.mktemp("runtime")
    view = go_runtime.view(all_of_it(), rest_only=False)
    files = go_runtime.files(view, identifier("client"), SHIPPED)
    files["go.mod"] = SHIPPED.render("go/go.mod.j2", module=code("client"), rest_only=False)
    files["go.sum"] = SHIPPED.read("go/go.sum")
    for path, text in files.items():
        (folder / path).write_text(text, "utf-8")
    for program in PROGRAMS.glob("*.go"):
        shutil.copy(program, folder)
    return folder


def test_the_runtime_by_itself(runtime: Path, tmp_path: Path) -> None:
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
    run(tool("go"), "vet", ".", cwd=runtime)
    run(
        *(tool("go"), "test", "."),
        cwd=runtime,
        env={"TFSCLIENT_EXAMPLES": str(tmp_path / "examples.json")},
    )


def test_files_are_formatted(generated: Path, tmp_path: Path) -> None:
    for number, name in enumerate(HOSTILE):
        files = go.files(Run(replace(hostile_model(name), signatures={})))
        (tmp_path / str(number)).mkdir()
        for path in ("client.go", "doc.go"):
            (tmp_path / str(number) / path).write_text(files[path], "utf-8")
    assert run(tool("gofmt"), "-l", generated, tmp_path, PROGRAMS, cwd=ROOT) == ""


def test_vet_and_staticcheck_find_nothing(generated: Path) -> None:
    _check(generated)


@pytest.mark.slow
def test_the_whole_zoo_is_clean(tmp_path: Path) -> None:
    for path in sorted(ZOO.iterdir()):
        for transport in ("any", "rest"):
            with contextlib.suppress(InvalidInput):  # two of them are broken on purpose
                name = f"{path.name}_{transport}"
                write(zoo_model(path.name), tmp_path / name, Options(transport, f"zoo.test/{name}"))
    assert len(list(tmp_path.glob("*/client.go"))) > 50
    workspace(tmp_path)
    assert run(tool("gofmt"), "-l", tmp_path, cwd=ROOT) == ""
    _check(tmp_path)


def _check(folder: Path) -> None:
    """Run go vet and staticcheck over the clients in a workspace."""
    clients = [f"./{path.parent.name}" for path in sorted(folder.glob("*/client.go"))]
    run(tool("go"), "vet", *clients, cwd=folder)
    program = ROOT / ".cache" / "go" / "staticcheck"
    build = [tool("go"), "build", "-o", str(program), "honnef.co/go/tools/cmd/staticcheck"]
    built = subprocess.run(build, cwd=PROGRAMS / "tools", check=False, capture_output=True)
    if built.returncode != 0:
        missing("what the go command downloads (is there a network?)")
    run(program, "-checks", "all", *clients, cwd=folder)


@pytest.mark.parametrize("module", ["half_plus_two", "rest_half_plus_two", "empty"])
def test_modules_are_tidy(generated: Path, module: str) -> None:
    run(tool("go"), "mod", "tidy", "-diff", cwd=generated / module, env={"GOWORK": "off"})


def test_transport_rest_needs_no_other_module(generated: Path) -> None:
    listed = run(
        tool("go"), "list", "-deps", "-f", "{{.Module}}", "./rest_estimator", cwd=generated
    )
    assert set(listed.split()) == {"example.com/estimator", "<nil>"}


def _calls(model: Model) -> list[go_methods.Method]:
    return go_methods.methods(model, go.package_name(model), rest_only=False)


@pytest.mark.parametrize("name", ["awkward", "hostile"])
def test_names_reach_the_wire_unchanged(generated: Path, name: str) -> None:
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
                f"{t.name.ident}: {name}.NewTensor([]float32{{{i}}})"
                for i, t in _numbered(m.inputs)
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
    folder = generated / "programs" / name
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
    for case, results in _recorded_results():
        cases.append(case)
        expected.append(results)
    assert len(cases) > 450
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
    return {"name": value.name, "dtype": value.dtype.number, "shape": value.shape}


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


def _recorded_results() -> list[tuple[dict[str, Any], list[Any]]]:
    """Answers to classify and regress, and their labels, scores and values by example."""
    found: list[tuple[dict[str, Any], list[Any]]] = []
    for line in (CONFORMANCE / "transcripts" / "rest.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        kind = record["path"].rpartition(":")[2]
        if kind in ("classify", "regress") and record["status"] == 200:
            body = record["response_body"].encode()
            results = [_flat(result) for result in rest_json.loads(body)["results"]]
            found.append(({"rest": body, "kind": kind, "outputs": []}, results))
    for line in (CONFORMANCE / "transcripts" / "grpc.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        kind = record["method"].rpartition("/")[2].lower()
        if kind in ("classify", "regress") and record.get("response_b64"):
            body = base64.b64decode(record["response_b64"])
            result = inference._merged(body, inference._RESULT)
            count = len(inference._spans(result, inference._EACH))
            if kind == "classify":
                each: list[Any] = list(inference._classes(result, count))
            else:
                each = inference._values(result, count).tolist()
            found.append(({"grpc": body, "kind": kind, "outputs": []}, [_flat(e) for e in each]))
    return found


def _flat(result: Any) -> Any:
    """What one example got, as an array of labels and float32 scores, or of its value."""
    if isinstance(result, float):
        return np.array([result], np.float32)
    values = [
        v
        for label, score in result
        for v in (label.encode("utf-8", "surrogateescape"), np.float32(score))
    ]
    return np.array(values, object)


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


def test_it_works_on_a_real_server(generated: Path, zoo: Zoo, tmp_path: Path) -> None:
    shutil.copytree(PROGRAMS / "live", generated / "programs" / "live")
    (tmp_path / "answers.json").write_text(json.dumps(_answers(zoo)), "utf-8")
    run(
        *(tool("go"), "test", "-count=1", "./programs/live"),
        cwd=generated,
        env={
            "TFSCLIENT_GRPC": zoo.grpc,
            "TFSCLIENT_REST": zoo.rest,
            "TFSCLIENT_ANSWERS": str(tmp_path / "answers.json"),
            "TFSCLIENT_IMAGE": str(IMAGE),
        },
    )


def test_a_server_with_few_threads_answers_many_goroutines(generated: Path) -> None:
    shutil.copytree(PROGRAMS / "busy", generated / "programs" / "busy")
    try:
        import tensorflow as tf  # noqa: F401
    except ImportError:
        missing("tensorflow")
    models = {"half_plus_two": ZOO / "half_plus_two"}
    with testing.serve(models, flags=["--grpc_max_threads=4"]) as server:
        run(
            *(tool("go"), "test", "-count=10", "./programs/busy"),
            cwd=generated,
            env={"TFSCLIENT_GRPC": server.grpc_target},
        )


def _answers(zoo: Zoo) -> dict[str, Any]:
    """What the library gets for the examples of the live test."""
    people = [{"a": ["x"], "b": [1.0]}, {"a": ["\n中"], "b": [-0.5]}]
    features = [
        {"f_required": [3.0]},
        {"f_required": [1.5], "f_default": 2.0, "s_var": ["é", b"\xff"]},
    ]
    context = {"f_seq": [1.0, 2.0], "i_fixed": [1 << 62, -1, 0]}
    with Client(zoo.grpc) as client:
        predicted = client.predict("estimator", [Example(p) for p in people], signature="predict")
        return {
            "classes": client.classify("estimator", people, signature="classification"),
            "values": client.regress("estimator", people, signature="regression").tolist(),
            "shared": client.regress(
                "feature_spec", features, context, signature="regress"
            ).tolist(),
            "logits": predicted["logits"].tolist(),
            "scores": client.predict("mlp", Image(IMAGE)).only().tolist(),
        }


@pytest.mark.parametrize(
    "model", ["half_plus_two", "raw_png", "estimator", "rest_estimator", "rest_feature_spec_tf2"]
)
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
    (tmp_path / "example" / "image.png").write_bytes(base64.b64decode(PNG_BASE64))
    (tmp_path / "example" / "main.go").write_text(program, "utf-8")
    commands = readme.split("```sh\n")[1].split("```")[0]
    shown = run(tool("bash"), "-euc", commands, cwd=tmp_path / "example", env={"GOWORK": "off"})
    assert re.search(r"^(\w+: .* \[1|.*: 0\.)", shown)
