"""What models parse besides tf.Examples: sequences of features, and lists of Examples.

The server's Classify and Regress take neither; both are values of string inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from tfsclient._codec.example import Values, encode_entry, encode_example, encode_feature
from tfsclient._codec.protobuf import chunk
from tfsclient._inputs.example import ExampleLike, check_names, contents_of, one_content
from tfsclient._inputs.feature import convert
from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput, of_type, shown

_FEATURE_LISTS = 2  # of SequenceExample, whose 1 is its context
_FEATURE = 1  # of FeatureList
_EXAMPLES, _CONTEXT = 1, 2  # of ExampleListWithContext


class SequenceExample:
    """A tf.SequenceExample: features that hold for all steps, and lists with a feature per step.

    Args:
        context: the features of the whole, as :class:`Example` takes them; or an Example.
        lists: by name a list of steps, or an array [steps, ...]; each step is a value as
            :class:`Example` takes, and all steps of a list are of one type.  An empty step takes
            the type of the others.  Values are checked when it is written.

    Raises:
        InvalidInput: ``lists`` is not a dict, or a name is not text.
    """

    __slots__ = ("context", "lists")

    def __init__(self, context: ExampleLike, lists: Mapping[str, Any]) -> None:
        if not isinstance(lists, Mapping):
            raise InvalidInput(f"lists must be a dict, not {of_type(lists)}")
        self.context = context
        self.lists = check_names(lists)

    def to_bytes(self) -> bytes:
        """The serialized ``tf.train.SequenceExample``.

        Raises:
            InvalidInput: a value has no place in a feature, or a list's steps differ in type.
        """
        lists = [
            encode_entry(name, _feature_list(name, steps)) for name, steps in self.lists.items()
        ]
        # An Example is a message of features alone, and here they are the first field, too.
        context = encode_example(one_content("the context", self.context, None, ()))
        return context + chunk(_FEATURE_LISTS, b"".join(lists))

    def __repr__(self) -> str:
        return f"SequenceExample({shown(self.context)}, {shown(self.lists)})"


class ExampleListWithContext:
    """An ELWC, as TensorFlow Ranking's models parse: Examples, and what all of them share.

    Args:
        examples: the Examples, each in any form that :meth:`Client.classify` takes; or a table,
            whose rows they are.  There may be none.
        context: an Example of the features that they share, a query's; None for none.
    """

    __slots__ = ("context", "examples")

    def __init__(self, examples: Iterable[ExampleLike], context: ExampleLike | None = None) -> None:
        # It may be written more than once.
        self.examples = list(examples) if isinstance(examples, Iterator) else examples
        self.context = context

    def to_bytes(self) -> bytes:
        """The serialized ``tensorflow.serving.ExampleListWithContext``.

        Raises:
            InvalidInput: an example or the context cannot be written; the text says which.
        """
        contents, context = contents_of(self.examples, self.context, None)
        items = b"".join([chunk(_EXAMPLES, encode_example(content)) for content in contents])
        return items if context is None else items + chunk(_CONTEXT, encode_example(context))

    def __repr__(self) -> str:
        return f"ExampleListWithContext({shown(self.examples)}, {shown(self.context)})"


CompoundExample: TypeAlias = SequenceExample | ExampleListWithContext


def _feature_list(name: str, steps: Any) -> bytes:
    values = [_step(name, number, step) for number, step in enumerate(_listed(name, steps))]
    typed = {value.dtype: number for number, value in enumerate(values) if value is not None}
    if len(typed) > 1:
        found = " and ".join(f"{dtype} (step {number})" for dtype, number in typed.items())
        raise InvalidInput(f"feature list {name!r} mixes {found}: all steps must be of one type")
    if values and not typed:
        raise InvalidInput(
            f"feature list {name!r} holds empty steps only, which have no type: "
            "write one of them as numpy.empty(0, dtype)"
        )
    dtype = next(iter(typed), STRING)  # of the empty steps, too
    features = [encode_feature(dtype, [] if v is None else v.values) for v in values]
    return b"".join([chunk(_FEATURE, feature) for feature in features])


def _listed(name: str, steps: Any) -> Iterable[Any]:
    if isinstance(steps, list | tuple):
        return steps
    array = steps if isinstance(steps, np.ndarray) else None
    if array is None and hasattr(steps, "__array__"):
        array = np.asarray(steps)  # a tensor, a column
    if array is None or not array.ndim:
        raise InvalidInput(f"feature list {name!r} is {of_type(steps)}, not a list of steps")
    return array


def _step(name: str, number: int, step: Any) -> Values | None:
    """A step's values; None if it is empty and of no type of its own."""
    if isinstance(step, list | tuple) and not step:
        return None
    if isinstance(step, np.ndarray) and not step.size and step.dtype.kind in "OSUT":
        return None if step.dtype.kind == "O" else Values(STRING, [])
    try:
        return convert({name: step}, None, ())[name]
    except InvalidInput as error:
        raise InvalidInput(f"step {number}: {error.details}") from error.__cause__
