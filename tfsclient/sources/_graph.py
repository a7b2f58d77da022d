"""A SavedModel's graph: what a signature's outputs depend on, and where a tensor comes from.

Functions are entered where they are called.  A graph may lie, be cyclic or be huge: nothing here
recurses, everything is visited once, and a budget bounds the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

# Visits of an edge, for all signatures of a model: more than large models take, and some seconds.
_BUDGET = 2_000_000

_CONTROL = -1  # the port of an edge that carries no tensor
_NOWHERE = 1 << 31  # the port of one that is badly written

# By op, the attrs that name the functions it calls and the input that is the first argument.  Each
# output is the functions' result of the same number.
_CALLS: dict[str, tuple[tuple[str, ...], int]] = {
    "PartitionedCall": (("f",), 0),
    "StatefulPartitionedCall": (("f",), 0),
    "TPUPartitionedCall": (("f",), 0),
    "BatchFunction": (("f",), 0),
    "If": (("then_branch", "else_branch"), 1),
    "StatelessIf": (("then_branch", "else_branch"), 1),
    "Case": (("branches",), 1),
    "StatelessCase": (("branches",), 1),
    "While": (("body", "cond"), 0),
    "StatelessWhile": (("body", "cond"), 0),
}
_LOOPS = frozenset({"While", "StatelessWhile"})

_ALL = slice(None)

# By op, the inputs whose elements are the output's, as they are and all of them.
SAME: Final[dict[str, slice]] = dict.fromkeys(
    (
        "Identity", "Snapshot", "StopGradient", "PreventGradient", "PlaceholderWithDefault",
        "Reshape", "ExpandDims", "Squeeze", "EnsureShape",
        "Enter", "RefEnter", "Exit", "RefExit", "NextIteration", "RefNextIteration",
        "Switch", "RefSwitch",
    ),
    slice(1),
) | {"Merge": _ALL, "RefMerge": _ALL}  # fmt: skip

# By op, the inputs that the output's elements were taken from, unchanged.
MOVED: Final[dict[str, slice]] = (
    SAME
    | dict.fromkeys(
        (
            "Slice", "StridedSlice", "Gather", "GatherV2", "GatherNd", "Unpack", "SplitV",
            "Transpose", "Tile", "BroadcastTo", "TensorListFromTensor", "TensorListGetItem",
            "TensorListStack",
        ),
        slice(1),
    )
    | {
        "Pack": _ALL,
        "ConcatV2": slice(-1),
        "Concat": slice(1, None),
        "Split": slice(1, 2),
        "TensorArrayReadV3": slice(2, 3),
        "TensorArrayScatterV3": slice(2, 3),
    }
)  # fmt: skip


class TooLarge(Exception):
    """The budget is spent."""


class Edge(NamedTuple):
    """A tensor: an output of a node.

    Attributes:
        function: the function the node stands in; "" for the graph itself.
        node: the node, or an argument of the function.
        port: the number of the output.
    """

    function: str
    node: str
    port: int


class Site(NamedTuple):
    """A node and where it stands."""

    function: str
    node: Any


class Sources(NamedTuple):
    """Where a tensor comes from.

    Attributes:
        inputs: names of the inputs that feed it.
        constants: the TensorProtos of the constants that it is, by place.
        unknown: whether it comes from elsewhere, too.
    """

    inputs: set[str]
    constants: dict[tuple[str, str], Any]
    unknown: bool


@dataclass(frozen=True, slots=True)
class _Body:
    """The graph, or a function of it, by name."""

    nodes: dict[str, Any]
    arguments: dict[str, int] = field(default_factory=dict[str, int])
    results: list[str] = field(default_factory=list[str])
    always: list[str] = field(default_factory=list[str])  # nodes that run, whoever asks


class Graph:
    """A ``tensorflow.GraphDef``, with an index of its nodes and functions."""

    def __init__(self, graph_def: Any) -> None:
        self._functions = {f.signature.name: f for f in graph_def.library.function}
        self._bodies = {"": _Body({node.name: node for node in graph_def.node})}
        self._inputs: dict[tuple[str, str], list[Edge]] = {}
        self._left = _BUDGET

    def ops(self) -> set[str]:
        """Every op that occurs anywhere."""
        found = {node.op for node in self._bodies[""].nodes.values()}
        for function in self._functions.values():
            found.update(node.op for node in function.node_def)
        return found

    def spend(self, visits: int = 1) -> None:
        """Account for work.

        Raises:
            TooLarge: this was too much.
        """
        self._left -= visits
        if self._left < 0:
            raise TooLarge

    def body(self, function: str) -> _Body | None:
        """The nodes of a function ("" for the graph itself); None if there is no such function."""
        body = self._bodies.get(function)
        if body is None and function in self._functions:
            definition = self._functions[function]
            signature = definition.signature
            body = self._bodies[function] = _Body(
                nodes={node.name: node for node in definition.node_def},
                arguments={arg.name: number for number, arg in enumerate(signature.input_arg)},
                results=[definition.ret.get(arg.name, "") for arg in signature.output_arg],
                always=list(definition.control_ret.values()),
            )
        return body

    def results(self, function: str, port: int) -> list[Edge]:
        """The tensor that a function returns as its result of this number, if it has it."""
        body = self.body(function)
        if body is None or port >= len(body.results):
            return []
        return [self.edge(function, body.results[port])]

    def edge(self, function: str, text: str) -> Edge:
        """An input as it is written in a node: ``node``, ``node:1``, ``node:output:1``, ``^node``.

        In the graph itself a number is the output's; in functions it counts within one named
        output, and only nodes whose outputs are known by that alone are looked through.
        """
        if text.startswith("^"):
            return Edge(function, text[1:], _CONTROL)
        name, *rest = text.split(":")
        port = 0
        if rest:
            port = int(rest[-1]) if rest[-1].isdecimal() and len(rest[-1]) < 10 else _NOWHERE
        if len(rest) == 2 and (node := self._bodies[function].nodes.get(name)) is not None:
            called = self._functions.get(node.op)
            names = [] if called is None else [arg.name for arg in called.signature.output_arg]
            self.spend(len(names))
            port = names.index(rest[0]) if rest[0] in names else port
        return Edge(function, name, port)

    def inputs(self, function: str, node: Any) -> list[Edge]:
        """What a node reads, and after that what it waits for."""
        found = self._inputs.get((function, node.name))
        if found is None:
            found = [self.edge(function, text) for text in node.input]
            self._inputs[function, node.name] = found
        return found

    def data(self, function: str, node: Any) -> list[Edge]:
        """What a node reads."""
        found = self.inputs(function, node)
        if found and found[-1].port == _CONTROL:
            return [edge for edge in found if edge.port != _CONTROL]
        return found

    def calls(self, node: Any) -> tuple[list[str], int] | None:
        """The functions that a node calls, and its input that is their first argument."""
        if node.op in self._functions:
            return [node.op], 0
        if node.op not in _CALLS:
            return None
        attrs, first = _CALLS[node.op]
        return self.named(node.attr[attr] for attr in attrs if attr in node.attr), first

    def named(self, attrs: Iterable[Any]) -> list[str]:
        """The functions that attrs name."""
        names = []
        for attr in attrs:
            kind = attr.WhichOneof("value")
            if kind == "func":
                names.append(attr.func.name)
            elif kind == "list":
                names += [func.name for func in attr.list.func]
        self.spend(len(names))
        return names


class Dependencies:
    """The nodes that some tensors of the graph depend on.

    Args:
        graph: the graph.
        outputs: the tensors, as "node:port".
        fed: names of the inputs by the tensor that each of them replaces.
    """

    def __init__(self, graph: Graph, outputs: Iterable[str], fed: Mapping[str, str]) -> None:
        self._graph = graph
        self._fed = {graph.edge("", tensor): name for tensor, name in fed.items()}
        self._callers: dict[str, list[Site]] = {}
        self.sites: list[Site] = []
        self._walk([graph.edge("", tensor) for tensor in outputs])

    def _walk(self, edges: list[Edge]) -> None:
        seen = set(edges)
        entered: set[tuple[str, str]] = set()
        while edges:
            edge = edges.pop()
            body = self._graph.body(edge.function)
            node = None if body is None or edge in self._fed else body.nodes.get(edge.node)
            if node is None:
                continue
            found = self._results(edge, node)
            if (edge.function, edge.node) not in entered:
                entered.add((edge.function, edge.node))
                found += self._enter(Site(edge.function, node))
            for new in found:
                self._graph.spend()
                if new not in seen:
                    seen.add(new)
                    edges.append(new)

    def _results(self, edge: Edge, node: Any) -> list[Edge]:
        """The result of each function that a node calls which is this output of the node."""
        calls = self._graph.calls(node)
        if calls is None or edge.port == _CONTROL or node.op in _LOOPS:
            return []
        return [found for name in calls[0] for found in self._graph.results(name, edge.port)]

    def _enter(self, site: Site) -> list[Edge]:
        """What a node depends on whichever output is asked for."""
        graph, node = self._graph, site.node
        self.sites.append(site)
        found = graph.inputs(site.function, node).copy()
        calls = graph.calls(node)
        for name in graph.named(node.attr.values()) if calls is None else calls[0]:
            callee = graph.body(name)
            if callee is None:
                continue
            self._callers.setdefault(name, []).append(site)
            if calls is None or node.op in _LOOPS:
                found += [graph.edge(name, text) for text in callee.results]
            found += [Edge(name, always, _CONTROL) for always in callee.always]
        return found

    def sources(self, tensor: Edge, through: Mapping[str, slice]) -> Sources:
        """Where a tensor comes from.

        Args:
            tensor: the tensor.
            through: the ops to look through, ``SAME`` or ``MOVED``.
        """
        sources = Sources(set(), {}, unknown=False)
        edges = [tensor]
        seen = set(edges)
        while edges:
            edge = edges.pop()
            if edge in self._fed:
                sources.inputs.add(self._fed[edge])
                continue
            body = self._graph.body(edge.function)
            node = None if body is None else body.nodes.get(edge.node)
            if node is not None and node.op == "Const":
                sources.constants[edge.function, edge.node] = node.attr["value"].tensor
                continue
            origins = self._origins(edge, through)
            if not origins:
                sources = sources._replace(unknown=True)
            for origin in origins:
                self._graph.spend()
                if origin not in seen:
                    seen.add(origin)
                    edges.append(origin)
        return sources

    def _origins(self, edge: Edge, through: Mapping[str, slice]) -> list[Edge]:
        """The tensors that a tensor's elements come from; none if that is not known."""
        graph = self._graph
        body = graph.body(edge.function)
        if body is None or edge.port == _CONTROL:
            return []
        if edge.node in body.arguments:
            return self._given(edge.function, body.arguments[edge.node])
        node = body.nodes.get(edge.node)
        if node is None:
            return []
        inputs = graph.data(edge.function, node)
        if node.op == "IdentityN":
            return inputs[edge.port : edge.port + 1]
        if node.op in through:
            return inputs[through[node.op]]
        calls = graph.calls(node)
        if calls is None:
            return []
        found = []
        # A loop's result is its body's, or what went in if the body never ran.
        for name in calls[0][:1] if node.op in _LOOPS else calls[0]:
            results = graph.results(name, edge.port)
            if not results:
                return []
            found += results
        if node.op in _LOOPS:
            found += inputs[edge.port : edge.port + 1]
        return found

    def _given(self, function: str, argument: int) -> list[Edge]:
        """What the callers pass as an argument of a function."""
        graph = self._graph
        found = []
        for caller in self._callers.get(function, ()):
            calls = graph.calls(caller.node)
            inputs = graph.data(caller.function, caller.node)
            if calls is None or calls[1] + argument >= len(inputs):
                return []
            names, first = calls
            found.append(inputs[first + argument])
            if caller.node.op in _LOOPS:
                looped = graph.results(names[0], argument)
                if not looped:
                    return []
                found += looped
        return found
