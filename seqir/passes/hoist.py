"""What need not be computed in a loop leaves it.

Two kinds of nodes do. Those that read nothing but what the body captures give the same
in every step: they are computed once, before the loop. And those that read nothing but
slices of what is scanned, and what is captured, are computed for all steps at once::

    for t:  h = tanh(x[t] @ w + h @ u)      ->     p = x @ w
                                                   for t:  h = tanh(p[t] + h @ u)

One large product runs faster than many small ones. An operator says how it looks on
operands with one more axis (`Op.stacked`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seqir.ir import Builder, Graph, Node, Value, replay
from seqir.operators.control import Scan, While
from seqir.operators.movement import ExpandDims
from seqir.passes.facts import is_pure


def hoist(graph: Graph) -> Graph:
    """Move out of loops what does not depend on what they carry."""

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        if isinstance(node.op, Scan):
            return _Hoisting(b, node, operands).scan(node.op)
        if isinstance(node.op, While):
            return _Hoisting(b, node, operands).repeat(node.op)
        return None

    return replay(graph, visit, about="bodies")


class _Hoisting:
    """One loop: which values of its bodies are known outside, and as what."""

    def __init__(self, b: Builder, node: Node, operands: tuple[Value, ...]) -> None:
        self.b = b
        self.node = node
        self.operands = operands
        self.outside: dict[Value, Value] = {}
        """Values of a body: the same value outside of the loop, or all of its steps."""
        self.stacked: set[Value] = set()
        """Those that outside have all steps in front."""
        self.constants: dict[Value, Node] = {}

    def scan(self, op: Scan) -> Sequence[Value] | None:
        n, end = op.carries, op.own_operands
        inputs = [*op.body.inputs.values()]
        self.outside.update(zip(inputs[n:], self.operands[n:], strict=True))
        self.stacked.update(inputs[n:end])
        nodes, read = self._stay(op.body)
        if len(nodes) == len(op.body.nodes):
            return None
        missing = [v for v in read if v in self.outside and v not in inputs]
        slices = [v for v in missing if v in self.stacked]
        same = [v for v in missing if v not in self.stacked]
        order = [*inputs[:end], *slices, *inputs[end:], *same]
        body = _rebuilt(op.body, order, end + len(slices), nodes)
        found = self.b.emit(
            replace(op, body=body, scanned=op.scanned + len(slices)),
            *self.operands[:end],
            *(self.outside[v] for v in slices),
            *self.operands[end:],
            *(self.outside[v] for v in same),
        )
        ends = [*op.body.outputs.values()]
        # What is stacked need not go through the loop only to be stacked again.
        return [
            self.outside[v] if i >= n and v in self.stacked else y
            for i, (v, y) in enumerate(zip(ends, found, strict=True))
        ]

    def repeat(self, op: While) -> Sequence[Value] | None:
        n = op.carries
        parts: list[tuple[Graph, list[Node], list[Value]]] = []
        same: dict[Value, list[Value]] = {}
        for body in op.bodies:
            inputs = [*body.inputs.values()]
            self.outside.update(zip(inputs[n:], self.operands[n:], strict=True))
            nodes, read = self._stay(body)
            missing = [v for v in read if v in self.outside and v not in inputs]
            for v in missing:
                same.setdefault(self.outside[v], []).append(v)
            parts.append((body, nodes, missing))
        if all(len(nodes) == len(body.nodes) for body, nodes, _ in parts):
            return None
        bodies: list[Graph] = []
        for body, nodes, missing in parts:
            by_outer = {self.outside[v]: v for v in missing}
            more = [by_outer.get(outer) or Value(outer.type) for outer in same]
            order = [*body.inputs.values(), *more]
            bodies.append(_rebuilt(body, order, n, nodes))
        return self.b.emit(op.with_bodies(bodies), *self.operands, *same)

    def _stay(self, body: Graph) -> tuple[list[Node], dict[Value, None]]:
        """The nodes that stay in a body, and what they and its outputs read."""
        nodes = [node for node in body.nodes if not self._moved(node)]
        read = dict.fromkeys(v for node in nodes for v in node.operands)
        read.update(dict.fromkeys(body.outputs.values()))
        return nodes, read

    def _moved(self, node: Node) -> bool:
        """Whether a node is computed outside from now on."""
        if not node.operands:
            self.constants[node.results[0]] = node
            return False
        known = self.outside.keys() | self.constants.keys()
        if node.op.bodies or not is_pure(node.op) or not known >= {*node.operands}:
            return False
        if all(v in self.constants for v in node.operands):
            return False  # which is folded, not moved
        flags = [v in self.stacked for v in node.operands]
        op = node.op
        if any(flags):
            moved = op.stacked(flags, *(v.type for v in node.operands))
            if moved is None:
                return False
            op = moved
        path, self.b.path = self.b.path, node.source
        rank = max(v.type.rank for v in node.operands)
        given = [self._given(v, rank if op.elementwise else 0) for v in node.operands]
        results = self.b.emit(op, *given)
        self.b.path = path
        self.outside.update(zip(node.results, results, strict=True))
        if any(flags):
            self.stacked.update(node.results)
        return True

    def _given(self, value: Value, rank: int) -> Value:
        """An operand outside, with the axis of steps before those of the others."""
        if value in self.constants:  # it stays inside as well
            return self.b(self.constants[value].op)
        found = self.outside[value]
        missing = rank - value.type.rank
        if value in self.stacked and missing > 0:
            return self.b(ExpandDims(tuple(range(1, 1 + missing))), found)
        return found


def _rebuilt(
    body: Graph, inputs: Sequence[Value], own: int, nodes: Sequence[Node]
) -> Graph:
    """The body with these inputs, the first of which are its own, and these nodes."""
    names = [f"input_{i}" for i in range(own)]
    names += [f"captured_{i}" for i in range(len(inputs) - own)]
    return replace(
        body, inputs=dict(zip(names, inputs, strict=True)), nodes=tuple(nodes)
    )
