"""JSON Schemas of what a signature takes and gives over REST; their names share a prefix."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tfsclient.dtypes import STRING
from tfsclient.schema import DEFAULT_SIGNATURE, FeatureSpec, Signature, TensorSpec
from tfsclient.schema._shown import meaning_text
from tfsclient_gen.quoting import md_code, md_text

Json: TypeAlias = dict[str, Any]

# Schemas of elements are called Float32Value, for a String or an Object would hide the types of
# languages that clients are made in.
_NEUTRAL: Final = "Value"
_LONGEST_FIXED: Final = 16  # items; a longer size is told in words
_ENCODED: Final = "_bytes"  # string outputs whose names end so, and no others, come in base64


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schemas of a signature.

    Attributes:
        named: all of them, by name.
        requests: the names of those that are a request's body.
        responses: the names of those that are a response's.
    """

    named: Json
    requests: list[str]
    responses: list[str]


def predict_schemas(prefix: str, signature: Signature) -> Schemas:
    """Requests and responses of a predict signature: by columns, and by rows if it can be.

    The names of two signatures never collide: no suffix is the end of another.
    """
    named, forms = _column_schemas(prefix, signature), [f"{prefix}Column"]
    if _has_rows(signature):
        named |= _row_schemas(prefix, signature)
        forms.append(f"{prefix}Row")
    return Schemas(named, [f"{f}Request" for f in forms], [f"{f}Response" for f in forms])


def _column_schemas(prefix: str, signature: Signature) -> Json:
    inputs = {n: _input(signature, spec, row=False) for n, spec in signature.inputs.items()}
    outputs = {n: _output(spec, row=False) for n, spec in signature.outputs.items()}
    schemas = {f"{prefix}Inputs": _object(inputs)}
    schemas[f"{prefix}ColumnRequest"] = _object(
        {
            **_signature_name(signature),
            "inputs": ref("schemas", f"{prefix}Inputs"),
        },
        required=_required(signature, "inputs"),
        description=f"A call of {md_code(signature.name)} by columns.",
    )
    if len(outputs) > 1:
        schemas[f"{prefix}Outputs"] = _object(outputs)
    schemas[f"{prefix}ColumnResponse"] = _object(
        {"outputs": ref("schemas", f"{prefix}Outputs") if len(outputs) > 1 else _lone(outputs)[0]},
        description=f"What {md_code(signature.name)} gives by columns.",
    )
    return schemas


def _row_schemas(prefix: str, signature: Signature) -> Json:
    inputs = {n: _input(signature, spec, row=True) for n, spec in signature.inputs.items()}
    outputs = {n: _output(spec, row=True) for n, spec in signature.outputs.items()}
    schemas = {f"{prefix}Instance": _object(inputs)}
    size = _batch_size(signature.inputs)
    rows = _list(ref("schemas", f"{prefix}Instance"), size, 1)
    schemas[f"{prefix}RowRequest"] = _object(
        {**_signature_name(signature), "instances": rows},
        required=_required(signature, "instances"),
        description=f"A call of {md_code(signature.name)} by rows.",
    )
    if len(outputs) > 1:
        schemas[f"{prefix}Prediction"] = _object(outputs)
    item = ref("schemas", f"{prefix}Prediction") if len(outputs) > 1 else _lone(outputs)[0]
    schemas[f"{prefix}RowResponse"] = _object(
        {"predictions": _list(item, _batch_size(signature.outputs), 0)},
        description=f"What {md_code(signature.name)} gives by rows.",
    )
    return schemas


def _has_rows(signature: Signature) -> bool:
    """Whether its tensors can be rows of one batch."""
    for specs in (signature.inputs, signature.outputs):
        shapes = [spec.shape for spec in specs.values() if spec.shape is not None]
        if () in shapes or len({shape[0] for shape in shapes} - {-1}) > 1:
            return False
    return _batch_size(signature.inputs) != 0


def _batch_size(specs: Mapping[str, TensorSpec]) -> int:
    """The number of rows; -1 if any number will do."""
    return max((spec.shape[0] for spec in specs.values() if spec.shape), default=-1)


def _signature_name(signature: Signature) -> Json:
    return {"signature_name": {"type": "string", "const": signature.name}}


def _required(signature: Signature, *names: str) -> list[str]:
    return [*(["signature_name"] if signature.name != DEFAULT_SIGNATURE else []), *names]


def _lone(specs: Mapping[str, Json]) -> list[Json]:
    """The schema of an only tensor, which may be given without its name."""
    return list(specs.values()) if len(specs) == 1 else []


def example_schemas(prefix: str, signature: Signature) -> Schemas:
    """Requests whose examples have all that is required, or leave that to a context.

    Their responses have the same schema for every signature.
    """
    partial = complete = ref("schemas", f"{prefix}Features")
    features: Json = {"type": "object", "additionalProperties": ref("schemas", "ExampleFeature")}
    schemas = {f"{prefix}Features": features}
    if signature.features is not None:
        values = {name: _feature(spec) for name, spec in signature.features.items()}
        schemas[f"{prefix}Features"] = _object(values, required=[])
        required = [name for name, spec in signature.features.items() if spec.required]
        if required:
            complete = ref("schemas", f"{prefix}Example")
            # Not "allOf" of the above and what is required: to makers of types, that is nothing.
            schemas[f"{prefix}Example"] = _object(values, required=required)
    schemas[f"{prefix}ExamplesRequest"] = _object(
        {**_signature_name(signature), "examples": _list(complete, -1, 1)},
        required=_required(signature, "examples"),
        description=f"A call of {md_code(signature.name)}.",
    )
    schemas[f"{prefix}ContextRequest"] = _object(
        {
            **_signature_name(signature),
            "context": partial,
            "examples": _list(partial, -1, 1),
        },
        required=_required(signature, "context", "examples"),
        description=f"A call of {md_code(signature.name)}, with features that all examples share.",
    )
    return Schemas(schemas, [f"{prefix}ExamplesRequest", f"{prefix}ContextRequest"], [])


def _feature(spec: FeatureSpec) -> Json:
    value = ref("schemas", spec.dtype.capitalize() + _NEUTRAL)
    about = {"description": str(spec)}
    # A lone value would do where one is wanted, but a list always does, and needs no choice.
    if spec.shape is None or spec.shape[:1] == (-1,):
        return about | _list(value, -1, 0)
    several = _list(value, math.prod(spec.shape), 0)
    return several | {"description": " ".join([str(spec), *_words(several)])}


def _words(schema: Json) -> list[str]:
    return [f"({schema['description'].rstrip('.').lower()})"] if "description" in schema else []


# --- tensors ---------------------------------------------------------------------------------


def _input(signature: Signature, spec: TensorSpec, *, row: bool) -> Json:
    schema = _tensor(spec, ref("schemas", spec.dtype.capitalize() + _NEUTRAL), 1, row=row)
    if spec.name == signature.example_input:
        features = (signature.features or {}).items()
        listed = ", ".join(f"{md_code(name)} {feature}" for name, feature in features)
        schema["description"] += f": serialized tf.Examples{f' with {listed}' if listed else ''}"
    return schema


def _output(spec: TensorSpec, *, row: bool) -> Json:
    string = "EncodedValue" if spec.name.endswith(_ENCODED) else "TextValue"
    value = ref("schemas", string if spec.dtype == STRING else spec.dtype.capitalize() + _NEUTRAL)
    return _tensor(spec, value, 0, row=row)


def _tensor(spec: TensorSpec, value: Json, least: int, *, row: bool) -> Json:
    """Nested lists of a shape; an open dimension above others has ``least`` items."""
    told = f": {md_text(meaning_text(spec))}" if spec.meaning is not None else ""
    about = {"description": (f"A row of {spec}" if row else str(spec)) + told}
    if spec.shape is None:
        return about  # a value, or lists of any depth: no schema says so without a choice
    schema = value
    shape = spec.shape[1:] if row else spec.shape
    for axis in reversed(range(len(shape))):
        schema = _list(schema, shape[axis], least if axis < len(shape) - 1 else 0)
    described = " ".join([about["description"], *_words(schema)]) if shape else about["description"]
    return schema | {"description": described}


def _list(items: Json, size: int, least: int) -> Json:
    if size > _LONGEST_FIXED:  # a tool that makes tuples of fixed sizes would choke on it
        return {"type": "array", "items": items, "description": f"Exactly {size} items."}
    if size >= 0:
        return {"type": "array", "items": items, "minItems": size, "maxItems": size}
    return {"type": "array", "items": items, **({"minItems": least} if least else {})}


# --- parts that documents are made of ----------------------------------------------------------


def ref(kind: str, name: str) -> Json:
    """A reference to one of the document's components."""
    return {"$ref": f"#/components/{kind}/{name}"}


def _object(
    properties: Json, *, required: Sequence[str] | None = None, description: str = ""
) -> Json:
    """An object with these members and no others, all required unless ``required`` is given."""
    required = list(properties if required is None else required)
    return {
        **({"description": description} if description else {}),
        "type": "object",
        **({"required": required} if required else {}),
        "properties": properties,
        "additionalProperties": False,
    }


def any_of(schemas: Sequence[Json]) -> Json:
    """A schema of what fits at least one of them."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
