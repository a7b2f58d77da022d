"""A predict request that was checked and converted, and is not bound to a transport."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any
from urllib.parse import quote

from tfsclient._codec import predict, rest_json
from tfsclient._codec.protobuf import Buffer
from tfsclient._codec.tensor import Tensor, decode_tensor
from tfsclient._inputs import prepare as inputs_
from tfsclient.errors import DecodeError, InvalidInput, MissingExtra
from tfsclient.schema import Signature


@dataclass(slots=True)
class PredictRequest:
    """What :meth:`tfsclient.Client.send` sends; made by ``build_predict`` or :meth:`from_message`.

    Attributes:
        model: the model's name.
        tensors: the inputs, by name.
        signature: the signature's name; None leaves it to the server (serving_default).
        version: the version asked for; None for the latest, or for what ``label`` names.
        label: the version label asked for.
        outputs: the outputs to return; None for all.
        spec: the signature itself, where it is known.
    """

    model: str
    tensors: Mapping[str, Tensor]
    signature: str | None = None
    version: int | None = None
    label: str | None = None
    outputs: Sequence[str] | None = None
    spec: Signature | None = None

    def to_bytes(self) -> bytes:
        """The serialized ``tensorflow.serving.PredictRequest``.

        Raises:
            InvalidInput: it would be 2 GiB or more, which neither protobuf nor gRPC can carry.
        """
        return predict.join(self.to_parts())

    def to_parts(self) -> list[Buffer]:
        """What :meth:`to_bytes` joins; large arrays are not copied."""
        header = predict.encode_model_spec(
            self.model, version=self.version, label=self.label, signature=self.signature or ""
        )
        return predict.encode_predict_request(header, self.tensors, self.outputs or ())

    def to_json(self, row: bool = False) -> bytes:
        """The body of the same request over REST.

        Args:
            row: whether to write ``instances``, a value or an object for each row of the batch,
                rather than ``inputs``, the column form that tfsclient sends.

        Raises:
            Unimplemented: a tensor has no JSON form that the server reads.
            InvalidInput: there are no rows, for the inputs have no common first dimension.
        """
        if not row:
            return rest_json.encode_predict(self.tensors, self.signature)
        try:
            return rest_json.encode_predict_rows(self.tensors, self.signature)
        except InvalidInput as error:
            error.model, error.signature = self.model, self.signature
            raise

    def to_curl(self, url: str = "http://localhost:8501") -> str:
        """A shell command that sends the same request to the REST server at ``url``."""
        return (
            f"curl --globoff --data-binary {shlex.quote(self.to_json().decode())} "
            f"{shlex.quote(url.rstrip('/') + self.rest_path())}"
        )

    @classmethod
    def from_message(cls, message: Any) -> PredictRequest:
        """The request of an official ``PredictRequest`` message, of any protobuf pool.

        Raises:
            InvalidInput: it is no such message, or holds what is no tensor.
        """
        name = getattr(getattr(type(message), "DESCRIPTOR", None), "full_name", None)
        if name != "tensorflow.serving.PredictRequest":
            raise InvalidInput(f"a {name or type(message).__name__} is no PredictRequest")
        read = predict.decode_predict_request(message.SerializeToString())
        spec = read.spec or predict.ModelSpec()
        tensors = {}
        for name, proto in read.inputs.items():
            try:
                tensors[name] = decode_tensor(proto)
            except DecodeError as error:
                raise InvalidInput(
                    f"input {name!r}: {error.details}", model=spec.name, signature=spec.signature
                ) from error
        return cls(
            model=spec.name,
            tensors=tensors,
            signature=spec.signature or None,
            version=spec.version,
            label=spec.label,
            outputs=read.output_filter or None,
        )

    def to_message(self) -> Any:
        """The same request as the official ``predict_pb2.PredictRequest``.

        Raises:
            MissingExtra: tensorflow-serving-api is not installed.
        """
        try:
            predict_pb2: Any = import_module("tensorflow_serving.apis.predict_pb2")
        except ImportError as error:
            raise MissingExtra(
                "official messages need tensorflow-serving-api: pip install tfsclient[tensorflow]"
            ) from error
        return predict_pb2.PredictRequest.FromString(self.to_bytes())

    def rest_path(self) -> str:
        """The path of the request's URL."""
        return model_path(self.model, self.version, self.label) + ":predict"


def model_path(model: str, version: int | None, label: str | None) -> str:
    """The URL path of a model, or of one version of it."""
    path = "/v1/models/" + quote(model, safe="")
    if version is not None:
        return f"{path}/versions/{version}"
    return path if label is None else f"{path}/labels/{quote(label, safe='')}"


def build_predict(
    model: str,
    inputs: inputs_.Inputs,
    *,
    signature: Signature,
    version: int | None = None,
    label: str | None = None,
    outputs: Sequence[str] | None = None,
    validate: bool = True,
) -> PredictRequest:
    """A predict request for a known signature; no client, no network.

    Args:
        model: the model's name.
        inputs: the inputs, as :meth:`tfsclient.Client.predict` takes them.
        signature: what the model wants and gives.
        version: ask for this version; not together with ``label``.
        label: ask for the version with this label.
        outputs: the outputs to return; None for all.
        validate: whether to check the inputs against the signature and cast them to its dtypes.

    Raises:
        InvalidInput: the inputs do not fit the signature, or no client can call it.
    """
    check_version(model, version, label)
    if validate:
        _check_outputs(outputs, signature, model)
    reason = signature.why_unusable
    if reason is not None and outputs is not None:
        # An output that cannot be fetched does not matter to who does not ask for it.
        wanted = {name: spec for name, spec in signature.outputs.items() if name in outputs}
        reason = replace(signature, outputs=wanted).why_unusable if wanted else reason
    if reason is not None:
        raise InvalidInput(f"it cannot be called: {reason}", model=model, signature=signature.name)
    if validate:
        tensors = inputs_.prepare(inputs, signature, model=model)
    else:
        named = inputs_.name_inputs(inputs, signature, model=model)
        tensors = inputs_.as_they_are(named, model=model, signature=signature.name)
    return PredictRequest(model, tensors, signature.name, version, label, outputs, signature)


def check_version(model: str, version: int | None, label: str | None) -> None:
    """Refuse what a request cannot say.

    Raises:
        InvalidInput: both a version and a label, or a version that is no int64 from 0.
    """
    if version is not None and label is not None:
        raise InvalidInput("give a version or a label, not both", model=model)
    if version is not None and not 0 <= version < 1 << 63:
        raise InvalidInput(f"version {version} is out of range", model=model)


def _check_outputs(outputs: Sequence[str] | None, signature: Signature, model: str) -> None:
    for name in outputs or ():
        if name not in signature.outputs:
            raise InvalidInput(
                f"there is no output {name!r}; the outputs are {', '.join(signature.outputs)}",
                model=model,
                signature=signature.name,
            )
    if outputs is not None and len(set(outputs)) != len(outputs):
        raise InvalidInput(
            f"an output is asked for twice: {list(outputs)}", model=model, signature=signature.name
        )
