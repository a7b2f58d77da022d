"""What a signature cannot say of its tensors: plain data, read-only, checked when it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

from tfsclient.errors import InvalidInput, did_you_mean, shown
from tfsclient.schema._checks import MAX_SIZE, ReadOnlyDict, check_text, check_type

Colour: TypeAlias = Literal["rgb", "bgr", "gray"]
Layout: TypeAlias = Literal["HWC", "CHW", "HW"]

KINDS: Final = ("image", "labels", "scores", "text", "number")
COLOURS: Final = {"rgb": 3, "bgr": 3, "gray": 1}  # with how many channels they have
LAYOUTS: Final = ("HWC", "CHW", "HW")

_LONGEST_LABEL: Final = 1_000
_MOST_LABELS: Final = 100_000
_MOST_SAMPLES: Final = 100
_DEEPEST: Final = 16  # lists in lists

# What only pictures have.
PICTURE_KEYS: Final = ("range", "mean", "std", "colour", "layout")

_set = object.__setattr__  # for frozen dataclasses, while they are made


@dataclass(frozen=True, slots=True, repr=False)
class TensorMeaning:
    """What an input or output stands for.

    Attributes:
        kind: "image", "labels", "scores", "text" or "number"; None if that is not told.
        range: of a picture, the numbers that its pixel values 0 and 255 become.
        mean: of a picture, what is subtracted from the pixel values 0 to 255: one number, or one
            for each channel in the tensor's order.
        std: what they are divided by after that.
        colour: of a picture, "rgb", "bgr" or "gray".
        layout: of a picture, the order of its dimensions after those of the batch: "HWC", "CHW", or
            "HW" for one without channels.
        labels: what each class is called, by its index in the last dimension of scores, or by the
            integer that stands for it.
        description: what else there is to say, in words.

    Raises:
        InvalidInput: an attribute is of the wrong type or size, or not for this kind.
    """

    kind: str | None = None
    range: tuple[float, float] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    colour: Colour | None = None
    layout: Layout | None = None
    labels: tuple[str, ...] | None = None
    description: str = ""

    def __post_init__(self) -> None:
        for name, known in (("kind", KINDS), ("colour", tuple(COLOURS)), ("layout", LAYOUTS)):
            check_choice(name, getattr(self, name), known)
        for name, value in (
            ("range", _range(self.range)),
            ("mean", _numbers("mean", self.mean)),
            ("std", _numbers("std", self.std)),
            ("labels", None if self.labels is None else read_labels(self.labels)),
        ):
            _set(self, name, value)
        check_text("description", self.description)
        for name in PICTURE_KEYS if self.kind != "image" else ():
            if getattr(self, name) is not None:
                raise InvalidInput(f'{name} is for pictures: kind = "image"')
        if self.range is not None and (self.mean, self.std) != (None, None):
            raise InvalidInput("range and mean or std exclude each other: both say what is scaled")
        std = self.std or ()
        if any(one <= 0 for one in std):
            raise InvalidInput(f"std divides, so it must be above 0, not {_listed(std)}")
        if any(one < 1 for one in std):
            raise InvalidInput(
                f"std {_listed(std)} is for pixel values 0 to 1, but here they are 0 to 255: "
                "multiply mean and std by 255"
            )
        if self.labels is not None and self.kind not in ("scores", "labels"):
            raise InvalidInput('labels are for kind = "scores" or "labels"')

    def __repr__(self) -> str:
        given = (f"{name}={shown(value)}" for name, value in meaning_record(self).items())
        return f"TensorMeaning({', '.join(given)})"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file that stands in a :class:`Sample`.

    Attributes:
        file: its name, relative to the file that names it.
        path: where it is; None where that is not known, as from a saved schema.
    """

    file: str
    path: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_text("file", self.file)


@dataclass(frozen=True, slots=True)
class Sample:
    """A named example of a call.

    Attributes:
        name: what it is called.
        inputs: values by input: numbers, text, lists of them, :class:`Picture` or several, and for
            serialized Examples the features by name.

    Raises:
        InvalidInput: an attribute is of the wrong type.
    """

    name: str
    inputs: Mapping[str, Any]

    def __post_init__(self) -> None:
        check_text("name", self.name)
        check_type("inputs", self.inputs, Mapping)
        for name in self.inputs:
            check_type("a name in inputs", name, str)
        _set(self, "inputs", ReadOnlyDict({n: _frozen(n, v) for n, v in self.inputs.items()}))


def check_choice(what: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse what is neither None nor one of these."""
    if value is not None and (not isinstance(value, str) or value not in known):
        guess = did_you_mean(value, known) if isinstance(value, str) else ""
        raise InvalidInput(f"{what} must be {', '.join(known)}, not {shown(value)}{guess}")


def read_labels(labels: object) -> tuple[str, ...]:
    """The names of classes.

    Raises:
        InvalidInput: they are not a list of text, or one of them is empty or endless.
    """
    check_type("labels", labels, (list, tuple))
    read = tuple(cast("list[Any]", labels))
    if not 0 < len(read) <= _MOST_LABELS:
        raise InvalidInput(f"labels must be 1 to {_MOST_LABELS} names, not {len(read)}")
    for number, label in enumerate(read):
        check_text(f"labels[{number}]", label, _LONGEST_LABEL)
        if not label.strip():
            raise InvalidInput(f"labels[{number}] is empty")
    return read


def read_samples(samples: object) -> tuple[Sample, ...]:
    """Samples whose names differ."""
    check_type("samples", samples, (list, tuple))
    read = tuple(cast("list[Any]", samples))
    if len(read) > _MOST_SAMPLES:
        raise InvalidInput(f"samples must be at most {_MOST_SAMPLES}, not {len(read)}")
    names = set()
    for sample in read:
        if not isinstance(sample, Sample):
            raise InvalidInput(f"each of samples must be a Sample, not {shown(sample)}")
        if sample.name in names:
            raise InvalidInput(f"samples has two that are called {shown(sample.name)}")
        names.add(sample.name)
    return read


def _listed(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _numbers(what: str, value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    listed: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
    if len(listed) not in (1, 3, 4) or not all(map(_is_number, listed)):
        raise InvalidInput(
            f"{what} must be a finite number, or one for each of 1, 3 or 4 channels, not "
            f"{shown(value)}"
        )
    return tuple(map(float, listed))


def _range(value: object) -> tuple[float, float] | None:
    if value is None:
        return None
    listed: list[Any] = list(value) if isinstance(value, list | tuple) else []
    if len(listed) != 2 or not all(map(_is_number, listed)) or listed[0] == listed[1]:
        raise InvalidInput(
            "range must be two different numbers, for the pixel values 0 and 255, not "
            f"{shown(value)}"
        )
    return float(listed[0]), float(listed[1])


def _is_number(value: object) -> bool:
    """Whether it is finite, and JSON can hold it."""
    return type(value) in (int, float) and abs(cast("float", value)) < MAX_SIZE


def _frozen(name: str, value: Any, depth: int = 0) -> Any:
    """A value of a sample, which can be hashed and written as JSON."""
    if depth > _DEEPEST:
        raise InvalidInput(f"inputs[{name!r}] has more than {_DEEPEST} lists in lists")
    if isinstance(value, list | tuple):
        return tuple(_frozen(name, one, depth + 1) for one in value)
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return ReadOnlyDict({k: _frozen(name, v, depth + 1) for k, v in value.items()})
    if isinstance(value, str | bool | Picture) or _is_number(value):
        return value
    raise InvalidInput(
        f"inputs[{name!r}] holds {shown(value)}; samples are numbers, text, lists and pictures"
    )


# As JSON's objects.


def meaning_record(meaning: TensorMeaning) -> dict[str, Any]:
    """What it tells; what is left out is not told."""
    told = {f.name: getattr(meaning, f.name) for f in fields(meaning)}
    return {name: value for name, value in told.items() if value not in (None, "")}


def meaning_of(record: object) -> TensorMeaning | None:
    """What :func:`meaning_record` made; members that are not known are passed over."""
    if record is None:
        return None
    check_type("meaning", record, dict)
    known = {f.name for f in fields(TensorMeaning)}
    values = {n: v for n, v in cast("dict[str, Any]", record).items() if n in known}
    try:
        return TensorMeaning(**values)
    except InvalidInput as error:
        raise InvalidInput(f"meaning.{error.details}") from None


def sample_record(sample: Sample) -> dict[str, Any]:
    """A sample; pictures stand apart, for they are text in JSON."""
    pictures = {n: _files(v) for n, v in sample.inputs.items() if is_pictures(v)}
    values = {n: v for n, v in sample.inputs.items() if n not in pictures}
    return {
        "name": sample.name,
        "inputs": values,
        **({"pictures": pictures} if pictures else {}),
    }


def is_pictures(value: object) -> bool:
    """Whether a sample's value is a picture, or several."""
    listed = value if isinstance(value, tuple) and value else (value,)
    return all(isinstance(one, Picture) for one in listed)


def _files(value: Any) -> Any:
    return [one.file for one in value] if isinstance(value, tuple) else value.file


def samples_of(records: object) -> tuple[Sample, ...]:
    """What :func:`sample_record` made, several times."""
    check_type("samples", records, list)
    return read_samples([_sample_of(n, one) for n, one in enumerate(cast("list[Any]", records))])


def _sample_of(number: int, record: object) -> Sample:
    try:
        check_type("it", record, dict)
        sample = cast("dict[str, Any]", record)
        pictures = sample.get("pictures", {})
        check_type("inputs", sample.get("inputs"), dict)
        check_type("pictures", pictures, dict)
        made = {
            n: [Picture(one) for one in file] if isinstance(file, list) else Picture(file)
            for n, file in pictures.items()
        }
        return Sample(cast("str", sample.get("name")), {**sample["inputs"], **made})
    except InvalidInput as error:
        raise InvalidInput(f"samples[{number}]: {error.details}") from None
