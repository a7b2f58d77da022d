"""A model as the page shows it: signatures, a field for each input, samples to start from."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from tfsclient._cli.page.answers import number
from tfsclient._inputs import samples
from tfsclient._inputs.samples import dims, feature_dims, is_picture
from tfsclient.dtypes import STRING
from tfsclient.schema import (
    DEFAULT_SIGNATURE,
    FeatureSpec,
    Model,
    Picture,
    Sample,
    Signature,
    TensorSpec,
)
from tfsclient.schema._reasons import without_exporters

MOST_SAMPLE: Final = 4096  # values of an input that a sample spells out
_MOST_CELLS: Final = 32  # columns that are shown as cells
_CELLS: Final = ("float", "int", "bool", "string")


def describe(
    model: Model, base64_inputs: Mapping[str, frozenset[str]] | None = None
) -> dict[str, Any]:
    """The model as JSON-ready data.

    Args:
        model: the model.
        base64_inputs: by signature, its inputs that take files as base64 text.
    """
    own = without_exporters(model.signatures)
    default = model.pick(None)
    return {
        "model": model.name,
        "version": number(model.version),
        "default": None if default is None else default.name,
        "signatures": [
            _signature(one, (base64_inputs or {}).get(one.name, frozenset()))
            for one in own.values()
        ],
    }


def _signature(signature: Signature, texts: frozenset[str]) -> dict[str, Any]:
    part = signature.callable_part()
    return {
        "name": signature.name,
        "kind": signature.kind,
        "unusable": None if part is not None else signature.why_unusable,
        "not_over_rest": signature.why_not_over_rest,
        "inputs": [
            {**_input(spec, signature), "base64url": spec.name in texts}
            for spec in signature.inputs.values()
        ],
        "outputs": [
            {
                "name": s.name,
                "dtype": str(s.dtype),
                "shape": s.shape,
                "text": str(s),
                "about": _about(s),
            }
            for s in (part or signature).outputs.values()
        ],
        "sample": None if part is None else sample(signature),
        "examples": [_example(one) for one in signature.samples],
    }


def takes_examples(signature: Signature, spec: TensorSpec) -> bool:
    """Whether an input takes tf.Examples, as far as that is known."""
    return spec.name == signature.example_input or signature.kind != "predict"


def _input(spec: TensorSpec, signature: Signature) -> dict[str, Any]:
    examples = takes_examples(signature, spec)
    features = signature.features if examples else None
    modes = _modes(spec, examples=examples, features=features is not None)
    return {
        "name": spec.name,
        "dtype": str(spec.dtype),
        "kind": spec.dtype.kind,
        "shape": spec.shape,
        "text": str(spec),
        "optional": spec.name in signature.defaults,
        "modes": modes,
        "columns": _columns(spec),
        "picture": _takes_pictures(spec),
        # What turns pixels into the model's numbers is known, and not asked for.
        "scaled": spec.meaning is not None and spec.meaning.kind == "image",
        "about": _about(spec),
        "features": None if features is None else [_feature(one) for one in features.values()],
        "json": _written(_sample_of(spec, signature)) if "json" in modes else None,
        "sizes": dims(spec),
    }


def _about(spec: TensorSpec) -> str:
    return "" if spec.meaning is None else spec.meaning.description


def _takes_pictures(spec: TensorSpec) -> bool:
    if spec.meaning is not None and spec.meaning.kind is not None:
        return spec.meaning.kind == "image"
    return _is_pixels(spec) or is_picture(spec)


def _example(sample: Sample) -> dict[str, Any]:
    """A named example as the form takes it."""
    return {
        "name": sample.name,
        "inputs": {name: _example_field(value) for name, value in sample.inputs.items()},
    }


def _example_field(value: Any) -> dict[str, Any]:
    pictures = value if isinstance(value, tuple) else (value,)
    if pictures and all(isinstance(one, Picture) and one.path is not None for one in pictures):
        files = []
        for one in pictures:
            with suppress(OSError):  # one that is gone is missed in the form
                packed = base64.b64encode(one.path.read_bytes()).decode()
                files.append({"name": one.path.name, "b64": packed})
        return {"mode": "file", "files": files}
    if isinstance(value, str):
        return {"mode": "text", "text": value}
    return {"mode": "json", "text": _written(samples.plain(value))}


def _modes(spec: TensorSpec, *, examples: bool, features: bool) -> list[str]:
    """The ways in which the form takes an input, the best first."""
    if examples:
        return (["features"] if features else []) + ["json", "file"]
    many = _count(spec) > MOST_SAMPLE
    pictures = _takes_pictures(spec)
    modes = ["file"] if pictures else []
    if spec.dtype.kind in _CELLS and _columns(spec) is not None and not pictures:
        modes.append("cells")
    if spec.dtype == STRING:
        modes.append("text")
    if spec.dtype.kind in ("float", "int", "bool"):
        modes += ["fill"] if many else []
    modes += ["json"] if not many else []
    modes += [mode for mode in ("file", "json") if mode not in modes]
    if spec.dtype.kind in ("float", "int", "bool") and "fill" not in modes:
        modes.append("fill")
    return modes


def _columns(spec: TensorSpec) -> int | None:
    """How many cells a row has, where the input is a scalar, a vector or a small matrix."""
    if spec.shape is None or len(spec.shape) > 2 or 0 in spec.shape:
        return None
    if len(spec.shape) < 2:
        return 1 if not spec.shape or spec.shape[0] <= _MOST_CELLS else None
    rows, columns = spec.shape
    if rows > _MOST_CELLS or columns > _MOST_CELLS:
        return None
    return 1 if columns == -1 else columns


def _is_pixels(spec: TensorSpec) -> bool:
    """Whether an input's shape is that of pictures."""
    if spec.dtype.kind not in ("float", "int") or spec.shape is None:
        return False
    sizes = spec.shape
    if len(sizes) == 4:
        return sizes[3] in (1, 3, 4)
    if len(sizes) == 3:
        named = is_picture(TensorSpec(spec.name, "string", None))
        return sizes[2] in (1, 3, 4) or named or sizes[1] == sizes[2] > 4
    return False


def _count(spec: TensorSpec) -> int:
    count = 1
    for size in dims(spec):
        count *= max(1, size)
    return count


def _feature(spec: FeatureSpec) -> dict[str, Any]:
    single = spec.shape == () or (spec.shape is not None and feature_dims(spec) == [1])
    return {
        "name": spec.name,
        "dtype": str(spec.dtype),
        "kind": spec.dtype.kind,
        "text": str(spec),
        "required": bool(spec.required),
        "single": single,
        "picture": is_picture(spec),
        "sample": _feature_sample(spec),
    }


def _feature_sample(spec: FeatureSpec) -> str:
    """What the feature's field starts with; nothing where it may be left out."""
    if not spec.required and spec.default is not None:
        return ""
    values = samples.nested(_element(spec), feature_dims(spec))
    if isinstance(values, list) and len(values) == 1:
        values = values[0]
    return values if isinstance(values, str) else json.dumps(values)


def sample(signature: Signature) -> str | None:
    """A body of TF Serving's REST interface that the signature takes; None if it would be long."""
    if any(_count(spec) > MOST_SAMPLE for spec in signature.inputs.values()):
        return None
    inputs = {n: _sample_of(spec, signature) for n, spec in signature.inputs.items()}
    body: dict[str, Any] = {}
    if signature.name != DEFAULT_SIGNATURE:
        body["signature_name"] = signature.name
    if signature.kind == "predict":
        body["inputs"] = inputs
    else:
        body["examples"] = next(iter(inputs.values()))
    return _written(body)


def _sample_of(spec: TensorSpec, signature: Signature) -> Any:
    if takes_examples(signature, spec):
        features = signature.features
        if features is None:
            return [{"feature": 1.0}]
        shown = [one for one in features.values() if one.required] or list(features.values())[:1]
        return [{one.name: samples.nested(_element(one), feature_dims(one)) for one in shown}]
    return samples.nested(_element(spec), dims(spec))


def _element(spec: TensorSpec | FeatureSpec) -> Any:
    if spec.dtype.kind == "complex":
        return [0.0, 0.0]
    return samples.element(spec)


def _written(value: Any) -> str:
    """JSON in which the innermost lists are on one line each."""

    def write(value: Any, indent: str) -> str:
        flat = json.dumps(value, ensure_ascii=False)
        holds = isinstance(value, list | dict)
        inner = value.values() if isinstance(value, dict) else value if holds else []
        if not holds or (len(flat) + len(indent) <= 72 and not isinstance(value, dict)):
            return flat
        if isinstance(value, list) and not any(isinstance(one, list | dict) for one in inner):
            return flat
        deeper = indent + "  "
        if isinstance(value, dict):
            items = [
                f"{deeper}{json.dumps(k, ensure_ascii=False)}: {write(v, deeper)}"
                for k, v in value.items()
            ]
            return "{\n" + ",\n".join(items) + f"\n{indent}}}"
        return "[\n" + ",\n".join(f"{deeper}{write(v, deeper)}" for v in value) + f"\n{indent}]"

    return write(value, "")
