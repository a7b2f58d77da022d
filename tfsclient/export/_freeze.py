"""Graphs of TensorFlow 1 as functions: variables become constants, tables and their files stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tfsclient._tables import listed
from tfsclient.errors import InvalidInput
from tfsclient.export._source import Arrays, Source, first_line
from tfsclient.schema import PREDICT
from tfsclient.server.models.tensorflow import import_tensorflow

PLACEHOLDERS: Final = frozenset({"Placeholder", "PlaceholderV2"})
_FILL_TABLES: Final = frozenset(
    (
        "InitializeTable", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2",
        "InitializeTableV2", "LookupTableImport", "LookupTableImportV2",
    )
)  # fmt: skip
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
class Restored:
    """A graph in a session, whose variables have their values."""

    session: Any
    assets: dict[str, str] = field(default_factory=dict[str, str])  # files, by nodes
    tables_are_filled: bool = False


def freeze(kind: str, graph: Restored, wanted: Mapping[str, Wanted], scratch: Path) -> Source:
    """Freeze the graph and load what came of it as functions."""
    tf = import_tensorflow()
    folder = scratch / "graph"
    tables = _tables(graph.session.graph, wanted.values())
    if not graph.tables_are_filled:
        try:
            graph.session.run(tables)
        except tf.errors.OpError as error:
            raise InvalidInput(
                f"a table of {kind} cannot be filled: {first_line(error)}"
            ) from error
    _write(graph, wanted, tables, folder)
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


def _tables(graph: Any, wanted: Iterable[Wanted]) -> list[str]:
    """The operations that fill the tables which outputs are looked up in."""
    left = [graph.get_tensor_by_name(name).op for one in wanted for name in one.outputs.values()]
    needed = set()
    while left:
        op = left.pop()
        if op not in needed:
            needed.add(op)
            left += [tensor.op for tensor in op.inputs]
    return [
        op.name
        for op in graph.get_operations()
        if op.type in _FILL_TABLES
        and op.inputs[0].op in needed
        and not any(tensor.op.type.startswith("Restore") for tensor in op.inputs)
    ]


def refuse_unfed(graph: Any, wanted: Wanted) -> None:
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
        if tensor.op.type in PLACEHOLDERS:
            missing.append(tensor.name)
        left += tensor.op.inputs
    if missing:
        names = [(name.partition(":")[0].rpartition("/")[2], name) for name in sorted(missing)]
        raise InvalidInput(
            f"the outputs depend on placeholders that are not inputs ({listed(sorted(missing))}): "
            f"add {' '.join(f'--input {new}={name}' for new, name in names)}"
        )


def _write(
    graph: Restored, wanted: Mapping[str, Wanted], tables: Sequence[str], folder: Path
) -> None:
    """A SavedModel without variables."""
    tf = import_tensorflow()
    v1: Any = tf.compat.v1
    ends = {name.partition(":")[0] for one in wanted.values() for name in one.outputs.values()}
    ends |= {name.partition(":")[0] for one in wanted.values() for name in one.inputs.values()}
    session = graph.session
    try:
        constant = v1.graph_util.convert_variables_to_constants(
            session, session.graph.as_graph_def(), [*sorted(ends), *tables]
        )
        if constant.ByteSize() > _LARGEST:
            raise InvalidInput("its variables do not fit into one graph of 2 GiB as constants")
        used = {node.name: node for node in constant.node if node.name in graph.assets}
        for name, node in used.items():  # the path as it was on another machine
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(graph.assets[name]))
        with tf.Graph().as_default() as frozen_graph, v1.Session(graph=frozen_graph) as new:
            tf.import_graph_def(constant, name="")
            fill = [frozen_graph.get_operation_by_name(name) for name in tables]
            files = v1.GraphKeys.ASSET_FILEPATHS
            for name in used:
                v1.add_to_collection(files, frozen_graph.get_tensor_by_name(f"{name}:0"))
            builder = v1.saved_model.Builder(str(folder))
            builder.add_meta_graph_and_variables(
                new,
                ["serve"],
                {name: _signature_def(frozen_graph, one) for name, one in wanted.items()},
                assets_collection=v1.get_collection(files) or None,
                clear_devices=True,
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
