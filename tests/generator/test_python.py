"""Generated Python: formatted, typed, and right on a live server."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tfsclient_gen import generate, left_out
from tfsclient_gen.generate import Options
from tfsclient_gen.languages.python import files as python_files

from tests.conftest import ZOO, Zoo
from tests.generator.hostile import HOSTILE
from tfsclient import Client, DType, InvalidInput, Model, Signature, TensorSpec, sources
from tfsclient.schema import PREDICT

LOADABLE = sorted(p.name for p in ZOO.iterdir() if p.name not in ("broken", "wrong_tag"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients of the whole zoo, one module each."""
    out = tmp_path_factory.mktemp("python")
    for name in LOADABLE:
        for path, text in generate(sources.from_saved_model(ZOO / name), "python").items():
            (out / path).write_text(text, "utf-8")
    return out


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "format", "--isolated", "--check", "."],
        ["ruff", "check", "--isolated", "."],
        ["mypy", "--strict", "--no-error-summary", "--cache-dir", "cache", "."],
    ],
    ids=["format", "lint", "mypy"],
)
def test_strict_tools_have_nothing_to_say(folder: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_pyright_strict_has_nothing_to_say(folder: Path) -> None:
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "-p", str(folder), "--pythonpath", sys.executable],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_small_model_has_a_small_client(folder: Path) -> None:
    assert len((folder / "half_plus_two.py").read_text("utf-8").splitlines()) < 130


def test_a_typed_call_gives_a_typed_result(folder: Path, zoo: Zoo) -> None:
    module = load(folder / "half_plus_two.py")
    for target in (zoo.grpc, zoo.rest):
        with module.HalfPlusTwo(target, version=1) as client:
            result = client.serving_default(x=[[1.0], [2.0], [5.0]])
            np.testing.assert_array_equal(result.y, [[2.5], [3.0], [4.5]])
            assert isinstance(result, module.ServingDefaultResult)
            with pytest.raises(InvalidInput, match=r"\(3, 1\)"):
                client.serving_default(x=[1.0, 2.0, 5.0])


def test_the_embedded_signature_spares_the_metadata_call(folder: Path, zoo: Zoo) -> None:
    sent: list[str] = []
    with Client(zoo.grpc, on_call=lambda info: sent.append(info.path)) as shared:
        load(folder / "linear.py").Linear(shared).serving_default(x=[2.0])
    assert sent == ["/tensorflow.serving.PredictionService/Predict"]


def test_an_input_with_a_default_is_optional(folder: Path, zoo: Zoo) -> None:
    with load(folder / "defaults.py").Defaults(zoo.grpc) as client:
        assert client.serving_default(x=[1.0]).y.tolist() == [2.0]
        assert client.serving_default(x=[1.0], k=5.0).y.tolist() == [5.0]


@pytest.mark.parametrize("model", ["awkward", "dtypes", "ranks"])
def test_every_method_calls_its_own_signature(folder: Path, zoo: Zoo, model: str) -> None:
    schema = sources.from_saved_model(ZOO / model)
    skip = {gone.signature for gone in left_out(schema, "python")} | {
        # These fail on the server, as their makers meant them to.
        "wrong_dtype", "missing_tensor", "no_outputs",
    }  # fmt: skip
    module = load(folder / f"{model}.py")
    with Client(zoo.grpc) as raw:
        generated = getattr(module, model.capitalize())(raw)
        methods = {s: m for m, s in wire_names(folder / f"{model}.py").items()}
        assert set(methods) == set(schema.signatures) - {
            gone.signature for gone in left_out(schema, "python")
        }
        for name, signature in schema.signatures.items():
            if name in skip:
                continue
            inputs = {n: sample(spec) for n, spec in signature.inputs.items()}
            expected = raw.predict(model, inputs, signature=name)
            method = getattr(generated, methods[name])
            # Parameters and fields stand in the order of the wire names.
            parameters = list(inspect.signature(method).parameters)
            result = method(**dict(zip(parameters, inputs.values(), strict=False)))
            for output, field in zip(sorted(expected), result.__slots__, strict=True):
                np.testing.assert_array_equal(getattr(result, field), expected[output])


def sample(spec: TensorSpec) -> Any:
    shape = [2 if size == -1 else size for size in spec.shape or ()]
    if spec.dtype == "string":
        return np.full(shape, b"s", object)
    return np.ones(shape).astype(spec.dtype.numpy)


def wire_names(path: Path) -> dict[str, str]:
    """Method name to the signature that it asks for, read from the parsed code."""
    tree = ast.parse(path.read_text("utf-8"))
    constants = {
        node.targets[0].id: node.value.keywords[0].value.value  # type: ignore[attr-defined]
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
    }
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            calls = (n for n in ast.walk(node) if isinstance(n, ast.Call))
            for keyword in (k for call in calls for k in call.keywords):
                if keyword.arg == "signature" and isinstance(keyword.value, ast.Name):
                    found[node.name] = constants[keyword.value.id]
    return found


def test_hostile_names_run_nothing_and_stay_formatted(tmp_path: Path) -> None:
    names = [name for name in HOSTILE if name]
    spec = {name: TensorSpec(name, DType("float32"), (-1,)) for name in names}
    hostile = {name: Signature(name, spec, spec, method=PREDICT) for name in names[:20]}
    for number, name in enumerate(HOSTILE):
        model = Model(name, None, hostile if number == 0 else dict(list(hostile.items())[:1]))
        for path, text in python_files(model, Options()).items():
            assert path.removesuffix(".py").isidentifier()
            module = tmp_path / f"m{number}.py"
            module.write_text(text, "utf-8")
            exec(compile(text, str(module), "exec"), {"__name__": "m"})
    # Its diffs of such names would flood the report.
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--check", "--quiet", "."],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
