"""Models that no exporter would write, but that a file may hold: any names, dtypes and shapes."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from tests.generator.hostile import HOSTILE
from tfsclient.dtypes import DType
from tfsclient.schema import CLASSIFY, PREDICT, REGRESS, FeatureSpec, Model, Signature, TensorSpec

_WORDS = "x images input ids aB a_b A b scores class serving default 2 HTTP url Example".split()
# The numbers of the types that can be sent, and some of those that cannot.
_DTYPES = [DType.of_number(number) for number in (*range(34), 101)]
# None of these has a surrogate: protobuf's text has none either.
_RANGES = [range(0x20), range(0x20, 0x7F), range(0x7F, 0x250), range(0x2000, 0x2070),
           range(0x4E00, 0x4E80), range(0xFE00, 0x10000), range(0x1F600, 0x1F640)]  # fmt: skip
_SIZES = [-1, -1, 0, 1, 1, 2, 3, 28, 224, 1 << 40]
_DEFAULTS: dict[str, list[Any]] = {
    "float32": [0.5, -0.0, math.nan, math.inf, 1e-45],
    "int64": [0, -(1 << 63), (1 << 63) - 1],
    "string": [b"", b"'\"\\\n", b"\xff\0", "中文 */".encode()],
}


def random_model(random: Random, signatures: int) -> Model:
    """A model with so many signatures, of names that try to break out of whatever shows them."""
    names = _names(random, signatures)
    return Model(_name(random), None, {n: _signature(random, n) for n in sorted(names)})


def _names(random: Random, count: int) -> set[str]:
    names: set[str] = set()
    while len(names) < count:
        names.add(_name(random))
    return names


def _name(random: Random) -> str:
    forms = [
        lambda: random.choice(HOSTILE),
        lambda: "_".join(random.choices(_WORDS, k=random.randint(1, 3))),
        lambda: "".join(random.choices(_WORDS, k=random.randint(1, 3))),
        lambda: "".join(random.choices(HOSTILE, k=2)),
        lambda: "".join(
            chr(random.choice(points)) for points in random.choices(_RANGES, k=random.randint(1, 8))
        ),
    ]
    return random.choices(forms, weights=[4, 3, 2, 2, 2])[0]()[:2000]


def _signature(random: Random, name: str) -> Signature:
    kind = random.choice(["predict"] * 5 + ["examples", "classify", "regress"])
    features = _features(random) if random.random() < 0.7 else None
    string = {"inputs": TensorSpec("inputs", DType("string"), random.choice([(-1,), None]))}
    if kind == "classify":
        outputs = [TensorSpec("classes", DType("string"), (-1, 2)),
                   TensorSpec("scores", DType("float32"), (-1, 2))]  # fmt: skip
        given = random.choice([outputs, outputs[:1], outputs[1:]])
        return _examples(name, string, {s.name: s for s in given}, CLASSIFY, features)
    if kind == "regress":
        outputs = [TensorSpec("outputs", DType("float32"), (-1,))]
        return _examples(name, string, {s.name: s for s in outputs}, REGRESS, features)
    outs = _tensors(random, random.choice([0, 1, 1, 1, 2, 5]))
    if kind == "examples":
        return _examples(name, string, outs, PREDICT, features)
    inputs = _tensors(random, random.choice([0, 1, 1, 2, 3, 8]))
    defaults = frozenset(n for n in inputs if random.random() < 0.2)
    return Signature(name, inputs, outs, random.choice([PREDICT, "", _name(random)]), defaults)


def _examples(
    name: str,
    inputs: dict[str, TensorSpec],
    outputs: dict[str, TensorSpec],
    method: str,
    features: dict[str, FeatureSpec] | None,
) -> Signature:
    told = None if features is None else "inputs"
    return Signature(name, inputs, outputs, method, example_input=told, features=features)


def _tensors(random: Random, count: int) -> dict[str, TensorSpec]:
    # Most have types that REST can carry, or else few signatures would have all six clients.
    rest = [dtype for dtype in _DTYPES if dtype.rest]
    dtypes = rest if random.random() < 0.8 else _DTYPES
    return {
        name: TensorSpec(name, random.choice(dtypes), _shape(random))
        for name in sorted(_names(random, count))
    }


def _shape(random: Random) -> tuple[int, ...] | None:
    rank = random.choice([None, 0, 1, 1, 2, 3, 4, 40])
    if rank is None:
        return None
    return tuple(random.choices(_SIZES if rank < 5 else [-1, 1], k=rank))


def _features(random: Random) -> dict[str, FeatureSpec]:
    features = {}
    for name in sorted(_names(random, random.choice([0, 1, 3, 9]))):
        dtype = DType(random.choice(list(_DEFAULTS)))
        required = random.choice([True, False, None])
        kind = random.choice(["dense", "dense", "sparse", "ragged"])
        shape = random.choice([(), (1,), (3,), (-1,), (-1, 2), (2, 3)]) if kind == "dense" else None
        default = None
        if shape is not None and required is False and random.random() < 0.5:
            count = random.choice([1, math.prod(abs(size) for size in shape)])
            default = tuple(random.choices(_DEFAULTS[dtype], k=count))
        features[name] = FeatureSpec(name, dtype, kind, shape, required, default)
    return features
