"""Short rows that broadcast are made longer.

A vector of channels that is added to a channels-last image broadcasts along every row
of every sample, and ONNX Runtime on a processor works off one vector at a time: with
few channels it mostly starts loops. The vector repeated along the last axes, which
costs as good as nothing, makes the same result in longer rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from seqir import shapes
from seqir.ir import Builder, Graph, Node, Value, replay
from seqir.operators.movement import Expand

_LONG: Final = 512
"""Elements of a row that need not be longer."""


def lengthen_rows(graph: Graph) -> Graph:
    """Repeat vectors along the last axes, where they broadcast to larger tensors."""
    longer: dict[tuple[Value, tuple[int, ...]], Value] = {}

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        if not node.op.elementwise:
            return None
        row = _row(node.result.type.shape)
        if row is None:
            return None
        repeated: list[Value] = []
        for x in operands:
            if _is_vector(x.type.shape, row[-1]):
                if (x, row) not in longer:
                    longer[x, row] = b(Expand(row), x)
                x = longer[x, row]
            repeated.append(x)
        return None if tuple(repeated) == operands else b.emit(node.op, *repeated)

    return replay(graph, visit, about="elementwise")


def _row(shape: shapes.Shape) -> tuple[int, ...] | None:
    """The fewest last axes that make a long row; None if that is one, or all axes."""
    for first in range(len(shape) - 1, 0, -1):
        row = shape[first:]
        known = tuple(d for d in row if isinstance(d, int))
        if len(known) < len(row):
            return None
        if math.prod(known) >= _LONG:
            return known if len(known) > 1 else None
    return None


def _is_vector(shape: shapes.Shape, size: int) -> bool:
    """Whether all axes but the last are 1 and the last is of that size, more than 1."""
    return shape[-1:] == (size,) and size > 1 and set(shape[:-1]) <= {1}
