"""The tf.Example features of signatures, read from a SavedModel's graph.

A signature takes Examples where one of its inputs reaches the op that parses them unchanged.  What
the graph does not say in constants is unknown; nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tfsclient._codec.tensor import MAX_PADDING, Array, decode_tensor
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import DecodeError
from tfsclient.schema import Features, FeatureSpec
from tfsclient.sources._graph import MOVED, SAME, Dependencies, Edge, Graph, Site, TooLarge

_PARSERS = frozenset({"ParseExample", "ParseExampleV2", "ParseSingleExample"})
# These take tf.SequenceExamples, which have lists of features besides.
_SEQUENCE_PARSERS = frozenset(
    {"ParseSequenceExample", "ParseSequenceExampleV2", "ParseSingleSequenceExample"}
)
_FEATURE_DTYPES = ("float32", "int64", "string")


class Examples(NamedTuple):
    """What a signature makes of Examples.

    Attributes:
        input: the input that takes them.
        features: what they are parsed into, by name, sorted; None if the graph does not say.
    """

    input: str
    features: Features | None


class _Unknown(Exception):
    """The graph does not say."""


def read_examples(graph_def: Any, signatures: Mapping[str, Any]) -> dict[str, Examples]:
    """The signatures that take Examples, and their features.

    Signatures that parse several inputs, or SequenceExamples, are not among them; nor are those of
    a graph too large to be searched.

    Args:
        graph_def: the ``tensorflow.GraphDef`` of the serving graph.
        signatures: its ``tensorflow.SignatureDef`` messages by name.
    """
    graph = Graph(graph_def)
    found: dict[str, Examples] = {}
    if graph.ops().isdisjoint(_PARSERS):
        return found
    for name, signature in signatures.items():
        fed = {info.name: alias for alias, info in signature.inputs.items()}
        if not any(_takes_strings(info) for info in signature.inputs.values()):
            continue
        outputs = [tensor for info in signature.outputs.values() for tensor in tensors_of(info)]
        try:
            examples = _read(graph, Dependencies(graph, outputs, fed))
        except TooLarge:
            break
        if examples is not None and _takes_strings(signature.inputs[examples.input]):
            found[name] = examples
    return found


def _takes_strings(info: Any) -> bool:
    return DType.of_number(info.dtype) == STRING


def tensors_of(info: Any) -> list[str]:
    """The names of the tensors that a ``tensorflow.TensorInfo`` is made of."""
    kind = info.WhichOneof("encoding")
    if kind == "coo_sparse":
        sparse = info.coo_sparse
        return [
            sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name
        ]  # fmt: skip
    if kind == "composite_tensor":
        return [part.name for part in info.composite_tensor.components]
    return [info.name]


def _read(graph: Graph, part: Dependencies) -> Examples | None:
    """The Examples that a slice of the graph parses; None if that is not one input's."""
    parsed: set[str] = set()
    merged: dict[str, FeatureSpec] | None = {}
    for site in part.sites:
        if site.node.op not in _PARSERS | _SEQUENCE_PARSERS:
            continue
        inputs = graph.data(site.function, site.node)
        serialized = part.sources(inputs[0], MOVED) if inputs else None
        if serialized is None or serialized.unknown:
            merged = None  # it may parse the same input: what else is found is not all
            continue
        if site.node.op in _SEQUENCE_PARSERS and serialized.inputs:
            return None
        if not serialized.inputs:
            continue
        parsed |= serialized.inputs
        try:
            features = _Op(graph, part, site).features()
            merged = None if merged is None else _merge(merged, features)
        except _Unknown:
            merged = None
    if len(parsed) != 1:
        return None
    return Examples(parsed.pop(), None if merged is None else dict(sorted(merged.items())))


def _merge(
    merged: dict[str, FeatureSpec], features: Iterable[FeatureSpec]
) -> dict[str, FeatureSpec]:
    """One spec for each feature, though several ops or lists of keys may read it.

    Raises:
        _Unknown: two of them contradict each other.
    """
    for new in features:
        old = merged.setdefault(new.name, new)
        if old == new:
            continue
        if old.dtype != new.dtype:
            raise _Unknown
        if old.shape is None or new.shape is None:
            merged[new.name] = new if old.shape is None else old  # a dense one asks for more
            continue
        if old.shape != new.shape:
            raise _Unknown
        needs = {old.required, new.required}
        required = True if True in needs else None if None in needs else False
        merged[new.name] = replace(new, required=required, default=None)
    return merged


class _Op:
    """One parsing op of a slice."""

    def __init__(self, graph: Graph, part: Dependencies, site: Site) -> None:
        self._graph, self._part, self._op = graph, part, site.node.op
        self._inputs = graph.data(site.function, site.node)
        self._attrs = {name: attr.list for name, attr in site.node.attr.items()}

    def features(self) -> list[FeatureSpec]:
        """What it parses.

        Raises:
            _Unknown: the graph does not say.
        """
        dense_types, shapes = self._attr("Tdense", "type"), self._attr("dense_shapes", "shape")
        types = {
            "sparse": self._attr("sparse_types", "type"),
            "ragged": self._attr("ragged_value_types", "type"),
        }
        keys, defaults = self._keys(len(types["sparse"]), len(dense_types))
        found = []
        for kind, dtypes in types.items():
            for key, number in _pairs(keys[kind], dtypes):
                found.append(FeatureSpec(_name(key), _dtype(number), kind, None))
        dense = _pairs(keys["dense"], dense_types, shapes, defaults)
        for key, number, shape, default in dense:
            found.append(self._dense(_name(key), _dtype(number), _shape(shape), default))
        return found

    def _keys(self, sparse: int, dense: int) -> tuple[dict[str, list[bytes]], list[Edge]]:
        """The features' names by kind, and the inputs that hold the dense ones' defaults."""
        inputs = self._inputs
        if self._op == "ParseSingleExample":
            names = {kind: list(self._attr(f"{kind}_keys", "s")) for kind in ("sparse", "dense")}
            return {**names, "ragged": []}, inputs[1:]
        if self._op == "ParseExample":  # a constant for each name
            every = [self._strings(edge) for edge in inputs[2 : 2 + sparse + dense]]
            if any(len(one) != 1 for one in every):
                raise _Unknown
            flat = [one[0] for one in every]
            names = {"sparse": flat[:sparse], "dense": flat[sparse:], "ragged": []}
            return names, inputs[2 + sparse + dense :]
        if len(inputs) < 5:
            raise _Unknown
        kinds = zip(("sparse", "dense", "ragged"), inputs[2:5], strict=True)
        return {kind: self._strings(edge) for kind, edge in kinds}, inputs[5:]

    def _dense(self, name: str, dtype: DType, shape: tuple[int, ...], default: Edge) -> FeatureSpec:
        unknown = FeatureSpec(name, dtype, shape=shape, required=None)
        try:
            values = self._constant(default)
        except _Unknown:
            return unknown
        variable = shape[:1] == (-1,)
        if DType.of_numpy(values.dtype) != dtype:
            return unknown
        if values.size == 0:
            return replace(unknown, required=not variable)
        if values.size != (1 if variable else math.prod(shape)):
            return unknown
        return replace(unknown, required=False, default=_plain(values.reshape(-1)))

    def _attr(self, name: str, member: str) -> Any:
        return getattr(self._attrs[name], member) if name in self._attrs else ()

    def _strings(self, tensor: Edge) -> list[bytes]:
        values = self._constant(tensor)
        if DType.of_numpy(values.dtype) != STRING:
            raise _Unknown
        flat: list[bytes] = values.reshape(-1).tolist()
        return flat

    def _constant(self, tensor: Edge) -> Array:
        sources = self._part.sources(tensor, SAME)
        if sources.unknown or sources.inputs or len(sources.constants) != 1:
            raise _Unknown
        (constant,) = sources.constants.values()
        proto = constant.SerializeToString()
        size = math.prod(max(0, dim.size) for dim in constant.tensor_shape.dim)
        # A constant may be read time and again.
        self._graph.spend((len(proto) + min(size, MAX_PADDING)) // 64)
        try:
            return decode_tensor(proto).array
        except DecodeError as error:
            raise _Unknown from error


def _pairs(*columns: Any) -> Iterable[Any]:
    if len({len(column) for column in columns}) != 1:
        raise _Unknown
    return zip(*columns, strict=True)


def _name(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise _Unknown from error  # no Example has such a name


def _dtype(number: int) -> DType:
    dtype = DType.of_number(number)
    if dtype not in _FEATURE_DTYPES:
        raise _Unknown
    return dtype


def _shape(shape: Any) -> tuple[int, ...]:
    dims = tuple(dim.size for dim in shape.dim)
    if shape.unknown_rank or any(size < (0 if i else -1) for i, size in enumerate(dims)):
        raise _Unknown
    return dims


def _plain(values: Array) -> tuple[float | bytes, ...]:
    """A default as a schema has it: one value where all are the same."""
    bits = values.view(np.uint32) if values.dtype == np.float32 else values  # NaN is not NaN
    if (bits == bits[0]).all():
        values = values[:1]
    if values.dtype != np.float32:
        return tuple(values.tolist())
    shortest = (float(str(value)) for value in values)
    return tuple(math.nan if math.isnan(value) else value for value in shortest)
