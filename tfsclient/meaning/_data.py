"""The meaning of a model, before it is known whether it fits its signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfsclient.meaning._lines import Places
from tfsclient.schema import Sample, TensorMeaning
from tfsclient.schema._checks import check_text, read_specs
from tfsclient.schema._meaning import read_samples

_set = object.__setattr__  # for frozen dataclasses, while they are made


@dataclass(frozen=True, slots=True)
class SignatureMeaning:
    """What the tensors of a signature stand for.

    Attributes:
        inputs: the inputs that something is told of, by name.
        outputs: likewise the outputs.
        samples: named examples of calls.

    Raises:
        InvalidInput: an attribute is of the wrong type.
    """

    inputs: Mapping[str, TensorMeaning] = field(default_factory=dict[str, TensorMeaning])
    outputs: Mapping[str, TensorMeaning] = field(default_factory=dict[str, TensorMeaning])
    samples: tuple[Sample, ...] = ()

    def __post_init__(self) -> None:
        _set(self, "inputs", read_specs("inputs", self.inputs, TensorMeaning))
        _set(self, "outputs", read_specs("outputs", self.outputs, TensorMeaning))
        _set(self, "samples", read_samples(self.samples))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the signatures of a model cannot say.

    Attributes:
        description: what the model is for, in words.
        signatures: what is told of each signature, by name.
        places: where it stands in which file, for errors; None where it was made by hand.

    Raises:
        InvalidInput: an attribute is of the wrong type.
    """

    description: str = ""
    signatures: Mapping[str, SignatureMeaning] = field(default_factory=dict[str, SignatureMeaning])
    places: Places | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_text("description", self.description)
        _set(self, "signatures", read_specs("signatures", self.signatures, SignatureMeaning))
