"""Clients in each language, and programs that call them."""

from __future__ import annotations

import base64
import dataclasses
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import numpy as np
from tfsclient_gen import generate
from tfsclient_gen.languages.go import files as go
from tfsclient_gen.languages.go import methods as go_methods
from tfsclient_gen.languages.java import files as java_files
from tfsclient_gen.languages.java import methods as java_methods
from tfsclient_gen.languages.js.methods import methods as js_methods
from tfsclient_gen.names import pascal

from tests.conftest import tool
from tests.generator.java import clients as java
from tests.generator.js import clients as js
from tests.generator.matrix import rust
from tests.generator.matrix.values import (
    Case,
    Outcome,
    attempt,
    feature_to_json,
    from_json,
    outcome,
    to_json,
)
from tests.generator.python_models import load
from tests.generator.test_curl import script_of
from tests.generator.test_openapi import body_schema, document, problems, strict
from tests.generator.test_python import wire_names
from tfsclient import Client, Example, build_classify, build_predict, build_regress
from tfsclient._codec import rest_json
from tfsclient.dtypes import DType
from tfsclient.schema import Model, Signature

PROGRAMS = Path(__file__).parent

Models: TypeAlias = Mapping[str, Model]
Driver: TypeAlias = Callable[[str, Sequence[Case]], list[Outcome]]  # given a target and calls


# The transports of each language's clients.
TRANSPORTS = {
    "python": ("gRPC", "REST"),
    "go": ("gRPC", "REST"),
    "java": ("gRPC", "REST"),
    "rust": ("gRPC", "REST"),
    "js": ("gRPC", "REST"),
    "ts": ("gRPC", "REST"),
    "curl": ("REST",),
    "openapi": ("REST",),
}


def clients(models: Models, folder: Path, npm: Path, *, every: bool) -> dict[str, Driver]:
    """Clients in every language, or in those that are compiled fast, compiled."""
    compiled: dict[str, Driver] = {}
    if every:
        compiled["java"] = java_(models, folder / "java")
        compiled["rust"] = rust.Clients(models, f"matrix_{len(models)}").run
    return compiled | {
        "python": python(models, folder / "python"),
        "go": golang(models, folder / "go"),
        "js": node(models, "js", folder / "js", npm),
        "ts": node(models, "ts", folder / "ts", npm),
        "curl": curl(models, folder / "curl"),
        "openapi": openapi(models),
    }


def write(models: Models, language: str, folder: Path) -> None:
    """A folder of each model's client."""
    for name, model in models.items():
        for path, text in generate(model, language).items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(text, "utf-8")


# --- Python ---------------------------------------------------------------------------------------


def python(models: Models, folder: Path) -> Driver:
    """The clients are modules of this process."""
    folder.mkdir()
    modules: dict[str, tuple[Any, dict[str, str]]] = {}
    for name, model in models.items():
        for path, text in generate(model, "python").items():
            (folder / path).write_text(text, "utf-8")
            if path.endswith(".py"):
                modules[name] = load(folder / path), wire_names(folder / path)

    def run(target: str, cases: Sequence[Case]) -> list[Outcome]:
        with Client(target) as raw:
            return [_python_call(raw, *modules[case.model], case) for case in cases]

    return run


def _python_call(raw: Client, module: Any, wires: Mapping[str, str], case: Case) -> Outcome:
    (made,) = (name for name in module.__all__ if f"Async{name}" in module.__all__)
    signature = case.signature
    methods = {wire: method for method, wire in wires.items()}
    method = getattr(getattr(module, made)(raw), methods[signature.name])
    arguments: list[Any] = []
    # Parameters and fields stand in the order of the wire names, optional ones last.
    order = sorted(signature.inputs, key=lambda wire: (wire in signature.defaults, wire))
    parameters = dict(zip(order, _parameters(method), strict=False))
    keywords: dict[str, Any] = {parameters[wire]: value for wire, value in case.inputs.items()}
    if case.examples is not None:
        examples = [_python_example(module, signature, example) for example in case.examples]
        if signature.kind == "predict":
            keywords[next(iter(parameters.values()))] = examples
        else:
            arguments = [examples]

    def call() -> Any:
        answer = method(*arguments, **keywords)
        if signature.kind != "predict":
            return answer
        pairs = zip(sorted(signature.outputs), answer.__slots__, strict=True)
        return {wire: getattr(answer, field) for wire, field in pairs}

    return attempt(call)


def _parameters(method: Any) -> list[str]:
    code = method.__code__
    names: tuple[str, ...] = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    return list(names)


def _python_example(module: Any, signature: Signature, example: Mapping[str, Any]) -> Any:
    made = getattr(module, f"{pascal(signature.name, 'signature')}Example")
    features = signature.features or {}
    order = sorted(features, key=lambda wire: (not features[wire].required, wire))
    fields = [field.name for field in dataclasses.fields(made)]
    names = dict(zip(order, fields, strict=True))
    return made(**{names[wire]: value for wire, value in example.items()})


# --- Go, JavaScript, TypeScript: a program that reads calls and prints outcomes -------------------


def _idents(fields: Any) -> dict[str, str]:
    return {field.name.wire: str(field.name.ident) for field in fields or ()}


def _told(case: Case, method: Any, examples_field: str) -> dict[str, Any]:
    """A call, as the programs take it."""
    inputs, features = _idents(method.inputs), _idents(method.features)
    specs, known = case.signature.inputs, case.signature.features or {}
    if case.signature.kind == "predict":
        examples_field = next(iter(inputs.values()), "")
    return {
        "model": case.model,
        "method": str(method.name.ident),
        "kind": case.signature.kind,
        "field": examples_field,
        "inputs": {inputs[n]: to_json(v, specs[n].dtype) for n, v in case.inputs.items()},
        "examples": case.examples
        and [
            {features[n]: feature_to_json(v, known[n]) for n, v in example.items()}
            for example in case.examples
        ],
    }


def _outcome(told: Mapping[str, Any], case: Case, method: Any) -> Outcome:
    if told.get("code"):
        return Outcome({}, told["code"])
    if case.signature.kind != "predict":
        dtypes = {"label": "string", "score": "float32", "value": "float32"}
        return Outcome({n: from_json(t, DType(dtypes[n])) for n, t in told["outputs"].items()})
    wires = {ident: wire for wire, ident in _idents(method.outputs).items()}
    outputs = case.signature.outputs
    return Outcome(
        {wires[i]: from_json(t, outputs[wires[i]].dtype) for i, t in told["outputs"].items()}
    )


def _run(command: Sequence[str | Path], cwd: Path, given: Any) -> list[Any]:
    done = subprocess.run(
        command,
        cwd=cwd,
        input=json.dumps(given),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]]


_GO = "go 1.25.0\n"


def golang(models: Models, folder: Path) -> Driver:
    """The clients are packages of one module, and a program has them all."""
    renamed = [dataclasses.replace(model, name=name) for name, model in models.items()]
    for path, text in generate(renamed, "go").items():
        (folder / "models" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "models" / path).write_text(text, "utf-8")
    packages = {name: go.package_name(name) for name in models}
    methods = {
        name: {m.name.wire: m for m in go_methods.methods(_usable(model), rest_only=False)}
        for name, model in models.items()
    }
    opened = []
    for name, package in packages.items():
        examples = "".join(
            f"{json.dumps(m.name.ident)}: {package}.{m.examples}{{}}, "
            for m in methods[name].values()
            if m.features is not None
        )
        make = f"func(target string) (any, error) {{ return {package}.New(target) }}"
        opened.append(f"\t{json.dumps(name)}: {{{make}, map[string]any{{{examples}}}}},\n")
    imports = "".join(f'\t"models/{package}"\n' for package in packages.values())
    program = folder / "program"
    program.mkdir()
    (program / "go.mod").write_text(f"module program\n\n{_GO}", "utf-8")
    (program / "models.go").write_text(
        f"package main\n\nimport (\n{imports})\n\n"
        f"var models = map[string]model{{\n{''.join(opened)}}}\n",
        "utf-8",
    )
    (program / "main.go").write_text((PROGRAMS / "run.go").read_text("utf-8"), "utf-8")
    (folder / "go.work").write_text(f"{_GO}\nuse ./models\nuse ./program\n", "utf-8")
    subprocess.run([tool("go"), "build", "-o", "run", "."], cwd=program, check=True)

    def run(target: str, cases: Sequence[Case]) -> list[Outcome]:
        made = [(case, methods[case.model][case.signature.name]) for case in cases]
        calls = [_told(case, method, "Examples") for case, method in made]
        lines = _run([program / "run"], program, {"Target": target, "Calls": calls})
        return [_outcome(line, *of) for line, of in zip(lines, made, strict=True)]

    return run


def java_(models: Models, folder: Path) -> Driver:
    """The clients are packages of one project, and a program finds them by their names."""
    renamed = [dataclasses.replace(model, name=name) for name, model in models.items()]
    java.write(renamed, folder)
    paths = java.compiled(folder, PROGRAMS / "Run.java")
    methods = {
        name: {m.name.wire: m for m in java_methods.methods(_usable(m_), "", rest_only=False)}
        for name, m_ in models.items()
    }

    def told(case: Case) -> dict[str, Any]:
        method = methods[case.model][case.signature.name]
        package = f"models.{java_files.package_name(case.model)}"
        return _told(case, method, "") | {
            "client": f"{package}.{java_files.client_name(case.model)}",
            "package": package,
            "type": str(method.type),
            "outputs": [str(t.name.ident) for t in method.outputs],
        }

    def run(target: str, cases: Sequence[Case]) -> list[Outcome]:
        given = {"target": target, "calls": [told(case) for case in cases]}
        lines = _run([tool("java"), "-cp", paths, "models.tfs.Run"], folder, given)
        made = [(case, methods[case.model][case.signature.name]) for case in cases]
        return [_outcome(line, *of) for line, of in zip(lines, made, strict=True)]

    return run


def _usable(model: Model) -> Model:
    return dataclasses.replace(model, signatures=model.usable())


def node(models: Models, language: str, folder: Path, npm: Path) -> Driver:
    """The clients are modules of one package, and share a connection; TypeScript is compiled."""
    js.write([*models.values()], language, folder)
    (folder / "node_modules").symlink_to(npm)
    if language == "ts":
        command: list[str | Path] = [npm / ".bin" / "tsc", "--project", folder]
        subprocess.run(command, cwd=folder, check=True)
    methods = {
        name: {m.name.wire: m for m in js_methods(_usable(model))} for name, model in models.items()
    }
    built = folder / "dist" if language == "ts" else folder

    def run(target: str, cases: Sequence[Case]) -> list[Outcome]:
        made = [(case, methods[case.model][case.signature.name]) for case in cases]
        given: dict[str, Any] = {
            "folder": built.as_uri(),
            "target": target,
            "grpc": "://" not in target,
            "modules": {name: js.module_of(model) for name, model in models.items()},
            "calls": [_told(case, method, "examples") for case, method in made],
        }
        for call in given["calls"]:
            for told in call["inputs"].values():
                if told["dtype"] in _SMALL:
                    _cast(told, told["dtype"], "float32")
                    told["dtype"] = "float32"
        lines = _run([tool("node"), PROGRAMS / "run.mjs"], folder, given)
        for line, (case, method) in zip(lines, made, strict=True):
            for field in method.outputs if case.signature.kind == "predict" else ():
                spec = case.signature.outputs[field.name.wire]
                if spec.dtype in _SMALL and not line.get("code"):
                    _cast(line["outputs"][str(field.name.ident)], "float32", spec.dtype)
        return [_outcome(line, *of) for line, of in zip(lines, made, strict=True)]

    return run


_SMALL = ("float16", "bfloat16")  # JavaScript has float32 for them


def _cast(told: dict[str, Any], have: str, want: str) -> None:
    """Cast the numbers of a tensor that a program is told, or that it told."""
    array = np.frombuffer(base64.b64decode(told["data"]), DType(have).numpy)
    told["data"] = base64.b64encode(array.astype(DType(want).numpy).tobytes()).decode()


# --- curl and OpenAPI: what is sent is the user's own JSON ----------------------------------------


def _body(case: Case) -> bytes:
    """The body of a REST request, as the library writes it."""
    signature = case.signature
    examples = None if case.examples is None else [Example(one) for one in case.examples]
    if signature.kind != "predict":
        assert examples is not None
        build = build_classify if signature.kind == "classify" else build_regress
        return build(case.model, examples, signature=signature).to_json()
    inputs: dict[str, Any] = dict(case.inputs)
    if examples is not None:
        inputs[str(signature.example_input)] = examples
    return build_predict(case.model, inputs, signature=signature).to_json()


def _answer(case: Case, body: bytes) -> Outcome:
    if case.signature.kind == "predict":
        return outcome(rest_json.decode_predict(body, case.signature.outputs, None))
    count = len(case.examples or ())
    if case.signature.kind == "classify":
        return outcome(rest_json.decode_classify(body, count))
    return outcome(rest_json.decode_regress(body, count))


def curl(models: Models, folder: Path) -> Driver:
    """The clients are scripts, that say of an error its status alone."""
    scripts = {}
    for name, model in models.items():
        (folder / name).mkdir(parents=True)
        scripts[name] = script_of(model, folder / name)

    def run(target: str, cases: Sequence[Case]) -> list[Outcome]:
        return [call(target, case) for case in cases]

    def call(target: str, case: Case) -> Outcome:
        script = scripts[case.model]
        done = subprocess.run(
            [script, case.signature.name, "-"],
            env={"PATH": f"{Path(tool('curl')).parent}:/usr/bin:/bin",
                 f"{case.model.upper()}_URL": target},
            input=_body(case),
            capture_output=True,
            check=False,
            timeout=300,
        )  # fmt: skip
        if done.returncode == 0:
            return _answer(case, done.stdout)
        status = done.stderr.decode().removeprefix("HTTP ").partition(":")[0]
        return Outcome({}, f"HTTP {status}")

    return run


def openapi(models: Models) -> Driver:
    """The document's paths are called; request and answer have to be what it tells."""
    documents = {name: document(model) for name, model in models.items()}

    def run(target: str, cases: Sequence[Case]) -> list[Outcome]:
        return [call(target, case) for case in cases]

    def call(target: str, case: Case) -> Outcome:
        made, body = documents[case.model], _body(case)
        path = f"/v1/models/{case.model}:{case.signature.kind}"
        about = made["paths"][path]["post"]
        wrong = _problems(made, body_schema(made, about["requestBody"]), body)
        if wrong:
            return Outcome({}, f"request: {wrong}")
        answer = httpx.post(target + path, content=body, timeout=60)
        schema = body_schema(made, about["responses"][str(answer.status_code)])
        wrong = _problems(made, schema, answer.content)
        if wrong:
            return Outcome({}, f"answer: {wrong}")
        if answer.status_code != 200:
            return Outcome({}, f"HTTP {answer.status_code}")
        return _answer(case, answer.content)

    return run


def _problems(made: dict[str, Any], schema: dict[str, Any], body: bytes) -> list[str]:
    try:
        value = strict(body.decode())
    except (ValueError, UnicodeDecodeError):
        return []  # JSON as only this server speaks it: NaN, and text of any bytes
    return [problem[:300] for problem in problems(made, schema, value)]
