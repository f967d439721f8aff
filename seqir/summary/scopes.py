"""Rows of a summary for a graph that was read from a file: its scopes and nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from seqir import dtypes, shapes
from seqir.errors import ShapeError
from seqir.ir import FrozenArray, Graph, Node, Value
from seqir.network.onnx_graph import OnnxGraph
from seqir.network.scopes import Scope, scopes_of
from seqir.operators.foreign import Foreign
from seqir.ops.variable import Variable
from seqir.summary.present import Row, Summary
from seqir.tensortype import TensorType

_UNSIZED = (dtypes.STRING, dtypes.OPAQUE)
_NO_WEIGHTS = ("int64", "bool", *_UNSIZED)
"""Element types of constants that are sizes, places, switches or words."""


def with_scopes(summary: Summary, layer: OnnxGraph, depth: int | None) -> Summary:
    """The summary of a model that is one graph, with rows down to a depth.

    The default depth gives as many rows as can be read. Constants that are weights,
    such as those of quantized models, count as parameters that no training changes.
    """
    whole = scopes_of(layer.graph)
    rows = _Rows(layer)
    listed = whole.rows(depth or whole.readable_depth())
    constants = rows.constants.values()
    return replace(
        summary,
        rows=tuple(rows.row(scope, level) for scope, level in listed),
        non_trainable_params=summary.non_trainable_params
        + sum(c.array.size for c in constants),
        non_trainable_bytes=summary.non_trainable_bytes
        + sum(c.array.nbytes for c in constants),
        total_macs=rows.macs(layer.graph.nodes),
        peak_bytes=peak_bytes(layer.graph, rows.sizes),
        not_counted=rows.not_counted,
        unknown_sizes=unknown_sizes(layer.graph, rows.sizes),
        of_file=True,
    )


def one_example(graph: Graph) -> dict[str, int]:
    """Sizes to count with: 1 for the unknown first axes of the inputs."""
    first = (v.type.shape[:1] for v in graph.inputs.values() if _known(v.type))
    return {name: 1 for dims in first for d in dims for name in shapes.symbols(d)}


def unknown_sizes(graph: Graph, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Names of sizes of the inputs that there is no number for."""
    dims = [d for v in graph.inputs.values() if _known(v.type) for d in v.type.shape]
    names = dict.fromkeys(name for d in dims for name in sorted(shapes.symbols(d)))
    return tuple(name for name in names if name not in sizes)


def bytes_of(type: TensorType, sizes: Mapping[str, int]) -> int | None:
    """Bytes of a tensor; None if its size or what it is is not known."""
    if not _known(type):
        return None
    try:
        return shapes.evaluate(type.size, sizes) * dtypes.itemsize(type.dtype)
    except ShapeError:
        return None


def peak_bytes(graph: Graph, sizes: Mapping[str, int]) -> int | None:
    """The most bytes of inputs and results that are alive at once.

    Nodes are computed in their order, and nothing is kept longer than it is read.
    Weights and constants are not counted. None if some size is not known.
    """
    last: dict[Value, int] = {}
    for place, node in enumerate(graph.nodes):
        last.update(dict.fromkeys(node.operands, place))
    last.update(dict.fromkeys(graph.outputs.values(), len(graph.nodes)))
    found: dict[Value, int] = {}
    for value in graph.values():
        if value in graph.constants or value.type.dtype == dtypes.STRING:
            continue
        size = bytes_of(value.type, sizes)
        if size is None:
            return None
        found[value] = size
    for value in graph.params.values():
        found.pop(value, None)
    ends: dict[int, int] = {}
    for value, size in found.items():
        place = last.get(value, -1)
        ends[place] = ends.get(place, 0) + size
    alive = sum(found[v] for v in graph.inputs.values() if v in found)
    peak = alive
    for place, node in enumerate(graph.nodes):
        alive += sum(found.get(v, 0) for v in node.results)
        peak = max(peak, alive)
        alive -= ends.get(place, 0)
    return peak


class _Rows:
    """Makes the rows of one graph."""

    def __init__(self, layer: OnnxGraph) -> None:
        self._graph = layer.graph
        self._params: dict[Value, Variable] = {
            value: layer.stored[name] for name, value in layer.graph.params.items()
        }
        self.sizes = one_example(layer.graph)
        self._users = layer.graph.users()
        self._outputs = set(layer.graph.outputs.values())

    @cached_property
    def constants(self) -> dict[Value, FrozenArray]:
        """Constants that are weights."""
        return {
            value: frozen
            for value, frozen in self._graph.constants.items()
            if value.type.dtype not in _NO_WEIGHTS and value.type.shape
        }

    @cached_property
    def not_counted(self) -> tuple[str, ...]:
        """Operators whose multiply-accumulates nobody knows."""
        kinds = (n.op.called for n in self._graph.nodes if type(n.op) is Foreign)
        return tuple(dict.fromkeys(kinds))

    def macs(self, nodes: Iterable[Node]) -> int | None:
        """Multiply-accumulates of nodes, as far as they are known."""
        known = [n for n in nodes if type(n.op) is not Foreign]
        try:
            return sum(shapes.evaluate(n.op.cost(n), self.sizes) for n in known)
        except ShapeError:
            return None

    def row(self, scope: Scope, depth: int) -> Row:
        """The row of a scope, with all that lies in it."""
        read = dict.fromkeys(v for node in scope.nodes for v in node.operands)
        variables = [self._params[v] for v in read if v in self._params]
        constants = [self.constants[v] for v in read if v in self.constants]
        leaving = self._leaving(scope)
        sizes = [bytes_of(v.type, self.sizes) for v in leaving]
        foreign = all(type(n.op) is Foreign for n in scope.nodes)
        shown = leaving if not scope.parts else leaving[-1:]
        types = [v.type for v in shown]
        found = [_shape(type) for type in types]
        return Row(
            name=scope.name,
            class_name=scope.kind,
            path=scope.path,
            depth=depth,
            output_shape=found[0] if len(found) == 1 else found or None,
            params=sum(v.size for v in variables)
            + sum(c.array.size for c in constants),
            built=True,
            trainable=any(v.trainable for v in variables) if variables else None,
            macs=None if foreign else self.macs(scope.nodes),
            activation_bytes=None if None in sizes else sum(s or 0 for s in sizes),
            dtype=", ".join(dict.fromkeys(t.dtype for t in types)) or None,
        )

    def _leaving(self, scope: Scope) -> Sequence[Value]:
        """Results that something outside reads; of several tensors, the numbers."""
        inside = set(scope.nodes)
        results = [v for node in scope.nodes for v in node.results]
        found = [
            v
            for v in results
            if v in self._outputs or not inside.issuperset(self._users[v])
        ]
        numbers = [v for v in found if dtypes.is_float(v.type.dtype)]
        return (numbers if scope.parts else found) or found or results[-1:]


def _known(type: TensorType) -> bool:
    return type.dtype not in _UNSIZED


def _shape(type: TensorType) -> tuple[int | str, ...] | None:
    return None if type.dtype == dtypes.OPAQUE else tuple(type.shape)
