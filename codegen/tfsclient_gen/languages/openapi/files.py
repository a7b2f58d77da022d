"""The file of an OpenAPI client: a document of the model's REST routes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from tfsclient._inputs.samples import (
    dims,
    element,
    example,
    feature_dims,
    length,
    nested,
    plain,
    serialized_example,
)
from tfsclient.errors import InvalidInput
from tfsclient.schema import Signature
from tfsclient.schema._meaning import is_pictures
from tfsclient.schema._shown import prose
from tfsclient_gen.languages.openapi.layout import dumps
from tfsclient_gen.languages.openapi.schemas import (
    Json,
    any_of,
    example_schemas,
    predict_schemas,
    ref,
)
from tfsclient_gen.names import claim, is_windows_device, pascal, snake
from tfsclient_gen.quoting import visible
from tfsclient_gen.render import HEADER
from tfsclient_gen.target import Run

_COMPONENTS: Final = "openapi/components.json"
_LONGEST_SAMPLE: Final = 1_000  # values
_LONGEST_EXAMPLE: Final = 10_000  # characters
_LONGEST_FILE_NAME: Final = 64

_SUMMARIES: Final = {
    "predict": "Call a signature of",
    "classify": "Classify examples with",
    "regress": "Regress examples with",
    "metadata": "Read the signatures of",
    "status": "Read the state of",
}
# How a route says which version it is for, by the end of its name: what its summary says, and the
# path and the parameters that it has for it.
_POINTERS: Final = {
    "": ("the latest version", "", []),
    "OfVersion": ("a version", "/versions/{version}", ["Version"]),
    "OfLabel": ("the version with a label", "/labels/{label}", ["Label"]),
}
_BAD_GET: Final = {"400": "BadRequest", "404": "NotFound", "500": "InternalServerError"}
_BAD_POST: Final = {
    **_BAD_GET,
    "409": "Conflict",
    "429": "TooManyRequests",
    "501": "NotImplemented",
    "503": "ServiceUnavailable",
    "504": "GatewayTimeout",
}


def files(run: Run) -> dict[str, str]:
    """The document; its description says what is left out.

    Raises:
        InvalidInput: the user's own components are not JSON, or lack one that is referred to.
    """
    model = run.model
    try:
        shared = json.loads(run.templates.read(_COMPONENTS))
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{_COMPONENTS}: {error}") from None
    components: Json = {"responses": {}, "schemas": {}, **shared, "requestBodies": {}}
    names = claim(model.signatures, lambda wire: pascal(wire, "signature"), separator="")
    kinds = sorted({signature.kind for signature in model.signatures.values()})
    for kind in kinds:
        signatures = {str(names[n].ident): s for n, s in model.signatures.items() if s.kind == kind}
        _add(components, kind, signatures)
    about = run.templates.render(
        "openapi/description.md.j2",
        model=model.name,
        about=prose(model.description),
        takes_examples=kinds not in ([], ["predict"]),
        left_out=[(one.signature, "; ".join([one.reason, *one.others])) for one in run.left_out],
    )
    document: Json = {
        "x-generated": HEADER,
        "openapi": "3.1.0",
        "info": {
            "title": f"{visible(model.name)} on TensorFlow Serving",
            "version": "1",
            "description": about,
        },
        "servers": [_SERVER],
        "security": [],
        "paths": _paths(model.name, kinds),
    }
    document["components"] = _used(document["paths"], components)
    file = _file_name(run.name)
    run.tell_name("file", file)
    return {f"{file}.openapi.json": f"{dumps(document)}\n"}


def _file_name(wire: str) -> str:
    name = snake(wire, "model")[:_LONGEST_FILE_NAME]
    return f"{name}_model" if is_windows_device(name) else name


_SERVER: Final = {
    "url": "{scheme}://{host}",
    "description": "A server's REST interface.",
    "variables": {
        "scheme": {"default": "http", "enum": ["http", "https"]},
        "host": {"default": "localhost:8501", "description": "Host and port, perhaps with a path."},
    },
}


# --- routes ----------------------------------------------------------------------------------


def _paths(model: str, kinds: Sequence[str]) -> Json:
    paths = {}
    for pointer, (_, below, parameters) in _POINTERS.items():
        path = f"/v1/models/{quote(model, safe='')}{below}"
        shared: Json = {}
        if parameters:
            shared["parameters"] = [ref("parameters", name) for name in parameters]
        for kind in kinds:
            paths[f"{path}:{kind}"] = {**shared, "post": _operation(kind, pointer, _BAD_POST)}
        paths[f"{path}/metadata"] = {**shared, "get": _operation("metadata", pointer, _BAD_GET)}
        if pointer != "OfLabel":  # there the server ignores labels
            paths[path] = {**shared, "get": _operation("status", pointer, _BAD_GET)}
    return paths


def _operation(what: str, pointer: str, bad: Mapping[str, str]) -> Json:
    version = "all versions" if what + pointer == "status" else _POINTERS[pointer][0]
    operation: Json = {"operationId": what + pointer, "summary": f"{_SUMMARIES[what]} {version}"}
    if bad is _BAD_POST:
        operation["requestBody"] = ref("requestBodies", what.capitalize())
    responses = {"200": what.capitalize(), **bad}
    operation["responses"] = {s: ref("responses", responses[s]) for s in sorted(responses)}
    return operation


# --- calls -----------------------------------------------------------------------------------


def _add(components: Json, kind: str, signatures: Mapping[str, Signature]) -> None:
    """Add the signatures of a kind to the components, by the prefixes of their names."""
    make = predict_schemas if kind == "predict" else example_schemas
    made = [make(prefix, signature) for prefix, signature in signatures.items()]
    for schemas in made:
        components["schemas"] |= schemas.named
    samples = {prefix: {"value": _sample(s)} for prefix, s in signatures.items() if _has_sample(s)}
    for prefix, signature in signatures.items():
        samples |= _named_samples(prefix, signature)
    requests = any_of([ref("schemas", name) for schemas in made for name in schemas.requests])
    content = {"schema": requests, **({"examples": samples} if samples else {})}
    body = {"required": True, "content": {"application/json": content}}
    components["requestBodies"][kind.capitalize()] = body
    if kind == "predict":
        responses = any_of([ref("schemas", name) for schemas in made for name in schemas.responses])
        components["responses"]["Predict"] = {
            "description": "The outputs, in the form that the request had.",
            "content": {"application/json": {"schema": responses}},
        }


def _has_sample(signature: Signature) -> bool:
    if signature.kind != "predict" and signature.features is None:
        return False
    counts = [length(dims(spec)) for spec in signature.inputs.values()]
    counts += [length(feature_dims(spec)) for spec in (signature.features or {}).values()]
    return sum(counts) <= _LONGEST_SAMPLE


def _sample(signature: Signature) -> Json:
    named = {"signature_name": signature.name}
    if signature.kind != "predict":
        features = example(signature.features or {})
        listed = {n: v if isinstance(v, list) else [v] for n, v in features.items()}
        return named | {"examples": [listed]}
    values = {name: element(spec) for name, spec in signature.inputs.items()}
    if signature.features is not None and signature.example_input is not None:
        values[signature.example_input] = serialized_example(signature.features)
    inputs = {name: nested(values[name], dims(spec)) for name, spec in signature.inputs.items()}
    return named | {"inputs": inputs}


def _named_samples(prefix: str, signature: Signature) -> Json:
    """The model's own examples, but for pictures and serialized Examples."""
    found: Json = {}
    for sample in signature.samples if signature.kind == "predict" else ():
        values = list(sample.inputs.values())
        if any(is_pictures(v) or isinstance(v, dict) for v in values):
            continue
        body = {"signature_name": signature.name, "inputs": plain(dict(sample.inputs))}
        if len(json.dumps(body)) <= _LONGEST_EXAMPLE:
            found[f"{prefix}: {prose(sample.name)}"] = {"value": body}
    return found


# --- references ------------------------------------------------------------------------------


def _used(paths: Json, components: Json) -> Json:
    """The components that the paths refer to, themselves or through other components."""
    found: set[tuple[str, str]] = set()
    pending = [paths]
    while pending:
        for kind, name in set(_references(pending.pop())) - found:
            if name not in components.get(kind, {}):
                raise InvalidInput(f"{_COMPONENTS} has no {kind}/{name}")
            found.add((kind, name))
            pending.append(components[kind][name])
    return {
        kind: {name: made[name] for name in sorted(made) if (kind, name) in found}
        for kind, made in sorted(components.items())
        if any(kind == used for used, _ in found)
    }


def _references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith("#/components/"):
            _, _, kind, name = target.split("/")
            yield kind, name
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
