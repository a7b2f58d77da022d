"""A meaning put to the signatures that it is of, after a check that it fits them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from tfsclient.dtypes import STRING
from tfsclient.errors import InvalidInput, did_you_mean, shown
from tfsclient.meaning._data import Meaning, SignatureMeaning
from tfsclient.meaning._lines import Keys
from tfsclient.schema import Model, Sample, Signature, TensorMeaning, TensorSpec
from tfsclient.schema._meaning import COLOURS, PICTURE_KEYS, is_pictures
from tfsclient.schema._reasons import without_exporters

_CHANNELS: Final = (1, 3, 4)
_TEXT: Final = "is text"
_NAMED: Final = 'a picture is named where the input has kind = "image"'


def attach(meaning: Meaning, model: Model) -> Model:
    """The model with what a meaning tells, and nothing of what it told before.

    Raises:
        InvalidInput: the meaning is of a signature, an input or an output that the model does not
            have, or does not fit its dtype or shape; the error says on which line it stands.
    """
    return _Fitting(meaning, model).model()


class _Fitting:
    def __init__(self, meaning: Meaning, model: Model) -> None:
        self._meaning = meaning
        self._model = model
        self._signature: str | None = None

    def model(self) -> Model:
        signatures = self._model.signatures
        for name in self._meaning.signatures:
            self._known(("signatures", name), "signature", without_exporters(signatures))
        made = {name: self._of_signature(name, one) for name, one in signatures.items()}
        return replace(self._model, signatures=made, description=self._meaning.description)

    def _of_signature(self, name: str, signature: Signature) -> Signature:
        told = self._meaning.signatures.get(name, SignatureMeaning())
        keys: Keys = ("signatures", name)
        self._signature = name
        inputs = self._tensors((*keys, "inputs"), "input", told.inputs, signature.inputs)
        outputs = self._tensors((*keys, "outputs"), "output", told.outputs, signature.outputs)
        for number, sample in enumerate(told.samples):
            self._check_sample((*keys, "examples", number), sample, signature)
        return replace(signature, inputs=inputs, outputs=outputs, samples=told.samples)

    def _tensors(
        self,
        keys: Keys,
        what: str,
        told: Mapping[str, TensorMeaning],
        specs: Mapping[str, TensorSpec],
    ) -> dict[str, TensorSpec]:
        for name, meaning in told.items():
            self._known((*keys, name), what, specs)
            wrong = _misplaced(meaning, what) or _misfit(meaning, specs[name])
            if wrong is not None:
                key, text = wrong
                raise self._refused(
                    (*keys, name, key), f"{key} of {what} {shown(name)}, {specs[name]}: {text}"
                )
        return {name: replace(spec, meaning=told.get(name)) for name, spec in specs.items()}

    def _check_sample(self, keys: Keys, sample: Sample, signature: Signature) -> None:
        for name, value in sample.inputs.items():
            self._known((*keys, "inputs", name), "input", signature.inputs)
            spec = signature.inputs[name]
            wrong = _misfit_of_value(value, spec)
            if wrong is not None:
                raise self._refused(
                    (*keys, "inputs", name),
                    f"input {shown(name)} of the example {shown(sample.name)} {wrong}, but the "
                    f"signature wants {spec}",
                    hint=_NAMED if wrong == _TEXT else None,
                )
        for name in signature.inputs:
            if name not in sample.inputs and name not in signature.defaults:
                raise self._refused(
                    (*keys, "inputs"),
                    f"the example {shown(sample.name)} lacks input {shown(name)}",
                )

    def _known(self, keys: Keys, what: str, known: Mapping[str, object]) -> None:
        name = str(keys[-1])
        if name not in known:
            listed = ", ".join(map(shown, list(known)[:20])) or "none"
            those = f"the only {what} is" if len(known) == 1 else f"the {what}s are"
            raise self._refused(
                keys,
                f"there is no {what} {shown(name)}{did_you_mean(name, known)}; {those} {listed}",
            )

    def _refused(self, keys: Keys, text: str, hint: str | None = None) -> InvalidInput:
        places, model = self._meaning.places, self._model.name
        where = places.place(keys) if places is not None else ".".join(map(str, keys))
        return InvalidInput(f"{where}: {text}", model=model, signature=self._signature, hint=hint)


def _misfit_of_value(value: Any, spec: TensorSpec) -> str | None:
    """What is wrong with a value of an example, as far as numbers, text and shape go."""
    if is_pictures(value):  # whose kind of input is checked
        return None
    leaves = list(_leaves(value))
    if spec.dtype != STRING and any(isinstance(leaf, str) for leaf in leaves):
        return _TEXT
    if any(isinstance(leaf, Mapping) for leaf in leaves):
        return None if spec.dtype == STRING else "is a table"
    if spec.dtype == STRING and not all(isinstance(leaf, str) for leaf in leaves):
        return "is not text"
    shape = _shape(value)
    if shape is None:
        return "has lists of different lengths"
    wanted = shape if spec.shape is None else spec.shape
    if len(shape) != len(wanted) or any(
        w not in (-1, n) for n, w in zip(shape, wanted, strict=False)
    ):
        return f"has shape {list(shape)}"
    return None


def _leaves(value: Any) -> Iterator[Any]:
    if not isinstance(value, tuple):
        yield value
        return
    for one in value:
        yield from _leaves(one)


def _shape(value: Any) -> tuple[int, ...] | None:
    """The lengths of lists in lists; None if those on one level differ."""
    if not isinstance(value, tuple):
        return ()
    inner = {_shape(one) for one in value} or {()}
    one = inner.pop()
    return None if inner or one is None else (len(value), *one)


def _misplaced(meaning: TensorMeaning, what: str) -> tuple[str, str] | None:
    """Which key is not one of an input, or of an output, and why."""
    if what == "output" and meaning.kind == "image":
        return "kind", "image says how pictures become an input"
    if what == "input" and meaning.kind in ("scores", "labels"):
        return "kind", f"{meaning.kind} says what an output stands for"
    return None


def _misfit(meaning: TensorMeaning, spec: TensorSpec) -> tuple[str, str] | None:
    """Which key does not fit this input or output, and why."""
    kind = meaning.kind
    numeric = spec.dtype.kind in ("float", "int")
    if kind == "image":
        return _misfit_of_picture(meaning, spec)
    if kind == "text" and spec.dtype != STRING:
        return "kind", "text is of strings"
    if kind in ("scores", "number") and not numeric:
        return "kind", f"{kind} must be numbers"
    if kind == "labels" and spec.dtype != STRING and spec.dtype.kind != "int":
        return "kind", "labels are strings, or integers that stand for them"
    if kind == "scores" and spec.shape is not None:
        if not spec.shape:
            return "kind", "scores have a dimension of classes"
        classes = spec.shape[-1]
        if meaning.labels is not None and classes not in (-1, len(meaning.labels)):
            return "labels", f"there are {len(meaning.labels)} for {classes} classes"
    return None


def _misfit_of_picture(meaning: TensorMeaning, spec: TensorSpec) -> tuple[str, str] | None:
    told = [key for key in PICTURE_KEYS if getattr(meaning, key) is not None]
    if spec.dtype == STRING:
        return (told[0], "an encoded picture has its own") if told else None
    if spec.dtype.kind not in ("float", "int"):
        return "kind", "a picture is of numbers or of strings"
    if spec.dtype.kind == "int" and (wrong := _not_whole(meaning)) is not None:
        return wrong, "it makes numbers that are not whole, which integers cannot hold"
    layout, shape = meaning.layout, spec.shape
    if layout is not None and shape is not None:
        batch = len(shape) - len(layout)
        if batch not in (0, 1):
            text = f"{layout} is of {len(layout)} dimensions, with or without one of the batch"
            return "layout", text
        if batch == 0 and shape[0] == -1 and shape[1] != -1:
            return "layout", f"{layout} leaves no dimension for the batch, as the first seems to be"
    channels = _channels(meaning, spec)
    if layout in ("HWC", "CHW") and channels not in (*_CHANNELS, -1, None):
        return (
            "layout",
            f"a picture has 1, 3 or 4 channels, and by {layout} it would have {channels}",
        )
    if meaning.colour is not None and channels not in (COLOURS[meaning.colour], -1, None):
        return (
            "colour",
            f"{meaning.colour} is of {COLOURS[meaning.colour]} channels, not {channels}",
        )
    if channels in (-1, None) and meaning.colour is not None:
        channels = COLOURS[meaning.colour]
    for key, numbers in (("mean", meaning.mean), ("std", meaning.std)):
        if numbers is None or len(numbers) == 1:
            continue
        if channels in (-1, None):
            return key, "say by colour which channels these are"
        if len(numbers) != channels:
            return key, f"there are {len(numbers)} numbers for {channels} channels"
    return None


def _channels(meaning: TensorMeaning, spec: TensorSpec) -> int | None:
    """How many channels a picture has; -1 if that is open, None if the shape does not tell."""
    if meaning.layout == "HW":
        return 1
    if spec.shape is None:
        return -1
    if meaning.layout is not None:
        return spec.shape[-3 if meaning.layout == "CHW" else -1]
    rank, last = len(spec.shape), spec.shape[-1:]
    if rank == 4 or (rank == 3 and last[0] in _CHANNELS):
        return last[0] if last[0] in (*_CHANNELS, -1) else None
    return 1 if rank == 3 else None


def _not_whole(meaning: TensorMeaning) -> str | None:
    """The key by which a pixel value becomes a number that is not whole."""
    if meaning.range is not None:
        low, high = meaning.range
        if not low.is_integer() or (high - low) % 255:
            return "range"
    if meaning.std is not None and any(one != 1 for one in meaning.std):
        return "std"
    if meaning.mean is not None and not all(one.is_integer() for one in meaning.mean):
        return "mean"
    return None
