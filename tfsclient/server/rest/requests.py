"""Request bodies of the REST interface: from JSON to named inputs, by TF Serving's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfsclient.dtypes import DType
from tfsclient.errors import Code, InvalidArgument, TFSError
from tfsclient.server.rapidjson.reader import JsonError, JsonObject, Value, parse
from tfsclient.server.rapidjson.writer import echo
from tfsclient.server.rest.tensors import (
    JsonTensor,
    is_base64,
    read_batch,
    read_tensor,
    refused,
)


def parse_body(body: bytes) -> JsonObject:
    """The JSON object that a request has to be.

    Raises:
        InvalidArgument: it is something else.
    """
    if not body:
        raise InvalidArgument("JSON Parse error: The document is empty")
    try:
        document = parse(body)
    except JsonError as error:
        raise InvalidArgument(f"JSON Parse error: {error}") from None
    if not isinstance(document, JsonObject):
        raise refused(document, "Is not object")
    return document


def signature_name(document: JsonObject) -> str:
    """The signature that a request asks for; "" if it does not say.

    Raises:
        InvalidArgument: it is not a string.
    """
    member = document.find("signature_name")
    if member is None:
        return ""
    if not isinstance(member[1], str):
        raise refused(
            document, "not formatted correctly. 'signature_name' key must be a string value."
        )
    return member[1]


def predict_inputs(
    document: JsonObject, infos: Mapping[str, Any]
) -> tuple[dict[str, JsonTensor], bool]:
    """The inputs of a predict request.

    Args:
        document: the request.
        infos: the signature's inputs, TensorInfo by name.

    Returns:
        The inputs by name, and whether they came in row form ("instances").

    Raises:
        InvalidArgument: they are not formed as the signature and the format ask.
        Unimplemented: JSON cannot carry the type of an input.
    """
    dtypes = {name: infos[name].dtype for name in sorted(infos)}
    instances, inputs = document.find("instances"), document.find("inputs")
    if instances is not None and inputs is not None:
        raise refused(
            document,
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        )
    if instances is not None:
        if not isinstance(instances[1], list):
            raise refused(document, "Expecting 'instances' to be an list/array")
        if not instances[1]:
            raise refused(document, "No values in 'instances' array")
        return _row_inputs(instances[1], dtypes), True
    if inputs is not None:
        return _column_inputs(inputs[1], dtypes), False
    raise InvalidArgument("Missing 'inputs' or 'instances' key")


# --- the two formats ---------------------------------------------------------------------------


def _column_inputs(value: Value, dtypes: Mapping[str, int]) -> dict[str, JsonTensor]:
    if _is_object(value):
        tensors = {}
        for name, dtype in dtypes.items():
            member = value.find(name)
            if member is None:
                raise InvalidArgument(f"Missing named input: {name} in 'inputs' object.")
            tensors[name] = read_tensor(member[1], dtype)
        return tensors
    if len(dtypes) > 1:
        raise InvalidArgument(
            "inputs is a plain value/list, but expecting an object as multiple input tensors"
            " required as per tensorinfo_map"
        )
    ((name, dtype),) = dtypes.items()
    return {name: read_tensor(value, dtype)}


def _row_inputs(instances: list[Value], dtypes: Mapping[str, int]) -> dict[str, JsonTensor]:
    named = _is_object(instances[0])
    if not isinstance(instances[0], JsonObject) and len(dtypes) > 1:
        raise InvalidArgument(
            "instances is a plain list, but expecting list of objects as multiple input tensors"
            " required as per tensorinfo_map"
        )
    only = next(iter(dtypes))
    if not named:
        whole = read_batch(instances, dtypes[only])
        if whole is not None:
            return {only: whole}
    batches: dict[str, _Batch] = {}
    for index, element in enumerate(instances):
        if named and not _is_object(element):
            raise InvalidArgument(f"Expecting object but got list at item {index} of input list")
        if not named and _is_object(element):
            raise InvalidArgument(
                f"Expecting value/list but got object at item {index} of input list"
            )
        members = element.members if named else [(only, element)]
        for name, value in members:
            name = name.partition("\0")[0]  # the server's names end there
            try:
                if name not in dtypes:
                    raise InvalidArgument(f"JSON object: does not have named input: {name}")
                batches.setdefault(name, _Batch(dtypes[name])).add(value)
            except TFSError as error:
                key = f" key: {name}" if named else ""
                raise InvalidArgument(
                    f"Failed to process element: {index}{key} of 'instances' list."
                    f" Error: {error.code or Code.UNKNOWN}: {error.details}"
                ) from None
        if named and {name.partition("\0")[0] for name, _ in members} != set(dtypes):
            raise InvalidArgument(
                f"Failed to process element: {index} of 'instances' list. JSON object:"
                f" {echo(element)} keys must be equal to: {','.join(sorted(dtypes))}"
            )
    return {name: batch.to_tensor(len(instances)) for name, batch in batches.items()}


class _Batch:
    """The values of one input, instance by instance."""

    def __init__(self, dtype: int) -> None:
        self._dtype = dtype
        self._values: list[Value] = []
        self._size: int | None = None
        self._shape: tuple[int, ...] = ()

    def add(self, value: Value) -> None:
        tensor = read_tensor(value, self._dtype)
        if self._size is None:
            self._size = len(tensor.values)
            self._shape = tensor.shape
        elif self._size != len(tensor.values):
            raise InvalidArgument(
                f"Expecting tensor size: {self._size} but got: {len(tensor.values)}"
            )
        elif self._shape != tensor.shape:
            raise InvalidArgument(
                f"Expecting shape {_shape_text(self._shape)} but got: {_shape_text(tensor.shape)}"
            )
        self._values += tensor.values

    def to_tensor(self, count: int) -> JsonTensor:
        return JsonTensor(DType.of_number(self._dtype), (count, *self._shape), self._values)


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _is_object(value: Value) -> bool:
    """Whether a value is an object of named inputs, not one that stands for bytes."""
    return isinstance(value, JsonObject) and not is_base64(value)
