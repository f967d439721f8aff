"""Facts about a graph that several passes start from."""

from __future__ import annotations

from collections.abc import Iterable

from seqir.ir import Graph, Op, Value


def is_pure(op: Op) -> bool:
    """Whether an operator and what is in its bodies depend on operands alone."""
    if not op.says("bodies"):
        return op.pure
    return op.pure and all(is_pure(n.op) for body in op.bodies for n in body.nodes)


def dependent(graph: Graph, values: Iterable[Value]) -> set[Value]:
    """The values, and all that are computed from them."""
    found = set(values)
    for node in graph.nodes:
        if not found.isdisjoint(node.operands):
            found.update(node.results)
    return found
