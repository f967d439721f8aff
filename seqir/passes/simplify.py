"""Nodes that do nothing, by what the operators say about themselves."""

from __future__ import annotations

from collections.abc import Sequence

from seqir.ir import Builder, Graph, Node, Value, replay
from seqir.operators.movement import Reshape, Transpose, compose, reshape_op


def simplify(graph: Graph) -> Graph:
    """Drop nodes that return an operand; merge reshapes and transposes in a row."""

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        same = node.op.simplified(*operands)
        if same is not None:
            return same if isinstance(same, tuple) else [same]
        merged = _merged(node, operands, b.producer)
        if merged is None:
            return None
        op, x = merged
        same = op.simplified(x)
        assert not isinstance(same, tuple)
        return [same if same is not None else b(op, x)]

    return replay(graph, visit, about="simplified")


def _merged(
    node: Node, operands: tuple[Value, ...], producer: dict[Value, Node]
) -> tuple[Reshape | Transpose, Value] | None:
    """This node and the one before it as one node, if both only move data."""
    if not isinstance(node.op, Reshape | Transpose):
        return None
    before = producer.get(operands[0])
    if before is None or type(before.op) is not type(node.op):
        return None
    (x,) = before.operands
    if isinstance(node.op, Transpose):
        assert isinstance(before.op, Transpose)
        return Transpose(compose(before.op.perm, node.op.perm)), x
    reshape = reshape_op(x.type, node.result.type.shape)
    return None if reshape is None else (reshape, x)
