"""What is wrong with a SavedModel: seen in its file, without TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.schema._reasons import NO_SIGNATURES, without_exporters
from tfsclient.sources._graph import Dependencies, Graph, TooLarge

SERVE_TAG: Final = "serve"
_INIT_OP: Final = "__saved_model_init_op"  # a signature of TensorFlow 2's, which loaders run
_INIT_COLLECTIONS: Final = ("saved_model_main_op", "legacy_init_op")
_VARIABLES: Final = frozenset({"VarHandleOp", "VariableV2", "Variable"})
_NAMED: Final = 3  # variables that a message names

_EXPORT: Final = (
    "`tfsclient export` writes a version that loads; or save Keras 3 models with "
    "model.export(DIR) or keras.export.ExportArchive, not with tf.saved_model.save, and keep "
    "the variables of a tf.Module as attributes"
)

# What TensorFlow and Keras call tensors and layers of which nobody says what they are.
_LAYER: Final = (
    "(?:activation|batch_normalization|concatenate|conv[123]d|dense|dropout|embedding|flatten|"
    "global_(?:average|max)_pooling[123]d|gru|input|lambda|layer_normalization|lstm|"
    "max_pooling[123]d|normalization|rescaling|reshape|sequential|softmax|text_vectorization)"
)
_MADE_UP: Final = re.compile(
    rf"(?:keras_tensor|input_layer)(?:_\d+)?|(?:args|inputs|output)(?:_\d+)+"
    rf"|{_LAYER}_\d+|{_LAYER}(?:_\d+)?_input"
)
_STABLE: Final = frozenset({"args_0", "output_0"})  # the same for every model


def is_made_up(name: str) -> bool:
    """Whether a name of an input or an output is one that nobody chose."""
    return _MADE_UP.fullmatch(name) is not None


class Flaw(NamedTuple):
    """Something that keeps TF Serving from running a model or makes it hard to call, and the cure.

    Attributes:
        signature: the signature that cannot be called; None if it is about the whole model.
        text: what is wrong.
        cure: what to do about it.
        works: whether the model can be called all the same.
    """

    signature: str | None
    text: str
    cure: str
    works: bool = False

    @property
    def sentence(self) -> str:
        """What is wrong with what, without the cure."""
        where = "" if self.signature is None else f"signature {self.signature!r} "
        return f"{where}{self.text}"

    def __str__(self) -> str:
        return f"{self.sentence}: {self.cure}"


def flaws_in(meta_graph: Any) -> list[Flaw]:
    """The flaws of a ``MetaGraphDef``."""
    flaws = []
    tags = sorted(meta_graph.meta_info_def.tags)
    tagged = f"is tagged {','.join(tags)}" if tags else "has no tags"
    if tags != [SERVE_TAG]:
        flaws.append(
            Flaw(
                None,
                f"its graph {tagged}, and TF Serving looks for {SERVE_TAG!r} alone",
                f"`tfsclient export` gives it the tag {SERVE_TAG!r}, or start TF Serving with "
                f"--saved_model_tags={','.join(tags)}",
            )
        )
    if not meta_graph.signature_def.keys() - {_INIT_OP}:
        flaws.append(
            Flaw(None, "it has no signatures, so nothing of it can be called", NO_SIGNATURES)
        )
    return [*flaws, *_unrestored(meta_graph), *_unnamed(meta_graph)]


def _unnamed(meta_graph: Any) -> Iterator[Flaw]:
    """The signature whose inputs and outputs have names that nobody chose.

    A lone one that is called the same in every model is clear enough.
    """
    own = without_exporters(meta_graph.signature_def)
    for name in sorted(own, key=lambda name: (name != DEFAULT_SIGNATURE, name)):
        definition = meta_graph.signature_def[name]
        odd = [
            each
            for names in (sorted(definition.inputs), sorted(definition.outputs))
            for each in filter(is_made_up, names)
            if len(names) > 1 or each not in _STABLE
        ]
        if odd:
            option = "input" if odd[0] in definition.inputs else "output"
            listed = ", ".join(odd[:_NAMED]) + (", ..." if len(odd) > _NAMED else "")
            yield Flaw(
                name,
                f"has names that TensorFlow made up ({listed}): they do not say what they are, and "
                "may be others when the model is trained again",
                f"`tfsclient export` gives names of your choice: --{option} NAME={odd[0]}",
                works=True,
            )
            return


def _unrestored(meta_graph: Any) -> Iterator[Flaw]:
    """Signatures that read variables which nothing sets when the model is loaded.

    TensorFlow saves a function together with the variables it reads, but restores only those that
    it finds from the saved object.  Keras 3 hides its own from it.
    """
    try:
        graph = Graph(meta_graph.graph_def)
        if not graph.ops() & _VARIABLES:
            return
        known = _variables(graph, _loading(meta_graph))
        for name, definition in sorted(meta_graph.signature_def.items()):
            fed = {info.name: key for key, info in definition.inputs.items()}
            outputs = [info.name for info in definition.outputs.values() if info.name]
            if name == _INIT_OP:
                continue
            lost = sorted(set(_variables(graph, outputs, fed)) - known.keys())
            if lost:
                names = ", ".join(lost[:_NAMED]) + (", ..." if len(lost) > _NAMED else "")
                count = "a variable" if len(lost) == 1 else f"{len(lost)} variables"
                yield Flaw(
                    name,
                    f"reads {count} ({names}) that loading does not restore, so that every call "
                    "fails with 'Could not find variable'",
                    _EXPORT,
                )
    except TooLarge:  # too large a graph to say
        return


def _loading(meta_graph: Any) -> Iterator[str]:
    """What a loader runs: the restore op and the init op."""
    yield meta_graph.saver_def.restore_op_name
    for key in _INIT_COLLECTIONS:
        if key in meta_graph.collection_def:
            yield from meta_graph.collection_def[key].node_list.value
    if _INIT_OP in meta_graph.signature_def:
        for info in meta_graph.signature_def[_INIT_OP].outputs.values():
            yield info.name


def _variables(
    graph: Graph, tensors: Iterable[str], fed: dict[str, str] | None = None
) -> dict[str, None]:
    """The variables that tensors depend on, by the names that they have at run time."""
    found: dict[str, None] = {}
    for site in Dependencies(graph, tensors, fed or {}).sites:
        if site.node.op in _VARIABLES:
            shared = site.node.attr["shared_name"].s.decode(errors="replace")
            found[shared or site.node.name] = None
    return found
