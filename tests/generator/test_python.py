"""Generated Python: formatted, typed, and right on a live server."""

from __future__ import annotations

import ast
import asyncio
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfsclient_gen import Options, generate, left_out
from tfsclient_gen.generate import make
from tfsclient_gen.languages.python.files import files as python_files
from tfsclient_gen.languages.python.names import why_not_module
from tfsclient_gen.names import pascal
from tfsclient_gen.target import Run

from tests.conftest import ZOO, Zoo, missing
from tests.generator.hostile import HOSTILE
from tests.generator.python_models import load, models
from tfsclient import (
    AsyncClient,
    Client,
    DecodeError,
    DType,
    Example,
    FailedPrecondition,
    FeatureSpec,
    InvalidInput,
    Model,
    Signature,
    TensorSpec,
    sources,
)
from tfsclient._inputs.image import Image
from tfsclient.schema import PREDICT

LINEAR = sources.from_saved_model(ZOO / "linear")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients of the whole zoo, one module each."""
    out = tmp_path_factory.mktemp("python")
    for model in models().values():
        for path, text in generate(model, "python").items():
            (out / path).write_text(text, "utf-8")
    return out


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    """The demo's model on a local server."""
    try:
        import sklearn  # noqa: F401
        import tensorflow as tf  # noqa: F401
    except ImportError as error:
        missing(str(error.name))
    from tfsclient._cli.demo import digits
    from tfsclient.server.app import Server

    path = tmp_path_factory.mktemp("digits")
    digits.build(path / "1")
    with Server({"digits": path}) as server:
        yield Zoo(server.grpc_target, server.rest_target)


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
    assert len((folder / "linear.py").read_text("utf-8").splitlines()) < 230


def test_a_typed_call_gives_a_typed_result(folder: Path, zoo: Zoo) -> None:
    module = load(folder / "half_plus_two.py")
    for target in (zoo.grpc, zoo.rest):
        with module.HalfPlusTwo(target, version=1) as client:
            result = client.serving_default(x=[[1.0], [2.0], [5.0]])
            np.testing.assert_array_equal(result.y, [[2.5], [3.0], [4.5]])
            assert isinstance(result, module.ServingDefaultResult)
            with pytest.raises(InvalidInput, match=r"\(3, 1\)"):
                client.serving_default(x=[1.0, 2.0, 5.0])


def test_an_output_of_another_dtype_is_refused(tmp_path: Path, zoo: Zoo) -> None:
    signature = LINEAR.signatures["serving_default"]
    other = {"y": replace(signature.outputs["y"], dtype=DType("float64"))}
    model = replace(LINEAR, signatures={signature.name: replace(signature, outputs=other)})
    (tmp_path / "liar.py").write_text(generate(model, "python")["linear.py"])
    module = load(tmp_path / "liar.py")
    words = "output 'y' came as float32, but this client was generated for float64"
    with module.Linear(zoo.grpc) as client, pytest.raises(DecodeError, match=words):
        client.serving_default(x=[1.0])

    async def awaited() -> None:
        async with module.AsyncLinear(zoo.grpc) as client:
            with pytest.raises(DecodeError, match=words):
                await client.serving_default(x=[1.0])

    asyncio.run(awaited())
    with module.Linear(zoo.rest) as client:  # JSON tells no dtype
        assert client.serving_default(x=[1.0]).y.dtype == np.float64


def value(spec: FeatureSpec) -> Any:
    one: Any = {"float32": 0.5, "int64": 2, "string": "a"}[spec.dtype]
    return one if spec.shape in ((), (1,)) else [one] * abs((spec.shape or (2,))[0])


TAKE_EXAMPLES = ["estimator", "half_plus_two", "feature_spec", "feature_spec_tf2", "predict_images"]


@pytest.mark.parametrize("rest", [False, True], ids=["grpc", "rest"])
@pytest.mark.parametrize("model", TAKE_EXAMPLES)
def test_typed_examples_get_what_plain_ones_get(
    folder: Path, zoo: Zoo, model: str, rest: bool
) -> None:
    target = zoo.rest if rest else zoo.grpc
    module = load(folder / f"{model}.py")
    (made,) = (name for name in module.__all__ if f"Async{name}" in module.__all__)
    methods = {s: m for m, s in wire_names(folder / f"{model}.py").items()}
    for name, signature in models()[model].signatures.items():
        if signature.features is None:
            continue
        typed = getattr(module, f"{pascal(name, 'signature')}Example")
        plain = {n: value(s) for n, s in signature.features.items() if s.required}
        every = {n: value(s) for n, s in signature.features.items()}
        mixed = [typed(**plain), typed(**every), Example(every), every]
        inputs: Any = {"examples": mixed} if signature.kind == "predict" else {}
        arguments = [] if inputs else [mixed]
        with Client(target) as raw:
            call = getattr(raw, signature.kind)
            expected = call(model, [plain, every, every, every], signature=signature)
            answer = getattr(getattr(module, made)(raw), methods[name])(*arguments, **inputs)
        awaited = asyncio.run(call_async(module, f"Async{made}", target, methods[name],
                                         *arguments, **inputs))  # fmt: skip
        for got in (answer, awaited):
            if signature.kind != "predict":
                np.testing.assert_equal(got, expected)
                continue
            for output, field in zip(sorted(expected), got.__slots__, strict=True):
                np.testing.assert_array_equal(getattr(got, field), expected[output])


async def call_async(
    module: Any, client: str, target: str, method: str, *args: Any, **kw: Any
) -> Any:
    async with getattr(module, client)(target) as made:
        return await getattr(made, method)(*args, **kw)


def test_context_and_what_an_example_lacks(folder: Path, zoo: Zoo) -> None:
    module = load(folder / "half_plus_two.py")
    with module.HalfPlusTwo(zoo.grpc) as client:
        shared = client.regress_x_to_y([{}, {"x": 4.0}], context={"x": 2.0})
        assert shared.tolist() == client.regress_x_to_y([{"x": 2.0}, {"x": 4.0}]).tolist()
        with pytest.raises(InvalidInput, match="feature 'x' is missing"):
            client.classify_two([{"x2": 1.0}])
        with pytest.raises(InvalidInput, match="must be a list"):
            client.classify_two(module.ClassifyTwoExample(x=1.0))


def test_digits_on_every_way(folder: Path, digits: Zoo) -> None:
    module = load(folder / "digits.py")
    scan = np.full((8, 8), 255, np.uint8)
    for target in (digits.grpc, digits.rest):
        with module.Digits(target, verify=True) as client:
            expected = client.serving_default(images=scan[np.newaxis]).scores
            for images in (Image(scan), [Image(scan)]):
                np.testing.assert_array_equal(
                    client.serving_default(images=images).scores, expected
                )
            np.testing.assert_allclose(client.png(image_bytes=Image(scan)).scores, expected)
            flat = scan.reshape(-1).astype(np.float32)
            (classes,) = client.classify([module.ClassifyExample(image=flat)])
            assert len(classes) == 10
        answer = asyncio.run(
            call_async(module, "AsyncDigits", target, "serving_default", images=Image(scan))
        )
        np.testing.assert_array_equal(answer.scores, expected)


def test_examples_in_docstrings_run(
    folder: Path, zoo: Zoo, digits: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    for name in [*TAKE_EXAMPLES, "awkward", "bert", "defaults", "digits", "linear", "segmentation"]:
        server = digits if name == "digits" else zoo
        tree = ast.parse((folder / f"{name}.py").read_text("utf-8"))
        module = load(folder / f"{name}.py")
        documented = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
        shown = [block for node in documented for block in example_blocks(node)]
        assert len(shown) == 3
        for block in shown:
            code = block.replace("localhost:8500", server.grpc)
            if "await " in code:
                code = (
                    "async def main():\n" + textwrap.indent(code, "    ") + "\nasyncio.run(main())"
                )
            exec(code, {**vars(module), "asyncio": asyncio, "np": np, "Image": Image})


def example_blocks(node: Any) -> Iterator[str]:
    _, found, rest = (ast.get_docstring(node) or "").partition("Example:\n")
    if found:
        block = rest.splitlines()
        end = next((n for n, line in enumerate(block) if line and line[0] != " "), len(block))
        yield textwrap.dedent("\n".join(block[:end]))


def test_verify_asks_once_and_tells_all_differences(folder: Path, zoo: Zoo) -> None:
    module = load(folder / "half_plus_two.py")
    sent: list[str] = []
    with Client(zoo.grpc, on_call=lambda info: sent.append(info.path)) as shared:
        client = module.HalfPlusTwo(shared, verify=True)
        for _ in range(2):
            client.serving_default(x=[[1.0]])
        assert [path.rpartition("/")[2] for path in sent] == ["GetModelMetadata"] + ["Predict"] * 2
        other = module.HalfPlusTwo(shared, model="linear", verify=True)
        with pytest.raises(
            FailedPrecondition, match=r"'classify_two': gone.*regress_x.*shape"
        ) as at:
            other.serving_default(x=[[1.0]])
        assert "tfsclient-gen" in str(at.value)

    async def awaited() -> None:
        async with AsyncClient(zoo.rest) as shared:
            await module.AsyncHalfPlusTwo(shared, verify=True).serving_default(x=[[1.0]])
            other = module.AsyncHalfPlusTwo(shared, model="linear", verify=True)
            with pytest.raises(FailedPrecondition):
                await other.serving_default(x=[[1.0]])

    asyncio.run(awaited())


def test_an_input_that_says_image_takes_one(folder: Path) -> None:
    found = 0
    for name, model in models().items():
        text = (folder / f"{name}.py").read_text("utf-8")
        for signature in model.signatures.values():
            for spec in signature.inputs.values():
                if f"        {spec.name}: npt.ArrayLike | Image" in text:
                    Image(np.zeros((9, 7, 3), np.uint8)).to_array(spec)
                    found += 1
    assert found >= 8


def test_a_client_says_what_it_calls(folder: Path) -> None:
    module = load(folder / "linear.py")
    shown = "<Linear of <BoundModel 'other' version 3 at localhost:8500>>"
    assert repr(module.Linear("localhost:8500", model="other", version=3)) == shown
    assert repr(module.AsyncLinear("localhost:8500")).startswith("<AsyncLinear of <AsyncBound")


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
        for path, text in python_files(Run(model)).items():
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


@pytest.mark.parametrize(
    "name",
    "numbers json string types token select enum typing email calendar numpy tfsclient aux con nul "
    "prn com1 lpt9 class".split(),
)
def test_modules_that_would_hide_others_have_another_name(name: str, tmp_path: Path) -> None:
    (made,) = make([replace(LINEAR, name=name)], "python")
    assert set(made.files()) == {f"{name}_model.py", f"{name}_model.lock.json"}
    assert made.notes[0].startswith(f"the module of {name!r} is {name}_model: {name} is ")
    assert not make([LINEAR], "python")[0].notes


def test_all_standard_modules_are_known() -> None:
    names = [n for n in sys.stdlib_module_names if not n.startswith("_") and n.islower()]
    assert not [name for name in names if why_not_module(name) is None]


def test_dense_outputs_beside_others_are_asked_for(tmp_path: Path) -> None:
    dense = TensorSpec("dense", DType("float32"), (-1,))
    sparse = replace(dense, name="sparse", encoding="coo_sparse")
    both = Signature("s", {"x": replace(dense, name="x")}, {"dense": dense, "sparse": sparse})
    model = Model("m", None, {"s": both, "t": replace(both, name="t", outputs={"dense": dense})})
    (made,) = make([model], "python")
    assert not made.left_out["m"]
    assert len(made.notes) == 1
    assert made.notes[0].startswith("signature 's' without an output: output 'sparse' is a Sparse")
    text = made.files()["m.py"]
    assert text.count('outputs=["dense"],') == 2  # of both faces
    assert 'encoding="coo_sparse"' in text
    assert "sparse:" not in text
    (rest,) = make([model], "python", Options(transport="rest"))
    assert [gone.signature for gone in rest.left_out["m"]] == ["s"]
    assert "8500" not in rest.files()["m.py"]
    assert [gone.signature for gone in make([model], "curl")[0].left_out["m"]] == ["s"]
