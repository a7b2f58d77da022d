"""TensorFlow 1: checkpoints, frozen graphs, and SavedModels without objects.

Variables become constants, and the graph becomes a SavedModel of functions.  Nothing that TF1 kept
beside the graph is needed any more but the tables and the files that they are filled from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient._tables import listed
from tfsclient.errors import InvalidInput, NotFound
from tfsclient.export._names import check_name, closest
from tfsclient.export._source import Arrays, Source, first_line
from tfsclient.schema import DEFAULT_SIGNATURE, PREDICT
from tfsclient.server.models.ops import prepare_graph
from tfsclient.server.models.tensorflow import import_tensorflow

_VARIABLES: Final = frozenset({"VariableV2", "Variable", "VarHandleOp"})
_PLACEHOLDERS: Final = frozenset({"Placeholder", "PlaceholderV2"})
_FILL_TABLES: Final = frozenset(
    (
        "InitializeTable", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2",
        "InitializeTableV2", "LookupTableImport", "LookupTableImportV2",
    )
)  # fmt: skip
_SHOWN: Final = 12  # tensors that an error lists
_LARGEST: Final = (1 << 31) - 1  # bytes of a protobuf message


@dataclass(frozen=True, slots=True)
class Wanted:
    """A signature of a graph.

    Attributes:
        inputs: names of tensors by the inputs' names.
        outputs: the same of the outputs.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, definition: Any) -> Wanted:
        """That of a SignatureDef."""
        return cls(
            {name: info.name for name, info in definition.inputs.items()},
            {name: info.name for name, info in definition.outputs.items()},
        )


@dataclass(frozen=True, slots=True)
class _Graph:
    """A graph in a session, whose variables have their values."""

    session: Any
    tables: list[str] = field(default_factory=list[str])  # operations that fill tables
    assets: dict[str, str] = field(
        default_factory=dict[str, str]
    )  # files by the node that names each


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
        _refuse_unfed(session.graph, wanted[DEFAULT_SIGNATURE])
        source = _source("a frozen graph", _Graph(session), wanted, scratch)
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
        tables = _tables(session.graph)
        session.run(tables)
        files = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
        assets = {t.op.name: session.run(t).decode() for t in files}
        wanted = _asked(session, inputs, outputs)
        _refuse_unfed(session.graph, wanted[DEFAULT_SIGNATURE])
        graph = _Graph(session, tables, assets)
        source = _source("a TensorFlow 1 checkpoint", graph, wanted, scratch)
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
        tables = _tables(session.graph)
        assets = {
            asset.tensor_info.name.partition(":")[0]: str(folder / "assets" / asset.filename)
            for asset in meta_graph.asset_file_def
        }
        graph = _Graph(session, tables, assets)
        notes = []
        for name, one in list(wanted.items()):
            try:
                for tensor in (*one.inputs.values(), *one.outputs.values()):
                    session.graph.get_tensor_by_name(tensor)
                _refuse_unfed(session.graph, one)
            except (KeyError, ValueError) as error:
                if len(wanted) == 1 or name == DEFAULT_SIGNATURE:
                    raise InvalidInput(f"{folder}: {first_line(error)}", signature=name) from error
                notes.append(f"signature {name!r} is left out: {first_line(error)}")
                del wanted[name]
        source = _source("a TensorFlow 1 SavedModel", graph, wanted, scratch)
    return replace(source, notes=tuple(notes))


@contextmanager
def _session() -> Iterator[Any]:
    v1: Any = import_tensorflow().compat.v1
    graph = import_tensorflow().Graph()
    with graph.as_default():
        yield v1.Session(graph=graph)  # left open: the source is run in it


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
        found.append(
            {check_name(new): _tensor(graph, kind, old).name for new, old in given.items()}
        )
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
    placeholders = [op for op in graph.get_operations() if op.type in _PLACEHOLDERS]
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


def _source(kind: str, graph: _Graph, wanted: Mapping[str, Wanted], scratch: Path) -> Source:
    """Freeze the graph and load what came of it as functions."""
    tf = import_tensorflow()
    folder = scratch / "graph"
    _write(graph, wanted, folder)
    loaded = tf.saved_model.load(str(folder))

    def run(signature: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
        one = wanted[signature]
        feeds = {one.inputs[name]: array for name, array in arrays.items()}
        return {
            name: np.asarray(value)
            for name, value in graph.session.run(dict(one.outputs), feeds).items()
        }

    functions = {name: loaded.signatures[name] for name in wanted}
    return Source(kind, functions, run, loaded)


def _tables(graph: Any) -> list[str]:
    """The operations that fill tables when a model is loaded."""
    return [
        op.name
        for op in graph.get_operations()
        if op.type in _FILL_TABLES and not any(i.op.type.startswith("Restore") for i in op.inputs)
    ]


def _refuse_unfed(graph: Any, wanted: Wanted) -> None:
    """Refuse outputs that depend on placeholders which are not inputs."""
    fed = set(wanted.inputs.values())
    left = [graph.get_tensor_by_name(name) for name in wanted.outputs.values()]
    seen = set()
    missing = []
    while left:
        tensor = left.pop()
        if tensor.name in fed or tensor.op.name in seen:
            continue
        seen.add(tensor.op.name)
        if tensor.op.type in _PLACEHOLDERS:
            missing.append(tensor.name)
        left += tensor.op.inputs
    if missing:
        names = [(name.partition(":")[0].rpartition("/")[2], name) for name in sorted(missing)]
        raise InvalidInput(
            f"the outputs depend on placeholders that are not inputs ({listed(sorted(missing))}): "
            f"add {' '.join(f'--input {new}={name}' for new, name in names)}"
        )


def _write(graph: _Graph, wanted: Mapping[str, Wanted], folder: Path) -> None:
    """A SavedModel without variables."""
    tf = import_tensorflow()
    v1: Any = tf.compat.v1
    ends = {name.partition(":")[0] for one in wanted.values() for name in one.outputs.values()}
    ends |= {name.partition(":")[0] for one in wanted.values() for name in one.inputs.values()}
    session = graph.session
    try:
        constant = v1.graph_util.convert_variables_to_constants(
            session, session.graph.as_graph_def(), [*sorted(ends), *graph.tables]
        )
        if constant.ByteSize() > _LARGEST:
            raise InvalidInput("its variables do not fit into one graph of 2 GiB as constants")
        used = {node.name: node for node in constant.node if node.name in graph.assets}
        for name, node in used.items():  # the path as it was on another machine
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(graph.assets[name]))
        with tf.Graph().as_default() as frozen_graph, v1.Session(graph=frozen_graph) as new:
            tf.import_graph_def(constant, name="")
            fill = [frozen_graph.get_operation_by_name(name) for name in graph.tables]
            files = v1.GraphKeys.ASSET_FILEPATHS
            for name in used:
                v1.add_to_collection(files, frozen_graph.get_tensor_by_name(f"{name}:0"))
            builder = v1.saved_model.Builder(str(folder))
            builder.add_meta_graph_and_variables(
                new,
                ["serve"],
                {name: _signature_def(frozen_graph, one) for name, one in wanted.items()},
                assets_collection=v1.get_collection(files) or None,
                main_op=tf.group(*fill) if fill else None,
            )
            builder.save()
    except (ValueError, tf.errors.OpError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"its graph cannot be frozen: {first_line(error)}") from error


def _signature_def(graph: Any, wanted: Wanted) -> Any:
    v1: Any = import_tensorflow().compat.v1
    inputs, outputs = (
        {
            name: v1.saved_model.build_tensor_info(graph.get_tensor_by_name(tensor))
            for name, tensor in tensors.items()
        }
        for tensors in (wanted.inputs, wanted.outputs)
    )
    return v1.saved_model.build_signature_def(inputs, outputs, PREDICT)
