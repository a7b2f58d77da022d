"""A signature as JSON's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfsclient.schema._meaning import meaning_record, sample_record
from tfsclient.schema._places import value_to_json

if TYPE_CHECKING:
    from tfsclient.schema import FeatureSpec, Signature, TensorSpec


def to_record(signature: Signature) -> dict[str, Any]:
    """All that a schema says of a signature but its name; what is left out is the default."""
    s = signature
    return {
        "method": s.method,
        "inputs": {n: _tensor(t) for n, t in sorted(s.inputs.items())},
        "outputs": {n: _tensor(t) for n, t in sorted(s.outputs.items())},
        **({"defaults": sorted(s.defaults)} if s.defaults else {}),
        **_examples(s),
        **({"same_tensors": s.same_tensors} if s.same_tensors else {}),
        **({"samples": [sample_record(one) for one in s.samples]} if s.samples else {}),
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    data: dict[str, Any] = {"dtype": spec.dtype, "shape": spec.shape}
    if spec.encoding != "dense":
        data["encoding"] = spec.encoding
    if spec.meaning is not None:
        data["meaning"] = meaning_record(spec.meaning)
    return data


def _examples(signature: Signature) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if signature.example_input is not None:
        data["example_input"] = signature.example_input
    if signature.features is not None:
        features = sorted(signature.features.items())
        data["features"] = {name: _feature(spec) for name, spec in features}
    return data


def _feature(spec: FeatureSpec) -> dict[str, Any]:
    data: dict[str, Any] = {"dtype": spec.dtype, "kind": spec.kind}
    if spec.shape is not None:
        data["shape"] = spec.shape
    data["required"] = spec.required
    if spec.default is not None:
        data["default"] = [value_to_json(value) for value in spec.default]
    return data
