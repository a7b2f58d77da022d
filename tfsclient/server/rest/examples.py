"""Classify and regress over REST: from JSON to tf.Examples, and from results to JSON."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tfsclient._codec.protobuf import chunk
from tfsclient._codec.varints import pack_varints
from tfsclient.errors import InvalidArgument
from tfsclient.schema import CLASSIFY
from tfsclient.server.inference.examples import Result
from tfsclient.server.rapidjson import writer
from tfsclient.server.rapidjson.reader import JsonObject, Value
from tfsclient.server.rapidjson.writer import echo
from tfsclient.server.rest.responses import decimals
from tfsclient.server.rest.tensors import decode_base64, flushed, is_base64, type_name

_KEY, _VALUE = 1, 2  # of a map's entry
_LISTS: Final = {"bytes": 1, "float": 2, "int64": 3}  # fields of Feature
_MAX_INT64 = (1 << 63) - 1


def read_examples(document: JsonObject) -> list[bytes]:
    """The serialized tf.Examples of a request, each after the context that they share.

    Raises:
        InvalidArgument: the request is not formed as it should be.
    """
    context = b""
    member = document.find("context")
    if member is not None:
        context = _example(member[1])
    member = document.find("examples")
    if member is None:
        # So says TF Serving of regress, too.
        raise InvalidArgument(
            f"JSON Value: {echo(document)} When method is classify, key 'examples' is expected"
            " and was not found"
        )
    examples = member[1]
    if not isinstance(examples, list):
        raise InvalidArgument(
            f"JSON Value: {echo(document)} Expecting 'examples' value to be an list/array"
        )
    if not examples:
        raise InvalidArgument(f"JSON Value: {echo(document)} 'examples' value is an empty array")
    return [context + _example(example) for example in examples]


def _example(value: Value) -> bytes:
    if not isinstance(value, JsonObject):
        raise InvalidArgument(f"Example must be JSON object but got JSON {type_name(value)}")
    features = {}
    for name, content in value:
        name = name.partition("\0")[0]  # the server's names end there
        features[name] = _feature(name, content if isinstance(content, list) else [content])
    entries = [
        chunk(1, chunk(_KEY, name.encode(errors="surrogateescape")) + chunk(_VALUE, feature))
        for name, feature in features.items()
    ]
    return chunk(1, b"".join(entries))


def _feature(name: str, values: list[Value]) -> bytes:
    """A Feature; its first value decides which list it is, and no value makes it none."""
    kind = ""
    elements: list[Any] = []
    for value in values:
        this, element = _element(name, value)
        if kind not in ("", this):
            raise InvalidArgument(
                f"Unexpected element type in feature: {name} expecting type: {kind}"
            )
        kind = this
        if isinstance(element, JsonObject):
            element = decode_base64(element)
        elif this == "int64" and element > _MAX_INT64:
            raise InvalidArgument(
                f"Feature: {name} has uint64_t element. Only int64_t is supported."
            )
        elements.append(element)
    if not kind:
        return b""
    if kind == "bytes":
        payload = b"".join(chunk(1, element) for element in elements)
    elif kind == "float":
        with np.errstate(over="ignore", under="ignore"):
            array = flushed(flushed(np.array(elements, np.float64)).astype("<f4"))
        payload = chunk(1, array.tobytes())
    else:
        payload = chunk(1, pack_varints(np.array(elements, np.int64)))
    return chunk(_LISTS[kind], payload)


def _element(name: str, value: Value) -> tuple[str, Any]:
    """The list that a value belongs to, and the value as it stands there, or still in base64."""
    if isinstance(value, str):
        return "bytes", value.encode(errors="surrogateescape")
    if isinstance(value, JsonObject) and is_base64(value):
        return "bytes", value
    if isinstance(value, (bool, int)):
        return "int64", int(value)
    if isinstance(value, float):
        return "float", value
    raise InvalidArgument(
        f"Feature: {name} has element with unexpected JSON type: {type_name(value)}"
    )


def results(result: Result) -> str:
    """The body that answers a request."""
    if result.method != CLASSIFY:
        body = writer.array(decimals(result.values), 1, single_line=True)
        return writer.members([("results", body)], 0)
    # The writer is on one line while it writes an example, and no longer when it closes the list.
    examples = ", ".join(_classes(classes) for classes in result.classes)
    return writer.members([("results", f"[{examples}\n{writer.INDENT}]")], 0)


def _classes(classes: list[tuple[bytes, float]]) -> str:
    scores = decimals(np.array([score for _, score in classes], np.float32))
    pairs = [
        f"[{writer.string(label.decode(errors='surrogateescape'))}, {score}]"
        for (label, _), score in zip(classes, scores, strict=True)
    ]
    return writer.array(pairs, 2, single_line=True)
