"""Requests like earlier ones: what was checked and encoded then is not again.

A request whose arrays have the dtypes and shapes of one that was sent before, for the same
signature, differs from it in the arrays' elements alone.  Small calls are mostly made of what is
left out here.  A request is remembered when its like comes for the second time: most shapes that
vary come once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tfsclient._calls.request import PredictRequest
from tfsclient._codec.model_ref import ModelRef
from tfsclient._codec.predict import encode_input, encode_output_filter, encode_request_ref
from tfsclient._codec.protobuf import Buffer, join
from tfsclient._codec.strings import string_parts
from tfsclient._codec.tensor import COPIED, Array, encode_tensor, memory_of
from tfsclient._inputs.prepare import Inputs
from tfsclient.dtypes import STRING
from tfsclient.results import Prediction
from tfsclient.schema import Signature

_MOST = 1024

Decode: TypeAlias = Callable[[bytes], Prediction]


class _Strings(NamedTuple):
    """An input of strings: how long it is on the wire shows only once it is there."""

    name: str
    head: bytes  # dtype and shape


class Frame(NamedTuple):
    """A request without the elements of its arrays.

    Attributes:
        ref: which model, version and signature to call.
        spec: what it was checked against, kept, so that its id stays its own; None for nothing.
        start: what stands before the inputs.
        heads: what stands before the elements of each array.
        tail: what stands after the inputs.
        decode: reads the answers.
        small: if it has few bytes and no strings, all that with a gap for each array; else None.
    """

    ref: ModelRef
    spec: Signature | None
    start: bytes
    heads: list[bytes | _Strings]
    tail: bytes
    decode: Decode
    small: list[bytes] | None

    def body(self, inputs: Inputs) -> bytes | None:
        """The request for these inputs; None if they are not like the earlier ones after all."""
        if self.small is not None:
            filled = self.small.copy()
            gap = 1
            for array in _arrays(inputs):
                filled[gap] = array.tobytes()
                gap += 2
            return b"".join(filled)
        parts: list[Buffer] = [self.start]
        for head, array in zip(self.heads, _arrays(inputs), strict=True):
            if isinstance(head, bytes):
                parts += (head, memory_of(array))
                continue
            try:
                parts += encode_input(head.name, [head.head, *string_parts(array)])
            except TypeError:
                return None  # these are not all bytes, as those before were
        parts.append(self.tail)
        return join(parts)


class Frames:
    """The requests sent so far, without their elements; safe to share between threads."""

    def __init__(self) -> None:
        self._frames: dict[Hashable, Frame | None] = {}  # None: its like came once

    def find(self, key: Hashable) -> Frame | None:
        """What is remembered of requests with this :func:`frame_key`."""
        return self._frames.get(key)

    def encode(
        self, key: Hashable, request: PredictRequest, inputs: Inputs, decode: Decode
    ) -> bytes:
        """The body of a request, which is remembered if its like came before.

        Args:
            key: what :func:`frame_key` gave; None to remember nothing.
            request: what was made of ``inputs``.
            inputs: what the user gave.
            decode: reads the answers to its like.
        """
        if key is not None and key not in self._frames:
            if len(self._frames) >= _MOST:
                self._frames.clear()
            self._frames[key] = None
            key = None
        if key is None or not _is_as_given(request, inputs):
            return request.to_bytes()
        start, tail = encode_request_ref(request.ref), encode_output_filter(request.outputs or ())
        heads: list[bytes | _Strings] = []
        parts: list[Buffer] = [start]
        for name, tensor in request.tensors.items():
            proto = encode_tensor(tensor)
            entry = encode_input(name, proto)
            parts += entry
            if tensor.dtype == STRING:
                heads.append(_Strings(name, bytes(proto[0])))
            else:
                heads.append(b"".join(entry[:-1]))
        body = join([*parts, tail])
        plain = [head for head in heads if isinstance(head, bytes)]
        small = None
        if len(body) <= COPIED and len(plain) == len(heads) and sys.byteorder == "little":
            small = [b""] * (2 * len(plain) + 1)
            small[0::2] = [*plain, tail]
            small[0] = start + small[0]
        self._frames[key] = Frame(request.ref, request.spec, start, heads, tail, decode, small)
        return body


def frame_key(
    ref: ModelRef,
    spec: Signature | None,
    outputs: tuple[str, ...] | None,
    validate: bool,
    copy: bool,
    inputs: Inputs,
) -> Hashable:
    """What two requests must have in common; None if the inputs are not all plain arrays.

    Where no signature was looked at, ``ref`` says which one is asked for.
    """
    which = (ref if spec is None else ref[:3], id(spec), outputs, validate, copy)
    if type(inputs) is np.ndarray:
        return which, inputs.dtype, inputs.shape
    if type(inputs) is not dict:
        return None
    key: list[Hashable] = [which]
    for name, array in inputs.items():
        if type(array) is not np.ndarray:
            return None
        key += (name, array.dtype, array.shape)
    return tuple(key)


def _arrays(inputs: Any) -> Iterable[Array]:
    return inputs.values() if type(inputs) is dict else (inputs,)


def _is_as_given(request: PredictRequest, inputs: Inputs) -> bool:
    """Whether the request's arrays are just those that the user gave."""
    return all(
        tensor.array is array and array.nbytes and array.dtype == tensor.dtype.numpy
        for tensor, array in zip(request.tensors.values(), _arrays(inputs), strict=True)
    )
