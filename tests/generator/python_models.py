"""Models whose generated Python is looked at, and generated modules as tests load them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.conftest import ZOO
from tests.generator.hostile import HOSTILE
from tfsclient import DType, FeatureSpec, Model, Signature, TensorSpec, sources
from tfsclient.meaning import Picture, Sample, TensorMeaning

WORDS = "\n".join(HOSTILE)
HOSTILE_LABELS = tuple(name[:40] for name in HOSTILE if name.strip())

_LOADABLE = sorted(p.name for p in ZOO.iterdir() if p.name not in ("broken", "wrong_tag"))
_DIGITS = Path(__file__).parents[1] / "demo" / "digits.schema.json"


def models() -> dict[str, Model]:
    """Every model of the zoo that loads, the demo's, and what no exporter would write."""
    zoo = {name: sources.from_saved_model(ZOO / name) for name in _LOADABLE}
    empty = Model("empty", None, {})
    own = {"hostile": hostile_features(), "empty": empty, "told": told()}
    return {**zoo, "digits": sources.from_file(_DIGITS), **own}


def hostile_features() -> Model:
    """Features of every form, with names that try to break out of the code."""
    forms: list[dict[str, Any]] = [
        {"dtype": "float32", "shape": (), "required": True},
        {"dtype": "float32", "shape": (2, 3), "default": (0.5, float("nan"), float("-inf"), 1e-5)},
        {"dtype": "int64", "shape": (-1, 2), "default": (7,)},
        {"dtype": "int64", "shape": None, "kind": "ragged"},
        {"dtype": "string", "shape": (1,), "required": None},
        {"dtype": "string", "shape": None, "kind": "sparse", "required": True},
        {"dtype": "string", "shape": (1,), "default": (b"\xff'\"\\\n" * 40,)},
        {"dtype": "int64", "shape": (40,), "default": tuple(range(10**17, 10**17 + 40))},
    ]
    names = sorted(["float", "np", "str", "to_example", *HOSTILE, *(c * 60 for c in "bcdefgh")])
    features = {}
    for number, name in enumerate(names):
        form = dict(forms[number % len(forms)])
        features[name] = FeatureSpec(name, DType(form.pop("dtype")), **form)
    string = {"inputs": TensorSpec("inputs", DType("string"), (-1,))}
    scores = {"scores": TensorSpec("scores", DType("float32"), (-1,))}
    more = {**string, "threshold": TensorSpec("threshold", DType("float32"), ())}
    lone = {"inputs": TensorSpec("inputs", DType("string"), ())}
    told: dict[str, Any] = {"example_input": "inputs", "features": features}
    few = {**told, "features": dict(list(features.items())[:2])}
    signatures = [
        Signature("classify", string, scores, method="tensorflow/serving/classify", **told),
        Signature("c" * 200, string, scores, method="tensorflow/serving/classify", **few),
        Signature("b" * 200, string, scores, **few),
        Signature("lone", lone, scores, **few),
        Signature("with_more_inputs", more, scores, **told),
    ]
    return Model("hostile", None, {s.name: s for s in sorted(signatures, key=lambda s: s.name)})


def told() -> Model:
    """A model of which all is told that can be, in words that try to break out of the code."""
    picture = TensorMeaning(
        "image", mean=(1.5, 2, 3), std=(2,), colour="bgr", layout="CHW", description=WORDS
    )
    scores = TensorMeaning("scores", labels=HOSTILE_LABELS, description=WORDS)
    inputs = {
        "x": TensorSpec("x", "float32", (-1, 3, 4, 4), meaning=picture),
        "y": TensorSpec("y", "string", (-1,), meaning=TensorMeaning("text", description="\\")),
    }
    outputs = {
        "top": TensorSpec("top", "float32", (-1, len(HOSTILE_LABELS)), meaning=scores),
        "list": TensorSpec(
            "list", "int64", (-1, 1), meaning=TensorMeaning("scores", labels=('"',))
        ),
        "more": TensorSpec("more", "float32", (-1,), meaning=TensorMeaning(description='"""')),
    }
    samples = [Sample(name, {"x": Picture(name), "y": [name]}) for name in HOSTILE[:40] if name]
    signatures = {
        name: Signature(name, inputs, outputs, samples=tuple(samples))
        for name in ("serving_default", "other")
    }
    return Model("told", None, signatures, description=WORDS)


def load(path: Path) -> ModuleType:
    """Import a module by its path, under its own name."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
