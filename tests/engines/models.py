"""Models of fake servers, and what workers import by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

from tfsclient import Model, Signature, TensorSpec

_TYPES = ("uint8", "uint16", "uint32", "uint64", "bfloat16", "float16", "bool", "complex64")


def shapes() -> Model:
    """Of a picture: a tensor of rank 3, strings in two dimensions, and a number of each type."""
    outputs = {
        "cube": TensorSpec("cube", "float32", (-1, 2, 2, 3)),
        "words": TensorSpec("words", "string", (-1, 2)),
        "raw": TensorSpec("raw", "string", (-1,)),
        **{f"as_{kind}": TensorSpec(f"as_{kind}", kind, (-1,)) for kind in _TYPES},
    }
    inputs = {"image": TensorSpec("image", "float32", (-1, 2, 2, 3))}
    return Model("shapes", 3, {"serving_default": Signature("serving_default", inputs, outputs)})


def shapes_answer(inputs: Any) -> dict[str, Any]:
    """What it answers."""
    image = inputs["image"]
    first = image[:, 0, 0, 0]
    words = [[b"first", str(int(number)).encode()] for number in first]
    outputs = shapes().signature().outputs
    numbers = {
        name: first.astype(tensor.dtype.numpy)
        for name, tensor in outputs.items()
        if name.startswith("as_")
    }
    raw = np.array([b"\xff%d" % int(number) for number in first], object)
    return {"cube": 2 * image, "words": np.array(words, object), "raw": raw, **numbers}


def token() -> str:
    """A token that a worker makes for itself."""
    return f"made by {'a worker' if 'WORKERS_FOLDER' in os.environ else 'nobody'}"


def killing_token() -> str:
    """A token whose third call in a worker kills that; once."""
    mark = Path(os.environ["WORKERS_FOLDER"], "killed")
    if os.getpid() != int(os.environ["DRIVER"]) and not mark.exists():
        calls.append(1)
        if len(calls) == 3:
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
    return "well"


calls: list[int] = []
