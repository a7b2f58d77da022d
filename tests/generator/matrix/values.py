"""What each signature is called with, and what came of a call."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfsclient import Client, Example, TFSError
from tfsclient._inputs.samples import PNG_BASE64
from tfsclient.dtypes import DType
from tfsclient.schema import FeatureSpec, Model, Signature, TensorSpec

Array: TypeAlias = npt.NDArray[Any]

_PNG = base64.b64decode(PNG_BASE64)
_TEXTS = ["", "é\0😀 \"'\\", "three"]

# Where the graph, or what is tested of it, wants more than dtype and shape tell.
_OWN: dict[tuple[str, str], dict[str, Any]] = {
    ("big", "ramp"): {"n": 1000},
    ("composite", "serving_default"): {
        "dense_shape": [3, 3],
        "indices": [[0, 1], [2, 0]],  # within that shape, and in order
    },
    ("failing", "reshape"): {"x": [1, 2, 3, 4, 5, 6]},
    ("failing", "number"): {"x": ["1.5", "-2"]},
    ("mnist_images", "serving_default"): {"images": [base64.urlsafe_b64encode(_PNG)]},
    ("raw_png", "serving_default"): {"image_bytes": [_PNG, _PNG]},
    ("segmentation", "serving_default"): {"height": 2, "width": 2},  # of the picture
    ("signatures_tf2", "ragged"): {"r_1": [0, 1, 2]},  # row splits of two values
    ("slow", "steps"): {"steps": 1},
}


@dataclass(frozen=True)
class Case:
    """A call.

    Attributes:
        model: the model's name.
        signature: the signature to call.
        inputs: the inputs by wire name; without those that Examples are sent as.
        examples: the Examples, by wire names; None where the method takes none.
    """

    model: str
    signature: Signature
    inputs: dict[str, Array]
    examples: list[dict[str, Any]] | None = None

    def __str__(self) -> str:
        left = sorted(self.signature.defaults - self.inputs.keys())
        return f"{self.model} {self.signature.name!r}" + (f" without {left}" if left else "")


def cases(model: Model) -> list[Case]:
    """A call of each signature that there is a way to call; two if it has defaults."""
    found = []
    for signature in model.usable().values():
        lone = list(signature.inputs) == [signature.example_input]
        if signature.kind != "predict" or (lone and signature.features is not None):
            assert signature.features is not None
            features = signature.features.items()
            examples = [
                {name: _feature(spec, 0) for name, spec in features if spec.required},
                {name: _feature(spec, 1) for name, spec in features},
            ]
            found.append(Case(model.name, signature, {}, examples))
            continue
        own = _OWN.get((model.name, signature.name), {})
        inputs = {
            name: _array(own[name], spec) if name in own else _value(spec, model.name)
            for name, spec in signature.inputs.items()
        }
        found.append(Case(model.name, signature, inputs))
        if signature.defaults:
            given = {n: value for n, value in inputs.items() if n not in signature.defaults}
            found.append(Case(model.name, signature, given))
    return found


def _array(value: Any, spec: TensorSpec) -> Array:
    if spec.dtype != "string":
        return np.array(value, spec.dtype.numpy)
    items = [v.encode() if isinstance(v, str) else v for v in value]
    array = np.empty(len(items), object)
    array[:] = items
    return array


def _value(spec: TensorSpec, model: str) -> Array:
    """A value of this dtype and shape, the same each time."""
    shape = [2 if size == -1 else size for size in ((2,) if spec.shape is None else spec.shape)]
    count = int(np.prod(shape))
    if model == "dtypes" and spec.shape == (-1,):
        return _extremes(spec.dtype)
    if spec.dtype == "string":
        flat = np.empty(count, object)
        flat[:] = [_TEXTS[i % len(_TEXTS)].encode() for i in range(1, count + 1)]
    elif spec.dtype.kind == "float":
        flat = (np.arange(count) % 5 * 0.75 + 0.1).astype(spec.dtype.numpy)
    elif spec.dtype == "bool":
        flat = np.arange(count) % 2 == 0
    else:
        # Sizes, ids and rows: small, and in order.
        flat = (np.arange(count) % 2 + (not shape)).astype(spec.dtype.numpy)
    return flat.reshape(shape)


def _extremes(dtype: DType) -> Array:
    """The values that are the first to break."""
    if dtype == "string":
        return _array(_TEXTS, TensorSpec("", dtype, (-1,)))
    if dtype == "bool":
        return np.array([True, False, True])
    if dtype.kind == "complex":
        return np.array([1.5 - 2j, complex(0, -np.inf), complex(np.nan, 0)], dtype.numpy)
    if dtype.kind == "float":
        return np.array([-0.0, np.inf, np.nan, 0.1]).astype(dtype.numpy)
    widths = {"int4": (-8, 7), "uint4": (0, 15), "int2": (-2, 1), "uint2": (0, 3)}
    low, high = widths.get(dtype, (0, 0))
    if dtype not in widths:
        low, high = np.iinfo(dtype.numpy).min, np.iinfo(dtype.numpy).max
    return np.array([low, high, 1], _carrier(dtype)).astype(dtype.numpy)


def _feature(spec: FeatureSpec, number: int) -> Any:
    ones: dict[str, list[Any]] = {
        "float32": [0.5, -1.25],
        "int64": [2, 1 << 60],
        "string": ["abc", "é\0"],  # text, for what JavaScript has for strings holds no other bytes
    }
    one = ones[spec.dtype]
    if spec.shape == ():
        return one[number]
    return [one[number]] * int(np.prod([abs(size) for size in spec.shape or (2,)]))


# --- what came ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What came of a call.

    Attributes:
        values: arrays by wire name; of classify, "label" and "score"; of regress, "value".
        code: the code of the error, if the call failed.
        http: the HTTP status of the error.
    """

    values: Mapping[str, Array]
    code: str = ""
    http: int | None = None


def attempt(call: Callable[[], Any]) -> Outcome:
    """What a call of the library, or of a client that is made on it, gives."""
    try:
        return outcome(call())
    except TFSError as error:
        return Outcome({}, str(error.code), error.http_status)


def outcome(answer: Any) -> Outcome:
    """The library's answer of any of the three kinds."""
    if isinstance(answer, Mapping):
        return Outcome(dict(answer))
    if isinstance(answer, np.ndarray):
        return Outcome({"value": answer})
    labels = [label.encode(errors="surrogateescape") for classes in answer for label, _ in classes]
    scores = [score for classes in answer for _, score in classes]
    return Outcome(
        {
            "label": _array(labels, TensorSpec("", DType("string"), (-1,))),
            "score": np.array(scores, np.float32),
        }
    )


def by_library(client: Client, case: Case) -> Outcome:
    """What the library gives."""
    signature = case.signature
    if signature.kind != "predict":
        assert case.examples is not None
        examples = [Example(example) for example in case.examples]
        call = client.classify if signature.kind == "classify" else client.regress
        return attempt(lambda: call(case.model, examples, signature=signature))
    inputs: dict[str, Any] = dict(case.inputs)
    if case.examples is not None:
        assert signature.example_input is not None
        inputs[signature.example_input] = [Example(example) for example in case.examples]
    return attempt(lambda: client.predict(case.model, inputs, signature=signature))


def difference(got: Outcome, wanted: Outcome, *, rest: bool) -> str:
    """What is different; "" if nothing is that the transport keeps."""
    if got.code != wanted.code:
        return f"{got.code or 'an answer'} came, not {wanted.code or 'an answer'}"
    if got.values.keys() != wanted.values.keys():
        return f"{sorted(got.values)} came, not {sorted(wanted.values)}"
    for name, value in wanted.values.items():
        if not _equal(got.values[name], value, rest):
            return f"{name!r} is {got.values[name]!r}, not {value!r}"
    return ""


def _equal(got: Array, wanted: Array, rest: bool) -> bool:
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return False
    if got.dtype == object:
        return bool(np.array_equal(got, wanted))
    if not rest:
        return got.tobytes() == wanted.tobytes()
    if got.dtype != np.float64:
        return bool(np.array_equal(got, wanted, equal_nan=got.dtype.kind == "f"))
    # TF Serving writes doubles with fewer digits than tell them apart, or reads them so.
    with np.errstate(invalid="ignore"):
        near = np.abs(got - wanted) <= 3 * np.spacing(np.abs(wanted))
    return bool(np.all(near | (got == wanted) | (np.isnan(got) & np.isnan(wanted))))


# --- arrays in JSON, for drivers in other languages -----------------------------------------------


def to_json(array: Array, dtype: DType) -> dict[str, Any]:
    """An array as drivers take it: its shape, and its elements in little-endian bytes."""
    told: dict[str, Any] = {"shape": list(array.shape), "dtype": dtype}
    if dtype == "string":
        return told | {"strings": [_b64(item) for item in array.reshape(-1)]}
    return told | {"data": _b64(_carried(array, dtype).tobytes())}


def from_json(told: Mapping[str, Any], dtype: DType) -> Array:
    """The array that a driver told."""
    if dtype == "string":
        items = [base64.b64decode(item) for item in told["strings"]]
        return _array(items, TensorSpec("", dtype, (-1,))).reshape(told["shape"])
    data = base64.b64decode(told["data"])
    flat = np.frombuffer(data, _carrier(dtype))
    narrow = dtype in ("int2", "int4", "uint2", "uint4")
    array = flat.astype(dtype.numpy) if narrow else flat.view(dtype.numpy)
    return array.reshape(told["shape"])


def feature_to_json(value: Any, spec: FeatureSpec) -> dict[str, Any]:
    """A feature's values; integers as text, for JSON's numbers may not hold them."""
    values = value if isinstance(value, list) else [value]
    forms: dict[str, Callable[[Any], Any]] = {
        "float32": lambda v: v,
        "int64": str,
        "string": lambda v: _b64(v.encode()),
    }
    return {
        "dtype": spec.dtype,
        "values": [forms[spec.dtype](one) for one in values],
        "lone": not isinstance(value, list),
    }


def _carried(array: Array, dtype: DType) -> Array:
    carrier = _carrier(dtype)
    narrow = dtype in ("int2", "int4", "uint2", "uint4")
    return array.astype(carrier) if narrow else np.ascontiguousarray(array).view(carrier)


def _carrier(dtype: DType) -> np.dtype[Any]:
    """What numpy and the other languages have for a type: its bits, if they lack the type."""
    if dtype in ("int2", "int4", "uint2", "uint4"):
        return np.dtype("int8" if dtype.startswith("int") else "uint8")
    numpy = dtype.numpy
    lacking = numpy == np.float16 or numpy.isbuiltin != 1
    return np.dtype(f"u{numpy.itemsize}") if lacking else numpy


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
