"""Keras models: ``.keras`` and HDF5 files."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient.errors import InvalidInput, MissingExtra
from tfsclient.export._source import Arrays, Source, called, first_line
from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.server.models.tensorflow import import_tensorflow
from tfsclient.sources._flaws import is_made_up

HDF5: Final = b"\x89HDF\r\n\x1a\n"
ZIP: Final = b"PK\x03\x04"
# What holds code, by the classes that a configuration names.
_CODE: Final = {
    "Lambda": "a Lambda layer",
    "__lambda__": "a Lambda layer",
    "TorchModuleWrapper": "a pickled PyTorch module",
}
_RESCALING: Final = frozenset({"Divide", "Rescaling", "TrueDivide"})
_FIRST: Final = 4  # layers in which pixels are rescaled, if they are


def load(path: Path, scratch: Path, *, trust: bool) -> Source:
    """The model in a file, as it is after training.

    Args:
        path: a ``.keras`` or HDF5 file.
        scratch: an empty folder that lives as long as the source is used.
        trust: whether code in the file may run.

    Raises:
        InvalidInput: it holds code and is not trusted, holds no model, or cannot be loaded.
        MissingExtra: Keras is not installed.
    """
    config = _config(path)
    if isinstance(config, dict):
        config.pop("compile_config", None)  # losses and metrics, which are not loaded
    code = {_CODE[name] for name in _classes(config) if name in _CODE}
    if code and not trust:
        raise InvalidInput(
            f"{path} holds code ({' and '.join(sorted(code))}) that loading it runs",
            hint="if you trust where it comes from: --trust, or trust=True in Python; better, "
            "replace the layer by one of Keras's own, or by a registered class",
        )
    tf = import_tensorflow()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        import keras
    except ImportError as error:
        raise MissingExtra(
            f"Keras files are loaded with Keras, which cannot be imported ({error})",
            hint="pip install 'tfsclient[serve]'",
        ) from error
    try:
        model: Any = keras.saving.load_model(path, compile=False, safe_mode=not trust)
    except Exception as error:
        raise InvalidInput(
            f"Keras cannot load {path}: {first_line(error)}",
            hint="for classes of your own: where they are defined, write model.export(FOLDER) and "
            "export that folder; or in Python, import what registers them before "
            "tfsclient.export.export",
        ) from error
    if (layer := _stateful(model)) is not None:
        raise InvalidInput(
            f"{path}: the layer {layer!r} is stateful: what it answers depends on the calls "
            "before, whoever made them",
            hint="make the model once more with stateful=False, give it the trained weights by "
            "new.set_weights(old.get_weights()), and export that",
        )
    try:
        _call_once(model)
        with redirect_stdout(io.StringIO()):  # which version has a switch for that differs
            model.export(str(scratch / "keras"))
    except Exception as error:
        raise InvalidInput(
            f"Keras loads {path}, but cannot export it: {first_line(error)}",
            hint="call the model once before it is saved, so that the shapes of its inputs are "
            "known; or call model.export(FOLDER) where it was made, and export that folder",
        ) from error
    loaded = tf.saved_model.load(str(scratch / "keras"))
    function = loaded.signatures[DEFAULT_SIGNATURE]
    inputs = list(function.structured_input_signature[1])
    in_order = [tensor.name for tensor in getattr(model, "inputs", None) or []]
    if sorted(in_order) != sorted(inputs):
        in_order = inputs

    def run(signature: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
        del signature
        return _run(model, function, in_order, arrays)

    layers = _layers(model, list(function.structured_outputs))
    chosen = _chosen(model)
    return Source(
        kind="a Keras model",
        functions={DEFAULT_SIGNATURE: function},
        run=run,
        tracked=loaded,
        layers=layers,
        better={output: name for name, output in layers.items() if name in chosen},
        rescales=_rescales(model),
    )


def _stateful(model: Any) -> str | None:
    """A layer that remembers one call in the next."""
    for layer in getattr(model, "layers", None) or []:
        if getattr(layer, "stateful", False) is True:
            return str(layer.name)
        if (inner := _stateful(layer)) is not None:
            return inner
    return None


def _call_once(model: Any) -> None:
    """Call a subclassed model: Keras exports none that was not, though it knows the shapes."""
    if getattr(model, "inputs", None) is not None or not model.built:
        return
    shapes = model.get_build_config() or {}
    shapes = shapes.get("shapes_dict", shapes).values()
    model(*(_zeros(shape, model.input_dtype) for shape in shapes))


def _zeros(shape: Any, dtype: str) -> Any:
    """Zeros of a shape, or of each in a structure of shapes."""
    if isinstance(shape, dict):
        return {name: _zeros(each, dtype) for name, each in shape.items()}
    if all(size is None or isinstance(size, int) for size in shape):
        return np.zeros([size or 1 for size in shape], dtype)
    return [_zeros(each, dtype) for each in shape]


def _run(
    model: Any, function: Any, in_order: Sequence[str], arrays: Arrays
) -> dict[str, npt.NDArray[Any]]:
    """Call the Keras model itself, where it takes what the signature takes."""
    import keras

    if len(in_order) > 1 and len(getattr(model, "inputs", None) or []) != len(in_order):
        return called(function, arrays)  # the model's own call wants what nobody tells
    specs = function.structured_input_signature[1]
    tf = import_tensorflow()
    tensors = [tf.constant(arrays[name], specs[name].dtype) for name in in_order]
    given = tensors[0] if len(tensors) == 1 else keras.tree.pack_sequence_as(model.input, tensors)
    answer = model(given, training=False)
    names = list(function.structured_outputs)
    if isinstance(answer, dict) and sorted(answer) == sorted(names):
        return {name: np.asarray(answer[name]) for name in names}
    flat = keras.tree.flatten(answer)
    return {
        name: np.asarray(each) for name, each in zip(sorted(names, key=_number), flat, strict=True)
    }


def _number(name: str) -> tuple[int, str]:
    """Orders output_0 ... output_10."""
    digits = name.rpartition("_")[2]
    return (int(digits) if digits.isdecimal() else 0, name)


def _layers(model: Any, keys: Sequence[str]) -> dict[str, str]:
    """The outputs of the signature by the names of the layers that they come from."""
    names = list(getattr(model, "output_names", None) or [])
    if not names and len(keys) == 1 and getattr(model, "layers", None):
        names = [model.layers[-1].name]
    if len(set(names)) != len(keys) or not all(map(is_made_up, keys)):
        return {}
    return dict(zip(names, sorted(keys, key=_number), strict=True))


def _chosen(model: Any) -> set[str]:
    """The layers whose names are not of Keras's making: their class's, and maybe a number."""
    layers = getattr(model, "layers", None) or []
    return {
        layer.name
        for layer in layers
        if re.sub(r"_\d+$|_", "", layer.name) != type(layer).__name__.lower()
    }


def _rescales(model: Any) -> bool:
    """Whether pixels are scaled in the model's first layers, or in those of a model in it."""
    steps = getattr(model, "operations", None) or getattr(model, "layers", None) or []
    return any(type(step).__name__ in _RESCALING or _rescales(step) for step in steps[:_FIRST])


def _config(path: Path) -> Any:
    """The model's configuration, read without running anything.

    Raises:
        InvalidInput: the file holds no model.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(ZIP):
        try:
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        except (KeyError, ValueError, zipfile.BadZipFile, RecursionError) as error:
            raise InvalidInput(
                f"{path} is not a Keras file: it is a zip without a config.json that can be read"
            ) from error
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read as HDF5: {error}") from error
    if text is None:
        raise InvalidInput(
            f"{path} holds weights only, without the model that they belong to",
            hint="build the model in Python, model.load_weights(...), and save all of it: "
            'model.save("model.keras")',
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path}: its model_config is not JSON: {error}") from error


def _classes(config: Any) -> Iterator[str]:
    """Every class that a configuration names."""
    left = [config]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            if isinstance(name := each.get("class_name"), str):
                yield name.rpartition(".")[2]  # Keras looks "layers.Lambda" up in "keras", too
            left += each.values()
        elif isinstance(each, list):
            left += each
