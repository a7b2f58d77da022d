"""TensorFlow 1: checkpoints, frozen graphs, and SavedModels without objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tfsclient._tables import listed
from tfsclient.errors import InvalidInput, NotFound
from tfsclient.export._freeze import PLACEHOLDERS, Restored, Wanted, freeze, refuse_unfed
from tfsclient.export._names import check_name, closest
from tfsclient.export._source import Source, first_line
from tfsclient.schema import DEFAULT_SIGNATURE
from tfsclient.server.models.ops import prepare_graph
from tfsclient.server.models.tensorflow import import_tensorflow

_VARIABLES: Final = frozenset({"VariableV2", "Variable", "VarHandleOp"})
_SHOWN: Final = 12  # tensors that an error lists


def frozen(
    path: Path, inputs: Mapping[str, str], outputs: Mapping[str, str], scratch: Path
) -> Source:
    """The model in a frozen ``GraphDef``.

    Raises:
        InvalidInput: it is not one, or holds no tensors of these names.
    """
    v1: Any = import_tensorflow().compat.v1
    graph_def = v1.GraphDef()
    try:
        graph_def.ParseFromString(path.read_bytes())
    except Exception as error:
        raise InvalidInput(f"{path} is not a GraphDef: {error}") from error
    if not graph_def.node or not all(node.name and node.op for node in graph_def.node):
        raise InvalidInput(f"{path} is not a GraphDef: it has no nodes")
    if variables := [node.name for node in graph_def.node if node.op in _VARIABLES]:
        raise InvalidInput(
            f"{path} is not frozen: the values of its variables ({listed(variables[:_SHOWN])}) are "
            "not in it",
            hint="export the checkpoint that the graph belongs to",
        )
    with _imported(graph_def, path) as session:
        wanted = _asked(session, inputs, outputs)
        refuse_unfed(session.graph, wanted[DEFAULT_SIGNATURE])
        source = freeze("a frozen graph", Restored(session), wanted, scratch)
    return replace(source, is_named=True)


def checkpoint(
    prefix: Path, inputs: Mapping[str, str], outputs: Mapping[str, str], scratch: Path
) -> Source:
    """The model in a checkpoint of ``tf.train.Saver``: ``PREFIX.meta``, ``.index`` and ``.data-*``.

    Raises:
        InvalidInput: it cannot be restored, or holds no tensors of these names.
    """
    tf = import_tensorflow()
    v1: Any = tf.compat.v1
    meta = prefix.with_name(f"{prefix.name}.meta")
    if not meta.exists():
        raise InvalidInput(
            f"{prefix} holds values without a graph: there is no {meta.name}",
            hint="a checkpoint of TensorFlow 2 is restored in Python only: build the model, load "
            'the checkpoint, model.save("model.keras"), and export that file',
        )
    with _session() as session:
        try:
            saver = v1.train.import_meta_graph(str(meta), clear_devices=True)
            if saver is not None:
                saver.restore(session, str(prefix))
        except Exception as error:
            raise InvalidInput(f"{prefix} cannot be restored: {first_line(error)}") from error
        files = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
        assets = {t.op.name: session.run(t).decode() for t in files}
        wanted = _asked(session, inputs, outputs)
        refuse_unfed(session.graph, wanted[DEFAULT_SIGNATURE])
        graph = Restored(session, assets)
        source = freeze("a TensorFlow 1 checkpoint", graph, wanted, scratch)
    return replace(source, is_named=True)


def saved_model(
    folder: Path, tags: Iterable[str], wanted: Mapping[str, Wanted], scratch: Path
) -> Source:
    """A SavedModel of TensorFlow 1.

    Raises:
        InvalidInput: it cannot be loaded.
    """
    v1: Any = import_tensorflow().compat.v1
    wanted = dict(wanted)
    with _session() as session:
        try:
            meta_graph = v1.saved_model.load(session, list(tags), str(folder))
        except Exception as error:
            raise InvalidInput(f"{folder} cannot be loaded: {first_line(error)}") from error
        assets = {
            asset.tensor_info.name.partition(":")[0]: str(folder / "assets" / asset.filename)
            for asset in meta_graph.asset_file_def
        }
        graph = Restored(session, assets, tables_are_filled=True)
        notes = []
        for name, one in list(wanted.items()):
            try:
                for tensor in (*one.inputs.values(), *one.outputs.values()):
                    session.graph.get_tensor_by_name(tensor)
                refuse_unfed(session.graph, one)
            except (KeyError, ValueError) as error:
                if len(wanted) == 1 or name == DEFAULT_SIGNATURE:
                    raise InvalidInput(f"{folder}: {first_line(error)}", signature=name) from error
                notes.append(f"signature {name!r} is left out: {first_line(error)}")
                del wanted[name]
        source = freeze("a TensorFlow 1 SavedModel", graph, wanted, scratch)
    return replace(source, notes=tuple(notes))


@contextmanager
def _session() -> Iterator[Any]:
    v1: Any = import_tensorflow().compat.v1
    graph = import_tensorflow().Graph()
    with graph.as_default():
        # On whatever devices there are; left open, for the source is run in it.
        yield v1.Session(graph=graph, config=v1.ConfigProto(allow_soft_placement=True))


@contextmanager
def _imported(graph_def: Any, path: Path) -> Iterator[Any]:
    tf = import_tensorflow()
    try:
        prepare_graph(graph_def)
    except NotFound as error:
        raise InvalidInput(
            f"{path}: {error.details}", hint="in Python, import what registers it before the export"
        ) from error
    with _session() as session:
        try:
            tf.import_graph_def(graph_def, name="")
        except Exception as error:
            raise InvalidInput(f"{path}: {first_line(error)}") from error
        yield session


def _asked(
    session: Any, inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> dict[str, Wanted]:
    """What the user asked for, if the graph has it.

    Raises:
        InvalidInput: nothing was asked for, or a tensor is not there.
    """
    graph = session.graph
    if not inputs or not outputs:
        missing = " and ".join(
            f"--{kind}" for kind, given in (("input", inputs), ("output", outputs)) if not given
        )
        raise InvalidInput(
            f"a graph does not say what is called with what: give {missing}, as in --input "
            f"image=x:0 --output scores=y:0; {_candidates(graph)}"
        )
    found = []
    for kind, given in (("input", inputs), ("output", outputs)):
        tensors = {check_name(new): _tensor(graph, kind, old).name for new, old in given.items()}
        for name, count in Counter(tensors.values()).items():
            if count > 1 and kind == "input":
                raise InvalidInput(f"tensor {name} is named as {count} inputs: it can be one")
        found.append(tensors)
    return {DEFAULT_SIGNATURE: Wanted(*found)}


def _tensor(graph: Any, kind: str, name: str) -> Any:
    try:
        return graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
    except (KeyError, ValueError):
        names = [op.name for op in graph.get_operations() if op.outputs]
        near = closest(name.partition(":")[0], names)
        raise InvalidInput(
            f"the graph has no tensor {name!r} for --{kind}{near}; {_candidates(graph)}"
        ) from None


def _candidates(graph: Any) -> str:
    """Which tensors may be inputs and outputs."""
    placeholders = [op for op in graph.get_operations() if op.type in PLACEHOLDERS]
    left = [tensor for op in placeholders for tensor in op.outputs]
    last: dict[str, None] = {}
    seen = set()
    while left:
        tensor = left.pop()
        if tensor.name in seen:
            continue
        seen.add(tensor.name)
        read_by = [output for op in tensor.consumers() for output in op.outputs]
        left += read_by
        if not read_by:
            last[tensor.name] = None
    fed = listed([op.outputs[0].name for op in placeholders])
    return f"its placeholders are: {fed}; in the end they give: {listed(sorted(last))}"
