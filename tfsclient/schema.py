"""What a model wants and gives: plain, frozen data that can be saved as JSON and read back.

The client checks inputs against it, the fake server answers from it, and the generator writes
clients from it.  Nothing here knows where a schema came from: ``tfsclient.sources`` does.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

import orjson

from tfsclient.dtypes import STRING, DType
from tfsclient.errors import Hint, InvalidInput

PREDICT: Final = "tensorflow/serving/predict"
CLASSIFY: Final = "tensorflow/serving/classify"
REGRESS: Final = "tensorflow/serving/regress"
DEFAULT_SIGNATURE: Final = "serving_default"

# Put there by TensorFlow's own exporter: listed by the server, not meant to be called.
_EXPORTER_SIGNATURES = frozenset({"__saved_model_init_op", "__saved_model_train_op"})

# What TF Serving reads the answers of Classify and Regress from.
_CLASSIFY_OUTPUTS: Final = {"classes": "string", "scores": "float32"}
_REGRESS_OUTPUTS: Final = {"outputs": "float32"}

# What a TensorInfo that is not dense stands for, and the dense tensors that make it up.
_ENCODINGS: Final = {
    "coo_sparse": ("a SparseTensor", "indices, values and dense_shape"),
    "composite": ("a composite tensor", "components"),
}

Kind: TypeAlias = Literal["predict", "classify", "regress"]

WHICH_SIGNATURE: Final = Hint("which_signature", "pass signature=...")

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a signature.

    Attributes:
        name: the name that requests and answers use (not the graph's tensor name).
        dtype: the type of its elements.
        shape: the declared dimensions, -1 for one of any size; None if even the rank is open.
        encoding: "dense"; or "coo_sparse" / "composite" for a SparseTensor or RaggedTensor put down
            as one (inputs by TF1's ``build_tensor_info``, outputs by TF2, too), which TF Serving
            can neither take nor give.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...] | None
    encoding: str = "dense"

    def __str__(self) -> str:
        shape = "of any shape" if self.shape is None else str(list(self.shape))
        return f"{self.dtype} {shape}"


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One feature of the tf.Examples that a signature parses.

    Attributes:
        name: the feature's key.
        dtype: "float32", "int64" or "string", for float_list, int64_list and bytes_list.
        kind: "dense", or "sparse" / "ragged" for any number of values.
        shape: of a dense feature, the dimensions of its values; the first may be -1, for any number
            of rows.  None for the other kinds.
        required: whether every Example must have it; None where the graph does not say.
        default: what stands for a missing feature (where the first dimension is -1: what fills up
            shorter ones), flat; a lone value stands for all of them.  None where there is none, or
            the graph does not say.  Floats have as few digits as tell a float32.
    """

    name: str
    dtype: DType
    kind: str = "dense"
    shape: tuple[int, ...] | None = ()
    required: bool | None = False
    default: tuple[float | bytes, ...] | None = None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} {self.kind}"
        return f"{self.dtype} {list(self.shape)}" + (" required" if self.required else "")


Features: TypeAlias = Mapping[str, FeatureSpec]


@dataclass(frozen=True, slots=True)
class Signature:
    """One callable of a model.

    Attributes:
        name: the signature's key.
        inputs: the inputs by name, sorted.
        outputs: the outputs by name, sorted.
        method: the method name, e.g. "tensorflow/serving/predict"; any text, often empty or wrong.
        defaults: names of the inputs that a gRPC request may leave out.
        example_input: the input that takes serialized tf.Examples; None if none does, several do,
            or that is not known, as from a server's metadata.
        features: what the Examples are parsed into, by name, sorted; None if that is not known.
        why_unusable: why no client can call this signature; None if it can be called.
        why_not_over_rest: why TF Serving's REST interface cannot carry a call of it; None if it
            can.
    """

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method: str = PREDICT
    defaults: frozenset[str] = field(default_factory=frozenset[str])
    example_input: str | None = None
    features: Features | None = None
    why_unusable: str | None = field(init=False, repr=False, compare=False)
    why_not_over_rest: str | None = field(init=False, repr=False, compare=False)

    @property
    def kind(self) -> Kind:
        """The call that the signature is for: "predict", "classify" or "regress".

        Its method name says so, as far as its tensors' names agree: those are what TF Serving's
        Classify and Regress look at.  TF2 writes every method name as predict's, so a signature
        with just the tensors ``inputs``, ``classes`` and ``scores`` is for classify, too.
        """
        if list(self.inputs) == ["inputs"] and self.inputs["inputs"].dtype == STRING:
            outputs = {name: str(spec.dtype) for name, spec in self.outputs.items()}
            if outputs == _CLASSIFY_OUTPUTS:
                return "classify"
            if self.method == CLASSIFY and outputs and outputs.items() <= _CLASSIFY_OUTPUTS.items():
                return "classify"
            if self.method == REGRESS and outputs == _REGRESS_OUTPUTS:
                return "regress"
        return "predict"

    def callable_part(self) -> Signature | None:
        """The signature with those outputs that a server can give; None if it cannot be called.

        A request over gRPC may ask for some of the outputs, so that one which is sparse, or of a
        type that cannot be sent, keeps no caller from the others.  REST always gives all.
        """
        if self.why_unusable is None:
            return self
        given = {
            name: spec
            for name, spec in self.outputs.items()
            if spec.encoding == "dense" and spec.dtype.sendable
        }
        part = replace(self, outputs=given)
        return part if part.why_unusable is None else None

    def __post_init__(self) -> None:
        # Once, for every call asks.
        object.__setattr__(self, "why_unusable", _why_unusable(self))
        object.__setattr__(self, "why_not_over_rest", _why_not_over_rest(self))


def _why_unusable(signature: Signature) -> str | None:
    if signature.name == "":
        return "its name is empty, and an empty name means serving_default in a request"
    if signature.name in _EXPORTER_SIGNATURES:
        return "it belongs to TensorFlow's exporter"
    if not signature.outputs:
        return "it has no outputs"
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs.values():
            if spec.encoding != "dense":
                form, parts = _ENCODINGS[spec.encoding]
                return (
                    f"{kind} {spec.name!r} is {form}, and TF Serving takes and gives dense tensors "
                    f"only: export its {parts} as {kind}s of their own"
                )
            if not spec.dtype.sendable:
                return f"{kind} {spec.name!r} is of type {spec.dtype}, which cannot be sent"
    return None


def _why_not_over_rest(signature: Signature) -> str | None:
    if not signature.inputs:
        return "it has no inputs, and TF Serving cannot call such a signature over REST"
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs.values():
            if spec.encoding != "dense":
                return f"{kind} {spec.name!r} is not dense, and an answer in JSON has all outputs"
            if not spec.dtype.rest:
                return f"{kind} {spec.name!r} is {spec.dtype}, which has no form in JSON; use gRPC"
    return None


@dataclass(frozen=True, slots=True)
class Model:
    """A model's signatures.

    Attributes:
        name: what the server calls it.
        version: the version these signatures were read from; None where that is not known.
        signatures: the signatures by key, sorted.
        tags: of a model read from a SavedModel, the tags of the graph that was read, sorted.  They
            are not written as JSON, and play no part in comparisons.
    """

    name: str
    version: int | None
    signatures: Mapping[str, Signature]
    tags: tuple[str, ...] | None = field(default=None, compare=False)

    def usable(self) -> dict[str, Signature]:
        """The signatures that a client can call."""
        return {k: s for k, s in self.signatures.items() if s.why_unusable is None}

    def signature(self, name: str | None = None) -> Signature:
        """The signature of this name; None picks serving_default, else the only usable one.

        Raises:
            InvalidInput: there is no such signature, or None fits more than one.
        """
        picked = self.pick(name)
        if picked is not None:
            return picked
        usable = _listed(self.usable())
        if name is None:
            raise InvalidInput(
                f"the model has no signature {DEFAULT_SIGNATURE!r}, so say which to use: {usable}",
                model=self.name,
                hint=WHICH_SIGNATURE,
            )
        raise InvalidInput(
            f"the model has no signature {name!r}; it has {usable}", model=self.name, signature=name
        )

    def pick(self, name: str | None) -> Signature | None:
        """What :meth:`signature` gives; None where it would raise."""
        picked = self.signatures.get(DEFAULT_SIGNATURE if name is None else name)
        if picked is None and name is None:
            usable = self.usable()
            if len(usable) == 1:
                (picked,) = usable.values()
        return picked


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(map(repr, names)) or "none that can be called"


def to_json(model: Model, *, version: bool = True) -> bytes:
    """The model as our own JSON; the same model always gives the same bytes.

    Args:
        model: what to write.
        version: whether to write the version down; a lock file does not.
    """
    data: dict[str, Any] = {"format": _FORMAT, "model": model.name}
    if version and model.version is not None:
        data["version"] = model.version
    data["signatures"] = {
        name: {
            "method": s.method,
            "inputs": {n: _tensor_to_json(t) for n, t in sorted(s.inputs.items())},
            "outputs": {n: _tensor_to_json(t) for n, t in sorted(s.outputs.items())},
            **({"defaults": sorted(s.defaults)} if s.defaults else {}),
            **_examples_to_json(s),
        }
        for name, s in sorted(model.signatures.items())
    }
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _tensor_to_json(spec: TensorSpec) -> dict[str, Any]:
    data: dict[str, Any] = {"dtype": spec.dtype, "shape": spec.shape}
    if spec.encoding != "dense":
        data["encoding"] = spec.encoding
    return data


def _examples_to_json(signature: Signature) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if signature.example_input is not None:
        data["example_input"] = signature.example_input
    if signature.features is not None:
        features = sorted(signature.features.items())
        data["features"] = {name: _feature_to_json(spec) for name, spec in features}
    return data


def _feature_to_json(spec: FeatureSpec) -> dict[str, Any]:
    data: dict[str, Any] = {"dtype": spec.dtype, "kind": spec.kind}
    if spec.shape is not None:
        data["shape"] = spec.shape
    data["required"] = spec.required
    if spec.default is not None:
        data["default"] = [_value_to_json(value) for value in spec.default]
    return data


def _value_to_json(value: float | bytes) -> Any:
    """A default value; JSON has no bytes, no NaN and no infinities."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return value if math.isfinite(value) else str(value)


def from_json(text: bytes | str) -> Model:
    """Read what :func:`to_json` wrote.

    Raises:
        InvalidInput: the text is not such a schema; the error names the place.
    """
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"not a schema: {error}") from None
    root = _Place("schema", data)
    if (number := root.get("format", int)) != _FORMAT:
        raise InvalidInput(f"schema.format is {number}; this version of tfsclient reads {_FORMAT}")
    signatures = {}
    for name, place in root.items("signatures"):
        inputs = {n: _tensor_from_json(n, p) for n, p in place.items("inputs")}
        defaults = place.value.get("defaults", [])
        if not isinstance(defaults, list) or not all(d in inputs for d in defaults):
            raise InvalidInput(f"{place.path}.defaults must be a list of inputs")
        signatures[name] = Signature(
            name=name,
            inputs=inputs,
            outputs={n: _tensor_from_json(n, p) for n, p in place.items("outputs")},
            method=place.get("method", str),
            defaults=frozenset(defaults),
            **_examples_from_json(place, inputs),
        )
    version = data.get("version")
    if version is not None and (type(version) is not int or not 0 <= version < 1 << 63):
        raise InvalidInput(f"schema.version must be an integer from 0, not {version!r}")
    return Model(root.get("model", str), version, signatures)


class _Place:
    """A JSON object and where it stands, so that errors can say so."""

    def __init__(self, path: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise InvalidInput(f"{path} must be a JSON object, not {type(value).__name__}")
        self.path, self.value = path, value

    def get(self, key: str, kind: type[Any]) -> Any:
        value = self.value.get(key)
        if type(value) is not kind:
            raise InvalidInput(f"{self.path}.{key} must be {kind.__name__}, not {value!r}")
        return value

    def items(self, key: str) -> list[tuple[str, _Place]]:
        """The members of an object of objects, sorted by name."""
        inner = _Place(f"{self.path}.{key}", self.value.get(key))
        return [(n, _Place(f"{inner.path}[{n!r}]", v)) for n, v in sorted(inner.value.items())]


def _tensor_from_json(name: str, place: _Place) -> TensorSpec:
    try:
        dtype = DType(place.get("dtype", str))
    except ValueError as error:
        raise InvalidInput(f"{place.path}.dtype: {error}") from None
    shape = place.value.get("shape")
    if shape is not None and not (
        isinstance(shape, list) and all(type(d) is int and -1 <= d < 1 << 63 for d in shape)
    ):
        raise InvalidInput(f"{place.path}.shape must be a list of integers from -1, or null")
    encoding = place.value.get("encoding", "dense")
    if encoding not in ("dense", *_ENCODINGS):
        raise InvalidInput(f"{place.path}.encoding is {encoding!r}")
    return TensorSpec(name, dtype, None if shape is None else tuple(shape), encoding)


def _examples_from_json(place: _Place, inputs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if "example_input" in place.value:
        data["example_input"] = place.get("example_input", str)
        if data["example_input"] not in inputs:
            raise InvalidInput(f"{place.path}.example_input must be an input")
    if "features" in place.value:
        data["features"] = {n: _feature_from_json(n, p) for n, p in place.items("features")}
    return data


def _feature_from_json(name: str, place: _Place) -> FeatureSpec:
    dtype, kind = place.get("dtype", str), place.get("kind", str)
    if dtype not in ("float32", "int64", "string"):
        raise InvalidInput(f"{place.path}.dtype is {dtype!r}, which no feature has")
    if kind not in ("dense", "sparse", "ragged"):
        raise InvalidInput(f"{place.path}.kind is {kind!r}")
    shape = None
    if kind == "dense":
        shape = tuple(place.get("shape", list))
        if not all(type(d) is int and d >= (0 if i else -1) for i, d in enumerate(shape)):
            raise InvalidInput(f"{place.path}.shape must be integers from 0 (the first from -1)")
    required = None if place.value.get("required") is None else place.get("required", bool)
    default = None
    if "default" in place.value:
        values = place.get("default", list)
        try:
            default = tuple(_value_from_json(value, DType(dtype)) for value in values)
        except ValueError as error:
            raise InvalidInput(f"{place.path}.default: {error}") from None
    return FeatureSpec(name, DType(dtype), kind, shape, required, default)


def _value_from_json(value: Any, dtype: DType) -> float | bytes:
    if dtype == STRING:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
            return base64.b64decode(value["b64"], validate=True)
    elif dtype == "int64":
        if type(value) is int and -1 << 63 <= value < 1 << 63:
            return value
    elif type(value) in (int, float) or value in ("inf", "-inf"):
        return float(value)
    elif value == "nan":
        return math.nan  # itself, so that schemas with it compare equal
    raise ValueError(f"{value!r} is no {dtype}")
