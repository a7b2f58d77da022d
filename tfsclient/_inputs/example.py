"""tf.Examples made of plain values, written for gRPC without protobuf and for REST.

As in TensorFlow's own tools, bools are integers: 1 and 0 of an int64_list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np

from tfsclient._codec.protobuf import CHUNK, pack_varints, tag, varint
from tfsclient._inputs import tables
from tfsclient._inputs.feature import FLOAT32, INT64, Array, Values, convert
from tfsclient.dtypes import STRING, DType
from tfsclient.errors import InvalidInput
from tfsclient.schema import Features

# What stands before a field's size.
_FEATURES = tag(1, CHUNK)  # of Example
_ENTRY = tag(1, CHUNK)  # of Features and FeatureLists, which are maps
_KEY, _VALUE = tag(1, CHUNK), tag(2, CHUNK)  # of its entries
_LISTS: Final = {STRING: tag(1, CHUNK), FLOAT32: tag(2, CHUNK), INT64: tag(3, CHUNK)}  # of Feature
_VALUES = tag(1, CHUNK)  # of each list

_MANY = 64  # integers, from which on numpy packs them faster

_EXAMPLE = "tensorflow.Example"


class Example:
    """A tf.Example: features by name.

    Args:
        features: int and bool become int64_list, float becomes float_list, str and bytes become
            bytes_list; alone, in a list, or as a numpy array.  Values are checked when it is
            written, for a model's features may ask for floats where 3 was given.

    Raises:
        InvalidInput: a name is no text.
    """

    __slots__ = ("features",)

    def __init__(self, features: Mapping[str, Any]) -> None:
        self.features = check_names(features)

    def to_bytes(self, spec: Features | None = None) -> bytes:
        """The serialized ``tf.train.Example``.

        Args:
            spec: what the model parses, as ``Signature.features`` tells; None if not known.

        Raises:
            InvalidInput: a value has no place in an Example, or the features do not fit ``spec``.
        """
        return serialize(self, spec)

    def __repr__(self) -> str:
        return f"Example({self.features!r})"


def check_names(features: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of what goes by features' names.

    Raises:
        InvalidInput: a name is no text.
    """
    for name in features:
        if not isinstance(name, str) or not _is_unicode(name):
            raise InvalidInput(f"a feature's name must be Unicode text, not {name!r}")
    return dict(features)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


# What stands for an Example: itself, its features, its bytes, or a tf.train.Example of any pool.
ExampleLike: TypeAlias = Example | Mapping[str, Any] | bytes | Any


def is_example(value: Any) -> bool:
    """Whether it is an Example, ours or a protobuf message; a dict or bytes may be one, too."""
    return isinstance(value, Example) or _message_name(value) == _EXAMPLE


def _message_name(value: Any) -> str | None:
    return getattr(getattr(type(value), "DESCRIPTOR", None), "full_name", None)


def example_array(examples: Iterable[ExampleLike], spec: Features | None = None) -> Array:
    """Serialized Examples, as an input that takes them wants them: an object array of bytes [n].

    Args:
        examples: the Examples, in a list or another iterable, or as the rows of a table.
        spec: what the model parses; None if not known.

    Raises:
        InvalidInput: one of them cannot be written; the text tells which.
    """
    written = _write_all(examples, spec, (), serialize)
    array = np.empty(len(written), np.object_)
    array[:] = written
    return array


# Writes one Example; the names are of features that it need not have itself, None for any.
Write: TypeAlias = Callable[[ExampleLike, Features | None, Iterable[str] | None], bytes]


def write_call(
    examples: Iterable[ExampleLike],
    context: ExampleLike | None,
    spec: Features | None,
    write: Write,
    *,
    model: str,
    signature: str | None = None,
) -> tuple[list[bytes], bytes | None]:
    """What a call sends: the examples, and the context whose features all of them share.

    Raises:
        InvalidInput: there are no examples, or one cannot be written; the text tells which.
    """
    try:
        written, before = write_list(examples, context, spec, write)
    except InvalidInput as error:
        error.model, error.signature = model, signature
        raise
    if not written:
        raise InvalidInput("there are no examples", model=model, signature=signature)
    return written, before


def write_list(
    examples: Iterable[ExampleLike],
    context: ExampleLike | None,
    spec: Features | None,
    write: Write,
) -> tuple[list[bytes], bytes | None]:
    """The examples, and the context whose features all of them share.

    Raises:
        InvalidInput: one cannot be written; the text tells which.
    """
    shared = () if context is None else _names(context)
    before = None if context is None else write_one("the context", context, spec, None, write)
    return _write_all(examples, spec, shared, write), before


def _names(context: ExampleLike) -> Iterable[str] | None:
    features = context.features if isinstance(context, Example) else context
    return features.keys() if isinstance(features, Mapping) else None


def _write_all(
    examples: Iterable[ExampleLike],
    spec: Features | None,
    shared: Iterable[str] | None,
    write: Write,
) -> list[bytes]:
    if tables.is_table(examples):
        examples = tables.rows(examples)
    elif isinstance(examples, np.ndarray):
        examples = examples.tolist()
    one = isinstance(examples, str | bytes | Mapping) or is_example(examples)
    if one or not isinstance(examples, Iterable):
        raise InvalidInput(f"examples must be a list of them, not a {type(examples).__name__}")
    return [
        write_one(f"example {number}", example, spec, shared, write)
        for number, example in enumerate(examples)
    ]


def write_one(
    what: str,
    example: ExampleLike,
    spec: Features | None,
    shared: Iterable[str] | None,
    write: Write,
) -> bytes:
    """One Example, with ``what`` it is in front of an error's text."""
    try:
        return write(example, spec, shared)
    except InvalidInput as error:
        raise InvalidInput(f"{what}: {error.details}", hint=error.hint) from error.__cause__


def serialize(
    example: ExampleLike, spec: Features | None = None, shared: Iterable[str] | None = ()
) -> bytes:
    """An Example's bytes; what comes as bytes or as a message is taken as it is.

    Args:
        example: the Example, or what stands for one.
        spec: what the model parses; None if not known.
        shared: names of features that may be missing, for a context has them; None if it may have
            any.

    Raises:
        InvalidInput: it is no Example, or does not fit ``spec``.
    """
    if isinstance(example, bytes):
        return example
    if _message_name(example) == _EXAMPLE:
        message: Any = example
        data: bytes = message.SerializeToString()
        return data
    converted = _convert(example, spec, shared)
    features = [entry(name, feature(*values)) for name, values in converted.items()]
    return _field(_FEATURES, b"".join(features))


def feature(dtype: DType, values: list[bytes] | Array) -> bytes:
    """A Feature of these values."""
    return _field(_LISTS[dtype], _list(dtype, values))


def entry(name: str, value: bytes) -> bytes:
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


def features_of(
    example: ExampleLike, spec: Features | None = None, shared: Iterable[str] | None = ()
) -> dict[str, Values]:
    """An Example's features, from whatever stands for it; arguments as for :func:`serialize`.

    Raises:
        InvalidInput: it is no Example, or does not fit ``spec``.
    """
    if not isinstance(example, bytes) and _message_name(example) != _EXAMPLE:
        return _convert(example, spec, shared)
    from tfsclient._codec.messages import ProtobufError, message_class

    try:
        message = message_class(_EXAMPLE).FromString(serialize(example))
    except ProtobufError as error:
        raise InvalidInput(f"the bytes are no serialized tf.Example: {error}") from error
    found = {}
    for name, feature in message.features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind == "bytes_list":
            found[name] = Values(STRING, list(feature.bytes_list.value))
        elif kind is not None:
            dtype = FLOAT32 if kind == "float_list" else INT64
            found[name] = Values(dtype, np.array(getattr(feature, kind).value, dtype.numpy))
    return found


def _convert(
    example: ExampleLike, spec: Features | None, shared: Iterable[str] | None
) -> dict[str, Values]:
    if isinstance(example, Mapping):
        example = Example(example)
    if not isinstance(example, Example):
        raise InvalidInput(
            f"a {type(example).__name__} is no Example: pass a dict, an Example, a "
            "tf.train.Example or its bytes"
        )
    return convert(example.features, spec, shared)
