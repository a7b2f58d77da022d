"""Writing the SavedModel itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfsclient._codec.messages import message_class
from tfsclient.errors import InvalidInput, MissingExtra
from tfsclient.export._signatures import Served
from tfsclient.export._source import Source, first_line
from tfsclient.schema import PREDICT
from tfsclient.server.models.tensorflow import import_tensorflow


@contextmanager
def quiet() -> Iterator[None]:
    """Keep TensorFlow from telling what it always tells, and the server of folders yet to come.

    Raises:
        MissingExtra: TensorFlow is not installed.
    """
    try:
        import_tensorflow()
    except MissingExtra as error:
        raise MissingExtra(
            "models are exported with TensorFlow, which is not installed", hint=error.hint
        ) from error
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl", "tfsclient.server")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def save(source: Source, served: Sequence[Served], folder: Path) -> None:
    """Write signatures as a SavedModel.

    Raises:
        InvalidInput: TensorFlow cannot save them.
    """
    tf = import_tensorflow()
    module = tf.Module()
    functions = source.functions.values()
    by_handle = {id(v.handle): v for function in functions for v in function.variables}
    captured = [tensor for function in functions for tensor in function.captured_inputs]
    # Variables alone, where that is all there is: Keras tracks some twice, and each is saved.
    if not _have_tables(functions) and all(id(tensor) in by_handle for tensor in captured):
        module.weights = list(by_handle.values())
    else:
        module.source = source.tracked
    try:
        tf.saved_model.save(module, str(folder), {one.name: one.function for one in served})
    except Exception as error:
        raise InvalidInput(f"TensorFlow cannot save the model: {first_line(error)}") from error
    _define(folder, served)


def _have_tables(functions: Iterable[Any]) -> bool:
    """Whether functions hold tables themselves, as those of TensorFlow 1 do."""
    for function in functions:
        graph_def = function.graph.as_graph_def()
        bodies = [graph_def.node, *(each.node_def for each in graph_def.library.function)]
        if any("HashTable" in node.op for body in bodies for node in body):
            return True
    return False


def _define(folder: Path, served: Sequence[Served]) -> None:
    """Give signatures what TensorFlow 2 does not write: method names and defaults."""
    special = [one for one in served if one.method != PREDICT or one.defaults]
    if not special:
        return
    path = folder / "saved_model.pb"
    saved = message_class("tensorflow.SavedModel").FromString(path.read_bytes())
    for one in special:
        definition = saved.meta_graphs[0].signature_def[one.name]
        definition.method_name = one.method
        for name, value in one.defaults.items():
            definition.defaults[name].CopyFrom(value)
    path.write_bytes(saved.SerializeToString())
    (folder / "fingerprint.pb").unlink(missing_ok=True)  # it was of the other bytes
