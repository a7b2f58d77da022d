"""Predict requests and responses as protobuf bytes and back: for the client and the local server.

Everything is plain data on both sides of the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from tfsclient._codec.protobuf import (
    CHUNK,
    VARINT,
    Buffer,
    chunk,
    fields,
    signed,
    tag,
    text,
    varint,
)
from tfsclient._codec.tensor import (
    MAX_PADDING,
    Array,
    Tensor,
    decode_tensor,
    encode_tensor,
    encode_tensor_typed,
    strings_of,
)
from tfsclient.errors import DecodeError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Outputs: TypeAlias = dict[str, Array]

_MAX_MESSAGE = (1 << 31) - 1  # bytes; protobuf's limit, and gRPC's

# Bytes, which decoded may be twice as many or more: glibc's malloc asks the system for each block
# of 128 KiB.
_LARGE = 1 << 16
_LARGEST_KEPT = (32 << 20) - 8192  # bytes; the most that it may be told to keep, and some room

# Bytes of an answer from where, and up to where, protobuf reads strings faster than we do.
_MANY_STRINGS = 1 << 10
_LONG_STRINGS = 1 << 18

# Field numbers. The request and the response disagree about which comes first.
_REQUEST_SPEC, _REQUEST_INPUTS, _REQUEST_FILTER = 1, 2, 3
_RESPONSE_OUTPUTS, _RESPONSE_SPEC = 1, 2
_NAME, _VERSION, _SIGNATURE, _LABEL = 1, 2, 3, 4  # of ModelSpec
_INT64_VALUE = 1
_KEY, _VALUE = 1, 2  # of a map's entry

# A view keeps its whole message in memory: copy it if the message is not small, and this many times
# as large as the output in it.
_SMALL_MESSAGE = 1 << 16
_MUCH_LARGER = 8


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model to call, as a request says it.

    Attributes:
        name: the model's name.
        version: the version; None if none is asked for (0 is a version).
        label: the version label; None if none is asked for ("" is a label).
        signature: the signature's key; "" means serving_default.
    """

    name: str = ""
    version: int | None = None
    label: str | None = None
    signature: str = ""


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """A request as the server reads it.

    Attributes:
        spec: the model spec; None if there is none.
        inputs: TensorProto bytes by name, for ``decode_tensor``.
        output_filter: the outputs that are wanted; all if empty.
    """

    spec: ModelSpec | None
    inputs: Mapping[str, Buffer]
    output_filter: tuple[str, ...] = ()


class PredictResponse(NamedTuple):
    """An answer as the server writes it.

    Attributes:
        model: the model's name, as it was asked for.
        version: the version that answered; None if the server did not say.
        signature: the signature that answered.
        outputs: the outputs by name.
    """

    model: str
    version: int | None
    signature: str
    outputs: dict[str, Tensor]


def encode_model_spec(
    name: str, *, version: int | None, label: str | None, signature: str
) -> bytes:
    """A ModelSpec; version and label are written if they are not None, and exclude each other.

    Raises:
        InvalidInput: a name is not text, or the version is no int64.
    """
    return _encode_model_spec(name, version, label, signature)


# Apart, for lru_cache hides a function's parameters from type checkers.
@lru_cache(maxsize=1024)
def _encode_model_spec(name: str, version: int | None, label: str | None, signature: str) -> bytes:
    spec = chunk(_NAME, _utf8(name)) if name else b""
    if version is not None:
        if not -1 << 63 <= version < 1 << 63:
            raise InvalidInput(f"version {version} is no 64 bit integer", model=name)
        spec += chunk(_VERSION, tag(_INT64_VALUE, VARINT) + varint(version) if version else b"")
    if signature:
        spec += chunk(_SIGNATURE, _utf8(signature))
    if label is not None:
        spec += chunk(_LABEL, _utf8(label))
    return spec


def encode_predict_request(
    spec: bytes, inputs: Mapping[str, Tensor], output_filter: Sequence[str] = ()
) -> list[Buffer]:
    """A PredictRequest, as parts for :func:`join`; large arrays are not copied.

    Args:
        spec: what :func:`encode_model_spec` gave.
        inputs: the inputs by name.
        output_filter: the outputs that are wanted; all if empty.

    Raises:
        InvalidInput: a name is not text.
        TypeError: an array does not have its tensor's dtype.
    """
    parts: list[Buffer] = [_REQUEST_SPEC_TAG + varint(len(spec)) + spec]
    for name, tensor in inputs.items():
        parts += encode_input(name, encode_tensor(tensor))
    if output_filter:
        parts += [chunk(_REQUEST_FILTER, _utf8(name)) for name in output_filter]
    return parts


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
    spec = encode_model_spec(
        response.model, version=response.version, label=None, signature=response.signature
    )
    parts.append(chunk(_RESPONSE_SPEC, spec))
    return parts


def join(parts: Sequence[Buffer]) -> bytes:
    """One message of its parts.

    Raises:
        InvalidInput: it would have 2 GiB or more, which protobuf and gRPC cannot carry.
    """
    size = sum(map(len, parts))
    if size > _MAX_MESSAGE:
        raise InvalidInput(
            f"the message would have {size:,} bytes, but protobuf and gRPC end at {_MAX_MESSAGE:,}",
            hint="send fewer examples at a time",
        )
    if size >= _LARGE:
        _keep_freed_memory()
    return b"".join(parts)


@cache
def _keep_freed_memory() -> None:
    """Have glibc's malloc keep the memory of large messages for the next ones.

    Otherwise it gives that back to the system with every message, and getting it again page by page
    takes longer than all else: calls of 600 kB take a third of the time so, those of 19 MB half.
    Freeing a block makes malloc take blocks up to that size from its heap from then on, of which
    it may keep twice as much (mallopt(3), M_MMAP_THRESHOLD).  The block itself is never touched.
    Other allocators do not care; GLIBC_TUNABLES turns it off.
    """
    bytes(_LARGEST_KEPT)


_REQUEST_SPEC_TAG = tag(_REQUEST_SPEC, CHUNK)
_REQUEST_INPUTS_TAG = tag(_REQUEST_INPUTS, CHUNK)
_RESPONSE_OUTPUTS_TAG = tag(_RESPONSE_OUTPUTS, CHUNK)


def _entry(start: bytes, name: str, tensor: list[Buffer]) -> list[Buffer]:
    """A map's entry, whose field has the tag ``start``."""
    return [_entry_head(start, name, sum(map(len, tensor))), *tensor]


@lru_cache(maxsize=4096)
def _entry_head(start: bytes, name: str, size: int) -> bytes:
    head = chunk(_KEY, _utf8(name)) + tag(_VALUE, CHUNK) + varint(size)
    return start + varint(len(head) + size) + head


def _utf8(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{name!r} cannot be a name: it has a lone surrogate") from None


def decode_predict_request(data: Buffer) -> PredictRequest:
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
    spec = _read_model_spec(b"".join(specs)) if specs else None
    return PredictRequest(spec, inputs, tuple(output_filter))


def decode_predict_response(data: bytes, copy: bool = False) -> tuple[ModelSpec, Outputs]:
    """Read a PredictResponse: the model that answered, and the outputs by name.

    Args:
        data: the message.
        copy: whether to give arrays that own their memory and can be written to.  Without, they are
            read-only, and views of ``data`` unless that is much larger than they are.

    Raises:
        DecodeError: the bytes are no PredictResponse; or an output is, and the error names it.
    """
    if len(data) >= _LARGE:
        _keep_freed_memory()
    layout = _layouts.get((len(data), data[:_START]))
    if layout is not None:
        for at, fixed in layout.fixed:
            if not data.startswith(fixed, at):
                break
        else:
            return layout.model, layout.read(data, copy)
    return _parse_response(data, copy)


def decode_strings_response(data: bytes, copy: bool = False) -> tuple[ModelSpec, Outputs]:
    """:func:`decode_predict_response` for answers that probably are one output of many strings.

    protobuf reads such faster; what turns out to be anything else is left to our own reader.
    """
    return _read_strings(data, copy) or decode_predict_response(data, copy=copy)


def _read_strings(data: bytes, copy: bool) -> tuple[ModelSpec, Outputs] | None:
    if not _MANY_STRINGS < len(data) < _LONG_STRINGS:
        return None
    # With more than one, protobuf drops those whose names are the same.
    if [number for number, *_ in fields(data)].count(_RESPONSE_OUTPUTS) != 1:
        return None
    from tfsclient._codec.fast_protobuf import read_answer

    answer = read_answer(data)
    if answer is None or len(answer.outputs) != 1:
        return None
    ((name, proto),) = answer.outputs.items()
    try:
        array = strings_of(proto)
    except DecodeError:
        return None  # told there, with its name
    if array is None:
        return None
    array.flags.writeable = copy
    return _read_model_spec(answer.model_spec.SerializeToString()), {name: array}


def _parse_response(data: bytes, copy: bool) -> tuple[ModelSpec, Outputs]:
    specs: list[bytes] = []
    entries: list[tuple[int, int]] = []
    for number, kind, first, end in fields(data):
        if kind == CHUNK:
            if number == _RESPONSE_OUTPUTS:
                entries.append((first, end))
            elif number == _RESPONSE_SPEC:
                specs.append(data[first:end])
    model = _read_model_spec(b"".join(specs))
    outputs: dict[str, Array] = {}
    detached = set()
    for first, end in entries:
        padding = MAX_PADDING // len(entries)
        name, array = _read_output(data, first, end, model, copy, padding)
        if (
            not copy
            and _SMALL_MESSAGE < len(data) > _MUCH_LARGER * (end - first)
            and (
                array.nbytes <= end - first  # or it is no view, but a value repeated
            )
        ):
            detached.add(name)
        outputs[name] = array
    if not copy:
        _remember(data, model, outputs, detached)
        for name in detached:
            outputs[name] = _detach(outputs[name])
    return model, outputs


def _detach(view: Array) -> Array:
    array = view.copy()
    array.flags.writeable = False
    return array


def _read_output(
    data: bytes, first: int, end: int, model: ModelSpec, copy: bool, padding: int
) -> tuple[str, Array]:
    name, proto = _read_entry(data, first, end)
    try:
        return name, decode_tensor(proto, copy=copy, padding=padding).array
    except DecodeError as error:
        raise DecodeError(
            f"output {name!r}: {error.details}",
            model=model.name or None,
            signature=model.signature or None,
        ) from None


class _Place(NamedTuple):
    """Where in an answer the elements of an output are, and how to see them."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    at: int
    detach: bool


class _Layout(NamedTuple):
    """An answer without the elements of its outputs: all that answers to like requests share."""

    fixed: tuple[tuple[int, bytes], ...]  # where what stands that is not elements
    places: tuple[_Place, ...]
    model: ModelSpec

    def read(self, data: bytes, copy: bool) -> Outputs:
        outputs: Outputs = {}
        for name, dtype, shape, at, detach in self.places:
            array: Array = np.ndarray(shape, dtype, data, at)
            if copy:
                array = array.copy()
            elif detach:
                array = _detach(array)
            outputs[name] = array
        return outputs


# Answers of a model repeat each other but for the elements.  Kept by length and first bytes; all
# else that is not elements is compared, so a wrong guess costs time only.
_layouts: dict[tuple[int, bytes], _Layout] = {}
_MAX_LAYOUTS = 1024
_START = 24  # bytes; about the name of the first output
_MAX_FIXED = 2048  # bytes in all


def _remember(data: bytes, model: ModelSpec, outputs: Outputs, detached: set[str]) -> None:
    """Keep the layout of an answer whose outputs are all plain memory in it."""
    # A bool's bytes have to be looked at each time; strings are no memory.
    if not outputs or any(array.dtype in (np.bool_, np.object_) for array in outputs.values()):
        return
    if sum(array.nbytes for array in outputs.values()) > len(data):  # varints, or repeated values
        return
    base = _address(np.frombuffer(data, np.uint8))
    places = []
    for name, array in outputs.items():
        at = _address(array) - base
        plain = array.nbytes and array.flags.c_contiguous and 0 <= at <= len(data) - array.nbytes
        if not plain:
            return
        places.append(_Place(name, array.dtype, array.shape, at, name in detached))
    fixed, position = [], 0
    for place in sorted(places, key=lambda place: place.at):
        fixed.append((position, data[position : place.at]))
        position = place.at + outputs[place.name].nbytes
    fixed.append((position, data[position:]))
    if sum(len(each) for _, each in fixed) <= _MAX_FIXED:
        if len(_layouts) >= _MAX_LAYOUTS:
            _layouts.clear()
        layout = _Layout(tuple(fixed), tuple(places), model)
        _layouts[len(data), data[:_START]] = layout


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


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


def _read_model_spec(spec: bytes) -> ModelSpec:
    # A model's answers repeat its spec. A hostile one may be long: do not keep such.
    return _cached_model_spec(spec) if len(spec) <= 1024 else _parse_model_spec(spec)


def _parse_model_spec(spec: bytes) -> ModelSpec:
    name = signature = ""
    version: int | None = None
    label: str | None = None
    for number, kind, first, end in fields(spec):
        if kind != CHUNK:
            continue
        if number == _NAME:
            name = text(spec, first, end)
        elif number == _SIGNATURE:
            signature = text(spec, first, end)
        elif number == _LABEL:
            label = text(spec, first, end)
            version = None
        elif number == _VERSION:
            label = None
            version = version or 0
            for inner, inner_kind, value, _ in fields(spec, first, end):
                if inner == _INT64_VALUE and inner_kind == VARINT:
                    version = signed(value, 64)
    return ModelSpec(name, version, label, signature)


_cached_model_spec = lru_cache(maxsize=1024)(_parse_model_spec)
