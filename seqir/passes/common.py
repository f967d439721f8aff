"""Common subexpressions."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from seqir.ir import Builder, Graph, Node, Op, Value, replay
from seqir.ir.printer import format_graph
from seqir.passes.facts import is_pure


def eliminate_common(graph: Graph) -> Graph:
    """Merge nodes that apply an equal operator to the same operands."""
    seen: dict[tuple[Hashable, tuple[Value, ...]], Sequence[Value]] = {}

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        if not is_pure(node.op):
            return None
        key = (_key(node.op), operands)
        if key in seen:
            return seen[key]
        if operands == node.operands:
            seen[key] = node.results
            return None
        seen[key] = b.repeat(node, operands)
        return seen[key]

    return replay(graph, visit)


def _key(op: Op) -> Hashable:
    """What is equal for equal operators, also those with equal bodies."""
    if not op.bodies:
        return op
    bodies = (format_graph(b, digests=True, sources=False) for b in op.bodies)
    return str(op), *bodies
