"""What protobuf's parser, written in C, does several times faster than Python and numpy can.

Thousands of strings or of numbers in varints.  Nothing depends on it: where it is missing or
refuses, our own reader has its say.  protobuf takes long to import, so that is left until it pays.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient._codec.protobuf import CHUNK, Buffer, tag, varint
from tfsclient.dtypes import INT64_VAL, LOADING

_TENSOR_PROTO: Final = "tensorflow.TensorProto"


def write_strings(strings: list[bytes]) -> bytes:
    """The string_val fields of a TensorProto.

    Raises:
        TypeError: not every string is bytes.
        ImportError: protobuf is missing.
    """
    message = _messages().message_class(_TENSOR_PROTO)(string_val=strings)
    fields: bytes = message.SerializeToString()
    return fields


def read_tensor(data: Buffer) -> Any:
    """A TensorProto as a message; None if protobuf refuses it."""
    return _read(_TENSOR_PROTO, data)


def read_answer(data: bytes) -> Any:
    """A PredictResponse as a message; None if protobuf refuses it."""
    return _read("tensorflow.serving.PredictResponse", data)


def _read(name: str, data: Buffer) -> Any:
    messages = _messages()
    try:
        return messages.message_class(name).FromString(data)
    except messages.ProtobufError:
        return None


def read_varints(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64] | None:
    """The numbers of a packed field as int64, whatever they are; None if protobuf cannot tell."""
    if not has_arrays():
        return None
    head = tag(INT64_VAL, CHUNK) + varint(packed.size)
    message = read_tensor(b"".join((head, packed.data)))
    return None if message is None else np.asarray(message.int64_val)


@cache
def has_arrays() -> bool:
    """Whether numpy can take repeated numbers at once, as it can since protobuf 7."""
    return hasattr(_messages().message_class(_TENSOR_PROTO)().int64_val, "__array__")


@cache
def _messages() -> Any:
    with LOADING:
        from tfsclient._codec import messages

    return messages
