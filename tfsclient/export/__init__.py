"""From a trained model to one that is pleasant to call.

    from tfsclient.export import export

    done = export("digits.keras", "models/digits", pictures="png", labels="labels.txt")
    print(done.model)   # its signatures
    print(done.folder)  # models/digits/1

TensorFlow is needed: ``pip install 'tfsclient[serve]'``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tfsclient.errors import InvalidInput
from tfsclient.export import _extra, _open, _releases, _saving
from tfsclient.export._carried import told_inputs
from tfsclient.export._folders import check_folder, next_version, publish, workplace
from tfsclient.export._labels import read_labels
from tfsclient.export._pictures import Encoding, Range, Size, find_picture
from tfsclient.export._plan import recommend
from tfsclient.export._samples import sampled
from tfsclient.export._verify import Differs, compare
from tfsclient.schema import Model
from tfsclient.schema._checks import check_type
from tfsclient.sources import find_flaws, from_saved_model

__all__ = ["Differs", "Exported", "export"]

_ENCODINGS: Final = ("png", "base64")


def __dir__() -> list[str]:
    return __all__


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export made.

    Attributes:
        model: its signatures.
        folder: the version's folder; None after a dry run.
        notes: what there is to know about it, in sentences.
    """

    model: Model
    folder: Path | None
    notes: tuple[str, ...]


def export(
    source: str | Path,
    out: str | Path,
    *,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    pictures: Encoding | None = None,
    input_size: Size | None = None,
    value_range: Range | None = None,
    examples: bool = False,
    labels: str | Path | None = None,
    dry_run: bool = False,
    trust: bool = False,
) -> Exported:
    """Write a trained model as the next version of a served one.

    It appears under ``out`` all at once, after it was loaded, called and found equal to the source.

    Args:
        source: a ``.keras`` or ``.h5`` file, a SavedModel folder, a TensorFlow 1 checkpoint, or a
            frozen graph (``.pb``).
        out: the model's folder, in which each version has a folder of its own.
        inputs: the names that inputs get, with the source's own: ``{"image": "x:0"}``.  A graph and
            a checkpoint need them; others keep the names that somebody chose.
        outputs: the same of the outputs.
        pictures: makes a signature that takes pictures as files, "png" as bytes (any format that
            TensorFlow decodes) or "base64" as web-safe base64 text.
        input_size: height and width that pictures are resized to, where the model does not say.
        value_range: what the darkest and the brightest pixel become; None takes 0 and 255 for
            integers and for models that rescale them, else 0 and 1.
        examples: whether to make a signature that takes serialized tf.Examples.
        labels: a file with the name of each class in a line, for an output "label".
        dry_run: whether to write nothing to ``out``.
        trust: whether code in a Keras file may run.

    Raises:
        InvalidInput: the source cannot be loaded or called, or does not have what is asked for.
        Differs: the result does not compute what the source does.
        MissingExtra: TensorFlow is not installed.
    """
    for what, path in (("source", source), ("out", out), ("labels", labels or "")):
        check_type(what, path, (str, Path))
    for what, names in (("inputs", inputs or {}), ("outputs", outputs or {})):
        check_type(what, names, Mapping)
        for name in (*names, *names.values()):
            check_type(f"a name in {what}", name, str)
    source, out = Path(source), Path(out)
    if pictures not in (None, *_ENCODINGS):
        raise InvalidInput(f"pictures must be one of {', '.join(_ENCODINGS)}, not {pictures!r}")
    if pictures is None and (input_size, value_range) != (None, None):
        raise InvalidInput("a size and a range are those of pictures: say which pictures to take")
    classes = None if labels is None else read_labels(Path(labels))
    check_folder(out)
    with (
        _saving.quiet(),
        TemporaryDirectory(prefix="tfsclient-export-") as scratch,
        workplace(Path(scratch) / "out" if dry_run else out) as half,
    ):
        loaded = _open.load(source, inputs or {}, outputs or {}, Path(scratch), trust=trust)
        plan = recommend(
            loaded, inputs or {}, outputs or {}, classes,
            pictures=pictures is not None, examples=examples,
        )  # fmt: skip
        if pictures is not None:
            told = told_inputs(loaded, plan.main.inputs)
            picture = find_picture(
                plan.main.specs, input_size, value_range, told, rescales=loaded.rescales
            )
            plan.add_pictures(picture, pictures)
        if examples:
            plan.add_examples()
        calls = sampled(loaded, plan)
        _saving.save(loaded, plan.served, half)
        _extra.write_meaning(half, loaded, plan)
        model = from_saved_model(half, out.resolve().name)
        _extra.write_warm_up(half, model, compare(half, plan.served, calls))
        flaws = map(str, find_flaws(half))
        notes = (*loaded.notes, *plan.notes, *flaws, _releases.able(half))
        folder = None if dry_run else publish(half, out)
        if folder is not None:  # whose pictures have other paths than those of the half
            model = from_saved_model(folder, model.name)
    version = next_version(out) if folder is None else int(folder.name)
    return Exported(replace(model, version=version), folder, notes)
