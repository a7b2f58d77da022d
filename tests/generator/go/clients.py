"""Generated clients in Go, and how the go command is run on them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tfsclient_gen import Options, generate
from tfsclient_gen.render import HEADER

from tests.conftest import ZOO
from tests.generator.hostile import HOSTILE
from tfsclient import schema, sources
from tfsclient.dtypes import DType
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(__file__).parent
# Of the zoo.
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


def write(models: Model | Sequence[Model], folder: Path, options: Options | None = None) -> Path:
    """The clients of models in a folder, which has to be empty."""
    for path, text in generate(models, "go", options).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
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
    multi_inference
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


def workspace(folder: Path) -> Path:
    """Tie the modules in ``folder`` together; nobody downloads what they share twice."""
    # Staticcheck spares generated files some checks, so here they do not say what they are.
    for path in folder.rglob("*.go"):
        text = path.read_text("utf-8")
        path.write_text(text.removeprefix(f"// {HEADER}\n\n"), "utf-8")
    (folder / "programs").mkdir()
    (folder / "programs" / "go.mod").write_text(f"module programs\n\n{WORK}", "utf-8")
    uses = "".join(f"use ./{path.parent.name}\n" for path in sorted(folder.glob("*/go.mod")))
    (folder / "go.work").write_text(f"{WORK}\n{uses}", "utf-8")
    return folder
