"""tf.Examples made of plain values, checked against what a model parses.

As in TensorFlow's own tools, bools are integers: 1 and 0 of an int64_list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from tfsclient._codec.example import (
    EXAMPLE,
    Content,
    Values,
    decode_example,
    encode_example,
)
from tfsclient._inputs import tables
from tfsclient._inputs.feature import convert
from tfsclient._inputs.messages import message_name
from tfsclient.errors import DecodeError, InvalidInput, of_type, shown
from tfsclient.schema import Features, TensorSpec


class Example:
    """A tf.Example: features by name.

    Args:
        features: int and bool become int64_list, float becomes float_list, str and bytes become
            bytes_list; alone, in a list, or as a numpy array.  Values are checked when it is
            written, for a model's features may ask for floats where 3 was given.

    Raises:
        InvalidInput: a name is not text.
    """

    __slots__ = ("features",)

    def __init__(self, features: Mapping[str, Any]) -> None:
        self.features = check_names(features)

    def to_bytes(self, spec: Features | None = None) -> bytes:
        """The serialized ``tf.train.Example``.

        Args:
            spec: what the model parses, ``Signature.features``; None if that is not known.

        Raises:
            InvalidInput: a value has no place in an Example, or the features do not fit ``spec``.
        """
        return serialize(self, spec)

    def __repr__(self) -> str:
        return f"Example({shown(self.features)})"


def check_names(features: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of what goes by features' names.

    Raises:
        InvalidInput: there are no names, or one is not text.
    """
    if not isinstance(features, Mapping):
        raise InvalidInput(f"features are given as a dict, not as {of_type(features)}")
    for name in features:
        if not isinstance(name, str) or not _is_unicode(name):
            raise InvalidInput(f"a feature's name must be Unicode text, not {name!r}")
    return dict(features)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


# What stands for an Example: itself, its features, its bytes, or a tf.train.Example of any pool.
ExampleLike: TypeAlias = Example | Mapping[str, Any] | bytes | Any
Examples: TypeAlias = "Iterable[ExampleLike] | Any"  # Any: a table


def is_example(value: Any) -> bool:
    """Whether it is an Example, ours or a protobuf message; a dict or bytes may be one, too."""
    return isinstance(value, Example) or message_name(value) == EXAMPLE


def contents_of(
    examples: Iterable[ExampleLike], context: ExampleLike | None, spec: Features | None
) -> tuple[list[Content], Content | None]:
    """The contents of Examples, and of the context whose features all of them share.

    Args:
        examples: the Examples, in a list or another iterable, or as the rows of a table.
        context: what holds the features that they share; None for nothing.
        spec: what the model parses; None if not known.

    Raises:
        InvalidInput: one cannot be written, or does not fit ``spec``; the text says which.
    """
    shared = () if context is None else _names(context)
    before = None if context is None else one_content("the context", context, spec, None)
    return _contents(examples, spec, shared), before


def _names(context: ExampleLike) -> Iterable[str] | None:
    features = context.features if isinstance(context, Example) else context
    return features.keys() if isinstance(features, Mapping) else None


def _contents(
    examples: Iterable[ExampleLike], spec: Features | None, shared: Iterable[str] | None
) -> list[Content]:
    examples = _adopted(examples)
    if tables.is_table(examples):
        examples = tables.rows(examples)
    elif isinstance(examples, np.ndarray):
        examples = examples.tolist()
    one = isinstance(examples, str | bytes | Mapping) or is_example(examples)
    if one or not isinstance(examples, Iterable):
        raise InvalidInput(f"examples must be a list of them, not {of_type(examples)}")
    return [
        one_content(f"example {number}", example, spec, shared)
        for number, example in enumerate(examples)
    ]


def _adopted(examples: Any) -> Any:
    try:
        return tables.adopt(examples)
    except InvalidInput as error:
        raise InvalidInput(f"what was given as examples {error.details}") from error


def one_content(
    what: str, example: ExampleLike, spec: Features | None, shared: Iterable[str] | None
) -> Content:
    """The content of one Example, with ``what`` it is in front of an error's text."""
    try:
        return content_of(example, spec, shared)
    except InvalidInput as error:
        raise InvalidInput(f"{what}: {error.details}", hint=error.hint) from error.__cause__


def content_of(
    example: ExampleLike, spec: Features | None = None, shared: Iterable[str] | None = ()
) -> Content:
    """An Example's content; what comes as bytes or as a message is taken as it is.

    Args:
        example: the Example, or what stands for one.
        spec: what the model parses; None if not known.
        shared: names of features that may be missing, for a context has them; None if it may have
            any.

    Raises:
        InvalidInput: it is not an Example, or does not fit ``spec``.
    """
    if isinstance(example, bytes):
        return example
    if message_name(example) == EXAMPLE:
        message: Any = example
        data: bytes = message.SerializeToString()
        return data
    if isinstance(example, Mapping):
        example = Example(example)
    if not isinstance(example, Example):
        raise InvalidInput(
            f"{of_type(example)} is not an Example: pass a dict, an Example, a "
            "tf.train.Example or its bytes"
        )
    return convert(example.features, spec, shared)


def serialize(example: ExampleLike, spec: Features | None = None) -> bytes:
    """An Example's bytes; arguments and errors are those of :func:`content_of`."""
    return encode_example(content_of(example, spec))


def features_of(example: ExampleLike) -> Mapping[str, Values]:
    """An Example's features, from whatever stands for it.

    Raises:
        InvalidInput: it is not an Example.
    """
    try:
        return decode_example(content_of(example))
    except DecodeError as error:
        raise InvalidInput(error.details) from error


def string_rank(spec: TensorSpec) -> int:
    """The rank of a string tensor with one image or Example for each item of a batch.

    A shape that wants anything but 1s after the batch is left to the check of shapes.
    """
    if spec.shape is None or any(size != 1 for size in spec.shape[1:]):
        return 1
    return len(spec.shape)
