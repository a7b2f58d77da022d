"""What a model wants and gives: plain data, read-only, that can be saved as JSON and read back.

The client checks inputs against it, the fake server answers from it, and the generator writes
clients from it.  Nothing here knows where a schema came from: ``tfsclient.sources`` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tfsclient.dtypes import LOADING, STRING, DType
from tfsclient.errors import InvalidInput, did_you_mean, shown
from tfsclient.schema import _shown
from tfsclient.schema._checks import (
    MAX_SIZE,
    ReadOnlyDict,
    check_text,
    check_type,
    read_defaults,
    read_dtype,
    read_groups,
    read_shape,
    read_specs,
    read_value,
)
from tfsclient.schema._reasons import (
    ENCODINGS,
    NO_SIGNATURES,
    WHICH_SIGNATURE,
    why_no_tensor,
    why_not_over_rest,
    why_unusable,
    without_exporters,
)

if TYPE_CHECKING:
    from tfsclient.schema._meaning import Picture, Sample, TensorMeaning

__all__ = [
    "CLASSIFY", "DEFAULT_SIGNATURE", "PREDICT", "REGRESS", "FeatureSpec", "Features", "Kind",
    "Model", "Picture", "Sample", "Signature", "TensorMeaning", "TensorSpec", "all_from_json",
    "from_json", "to_json",
]  # fmt: skip

PREDICT: Final = "tensorflow/serving/predict"
CLASSIFY: Final = "tensorflow/serving/classify"
REGRESS: Final = "tensorflow/serving/regress"
DEFAULT_SIGNATURE: Final = "serving_default"

# What TF Serving reads the answers of Classify and Regress from.
_CLASSIFY_OUTPUTS: Final = {"classes": "string", "scores": "float32"}
_REGRESS_OUTPUTS: Final = {"outputs": "float32"}

Kind: TypeAlias = Literal["predict", "classify", "regress"]


FORMAT: Final = 1  # of our own JSON
_FEATURE_DTYPES = ("float32", "int64", "string")
_FEATURE_KINDS = ("dense", "sparse", "ragged")


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name in ("Picture", "Sample", "TensorMeaning"):  # which no server tells
        # Not under LOADING: our own modules import these names while they are being loaded.
        from tfsclient.schema import _meaning

        return getattr(_meaning, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_set = object.__setattr__  # for frozen dataclasses, while they are made


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a signature.

    Attributes:
        name: the name that requests and answers use (not the graph's tensor name).
        dtype: the type of its elements; a name such as "float32" becomes a :class:`DType`.
        shape: the declared dimensions, -1 for one of any size; None if even the rank is open.
        encoding: "dense"; or "coo_sparse" / "composite" for a SparseTensor or RaggedTensor that is
            declared as one (inputs by TF1's ``build_tensor_info``, outputs by TF2, too), which TF
            Serving can neither take nor give.
        meaning: what it stands for; None if nothing but the signature is known.

    Raises:
        InvalidInput: an attribute is of the wrong type, or the dtype does not exist.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...] | None
    encoding: str = "dense"
    meaning: TensorMeaning | None = field(default=None, repr=False)

    if TYPE_CHECKING:  # what may be given is more than what is kept

        def __init__(
            self,
            name: str,
            dtype: DType | str,
            shape: Sequence[int] | None,
            encoding: str = "dense",
            meaning: TensorMeaning | None = None,
        ) -> None: ...

    def __str__(self) -> str:
        shape = "of any shape" if self.shape is None else str(list(self.shape))
        return f"{self.dtype} {shape}"

    def __post_init__(self) -> None:
        check_type("name", self.name, str)
        _set(self, "dtype", read_dtype(self.dtype))
        if self.shape is not None:
            _set(self, "shape", read_shape(self.shape))
        if self.encoding not in ("dense", *ENCODINGS):
            known = ", ".join(("dense", *ENCODINGS))
            raise InvalidInput(f"encoding must be one of {known}, not {shown(self.encoding)}")
        if self.meaning is not None:
            from tfsclient.schema._meaning import TensorMeaning  # as who made one has done

            if not isinstance(self.meaning, TensorMeaning):
                raise InvalidInput(f"meaning must be a TensorMeaning, not {shown(self.meaning)}")


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
            shorter ones), flat; a lone value stands for all of them.  None where there is no
            default, or the graph does not say.  Floats have as few digits as identify a float32.

    Raises:
        InvalidInput: an attribute is of the wrong type, or no feature has this dtype or kind.
    """

    name: str
    dtype: DType
    kind: str = "dense"
    shape: tuple[int, ...] | None = ()
    required: bool | None = False
    default: tuple[float | bytes, ...] | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            dtype: DType | str,
            kind: str = "dense",
            shape: Sequence[int] | None = (),
            required: bool | None = False,
            default: Sequence[float | bytes | str] | None = None,
        ) -> None: ...

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} {self.kind}"
        return f"{self.dtype} {list(self.shape)}" + (" required" if self.required else "")

    def __post_init__(self) -> None:
        check_type("name", self.name, str)
        _set(self, "dtype", read_dtype(self.dtype))
        if self.dtype not in _FEATURE_DTYPES:
            known = ", ".join(_FEATURE_DTYPES)
            raise InvalidInput(f"dtype must be one of {known}, not {self.dtype!r}")
        if self.kind not in _FEATURE_KINDS:
            known = ", ".join(_FEATURE_KINDS)
            raise InvalidInput(f"kind must be one of {known}, not {shown(self.kind)}")
        if self.kind == "dense":
            _set(self, "shape", read_shape(self.shape, inner=0))
        elif self.shape not in (None, ()):
            raise InvalidInput(f"shape must be None where kind is {self.kind!r}")
        else:
            _set(self, "shape", None)
        if self.required is not None:
            check_type("required", self.required, bool)
        if self.default is not None:
            check_type("default", self.default, (list, tuple))
            _set(self, "default", tuple(read_value(one, self.dtype) for one in self.default))


Features: TypeAlias = Mapping[str, FeatureSpec]


@dataclass(frozen=True, slots=True, repr=False)
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
        same_tensors: inputs that are one tensor of the graph, as in ``(("a", "b"),)``: a session
            refuses to be fed it twice.
        samples: named examples of calls.
        why_unusable: why no client can call this signature for all its outputs; None if it can be
            called.
        why_not_over_rest: why TF Serving's REST interface cannot carry a call of it; None if it
            can.
        labels: what the classes of an output are called, by output; None if none has labels.

    Raises:
        InvalidInput: an attribute is of the wrong type.
    """

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method: str = PREDICT
    defaults: frozenset[str] = field(default_factory=frozenset[str])
    example_input: str | None = None
    features: Features | None = None
    same_tensors: tuple[tuple[str, ...], ...] = ()
    samples: tuple[Sample, ...] = ()
    why_unusable: str | None = field(init=False, repr=False, compare=False)
    why_not_over_rest: str | None = field(init=False, repr=False, compare=False)
    labels: Mapping[str, tuple[str, ...]] | None = field(init=False, repr=False, compare=False)

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

    def __repr__(self) -> str:
        return _shown.signature_line(self)

    def __str__(self) -> str:
        return _shown.signature_text(self)

    def _repr_html_(self) -> str:
        return _shown.signature_html(self)

    def fetchable(self) -> Signature:
        """The signature with only those outputs that a client can ask for; itself if all are."""
        outputs = {n: s for n, s in self.outputs.items() if why_no_tensor("output", s) is None}
        return self if len(outputs) == len(self.outputs) else replace(self, outputs=outputs)

    def callable_part(self) -> Signature | None:
        """The signature with those outputs that a server can give; None if it cannot be called.

        A request over gRPC may ask for some of the outputs, so that one which is sparse, or of a
        type that cannot be sent, keeps no caller from the others.  REST always gives all.
        """
        part = self.fetchable()
        return part if part.why_unusable is None else None

    def __post_init__(self) -> None:
        check_type("name", self.name, str)
        check_type("method", self.method, str)
        _set(self, "inputs", read_specs("inputs", self.inputs, TensorSpec))
        _set(self, "outputs", read_specs("outputs", self.outputs, TensorSpec))
        if self.features is not None:
            _set(self, "features", read_specs("features", self.features, FeatureSpec))
        _set(self, "defaults", read_defaults(self.defaults))
        if self.example_input is not None:
            check_type("example_input", self.example_input, str)
        _set(self, "same_tensors", read_groups(self.same_tensors))
        if self.samples != ():
            with LOADING:
                from tfsclient.schema._meaning import read_samples

            _set(self, "samples", read_samples(self.samples))
        # Once, for every call asks.
        _set(self, "why_unusable", why_unusable(self))
        _set(self, "why_not_over_rest", why_not_over_rest(self))
        labels = {n: s.meaning.labels for n, s in self.outputs.items() if s.meaning is not None}
        labels = {n: names for n, names in labels.items() if names is not None}
        _set(self, "labels", ReadOnlyDict(labels) or None)


@dataclass(frozen=True, slots=True, repr=False)
class Model:
    """A model's signatures.

    Attributes:
        name: what the server calls it.
        version: the version these signatures were read from; None where that is not known.
        signatures: the signatures by key, sorted.
        tags: of a model read from a SavedModel, the tags of the graph that was read, sorted.  They
            are not written as JSON, and play no part in comparisons.
        description: what there is to say of it, in words.

    Raises:
        InvalidInput: an attribute is of the wrong type.
    """

    name: str
    version: int | None
    signatures: Mapping[str, Signature]
    tags: tuple[str, ...] | None = field(default=None, compare=False)
    description: str = ""

    def __post_init__(self) -> None:
        check_type("name", self.name, str)
        if self.version is not None and (
            not isinstance(self.version, int)
            or isinstance(self.version, bool)
            or not 0 <= self.version < MAX_SIZE
        ):
            raise InvalidInput(f"version must be an integer from 0, not {shown(self.version)}")
        _set(self, "signatures", read_specs("signatures", self.signatures, Signature))
        check_text("description", self.description)

    def __repr__(self) -> str:
        return _shown.model_line(self)

    def __str__(self) -> str:
        return _shown.model_text(self)

    def _repr_html_(self) -> str:
        return _shown.model_html(self)

    def usable(self) -> dict[str, Signature]:
        """The signatures that a client can call for all their outputs."""
        return {k: s for k, s in self.signatures.items() if s.why_unusable is None}

    def signature(self, name: str | None = None) -> Signature:
        """The signature of this name; None picks serving_default, else the only usable one.

        Raises:
            InvalidInput: it does not exist, or None fits more than one.
        """
        picked = self.pick(name)
        if picked is not None:
            return picked
        there = without_exporters(self.signatures)
        if not there:
            raise InvalidInput(
                "the model was exported without signatures, and TF Serving calls nothing else",
                model=self.name,
                signature=name,
                hint=NO_SIGNATURES,
            )
        usable = {k: s for k, s in there.items() if s.callable_part() is not None}
        if name is not None:
            raise InvalidInput(
                f"the model has no signature {name!r}{did_you_mean(name, usable or there)}; it has "
                f"{_listed(usable or there)}",
                model=self.name,
                signature=name,
            )
        if not usable:
            reasons = "; ".join(f"{k!r}: {s.why_unusable}" for k, s in there.items())
            raise InvalidInput(
                f"the model has no signature that can be called: {reasons}", model=self.name
            )
        raise InvalidInput(
            f"the model has no signature {DEFAULT_SIGNATURE!r}, so say which to use: "
            f"{_listed(usable)}",
            model=self.name,
            hint=WHICH_SIGNATURE,
        )

    def pick(self, name: str | None) -> Signature | None:
        """What :meth:`signature` gives; None where there is none."""
        if name is not None and not isinstance(name, str):
            raise InvalidInput(
                f"signature must be a name or a Signature, not {shown(name)}", model=self.name
            )
        picked = self.signatures.get(DEFAULT_SIGNATURE if name is None else name)
        if picked is None and name is None:
            # One that can be called for some of its outputs only is as good as none beside others.
            usable = self.usable() or {
                k: s for k, s in self.signatures.items() if s.callable_part() is not None
            }
            if len(usable) == 1:
                (picked,) = usable.values()
        return picked


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(map(repr, names))


def to_json(model: Model, *, version: bool = True) -> bytes:
    """The model as our own JSON; the same model always gives the same bytes.

    Args:
        model: what to write.
        version: whether to write the version down; a lock file does not.
    """
    with LOADING:  # which gRPC does without
        import orjson

        from tfsclient.schema._records import to_record

    data: dict[str, Any] = {"format": FORMAT, "model": model.name}
    if version and model.version is not None:
        data["version"] = model.version
    if model.description:
        data["description"] = model.description
    data["signatures"] = {n: to_record(s) for n, s in sorted(model.signatures.items())}
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_json(text: bytes | str) -> Model:
    """Read what :func:`to_json` wrote.

    Raises:
        InvalidInput: the text is not such a schema, and the error names the place; or it is a lock
            file of several models.
    """
    models = all_from_json(text)
    if len(models) != 1:
        listed = ", ".join(model.name for model in models)
        raise InvalidInput(f"it holds {len(models)} models, of which one is wanted: {listed}")
    return models[0]


def all_from_json(text: bytes | str) -> list[Model]:
    """Read what :func:`to_json` wrote, or the schemas in a lock file, which may hold several.

    Raises:
        InvalidInput: the text is not such a schema; the error names the place.
    """
    with LOADING:
        from tfsclient.schema._from_json import models

    return models(text)
