"""What kind of file or folder a source is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tfsclient.errors import InvalidInput
from tfsclient.export import _graphs, _keras, _saved_models
from tfsclient.export._names import closest
from tfsclient.export._source import Source
from tfsclient.sources._versions import version_number

_KINDS: Final = (
    "a .keras or .h5 file, a SavedModel folder, a TensorFlow 1 checkpoint, or a frozen graph (.pb)"
)
_SAVED_MODEL: Final = ("saved_model.pb", "saved_model.pbtxt")
_CHECKPOINT: Final = re.compile(r"(.+)\.(?:meta|index|data-\d{5}-of-\d{5})", re.DOTALL)


def load(
    path: Path,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    scratch: Path,
    *,
    trust: bool,
) -> Source:
    """Load a source of whatever kind.

    Args:
        path: where it is.
        inputs: by the names that they get, the tensors of a graph that are its inputs.
        outputs: the same of its outputs.
        scratch: an empty folder that lives as long as the source is used.
        trust: whether code in a Keras file may run.

    Raises:
        InvalidInput: it is none of the kinds that there are, or cannot be loaded.
        MissingExtra: TensorFlow is not installed.
    """
    prefix = _checkpoint(path)
    if prefix is not None:
        return _graphs.checkpoint(prefix, inputs, outputs, scratch)
    if not path.exists():
        near = closest(
            path.name, [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        )
        raise InvalidInput(f"{path} does not exist{near}")
    if path.name in _SAVED_MODEL:
        path = path.parent
    if path.is_dir():
        if not _holds_saved_model(path):
            raise InvalidInput(
                f"{path} is not a model: neither it nor a version folder in it holds "
                f"saved_model.pb, and it holds no checkpoint; a source is {_KINDS}"
            )
        return _saved_models.load(path, scratch)
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}") from error
    if head.startswith((_keras.ZIP, _keras.HDF5)):
        return _keras.load(path, scratch, trust=trust)
    if head[4:8] == b"TFL3":
        raise InvalidInput(
            f"{path} is a TensorFlow Lite model, which TF Serving cannot run: export the model "
            "that it was converted from"
        )
    if path.suffix == ".pb":
        return _graphs.frozen(path, inputs, outputs, scratch)
    if path.suffix in (".keras", ".h5", ".hdf5"):
        raise InvalidInput(
            f"{path} is not what Keras saves, neither a zip archive nor HDF5",
            hint="was it copied or downloaded in full?",
        )
    raise InvalidInput(f"{path} is not a model of a kind that is known: a source is {_KINDS}")


def _holds_saved_model(path: Path) -> bool:
    folders = [path, *(p for p in path.iterdir() if version_number(p.name) is not None)]
    return any((folder / name).is_file() for folder in folders for name in _SAVED_MODEL)


def _checkpoint(path: Path) -> Path | None:
    """The prefix of a checkpoint's files; None if it is not one.

    It may be given itself, or as one of its files, or as the folder whose ``checkpoint`` file says
    which is the newest.
    """
    if (file := _CHECKPOINT.fullmatch(path.name)) is not None and path.is_file():
        return path.with_name(file[1])
    if (path.parent / f"{path.name}.index").is_file():  # "." has no name to replace
        return path
    if not path.is_dir() or _holds_saved_model(path):
        return None
    prefixes = sorted(path.glob("*.index"), key=lambda p: p.stat().st_mtime)
    if (path / "checkpoint").is_file():
        from tfsclient.server.models.tensorflow import import_tensorflow

        newest = import_tensorflow().train.latest_checkpoint(str(path))
        if newest is not None:
            return Path(newest)
    return prefixes[-1].with_suffix("") if prefixes else None
