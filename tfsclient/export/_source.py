"""What is exported: a trained model of any kind, as functions that TensorFlow can save again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy.typing as npt

from tfsclient.schema import DEFAULT_SIGNATURE, Signature
from tfsclient.server.models.tensorflow import import_tensorflow

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]

_LONGEST: Final = 500  # characters of a reason
_COLOUR: Final = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True, slots=True)
class Source:
    """A model that was loaded.

    Attributes:
        kind: what it is, in words.
        functions: by the name of a signature, a ``ConcreteFunction`` that takes and gives tensors
            by name.
        run: computes the outputs of a signature the source's own way.
        tracked: what holds the variables and tables, and is saved along.
        is_named: whether its names are what the user asked for.
        definitions: the SignatureDefs that the source has itself.
        signatures: the same as our own, with what its meaning.toml says.
        description: what the model is for, by that file.
        layers: outputs of the main signature by the names of the layers that they come from.
        better: the names among these that somebody chose, by the outputs.
        rescales: whether its first layers take pixels of 0..255.
        notes: what its users should know.
    """

    kind: str
    functions: Mapping[str, Any]
    run: Callable[[str, Arrays], dict[str, npt.NDArray[Any]]]
    tracked: Any
    is_named: bool = False
    definitions: Mapping[str, Any] = field(default_factory=dict[str, Any])
    signatures: Mapping[str, Signature] = field(default_factory=dict[str, Signature])
    description: str = ""
    layers: Mapping[str, str] = field(default_factory=dict[str, str])
    better: Mapping[str, str] = field(default_factory=dict[str, str])
    rescales: bool = False
    notes: tuple[str, ...] = ()

    @property
    def main(self) -> str:
        """The signature that others are made from."""
        default = DEFAULT_SIGNATURE
        return default if default in self.functions else next(iter(self.functions))

    def inputs(self, signature: str) -> dict[str, Any]:
        """The ``TensorSpec`` of each input."""
        return dict(self.functions[signature].structured_input_signature[1])

    def outputs(self, signature: str) -> dict[str, Any]:
        """The ``TensorSpec`` of each output."""
        return dict(self.functions[signature].structured_outputs)


def called(function: Any, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
    """What a ``ConcreteFunction`` gives for arrays."""
    tf = import_tensorflow()
    specs = function.structured_input_signature[1]
    given = {name: tf.constant(array, specs[name].dtype) for name, array in inputs.items()}
    return {name: tensor.numpy() for name, tensor in function(**given).items()}


def first_line(error: Exception) -> str:
    """Why something failed, in a line."""
    text = _COLOUR.sub("", str(error))
    lines = [line for line in text.splitlines() if line.strip()] or [type(error).__name__]
    line = lines[0]
    if line.startswith("Exception encountered when calling ") and len(lines) > 1:
        line = lines[1]  # which Keras sets in bold
    elif line.endswith(":"):  # TensorFlow and Keras tell where before they tell what
        nodes = [number for number, each in enumerate(lines[:-1]) if each.startswith("Node: ")]
        line = lines[nodes[0] + 1] if nodes else lines[-1]
    return line.strip()[:_LONGEST]
