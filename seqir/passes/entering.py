"""Inputs that come with their axes in another order."""

from __future__ import annotations

from collections.abc import Callable

from seqir import shapes
from seqir.ir import Builder, Graph, Perm, Value
from seqir.operators.movement import Transpose, inverse


def reorder_inputs(graph: Graph, order: Callable[[Value], Perm | None]) -> Graph:
    """The graph for inputs whose axes are in an order, a transpose behind each.

    `order` says in which; None leaves an input as it is. A graph of which nothing
    changes is returned as it was.
    """
    b = Builder.like(graph)
    new: dict[Value, Value] = {}
    for name, value in graph.inputs.items():
        if (perm := order(value)) is not None:
            shape = shapes.permute(value.type.shape, perm)
            b.inputs[name] = entered = Value(value.type.with_shape(shape))
            new[value] = b(Transpose(inverse(perm)), entered)
    if not new:
        return graph
    for node in graph.nodes:
        with b.at(node.source):
            b.repeat(node, tuple([new.get(v, v) for v in node.operands]))
    for update in graph.updates:
        b.update(update.param, new.get(update.value, update.value))
    return b.finish({n: new.get(v, v) for n, v in graph.outputs.items()})
