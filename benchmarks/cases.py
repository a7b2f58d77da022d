"""What is measured: inputs, the server's answer, and the goal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
Mode: TypeAlias = Literal["sync", "threads", "future", "aio"]

MODEL: Final = "model"


@dataclass(frozen=True, slots=True)
class Case:
    """One request and its answer, made over and over.

    Attributes:
        title: how the report names it.
        inputs: makes what is sent; float32, int64 and strings.
        outputs: makes what comes back.
        goals: by peer, what tfsclient's time by the clock should be of the peer's, at most.
        mode: one call after the other, or several at a time.
        rest: whether it goes over REST.
        content: whether the answer is in tensor_content rather than the server's default form.
        in_flight: how many calls at a time, in the modes that have several.
        checked: whether inputs are checked before they are sent, by clients that can.
    """

    title: str
    inputs: Callable[[], Arrays]
    outputs: Callable[[], Arrays]
    goals: Mapping[str, float]
    mode: Mode = "sync"
    rest: bool = False
    content: bool = False
    in_flight: int = 32
    checked: bool = True


def _random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _floats(name: str, *shape: int) -> Callable[[], Arrays]:
    return lambda: {name: _random().random(shape, np.float32)}


def _ints(name: str, low: int, high: int, *shape: int) -> Callable[[], Arrays]:
    return lambda: {name: _random().integers(low, high, shape, np.int64)}


def _strings(name: str, count: int) -> Callable[[], Arrays]:
    def make() -> Arrays:
        sizes = _random().integers(4, 40, count)
        strings = [_random(int(size)).bytes(int(size)).hex().encode()[:size] for size in sizes]
        return {name: np.array(strings, object)}

    return make


def _tokens() -> Arrays:
    names = ("input_ids", "input_mask", "segment_ids")
    return {name: _random().integers(0, 30_000, (1, 128), np.int64) for name in names}


_SCALAR = _floats("x")
_SCORES = _floats("scores", 1, 10)
_CLASSES = _floats("scores", 1, 1000)
_IMAGE = _floats("image", 1, 224, 224, 3)
_DIGIT = _floats("image", 1, 28, 28, 1)
_MASK = _floats("mask", 1, 512, 512, 21)
_BATCH = _floats("image", 32, 224, 224, 3)

CASES: Final = {
    "scalar": Case("scalar -> [1,10]", _SCALAR, _SCORES, {"limit": 1.15}),
    "digit": Case("[1,28,28,1] -> [1,10]", _DIGIT, _SCORES, {"limit": 1.15}),
    "tokens": Case("3 x [1,128] int64 -> [1,1000]", _tokens, _CLASSES, {"limit": 1.15}),
    "strings-up": Case(
        "1000 strings -> [1,10]", _strings("text", 1000), _SCORES, {"grpcio + protobuf": 1}
    ),
    "strings-down": Case(
        "scalar -> 1000 strings", _SCALAR, _strings("text", 1000), {"grpcio + protobuf": 1}
    ),
    "ints-down": Case(
        "scalar -> [32,1000] int64, 0..50,000",
        _SCALAR,
        _ints("ids", 0, 50_000, 32, 1000),
        {"grpcio + protobuf": 1},
    ),
    "hashes-down": Case(
        "scalar -> [32,1000] int64, any",
        _SCALAR,
        _ints("hashes", -(2**63), 2**63 - 1, 32, 1000),
        {"grpcio + protobuf": 1},
    ),
    "image": Case("602 KB image -> [1,1000]", _IMAGE, _CLASSES, {"limit": 1.2}),
    "batch": Case("19 MB batch -> [32,1000]", _BATCH, _floats("scores", 32, 1000), {"limit": 1.2}),
    "mask": Case(
        "602 KB -> 22 MB, float_val", _IMAGE, _MASK, {"limit": 1, "tensorflow-serving-api": 0.1}
    ),
    "mask-content": Case(
        "602 KB -> 22 MB, tensor_content", _IMAGE, _MASK, {"limit": 1}, content=True
    ),
    "aio": Case("scalar, asyncio, 32 in flight", _SCALAR, _SCORES, {"limit": 1.2}, "aio"),
    "aio-unchecked": Case(
        "the same, unchecked", _SCALAR, _SCORES, {"limit": 1.2}, "aio", checked=False
    ),
    "aio-tokens": Case("3 x [1,128] int64, asyncio, 32 in flight", _tokens, _CLASSES, {}, "aio"),
    "future": Case("scalar, futures, 32 in flight", _SCALAR, _SCORES, {}, "future"),
    # The goal is a rate: 0.8 of the limit's.
    "threads-8": Case(
        "scalar, 8 threads", _SCALAR, _SCORES, {"limit": 1.25}, "threads", in_flight=8
    ),
    "threads-32": Case("scalar, 32 threads", _SCALAR, _SCORES, {"limit": 1.25}, "threads"),
    "rest-digit": Case("REST: [1,28,28,1] -> [1,10]", _DIGIT, _SCORES, {}, rest=True),
    "rest-image": Case(
        "REST: [1,224,224,3] -> [1,1000]",
        _IMAGE,
        _CLASSES,
        {"requests + json": 0.08},
        rest=True,
    ),
}
