"""Which signatures the result has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tfsclient._tables import listed
from tfsclient.errors import InvalidInput
from tfsclient.export._names import named
from tfsclient.export._pictures import LARGEST, Encoding, Picture
from tfsclient.export._signatures import SCORES, Main, Served, kept
from tfsclient.export._source import Source
from tfsclient.schema import DEFAULT_SIGNATURE


@dataclass(slots=True)
class Plan:
    """The signatures of the result.

    Attributes:
        main: the main one, from which others are made.
        served: all of them.
        picture: the input that takes pictures as numbers, where files are taken, too.
        notes: what there is to know about them, in sentences.
    """

    main: Main
    served: list[Served]
    picture: Picture | None = None
    notes: list[str] = field(default_factory=list[str])

    def add_pictures(self, picture: Picture, encoding: Encoding) -> None:
        """Take pictures as files, too."""
        self._add(self.main.of_files(picture, encoding))
        self.picture = picture
        if not picture.dtype.is_integer:
            same = (picture.low, picture.high) == (0.0, LARGEST)
            become = "stay as they are" if same else f"become {picture.low:g} to {picture.high:g}"
            self.notes.append(
                f"pixels of 0 to 255 {become} in {encoding!r}; --range LOW,HIGH if the model was "
                "trained otherwise"
            )

    def add_examples(self) -> None:
        """Take tf.Examples, too."""
        self._add(self.main.of_examples())

    def leave_out(self, name: str, reason: str) -> None:
        """Do without a signature of the source."""
        self.served = [one for one in self.served if one.name != name]
        self.notes.append(f"signature {name!r} is left out: {reason}")

    def _add(self, new: Served) -> None:
        if any(one.name == new.name for one in self.served):
            raise InvalidInput(f"the source has a signature {new.name!r} already")
        self.served.append(new)


def recommend(
    source: Source,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    labels: Sequence[str] | None,
    *,
    pictures: bool,
    examples: bool,
) -> Plan:
    """The source's signatures, of which the main one gets good names.

    Args:
        source: the source.
        inputs: the names that were asked for, with the source's own.
        outputs: the same of the outputs.
        labels: what classes are called.
        pictures: whether an input takes pictures.
        examples: whether tf.Examples are taken, too.

    Raises:
        InvalidInput: the source does not have what was asked for, or no main signature.
    """
    own_inputs, own_outputs = source.inputs(source.main), source.outputs(source.main)
    is_main = source.main == DEFAULT_SIGNATURE or len(source.functions) == 1
    if not is_main and (inputs or outputs or labels is not None or pictures or examples):
        raise InvalidInput(
            f"it has several signatures ({listed(list(source.functions))}), and none is called "
            f"{DEFAULT_SIGNATURE!r}: names, labels and what else is added are for that one",
            hint="export it as it is, without other options, or save it with such a signature",
        )
    if source.is_named or not is_main:
        new_inputs, new_outputs = ({n: n for n in own} for own in (own_inputs, own_outputs))
    else:
        new_inputs = named(
            "input", inputs, {n: n for n in own_inputs}, "images" if pictures else "inputs", {}
        )
        known = {n: n for n in own_outputs} | dict(source.layers)
        single = SCORES if labels is not None else "outputs"
        new_outputs = named("output", outputs, known, single, source.better)
    main = Main(source, new_inputs, new_outputs, labels)
    others = [kept(source, name) for name in source.functions if name != source.main]
    notes = [
        f"{kind} {old!r} is called {new!r}"
        for kind, names in (("input", new_inputs), ("output", new_outputs))
        for new, old in names.items()
        if new != old
    ]
    return Plan(main, [main.served(), *others], notes=notes)
