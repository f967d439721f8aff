"""Operators that have several good decompositions, decomposed for a target.

Gradients of convolution and pooling stay whole until here, because what is fast
differs: one processor multiplies one big matrix fastest, another has the operator
itself. An operator offers its decomposition (`Op.expanded`); this pass only asks, and
says whether its gradient is in the graph too, so that both can share what they compute.

What stands in the place of a `wide` operator in half precision is computed in float32,
unless it is another `wide` operator, or its gradient shares it and is not `wide`.
"""

from __future__ import annotations

from collections.abc import Sequence

from seqir import dtypes
from seqir.errors import ArgumentError, did_you_mean
from seqir.ir import Builder, Graph, Node, Op, Value, replay
from seqir.ops import rules
from seqir.ops.apply import as_tuple
from seqir.ops.tensor import Traced
from seqir.passes.pipeline import Pass
from seqir.passes.widen import Widening

TARGETS = ("cpu", "cuda", "web")
"""What a graph can be decomposed for."""


def expand(target: str) -> Pass:
    """The pass that decomposes operators for a target.

    Raises: ArgumentError for an unknown target.
    """
    if target not in TARGETS:
        raise ArgumentError(
            f"unknown target {target!r}.{did_you_mean(target, TARGETS)} "
            f"There are {', '.join(TARGETS)}"
        )

    def expand_operators(graph: Graph) -> Graph:
        # A decomposition may hold operators that have one themselves.
        while (expanded := expand_once(graph)) is not graph:
            graph = expanded
        return graph

    def expand_once(graph: Graph) -> Graph:
        shared: dict[tuple[Op, Value], Op] = {
            (node.op.forward, node.operands[0]): node.op
            for node in graph.nodes
            if node.op.forward
        }

        widening = Widening()

        def visit(
            b: Builder, node: Node, operands: tuple[Value, ...]
        ) -> Sequence[Value] | None:
            gradient: Op | None = None
            if operands:
                gradient = shared.get((node.op.unpruned, node.operands[0]))
            both = gradient is not None

            def decomposed(operands: Sequence[Value]) -> list[Value] | None:
                traced = (Traced(b, v) for v in operands)
                y = node.op.expanded(rules, target, *traced, shared=both)
                return None if y is None else [each.value for each in as_tuple(y)]

            found = decomposed(operands)
            half = {v.type.dtype for v in operands}.intersection(dtypes.HALF)
            if found is None or not half or not node.op.wide:
                return found
            if gradient is not None and not gradient.wide:  # they share half precision
                return found
            if all(v in b.producer and b.producer[v].op.wide for v in found):
                return found
            return widening.computed(b, node, operands, half.pop(), decomposed)

        return replay(graph, visit, about="expanded")

    return expand_operators
