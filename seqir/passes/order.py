"""The order of flattened features moves into the weights that read them.

Flattening an image in channels-last order and multiplying with a matrix needs a
transpose of the image, or a matrix whose rows are in another order::

    reshape(transpose(x)) @ w  =  reshape(x) @ w[order]

The second costs nothing when the model runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqir.ir import Builder, FrozenArray, Graph, Node, Value, replay
from seqir.operators.constant import Constant
from seqir.operators.movement import Reshape, Transpose


def absorb_order(graph: Graph) -> Graph:
    """Remove transposes in front of a flattening that a constant weight reads."""
    if Transpose not in graph.kinds:
        return graph
    known = graph.constants
    readers = graph.readers

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        if node.op.contracted_axis is None or operands[1] not in known:
            return None
        flat = b.producer.get(operands[0])
        if flat is None or readers[node.operands[0]] > 1:
            return None
        moved = b.producer.get(flat.operands[0]) if flat.operands else None
        if moved is None or readers.get(flat.operands[0], 2) > 1:
            return None
        order = _order(flat, moved)
        if order is None:
            return None
        weight = known[operands[1]]
        rows = np.take(weight.array, order, axis=node.op.contracted_axis)
        (x,) = moved.operands
        path, b.path = b.path, flat.source
        y = b(flat.op, x)
        b.path = path
        w = b(Constant(FrozenArray(rows, weight.label)))
        return b.emit(node.op, y, w, *operands[2:])

    return replay(graph, visit, about="contracted_axis")


def _order(flat: Node, moved: Node) -> list[int] | None:
    """Which feature of the transposed order each feature of x is."""
    if not isinstance(flat.op, Reshape) or not isinstance(moved.op, Transpose):
        return None
    perm = moved.op.perm
    sizes = moved.result.type.shape[1:]
    known = [d for d in sizes if isinstance(d, int)]
    if perm[0] != 0 or flat.result.type.rank != 2 or len(known) != len(sizes):
        return None
    if flat.result.type.shape[0] != moved.result.type.shape[0]:
        return None
    places = np.arange(int(np.prod(known))).reshape(known)
    back = np.argsort([p - 1 for p in perm[1:]])
    return places.transpose(back).reshape(-1).tolist()
