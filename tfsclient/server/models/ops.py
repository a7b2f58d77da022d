"""The operations that a graph asks for, and the Python packages that register them.

TensorFlow itself knows its own.  The real server has those of TensorFlow Text and of TensorFlow
Decision Forests built in; here a package registers its operations when it is imported.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from tfsclient.errors import Code, InvalidInput, from_code

_log = logging.getLogger("tfsclient.server")

_TEXT: Final = "tensorflow_text"
_FORESTS: Final = "tensorflow_decision_forests"
_TEXT_OPS = re.compile(
    r"TFText>|Sentencepiece|(CaseFold|Normalize)UTF8|FindSourceOffsets|ConstrainedSequence$|RougeL$"
    r"|SentenceFragments|MaxSpanningTree$|TokenizerFromLogits$|RegexSplitWithOffsets"
    r"|(Whitespace|Wordpiece|UnicodeScript|SplitMerge)Tokeniz"
)
_FOREST_OPS = re.compile(r"SimpleML")


def check_importable(names: Iterable[str]) -> None:
    """Refuse modules that are not installed, without importing them.

    Raises:
        InvalidInput: one is not there.
    """
    for name in names:
        try:
            found = find_spec(name)
        except (ImportError, ValueError):
            found = None
        if found is None:
            raise InvalidInput(f"cannot import {name}: there is no such module")


def import_registering(name: str) -> None:
    """Import a module for the operations that it registers; TensorFlow is imported before it.

    Raises:
        InvalidInput: it cannot be imported.
    """
    try:
        import_module(name)
    except Exception as error:
        raise InvalidInput(f"cannot import {name}: {type(error).__name__}: {error}") from error


def prepare_graph(graph: Any) -> None:
    """Make a ``GraphDef`` importable: drop what may be stale, register what it asks for.

    Raises:
        NotFound: it has a node of an operation that no package has registered.
    """
    _drop_output_shapes(graph)
    missing = _unregistered(graph)
    if missing and find_spec(_TEXT) is not None:
        import_registering(_TEXT)
        missing = _unregistered(graph)
    used = {node.op for node in graph.node}
    for op in missing:
        if op in used:
            raise from_code(Code.NOT_FOUND, f"Op type not registered '{op}'. {_who_has(op)}")
        # As on the real server, this comes up only when the function runs.
        _log.warning(
            "a function of the model calls '%s', which is not registered. %s", op, _who_has(op)
        )


def _drop_output_shapes(graph: Any) -> None:
    """Remove the shapes that an exporter noted beside the nodes.

    They are only notes, which some exporters leave stale: TensorFlow's import in Python checks
    them, and TF Serving's does not.
    """
    for node in _nodes(graph):
        if "_output_shapes" in node.attr:
            del node.attr["_output_shapes"]


def _unregistered(graph: Any) -> list[str]:
    from tensorflow.python.framework import op_def_registry

    functions = {function.signature.name for function in graph.library.function}
    used = {node.op for node in _nodes(graph)} - functions
    return sorted(op for op in used if op_def_registry.get(op) is None)


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _who_has(op: str) -> str:
    if _TEXT_OPS.match(op):
        return (
            f"It belongs to {_TEXT}: install the tensorflow-text that matches this TensorFlow"
            " (pip install tensorflow-text)"
        )
    if _FOREST_OPS.match(op):
        return (
            f"It belongs to {_FORESTS}, each version of which needs one version of TensorFlow:"
            f" install both, and serve with --import {_FORESTS}"
        )
    return "Name the Python module that registers it: --import NAME"
