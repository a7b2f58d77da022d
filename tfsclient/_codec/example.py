"""tf.Examples as bytes and back: features that were checked and converted, without protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from tfsclient._codec.protobuf import CHUNK, tag, varint
from tfsclient._codec.tensor import Array
from tfsclient._codec.varints import pack_varints
from tfsclient.dtypes import INT64, STRING, DType
from tfsclient.errors import DecodeError

FLOAT32: Final = DType("float32")
EXAMPLE: Final = "tensorflow.Example"

# What stands before a field's size.
_FEATURES = tag(1, CHUNK)  # of Example
_ENTRY = tag(1, CHUNK)  # of Features and FeatureLists, which are maps
_KEY, _VALUE = tag(1, CHUNK), tag(2, CHUNK)  # of its entries
_LISTS: Final = {STRING: tag(1, CHUNK), FLOAT32: tag(2, CHUNK), INT64: tag(3, CHUNK)}  # of Feature
_VALUES = tag(1, CHUNK)  # of each list

_MANY = 64  # integers, from which on numpy packs them faster


class Values(NamedTuple):
    """The values of a feature.

    Attributes:
        dtype: "string", "float32" or "int64": a bytes_list, a float_list or an int64_list.
        values: a list of bytes, or an array of that dtype in one dimension.
    """

    dtype: DType
    values: list[bytes] | Array


# What an Example holds: its features by name, or its bytes where it came as those.
Content: TypeAlias = Mapping[str, Values] | bytes


def encode_example(content: Content) -> bytes:
    """The serialized ``tensorflow.Example``."""
    if isinstance(content, bytes):
        return content
    features = [encode_entry(name, encode_feature(*values)) for name, values in content.items()]
    return _field(_FEATURES, b"".join(features))


def encode_feature(dtype: DType, values: list[bytes] | Array) -> bytes:
    """A Feature of these values."""
    return _field(_LISTS[dtype], _list(dtype, values))


def encode_entry(name: str, value: bytes) -> bytes:
    """An entry of the map that Features are, or FeatureLists."""
    # The key first, then the value: TensorFlow's fast parser wants them so.
    return _field(_ENTRY, _key(name) + _field(_VALUE, value))


def _field(tag_: bytes, payload: bytes) -> bytes:
    return tag_ + varint(len(payload)) + payload


@lru_cache(maxsize=4096)
def _key(name: str) -> bytes:
    return _field(_KEY, name.encode())


def _list(dtype: DType, values: list[bytes] | Array) -> bytes:
    """A BytesList, FloatList or Int64List."""
    if not isinstance(values, np.ndarray):
        return b"".join([_VALUES + varint(len(value)) + value for value in values])
    if not values.size:
        return b""
    if dtype == FLOAT32:
        return _field(_VALUES, values.astype("<f4", copy=False).tobytes())
    if values.size < _MANY:
        return _field(_VALUES, b"".join(map(varint, values.tolist())))
    return _field(_VALUES, pack_varints(values))


def decode_example(content: Content) -> Mapping[str, Values]:
    """The features of an Example.

    Raises:
        DecodeError: the bytes are not a serialized ``tensorflow.Example``.
    """
    if not isinstance(content, bytes):
        return content
    from tfsclient._codec.messages import ProtobufError, message_class

    try:
        message = message_class(EXAMPLE).FromString(content)
    except ProtobufError as error:
        raise DecodeError(f"the bytes are not a serialized tf.Example: {error}") from error
    found = {}
    for name, feature in message.features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind == "bytes_list":
            found[name] = Values(STRING, list(feature.bytes_list.value))
        elif kind is not None:
            dtype = FLOAT32 if kind == "float_list" else INT64
            found[name] = Values(dtype, np.array(getattr(feature, kind).value, dtype.numpy))
    return found
