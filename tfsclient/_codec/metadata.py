"""What a server says of a model, a GetModelMetadataResponse, and the SignatureDefs in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tfsclient.dtypes import LOADING, DType
from tfsclient.errors import DecodeError
from tfsclient.schema import Features, Model, Signature, TensorSpec

DEFINITIONS: Final = "signature_def"  # where an answer has them
# The encodings that a TensorInfo may name; any other is dense.
ENCODINGS: Final = {"coo_sparse": "coo_sparse", "composite_tensor": "composite"}


def from_metadata_response(data: bytes) -> Model:
    """The model that a serialized GetModelMetadataResponse describes.

    Raises:
        DecodeError: the bytes are not such a message, or lack the signatures.
    """
    with LOADING:  # protobuf, which predict does without
        from tfsclient._codec.messages import message_class

    response = _parse(message_class("tensorflow.serving.GetModelMetadataResponse"), data)
    packed = response.metadata.get(DEFINITIONS)
    if packed is None or packed.type_url.rpartition("/")[2] != "tensorflow.serving.SignatureDefMap":
        raise DecodeError("the metadata answer holds no signature_def")
    signatures = _parse(message_class("tensorflow.serving.SignatureDefMap"), packed.value)
    spec = response.model_spec
    version = read_version(spec.version.value) if spec.HasField("version") else None
    return Model(spec.name, version, read_signatures(signatures.signature_def))


def _parse(message: Any, data: bytes) -> Any:
    from tfsclient._codec.messages import ProtobufError

    try:
        return message.FromString(data)
    except ProtobufError as error:
        raise DecodeError(f"not a {message.DESCRIPTOR.full_name}: {error}") from error


def read_signatures(
    definitions: Mapping[str, Any],
    examples: Mapping[str, tuple[str | None, Features | None]] | None = None,
) -> dict[str, Signature]:
    """The signatures that these ``SignatureDef`` messages describe.

    Args:
        definitions: the messages by name.
        examples: the input that takes Examples, and their features, where these are known.
    """
    signatures = {}
    for name, definition in sorted(definitions.items()):
        example_input, features = (examples or {}).get(name, (None, None))
        signatures[name] = Signature(
            name=name,
            inputs=_tensors(definition.inputs),
            outputs=_tensors(definition.outputs),
            method=definition.method_name,
            defaults=frozenset(definition.defaults) & frozenset(definition.inputs),
            example_input=example_input,
            features=features,
            same_tensors=same_tensors({n: i.name for n, i in definition.inputs.items()}),
        )
    return signatures


def _tensors(infos: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: make_tensor(
            name,
            DType.of_number(info.dtype),
            None if info.tensor_shape.unknown_rank else [d.size for d in info.tensor_shape.dim],
            info.WhichOneof("encoding"),
        )
        for name, info in sorted(infos.items())
    }


def read_version(number: int) -> int:
    """The version that an answer is of."""
    if number < 0:
        raise DecodeError(f"the metadata answer is of version {number}")
    return number


def same_tensors(fed: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The inputs that are one tensor of the graph, from the tensors' names there by input.

    A sparse or composite input has no tensor of its own, and so no name.
    """
    groups: dict[str, list[str]] = {}
    for name, tensor in fed.items():
        groups.setdefault(tensor, []).append(name)
    return tuple(
        tuple(sorted(names)) for tensor, names in groups.items() if tensor and len(names) > 1
    )


def make_tensor(
    name: str, dtype: DType, sizes: list[int] | None, encoding: str | None
) -> TensorSpec:
    """A tensor; no sizes are any shape, and the encoding is what a ``TensorInfo`` names."""
    if sizes is not None and any(size < -1 for size in sizes):
        raise DecodeError(f"tensor {name!r} has an impossible shape {sizes}")
    shape = None if sizes is None else tuple(sizes)
    return TensorSpec(name, dtype, shape, ENCODINGS.get(encoding or "", "dense"))
