"""Predict, as both interfaces offer it: names checked against the signature, tensors run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from tfsclient._codec.messages import message_class
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.predict import PredictResponse
from tfsclient._codec.protobuf import Buffer
from tfsclient._codec.tensor import Tensor, decode_tensor
from tfsclient.errors import (
    DecodeError,
    FailedPrecondition,
    Internal,
    InvalidArgument,
)
from tfsclient.schema import CLASSIFY, DEFAULT_SIGNATURE, PREDICT, REGRESS
from tfsclient.server import metrics
from tfsclient.server.interface import Leased, Models

T = TypeVar("T")

# DataTypes that TensorFlow learned after 2.18: a TF Serving of that age cannot parse them, and a
# newer one has a use for them only in a model that names them.
_NEWER_DTYPES = frozenset({26, 27, 28, 31, 32})
_RESOURCE = 20  # DT_RESOURCE
_WIDEST = 16  # bytes of an element, which may take one byte in a message
_MAX_REPEATED = 64 << 20  # bytes of a tensor beyond what its message holds


class Inference:
    """Runs requests on the models.

    Args:
        models: the models.
        check_method_names: refuse a signature whose method name is not one of TF Serving's.
    """

    def __init__(self, models: Models, *, check_method_names: bool = False) -> None:
        self._models = models
        self._check_method_names = check_method_names

    def predict(
        self,
        ref: ModelRef,
        inputs: Mapping[str, T],
        *,
        read: Callable[[T], Tensor],
        output_filter: Sequence[str] = (),
        timeout: float | None = None,
    ) -> PredictResponse:
        """Run a signature.

        Args:
            ref: which model, version and signature.
            inputs: the inputs by name.
            read: makes a tensor of one; a DecodeError becomes the server's parsing error.
            output_filter: which outputs to compute; all if empty.
            timeout: seconds the run may take.

        Raises:
            TFSError: as TF Serving would report it.
        """
        with self._models.lease(ref) as version:
            return self.run(
                version, ref, inputs, read=read, output_filter=output_filter, timeout=timeout
            )

    def run(
        self,
        version: Leased,
        ref: ModelRef,
        inputs: Mapping[str, T],
        *,
        read: Callable[[T], Tensor],
        output_filter: Sequence[str] = (),
        timeout: float | None = None,
    ) -> PredictResponse:
        """Run a signature on a version that is in use already; else as ``predict``."""
        model = version.model
        name = ref.signature or DEFAULT_SIGNATURE
        signature = model.signatures.get(name)
        if signature is None:
            raise FailedPrecondition(f'Serving signature key "{name}" not found.')
        self._check_method(signature)
        _check_input_count(signature, inputs)
        feeds = _feeds(signature, inputs, read)
        outputs = _outputs(signature, output_filter)
        _check_fed_once(feeds)
        with metrics.runtime_latency.time(ref.name, "Predict", "TF1"):
            tensors = model.run(dict(feeds), list(outputs.values()), timeout=timeout)
        answering = ModelRef.received(ref.name, version.number, None, name)
        return PredictResponse(answering, dict(zip(outputs, tensors, strict=True)))

    def _check_method(self, signature: Any) -> None:
        known = (PREDICT, CLASSIFY, REGRESS)
        if self._check_method_names and signature.method_name not in known:
            raise Internal(
                "Expected prediction signature method_name to be one of"
                f" {{{', '.join(known)}}}. Was: {signature.method_name}"
            )


def _check_input_count(signature: Any, inputs: Mapping[str, Any]) -> None:
    wanted = signature.inputs
    if len(inputs) > len(wanted) or (len(inputs) < len(wanted) and not signature.defaults):
        raise InvalidArgument(
            f"input size does not match signature: {len(inputs)}!={len(wanted)}"
            f" len({{{_names(inputs)}}}) != len({{{_names(wanted)}}})."
            f" Sent extra: {{{_names(set(inputs) - set(wanted))}}}."
            f" Missing but required: {{{_names(set(wanted) - set(inputs))}}}."
        )


def _feeds(
    signature: Any, inputs: Mapping[str, T], read: Callable[[T], Tensor]
) -> list[tuple[str, Tensor]]:
    """The tensors to feed, with their names in the graph."""
    feeds: list[tuple[str, Tensor]] = []
    used: list[str] = []
    for alias in sorted(signature.inputs):
        feed = signature.inputs[alias].name
        if alias in inputs:
            used.append(alias)
            try:
                tensor = read(inputs[alias])
            except DecodeError:
                raise InvalidArgument(f"tensor parsing error: {alias}") from None
            number = tensor.dtype.number
            if number in _NEWER_DTYPES and number != signature.inputs[alias].dtype:
                raise InvalidArgument(f"tensor parsing error: {alias}")
            feeds.append((feed, tensor))
        elif alias in signature.defaults:
            default = decode_tensor(signature.defaults[alias].SerializeToString())
            feeds.append((feed, default))
        else:
            raise InvalidArgument(
                f"Signature input alias: {alias}(feed name: {feed}) not found in request and no"
                " default value provided. Inputs expected to be in the request"
                f" {{{_names(inputs)}}}, or default input alias set: {_names(signature.defaults)}"
            )
    if len(used) < len(inputs):
        raise InvalidArgument(
            f"Inputs contains invalid name. Used request inputs: {_names(used)},"
            f" request input: {_names(inputs)}"
        )
    return feeds


def _check_fed_once(feeds: Iterable[tuple[str, Tensor]]) -> None:
    """Refuse inputs that are one tensor of the graph, as a session does."""
    fed: set[str] = set()
    for feed, _ in feeds:
        if feed in fed:
            raise InvalidArgument(f'Endpoint "{feed}" fed more than once.')
        fed.add(feed)


def _outputs(signature: Any, output_filter: Sequence[str]) -> dict[str, str]:
    """The outputs to compute: their aliases, with their names in the graph."""
    outputs: dict[str, str] = {}
    for alias in output_filter or sorted(signature.outputs):
        if alias not in signature.outputs:
            raise InvalidArgument(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in"
                f" the set {{{_names(signature.outputs)}}}."
            )
        if alias in outputs:
            raise InvalidArgument(f"duplicate output tensor alias: {alias}")
        outputs[alias] = signature.outputs[alias].name
    return outputs


def _names(names: Iterable[str] | Collection[str]) -> str:
    return ",".join(sorted(names))


def read_tensor(data: Buffer) -> Tensor:
    """A request's tensor.

    Raises:
        DecodeError: TensorFlow could not read it, either; or it asks for much more memory than the
            message holds, as a number to be repeated can.
        ProtobufDecodeError: it is not even a message, so neither is the request.
        InvalidArgument: it holds a resource handle, which a session refuses.
    """
    try:
        tensor = decode_tensor(data, references=False)
    except DecodeError:
        message = message_class("tensorflow.TensorProto").FromString(bytes(data))
        if message.dtype != _RESOURCE:
            raise
    else:
        if tensor.array.nbytes > _MAX_REPEATED + _WIDEST * len(data):
            raise DecodeError(f"a tensor of {tensor.array.nbytes:,} bytes in {len(data):,}")
        return tensor
    handles = message.resource_handle_val
    handle = handles[0] if handles else handles.add()
    raise InvalidArgument(
        f"Invalid resource type hash code: {handle.hash_code}(name: {handle.name} type:"
        f" {handle.maybe_type_name}). Perhaps a resource tensor was being provided as a feed? That"
        " is not currently allowed. Please file an issue at"
        " https://github.com/tensorflow/tensorflow/issues/new, ideally with a short code snippet"
        " that leads to this error message."
    )
