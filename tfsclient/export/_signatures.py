"""The signatures of the result: the source's own with good names, and those made from its main one.

Each says what it computes twice: in the graph, and in numpy from what the source itself answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient._inputs.example import serialize
from tfsclient._tables import listed
from tfsclient.errors import InvalidInput, TFSError
from tfsclient.export._names import check_name
from tfsclient.export._pictures import INPUT_NAMES, Encoding, Picture
from tfsclient.export._source import Arrays, Source, first_line
from tfsclient.schema import CLASSIFY, PREDICT, REGRESS
from tfsclient.server.models.tensorflow import import_tensorflow

LABEL: Final = "label"
SCORES: Final = "scores"
_LARGER: Final = "--input-size may be smaller than the model can work with"


def _same(arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    return dict(arrays)


@dataclass(frozen=True, slots=True)
class Served:
    """A signature of the result.

    Attributes:
        name: its name.
        origin: the source's signature that it stands for.
        function: a ``ConcreteFunction``.
        inputs: its inputs, from those of the origin.
        outputs: its outputs, from those of the origin.
        method: its method name.
        defaults: inputs' default values, as TensorProtos.
    """

    name: str
    origin: str
    function: Any
    inputs: Callable[[Arrays], dict[str, npt.NDArray[Any]]] = _same
    outputs: Callable[[Arrays], dict[str, npt.NDArray[Any]]] = _same
    method: str = PREDICT
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])


def kept(source: Source, name: str) -> Served:
    """A signature of the source as it is."""
    definition = source.definitions.get(name)
    method = PREDICT if definition is None else definition.method_name or PREDICT
    defaults = {} if definition is None else dict(definition.defaults)
    return Served(name, name, source.functions[name], method=method, defaults=defaults)


class Main:
    """The source's main signature under its new names, and the signatures that are made of it."""

    def __init__(
        self,
        source: Source,
        inputs: Mapping[str, str],
        outputs: Mapping[str, str],
        labels: Sequence[str] | None,
    ) -> None:
        """Name it.

        Args:
            source: the source.
            inputs: the source's inputs by their new names.
            outputs: the same of its outputs.
            labels: what classes are called.

        Raises:
            InvalidInput: there are no scores to label, or not as many as labels.
        """
        self._source, self._function = source, source.functions[source.main]
        self.outputs = dict(outputs)
        self.labels = labels
        own = source.inputs(source.main)
        self.inputs = dict(inputs)
        self.specs = {new: own[old] for new, old in inputs.items()}
        gives = source.outputs(source.main)
        self.gives = {new: gives[old] for new, old in outputs.items()}
        self.scores = None if labels is None else self._find_scores(labels)

    def _find_scores(self, labels: Sequence[str]) -> str:
        found = [
            name
            for name, spec in self.gives.items()
            if spec.dtype.is_floating and spec.shape.rank in (2, None)
        ]
        if len(found) > 1 and SCORES in found:
            found = [SCORES]
        if len(found) != 1:
            raise InvalidInput(
                "labels: which of the outputs are the scores cannot be told: "
                f"{listed(list(self.gives))}",
                hint=f"say which: --output {SCORES}=NAME; scores are floats, a row for each item "
                "and a column for each class",
            )
        shape = self.gives[found[0]].shape
        classes = None if shape.rank is None else shape[-1]
        if classes not in (None, len(labels)):
            raise InvalidInput(
                f"labels: there are {len(labels)} of them, but output {found[0]!r} has {classes} "
                "classes: a line for each is needed, in their order"
            )
        if LABEL in self.gives:
            raise InvalidInput(f"labels: the source has an output {LABEL!r} already")
        return found[0]

    def served(self) -> Served:
        """The main signature itself."""
        source = self._source
        own = kept(source, source.main)
        names = (*self.inputs.items(), *self.outputs.items())
        if self.scores is None and all(new == old for new, old in names):
            return own
        new = {old: name for name, old in self.inputs.items()}
        return Served(
            source.main,
            source.main,
            _traced(source.main, self._call, self.specs),
            inputs=self._named,
            outputs=self._answer,
            method=own.method if self.scores is None else PREDICT,
            defaults={new[old]: value for old, value in own.defaults.items() if old in new},
        )

    def of_files(self, picture: Picture, encoding: Encoding) -> Served:
        """The signature that takes a picture as a file."""
        name = INPUT_NAMES[encoding]
        specs = {n: s for n, s in self.specs.items() if n != picture.name}
        if name in specs:
            raise InvalidInput(f"pictures: the source has an input {name!r} already")

        def call(**tensors: Any) -> dict[str, Any]:
            decoded = picture.decode(tensors.pop(name), encoding)
            return self._call(**tensors, **{picture.name: decoded})

        def inputs(arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
            named = self._named(arrays)
            files = picture.files(named.pop(picture.name), encoding)
            return {name: files, **named}

        function = _traced(encoding, call, {name: picture.spec, **specs}, hint=_LARGER)
        return Served(encoding, self._source.main, function, inputs, self._answer)

    def of_examples(self) -> Served:
        """The signature that takes serialized tf.Examples: to classify, to regress or to predict.

        Raises:
            InvalidInput: an input cannot be a feature, or is Examples itself.
        """
        tf = import_tensorflow()
        own = self._source.signatures.get(self._source.main)
        if own is not None and own.example_input is not None:
            raise InvalidInput(f"examples: input {own.example_input!r} takes tf.Examples already")
        features = {name: _feature(name, spec) for name, spec in self.specs.items()}
        number = self._is_a_number()

        def call(inputs: Any) -> dict[str, Any]:
            parsed = tf.io.parse_example(inputs, features)
            answer = self._call(**{n: _cast(parsed[n], s.dtype) for n, s in self.specs.items()})
            if self.scores is not None:
                rows = tf.shape(inputs)[0]
                return {
                    "classes": tf.tile([list(self.labels or ())], [rows, 1]),
                    "scores": tf.cast(answer[self.scores], tf.float32),
                }
            return {"outputs": answer[number]} if number else answer

        def inputs(arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
            return {"inputs": _examples(self._named(arrays))}

        def outputs(arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
            answer = self._answer(arrays)
            if self.scores is not None:
                scores = answer[self.scores].astype(np.float32)
                classes = np.empty(scores.shape, object)
                classes[:] = [label.encode() for label in self.labels or ()]
                return {"classes": classes, "scores": scores}
            return {"outputs": answer[number]} if number else answer

        name, method = "examples", PREDICT
        if self.scores is not None:
            name, method = "classify", CLASSIFY
        elif number:
            name, method = "regress", REGRESS
        function = _traced(name, call, {"inputs": tf.TensorSpec([None], tf.string)})
        return Served(name, self._source.main, function, inputs, outputs, method)

    def _is_a_number(self) -> str | None:
        """The only output, if it is a number for each item."""
        (name, spec), *more = self.gives.items()
        rows = spec.dtype.name == "float32" and spec.shape.rank in (1, 2)
        return name if not more and rows and spec.shape.as_list()[1:] in ([], [1]) else None

    def _call(self, **tensors: Any) -> dict[str, Any]:
        """The main signature in the graph."""
        tf = import_tensorflow()
        answer = self._function(**{old: tensors[new] for new, old in self.inputs.items()})
        named = {new: answer[old] for new, old in self.outputs.items()}
        if self.scores is not None:
            best = tf.argmax(named[self.scores], axis=-1)
            named[LABEL] = tf.gather(list(self.labels or ()), best)
        return named

    def _named(self, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
        return {new: arrays[old] for new, old in self.inputs.items()}

    def _answer(self, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
        named = {new: arrays[old] for new, old in self.outputs.items()}
        if self.scores is not None and self.labels is not None:
            scores = named[self.scores]
            if scores.shape[-1] != len(self.labels):
                raise InvalidInput(
                    f"labels: there are {len(self.labels)} of them, but the source answers with "
                    f"{scores.shape[-1]} scores"
                )
            names = np.array([label.encode() for label in self.labels], object)
            named[LABEL] = names[np.argmax(scores, axis=-1)]
        return named


def _traced(
    signature: str, call: Callable[..., Any], specs: Mapping[str, Any], hint: str | None = None
) -> Any:
    """The ``ConcreteFunction`` of a new signature.

    Raises:
        InvalidInput: the source does not take what it is given there, such as smaller pictures.
    """
    tf = import_tensorflow()
    for name in specs:
        check_name(name)
    named = {name: tf.TensorSpec(s.shape, s.dtype, name=name) for name, s in specs.items()}
    try:
        return tf.function(call, autograph=False).get_concrete_function(**named)
    except TFSError:
        raise
    except Exception as error:
        raise InvalidInput(
            f"the model cannot be called as {signature!r} would: {first_line(error)}", hint=hint
        ) from error


def _feature(name: str, spec: Any) -> Any:
    """How a feature of an Example is parsed into a row of an input."""
    tf = import_tensorflow()
    dims = None if spec.shape.rank is None else spec.shape.as_list()
    if not dims or dims[0] is not None or None in dims[1:]:
        raise InvalidInput(
            f"examples: input {name!r} has the shape {spec.shape}, and a feature is a row of it: "
            "its first dimension must be open, and all others known"
        )
    dtype = spec.dtype
    if dtype.is_floating:
        kind = tf.float32
    elif dtype.is_integer or dtype.is_bool:
        kind = tf.int64
    elif dtype == tf.string:
        kind = tf.string
    else:
        raise InvalidInput(f"examples: input {name!r} is {dtype.name}, which no feature can hold")
    return tf.io.FixedLenFeature(dims[1:], kind)


def _cast(tensor: Any, dtype: Any) -> Any:
    tf = import_tensorflow()
    return tensor if tensor.dtype == dtype else tf.cast(tensor, dtype)


def _examples(arrays: Arrays) -> npt.NDArray[Any]:
    """Rows of arrays as serialized Examples."""
    columns = {name: _feature_values(array) for name, array in arrays.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    found = np.empty(len(rows), object)
    found[:] = [serialize(row) for row in rows]
    return found


def _feature_values(array: npt.NDArray[Any]) -> list[list[Any]]:
    """Each row as the values of a feature."""
    rows = array.reshape(len(array), -1)
    if rows.dtype == object:
        return rows.tolist()
    return rows.astype(np.int64 if rows.dtype.kind in "iub" else np.float32).tolist()
