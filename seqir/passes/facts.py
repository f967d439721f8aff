"""Facts about a graph that several passes start from."""

from __future__ import annotations

from collections.abc import Iterable

from seqir.ir import FrozenArray, Graph, Op, Value


def constants(graph: Graph) -> dict[Value, FrozenArray]:
    """The values that are constants, with what they hold."""
    return {
        node.result: node.op.constant
        for node in graph.nodes
        if node.op.constant is not None
    }


def is_pure(op: Op) -> bool:
    """Whether an operator and what is in its bodies depend on operands alone."""
    return op.pure and all(is_pure(n.op) for body in op.bodies for n in body.nodes)


def reader_counts(graph: Graph) -> dict[Value, int]:
    """How many nodes, outputs and updates read each value."""
    counts = {value: len(nodes) for value, nodes in graph.users().items()}
    for value in graph.roots:
        counts[value] += 1
    return counts


def dependent(graph: Graph, values: Iterable[Value]) -> set[Value]:
    """The values, and all that are computed from them."""
    found = set(values)
    for node in graph.nodes:
        if not found.isdisjoint(node.operands):
            found.update(node.results)
    return found
