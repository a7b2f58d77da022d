"""simple_tensorflow_serving, which ended in 2020 and still runs in places."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from tfsclient._calls.profiles.profile import Profile
from tfsclient._calls.request import PredictRequest
from tfsclient._codec import rest_json
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.nested import object_array
from tfsclient._codec.tensor import Array, Tensor
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import Code, NotFound
from tfsclient.results import Statuses, VersionStatus
from tfsclient.results._forms import is_text
from tfsclient.schema import DEFAULT_SIGNATURE, Model, Signature, TensorSpec

_UNKNOWN = b"Model not found"  # with a status of 200


def _path(ref: ModelRef, method: str) -> str:
    del ref, method  # they stand in the body
    return "/"


def _body(request: PredictRequest) -> bytes:
    ref = request.ref
    named = {"model_name": ref.name, "signature_name": ref.signature or DEFAULT_SIGNATURE}
    head = orjson.dumps(named if ref.version is None else {**named, "model_version": ref.version})
    examples = None if request.spec is None else request.spec.example_input
    data = rest_json.encode_columns(
        {name: _text(t, always=name == examples) for name, t in request.tensors.items()}
    )
    return head[:-1] + b',"data":' + data + b"}"


def _text(tensor: Tensor, *, always: bool) -> Tensor:
    """Strings that are not text in base64, as the server's own forms send pictures.

    All of a tensor or none, for the model cannot see which of them are; serialized Examples always.
    """
    if tensor.dtype != STRING or (not always and all(map(is_text, tensor.array.flat))):
        return tensor
    return Tensor(STRING, object_array(tensor.array, base64.urlsafe_b64encode))


def _answer(data: bytes, request: PredictRequest) -> Mapping[str, Array]:
    assert request.spec is not None
    outputs: dict[str, Any] = rest_json.loads(data)
    rest_json.check_error(outputs, request.spec.outputs)
    return rest_json.pick_outputs(dict(outputs), request.spec.outputs, request.outputs)


def _detail_path(ref: ModelRef) -> str:
    return f"/v1/models/{quote(ref.name, safe='')}"


def _detail(data: bytes, ref: ModelRef) -> dict[str, Any]:
    if data.startswith(_UNKNOWN):
        raise NotFound(data[:200].decode("utf-8", "replace"), model=ref.name)
    return dict(rest_json.loads(data))


def _signatures(data: bytes, ref: ModelRef) -> Model:
    """A model of the one signature that the server tells, whose name it does not."""
    told = _detail(data, ref)["model_signature"]
    inputs, outputs = (
        {one["name"]: _spec(one) for one in told[part]} for part in ("inputs", "outputs")
    )
    signature = Signature(DEFAULT_SIGNATURE, inputs, outputs)
    return Model(ref.name, None, {DEFAULT_SIGNATURE: signature})


def _spec(one: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(one["name"], DType.of_number(one["dtype"]), tuple(one["shape"]))


def _states(data: bytes, ref: ModelRef) -> Statuses:
    listed = _detail(data, ref)["model_version_list"]
    numbers = sorted((int(str(one).rstrip("/")) for one in listed), reverse=True)
    if ref.version is not None:
        numbers = [number for number in numbers if number == ref.version]
        if not numbers:
            raise NotFound(f"it has no version {ref.version}", model=ref.name)
    return Statuses(VersionStatus(number, "AVAILABLE", Code.OK, "") for number in numbers)


PROFILE = Profile(
    name="simple-tensorflow-serving",
    path=_path,
    body=_body,
    answer=_answer,
    versions=True,
    status=(_detail_path, _states),
    signatures=(_detail_path, _signatures),
)
