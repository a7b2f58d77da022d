"""Predict requests and responses as protobuf bytes and back: for the client and the local server.

Everything is plain data on both sides of the wire.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from tfsclient._codec import layouts
from tfsclient._codec.fast_protobuf import has_arrays, read_answer
from tfsclient._codec.model_ref import ModelRef, decode_model_ref, encode_model_ref, utf8
from tfsclient._codec.protobuf import (
    CHUNK,
    LARGE,
    Buffer,
    chunk,
    fields,
    keep_freed_memory,
    tag,
    text,
    varint,
)
from tfsclient._codec.tensor import (
    MAX_PADDING,
    Array,
    Outputs,
    Tensor,
    decode_tensor,
    encode_tensor,
    encode_tensor_typed,
    read_message,
)
from tfsclient._codec.varints import MANY, SAMPLE, are_long
from tfsclient.dtypes import INT64, STRING, DType
from tfsclient.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Bytes of an answer from where, and up to where, protobuf reads strings faster than we do.
_MANY_STRINGS = 1 << 10
_LONG_STRINGS = 1 << 18

# Field numbers. The request and the response disagree about which comes first.
_REQUEST_SPEC, _REQUEST_INPUTS, _REQUEST_FILTER = 1, 2, 3
_RESPONSE_OUTPUTS, _RESPONSE_SPEC = 1, 2
_KEY, _VALUE = 1, 2  # of a map's entry

# A view keeps its whole message in memory: copy it if the message is not small, and this many times
# as large as the output in it.
_SMALL_MESSAGE = 1 << 16
_MUCH_LARGER = 8


class ReceivedRequest(NamedTuple):
    """A PredictRequest as the server reads it.

    Attributes:
        ref: which model it is for; None if it does not say.
        inputs: TensorProto bytes by name, for ``decode_tensor``.
        output_filter: the outputs that are wanted; all if empty.
    """

    ref: ModelRef | None
    inputs: Mapping[str, Buffer]
    output_filter: tuple[str, ...] = ()


class PredictResponse(NamedTuple):
    """An answer as the server writes it.

    Attributes:
        ref: the model as it was asked for, the version and the signature that answered.
        outputs: the outputs by name.
    """

    ref: ModelRef
    outputs: Mapping[str, Tensor]


def encode_predict_request(
    ref: ModelRef, inputs: Mapping[str, Tensor], output_filter: Sequence[str] = ()
) -> list[Buffer]:
    """A PredictRequest, as parts for :func:`join`; large arrays are not copied.

    Args:
        ref: the model to call.
        inputs: the inputs by name.
        output_filter: the outputs that are wanted; all if empty.

    Raises:
        InvalidInput: a name is not text.
        TypeError: an array does not have its tensor's dtype.
    """
    parts: list[Buffer] = [encode_request_ref(ref)]
    for name, tensor in inputs.items():
        parts += encode_input(name, encode_tensor(tensor))
    if output_filter:
        parts.append(encode_output_filter(output_filter))
    return parts


def encode_request_ref(ref: ModelRef) -> bytes:
    """The field of a PredictRequest that says which model to call."""
    return chunk(_REQUEST_SPEC, encode_model_ref(ref))


def encode_output_filter(names: Sequence[str]) -> bytes:
    """The fields of a PredictRequest that say which outputs are wanted."""
    return b"".join([chunk(_REQUEST_FILTER, utf8(name)) for name in names])


def encode_input(name: str, tensor: list[Buffer]) -> list[Buffer]:
    """An input of a PredictRequest.

    Args:
        name: the input's.
        tensor: the parts of its TensorProto.

    Raises:
        InvalidInput: the name is not text.
    """
    return _entry(_REQUEST_INPUTS_TAG, name, tensor)


def encode_predict_response(response: PredictResponse) -> list[Buffer]:
    """A PredictResponse as TF Serving writes it, tensors in typed fields; parts for :func:`join`.

    Raises:
        InvalidInput: a name is not text.
        TypeError: an array does not have its tensor's dtype.
    """
    parts: list[Buffer] = []
    for name, tensor in response.outputs.items():
        parts += _entry(_RESPONSE_OUTPUTS_TAG, name, encode_tensor_typed(tensor))
    parts.append(chunk(_RESPONSE_SPEC, encode_model_ref(response.ref)))
    return parts


_REQUEST_INPUTS_TAG = tag(_REQUEST_INPUTS, CHUNK)
_RESPONSE_OUTPUTS_TAG = tag(_RESPONSE_OUTPUTS, CHUNK)


def _entry(start: bytes, name: str, tensor: list[Buffer]) -> list[Buffer]:
    """A map's entry, whose field has the tag ``start``."""
    return [_entry_head(start, name, sum(map(len, tensor))), *tensor]


@lru_cache(maxsize=4096)
def _entry_head(start: bytes, name: str, size: int) -> bytes:
    head = chunk(_KEY, utf8(name)) + tag(_VALUE, CHUNK) + varint(size)
    return start + varint(len(head) + size) + head


def decode_predict_request(data: Buffer) -> ReceivedRequest:
    """Read a PredictRequest, but leave its tensors alone: the server reports those one by one.

    Raises:
        DecodeError: the bytes are no PredictRequest.
    """
    specs: list[Buffer] = []
    inputs: dict[str, Buffer] = {}
    output_filter: list[str] = []
    for number, kind, first, end in fields(data):
        if kind != CHUNK:
            continue
        if number == _REQUEST_SPEC:
            specs.append(data[first:end])
        elif number == _REQUEST_INPUTS:
            name, proto = _read_entry(data, first, end)
            inputs[name] = proto
        elif number == _REQUEST_FILTER:
            output_filter.append(text(data, first, end))
    ref = decode_model_ref(b"".join(specs)) if specs else None
    return ReceivedRequest(ref, inputs, tuple(output_filter))


def decode_predict_response(data: bytes, copy: bool = False) -> tuple[ModelRef, Outputs]:
    """Read a PredictResponse: the model that answered, and the outputs by name.

    Args:
        data: the message.
        copy: whether to give arrays that own their memory and can be written to.  Without, they are
            read-only, and views of ``data`` unless that is much larger than they are.

    Raises:
        DecodeError: the bytes are no PredictResponse; or an output is, and the error names it.
    """
    if len(data) >= LARGE:
        keep_freed_memory()
    layout = layouts.recall(data)
    if layout is not None:
        return layout.model, layout.read(data, copy)
    return _parse_response(data, copy)


def decode_strings_response(data: bytes, copy: bool = False) -> tuple[ModelRef, Outputs]:
    """:func:`decode_predict_response` for answers that probably are one output of many strings.

    protobuf reads such faster; what turns out to be anything else is left to our own reader.
    """
    many = _MANY_STRINGS < len(data) < _LONG_STRINGS
    answer = _read_lone(data, copy, STRING) if many else None
    return answer or decode_predict_response(data, copy=copy)


def decode_int64_response(data: bytes, copy: bool = False) -> tuple[ModelRef, Outputs]:
    """The same for answers that probably are one output of many large numbers in int64."""
    middle = len(data) // 2
    large = len(data) >= MANY and are_long(data[middle : middle + SAMPLE])
    answer = _read_lone(data, copy, INT64) if large else None
    return answer or decode_predict_response(data, copy=copy)


def _read_lone(data: bytes, copy: bool, dtype: DType) -> tuple[ModelRef, Outputs] | None:
    if len(data) >= LARGE:
        keep_freed_memory()
    numbers, specs = [], []
    for number, kind, first, end in fields(data):
        numbers.append(number)
        if number == _RESPONSE_SPEC and kind == CHUNK:
            specs.append(data[first:end])
    # With more than one output, protobuf drops those whose names are the same.
    if numbers.count(_RESPONSE_OUTPUTS) != 1:
        return None
    if dtype != STRING and not has_arrays():
        return None
    answer = read_answer(data)
    if answer is None or len(answer.outputs) != 1:
        return None
    ((name, proto),) = answer.outputs.items()
    try:
        array = read_message(proto, dtype)
    except DecodeError:
        return None  # reported there, with its name
    if array is None:
        return None
    array.flags.writeable = copy
    return decode_model_ref(b"".join(specs)), {name: array}


def _parse_response(data: bytes, copy: bool) -> tuple[ModelRef, Outputs]:
    specs: list[bytes] = []
    entries: list[tuple[int, int]] = []
    for number, kind, first, end in fields(data):
        if kind == CHUNK:
            if number == _RESPONSE_OUTPUTS:
                entries.append((first, end))
            elif number == _RESPONSE_SPEC:
                specs.append(data[first:end])
    model = decode_model_ref(b"".join(specs))
    outputs: dict[str, Array] = {}
    detached = set()
    for first, end in entries:
        padding = MAX_PADDING // len(entries)
        name, array = _read_output(data, first, end, model, copy, padding)
        much_larger = _SMALL_MESSAGE < len(data) > _MUCH_LARGER * (end - first)
        is_view = not copy and array.nbytes <= end - first  # and not a value repeated
        if is_view and much_larger:
            detached.add(name)
        outputs[name] = array
    if not copy:
        layouts.remember(data, model, outputs, detached)
        for name in detached:
            outputs[name] = layouts.own_copy(outputs[name])
    return model, outputs


def _read_output(
    data: bytes, first: int, end: int, model: ModelRef, copy: bool, padding: int
) -> tuple[str, Array]:
    name, proto = _read_entry(data, first, end)
    try:
        return name, decode_tensor(proto, copy=copy, padding=padding, lenient=False).array
    except DecodeError as error:
        raise DecodeError(
            f"output {name!r}: {error.details}",
            model=model.name or None,
            signature=model.signature or None,
        ) from None


def _read_entry(data: Buffer, start: int, end: int) -> tuple[str, Buffer]:
    """A map entry's key and value; a missing one is empty."""
    name = ""
    view = memoryview(data)
    values: list[Buffer] = []
    for number, kind, first, last in fields(data, start, end):
        if kind != CHUNK:
            continue
        if number == _KEY:
            name = text(data, first, last)
        elif number == _VALUE:
            values.append(view[first:last])
    # Protobuf merges repeated messages, which is to read them one after the other.
    return name, values[0] if len(values) == 1 else b"".join(values)
