"""The inputs that a model decodes from base64 text itself, read from a SavedModel's graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfsclient.sources._features import tensors_of
from tfsclient.sources._graph import MOVED, Dependencies, Graph, TooLarge
from tfsclient.sources._read import find_version, pick_meta_graph

_DECODER = "DecodeBase64"  # which takes the web-safe alphabet


def base64_inputs(path: Path) -> dict[str, frozenset[str]]:
    """By signature, the inputs that take files as web-safe base64 text.

    No server says so, and no signature: a string is a string.  Nothing is guessed.

    Args:
        path: a version folder, or the folder of versions: the highest.

    Raises:
        TFSError: there is no SavedModel, or it cannot be read.
    """
    meta_graph = pick_meta_graph(find_version(path, None)[1], None)
    return read_base64(meta_graph.graph_def, meta_graph.signature_def)


def read_base64(graph_def: Any, signatures: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The same of a ``tensorflow.GraphDef`` and its ``tensorflow.SignatureDef`` messages."""
    graph = Graph(graph_def)
    found: dict[str, frozenset[str]] = {}
    if _DECODER not in graph.ops():
        return found
    for name, signature in signatures.items():
        fed = {info.name: alias for alias, info in signature.inputs.items()}
        outputs = [tensor for info in signature.outputs.values() for tensor in tensors_of(info)]
        inputs: set[str] = set()
        try:
            part = Dependencies(graph, outputs, fed)
            for site in part.sites:
                if site.node.op == _DECODER:
                    for text in graph.data(site.function, site.node):
                        inputs |= part.sources(text, MOVED).inputs
        except TooLarge:
            break
        if inputs:
            found[name] = frozenset(inputs)
    return found
