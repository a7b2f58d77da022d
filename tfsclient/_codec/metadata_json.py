"""What REST says of a model: the JSON of a GetModelMetadataResponse, read without protobuf."""

from __future__ import annotations

from typing import Any

import orjson

from tfsclient._codec.metadata import (
    DEFINITIONS,
    ENCODINGS,
    make_tensor,
    read_version,
    same_tensors,
)
from tfsclient._codec.proto_json import MALFORMED, given, integer, record, string
from tfsclient._codec.rest_json import excerpt
from tfsclient.dtypes import INVALID, DType
from tfsclient.errors import DecodeError, shown
from tfsclient.schema import Model, Signature, TensorSpec


def from_metadata_json(text: bytes) -> Model:
    """The model that REST's ``GET /v1/models/M/metadata`` describes.

    Raises:
        DecodeError: the text is not such an answer.
    """
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"not a metadata answer: {error}: {excerpt(text)}") from error
    if not isinstance(answer, dict) or "model_spec" not in answer:
        raise DecodeError(f"this is not TF Serving: it answered {excerpt(text)}")
    try:
        spec = answer["model_spec"]
        name, version = string(spec["name"]), spec.get("version")
        definitions = record(answer["metadata"][DEFINITIONS].get(DEFINITIONS))
        signatures = {n: _signature_of_json(n, one) for n, one in sorted(definitions.items())}
        number = None if version is None else read_version(integer(version))
        return Model(name, number, signatures)
    except MALFORMED as error:
        raise DecodeError(f"not a metadata answer: {type(error).__name__}: {error}") from error


def _signature_of_json(name: str, definition: dict[str, Any]) -> Signature:
    inputs, outputs = (
        {n: _tensor_of_json(n, info) for n, info in sorted(record(definition.get(way)).items())}
        for way in ("inputs", "outputs")
    )
    method = string(given(definition.get("method_name"), ""))
    defaults = frozenset(record(definition.get("defaults"))) & frozenset(inputs)
    fed = {n: string(given(i.get("name"), "")) for n, i in record(definition.get("inputs")).items()}
    same = same_tensors(fed)
    return Signature(name, inputs, outputs, method, defaults, same_tensors=same)


def _tensor_of_json(name: str, info: dict[str, Any]) -> TensorSpec:
    shape = record(info.get("tensor_shape"))
    dims, unknown_rank = given(shape.get("dim"), []), given(shape.get("unknown_rank"), False)
    if type(dims) is not list or type(unknown_rank) is not bool:
        raise TypeError(f"the shape of tensor {name!r} is {shown(shape)}")
    sizes = [integer(given(dim.get("size"), 0)) for dim in dims]
    encoding = next((kind for kind in ENCODINGS if info.get(kind) is not None), None)
    dtype = _dtype_of_json(given(info.get("dtype"), 0))
    return make_tensor(name, dtype, None if unknown_rank else sizes, encoding)


def _dtype_of_json(dtype: Any) -> DType:
    if not isinstance(dtype, str):
        return DType.of_number(integer(dtype))  # of a type that the server cannot name
    try:
        return DType.of_enum(dtype)
    except ValueError:
        return INVALID  # a newer server's: the model's other signatures may be called
