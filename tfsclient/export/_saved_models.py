"""SavedModels: of TensorFlow 2 and Keras, and of TensorFlow 1."""

from __future__ import annotations

from dataclasses import replace
from keyword import iskeyword
from pathlib import Path
from typing import Any

import numpy.typing as npt

from tfsclient.errors import InvalidInput, TFSError
from tfsclient.export import _graphs
from tfsclient.export._freeze import Wanted
from tfsclient.export._source import Arrays, Source, called, first_line
from tfsclient.schema import DEFAULT_SIGNATURE, Signature
from tfsclient.schema._reasons import EXPORTER_SIGNATURES, NO_SIGNATURES
from tfsclient.server.models.tensorflow import import_tensorflow
from tfsclient.sources import from_saved_model
from tfsclient.sources._read import find_version, pick_meta_graph


def load(path: Path, scratch: Path) -> Source:
    """The model in a SavedModel folder, or the highest version in a folder of them.

    Variables that Keras 3 keeps from being restored by TF Serving are found here, since the
    objects are loaded.

    Raises:
        InvalidInput: it cannot be loaded, or has no signatures.
    """
    _, folder = find_version(path, None)
    model = from_saved_model(folder)
    own = {n: s for n, s in model.signatures.items() if n not in EXPORTER_SIGNATURES}
    if not own:
        raise InvalidInput(
            f"{folder} has no signatures, so nothing says how to call it", hint=NO_SIGNATURES
        )
    reasons = {name: _why_not(signature) for name, signature in own.items()}
    kept = {name: signature for name, signature in own.items() if reasons[name] is None}
    notes = [f"signature {n!r} is left out: {why}" for n, why in reasons.items() if why is not None]
    if not kept or reasons.get(DEFAULT_SIGNATURE) is not None:
        default = reasons.get(DEFAULT_SIGNATURE)
        why = f"signature {DEFAULT_SIGNATURE!r}: {default}" if default else "; ".join(notes[:3])
        raise InvalidInput(f"{folder} cannot be exported: {why}")
    try:
        meta_graph = pick_meta_graph(folder, None)
    except TFSError as error:
        raise InvalidInput(f"{folder}: {error.details}", hint=error.hint) from error
    tags = list(meta_graph.meta_info_def.tags)
    definitions = {name: meta_graph.signature_def[name] for name in kept}
    if meta_graph.HasField("object_graph_def"):
        source = _of_objects(folder, tags, list(kept))
    else:
        wanted = {name: Wanted.of(one) for name, one in definitions.items()}
        source = _graphs.saved_model(folder, tags, wanted, scratch)
    return replace(
        source,
        definitions=definitions,
        signatures=kept,
        description=model.description,
        notes=(*notes, *source.notes),
    )


def _why_not(signature: Signature) -> str | None:
    """Why a signature cannot be saved again; None if it can be."""
    if signature.why_unusable is not None:
        return signature.why_unusable
    for name in signature.inputs:
        if not name.isidentifier() or iskeyword(name):
            return f"TensorFlow 2 cannot save an input called {name!r}"
    for spec in (*signature.inputs.values(), *signature.outputs.values()):
        if spec.dtype.startswith(("qint", "quint")):
            return f"{spec.name!r} is {spec.dtype}, which cannot be checked"
    return None


def _of_objects(folder: Path, tags: list[str], names: list[str]) -> Source:
    """A SavedModel of TensorFlow 2."""
    tf = import_tensorflow()
    try:
        loaded = tf.saved_model.load(str(folder), tags=tags)
        functions = {name: loaded.signatures[name] for name in names}
    except Exception as error:
        raise InvalidInput(f"{folder} cannot be loaded: {first_line(error)}") from error

    def run(signature: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
        return called(functions[signature], arrays)

    return Source("a SavedModel", functions, run, loaded)
