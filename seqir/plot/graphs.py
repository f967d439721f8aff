"""What a drawing of an ONNX file shows: its scopes or nodes, and tensors between."""

from __future__ import annotations

from seqir import dtypes
from seqir.ir import Node, Value
from seqir.network.onnx_graph import OnnxGraph
from seqir.network.scopes import Scope, scopes_of
from seqir.ops.variable import Variable
from seqir.plot.content import MOST_SHAPES, Content, Item, Port, Shown
from seqir.shapes import format_shape
from seqir.tensortype import TensorType
from seqir.text import one_line

_FAMILIES = {
    "conv": "convolution",
    "linalg": "core",
    "recurrent": "core",
    "pool": "pooling",
    "norm": "normalization",
    "activation": "activation",
    "softmax": "activation",
    "arith": "merging",
    "movement": "reshaping",
    "pieces": "reshaping",
}
"""Families of layers that operators of a module of seqir belong to, the first first."""
_MOST_LINES = 200


def content_of_graph(layer: OnnxGraph, shown: Shown, depth: int | None) -> Content:
    """Everything that a drawing of a graph shows, with scopes down to a depth."""
    return _Drawn(layer, shown, depth).content


class _Drawn:
    """Makes the boxes and edges of one graph."""

    def __init__(self, layer: OnnxGraph, shown: Shown, depth: int | None) -> None:
        self._layer = layer
        self._shown = shown
        graph = layer.graph
        self._params: dict[Value, Variable] = {
            value: layer.stored[name] for name, value in graph.params.items()
        }
        self.content = Content({}, [])
        self._ports: dict[Value, Port] = {}
        self._outputs = set(graph.outputs.values())
        for name, value in graph.inputs.items():
            path = one_line(name)
            box = Item(path, path, "Input", "input", None, [])
            box.page = _page(box, [], [value], [], [])
            self.content.items[path] = box
            self._add_port(path, 0, value)
        boxes = self._boxes(depth)
        for node in graph.nodes:
            if node in boxes:
                item = self.content.items[boxes[node]]
                item.is_output |= any(v in self._outputs for v in node.results)
                for i, value in enumerate(node.results):
                    self._add_port(item.path, len(self._ports) + i, value)
        edges: dict[tuple[Port, Port], None] = {}
        for node in graph.nodes:
            for value in node.operands:
                source = self._ports.get(value)
                if source and node in boxes and source[0] != boxes[node]:
                    edges[source, (boxes[node], 0)] = None
        self.content.edges = [*edges]

    def _add_port(self, path: str, place: int, value: Value) -> None:
        self._ports[value] = port = (path, place)
        if self._shown.shapes:
            self.content.labels[port] = label_of(value.type)

    def _boxes(self, depth: int | None) -> dict[Node, str]:
        """The box that each node is drawn in."""
        whole = scopes_of(self._layer.graph)
        depth = depth or (10**9 if self._shown.expand else whole.readable_depth())
        found: dict[Node, str] = {}
        for scope, level in whole.rows(depth):
            if scope.parts and level + 1 < depth:
                continue
            path = one_line(scope.path)
            while path in self.content.items:
                path += " "
            self.content.items[path] = self._item(scope, path)
            found.update((node, path) for node in scope.nodes if node not in found)
        return found

    def _item(self, scope: Scope, path: str) -> Item:
        kinds = {type(n.op).__module__.rpartition(".")[2] for n in scope.nodes}
        kind = next((f for name, f in _FAMILIES.items() if name in kinds), "custom")
        name, class_name = one_line(scope.path), one_line(scope.kind)
        item = Item(path, name, class_name, kind, None, [])
        read = dict.fromkeys(v for n in scope.nodes for v in n.operands)
        made = dict.fromkeys(v for n in scope.nodes for v in n.results)
        weights = [self._params[v] for v in read if v in self._params]
        known = self._layer.graph.constants
        given = [v for v in read if not (v in made or v in self._params or v in known)]
        if self._shown.params and weights:
            item.facts.append(("params", f"{sum(w.size for w in weights):,}"))
        if self._shown.shapes:
            ends = [v for v in made if v in self._outputs]
            item.facts += [("out", label_of(v.type)) for v in ends[:MOST_SHAPES]]
        if self._shown.dtype and made:
            types = dict.fromkeys(v.type.dtype for v in made)
            item.facts.append(("dtype", ", ".join(types)))
        item.page = _page(item, given, [*made][-1:], weights, scope.nodes)
        return item


def label_of(type: TensorType) -> str:
    """What stands at an edge: the shape, and the element type if it is not float32."""
    if type.dtype == dtypes.OPAQUE:
        return str(type)
    shape = f"({', '.join(map(str, type.shape))})"
    return shape if type.dtype == "float32" else f"{type.dtype} {shape}"


def _page(
    item: Item,
    given: list[Value],
    made: list[Value],
    weights: list[Variable],
    nodes: list[Node],
) -> dict[str, object]:
    """What a page tells of a box."""
    lines = [f"{n.op.called} -> {', '.join(map(_line, n.results))}" for n in nodes]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"... and {len(lines) - _MOST_LINES} more"]
    return {
        "name": item.name,
        "class": item.class_name,
        "kind": item.kind,
        "inputs": [_line(v) for v in given],
        "outputs": [_line(v) for v in made],
        "calls": 1,
        "params": sum(w.size for w in weights),
        "trainable": any(w.trainable for w in weights),
        "weights": [
            [w.path, format_shape(w.shape), w.dtype, w.trainable] for w in weights
        ],
        "config": {},
        "operators": lines,
    }


def _line(value: Value) -> str:
    return f"{value.name} {value.type}".strip()
