"""Scales and shifts per channel fold into the weights of the operator before them.

For an operator with weight w and bias b that is affine in its input, and constants
s and t per output channel::

    s * (w x + b) + t  =  (s w) x + (s b + t)

so a bias added after a convolution, a matrix product or a batch normalization
disappears. The operators say what they are: `Op.channelwise` (what comes after) and
`Op.scaled` (what it folds into). Nothing is folded into a weight or a result that
something else reads too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqir.ir import Array, Builder, FrozenArray, Graph, Node, Value, replay
from seqir.operators.constant import Constant


def fold_affine(graph: Graph) -> Graph:
    """Fold per-channel scales and shifts into preceding weights and biases."""
    if not graph.says("scaled"):
        return graph
    known = dict(graph.constants)
    readers = graph.readers

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        found = _match(b, node, operands, known)
        if found is None or readers[found.x] > 1:
            return None
        before, scale, shift = found.before, found.scale, found.shift
        x, weight, *rest = before.operands
        bias = known[rest[0]] if rest else None
        folded = before.op.scaled(
            before,
            known[weight].array,
            None if bias is None else bias.array.astype(np.float64),
            scale.astype(np.float64),
            shift.astype(np.float64),
        )
        if folded is None:
            return None
        op, new_weight, new_bias = folded
        dtype = known[weight].array.dtype
        values = [x]
        path, b.path = b.path, before.source
        for array, label in (
            (new_weight, known[weight].label),
            (new_bias, bias.label if bias else _bias_label(node, operands, known)),
        ):
            if array is None:
                continue
            if array is known[weight].array:
                frozen = known[weight]
            else:
                frozen = FrozenArray(array.astype(dtype), label)
            values.append(b(Constant(frozen)))
            known[values[-1]] = frozen
        result = b(op, *values)
        b.path = path
        return [result]

    return replay(graph, visit, about="channelwise")


class _Match(NamedTuple):
    x: Value
    """The operand that is not a constant, in the old graph."""
    before: Node
    """The node that computes it, in the new graph."""
    scale: Array
    shift: Array


def _match(
    b: Builder,
    node: Node,
    operands: tuple[Value, ...],
    known: dict[Value, FrozenArray],
) -> _Match | None:
    """The operator before this one and the affine map that this one is."""
    arrays = [known[v].array if v in known else None for v in operands]
    places = [i for i, a in enumerate(arrays) if a is None]
    if len(places) != 1 or len(arrays) < 2:
        return None
    (place,) = places
    x = operands[place]
    before = b.producer.get(x)
    if before is None or len(before.operands) < 2:
        return None
    if any(v not in known for v in before.operands[1:]):
        return None
    if not x.type.rank or node.results[0].type.shape != x.type.shape:
        return None
    axis = before.op.channel_axis
    affine = node.op.channelwise(x.type.rank, axis % x.type.rank, *arrays)
    if affine is None:
        return None
    return _Match(node.operands[place], before, *affine)


def _bias_label(
    node: Node, operands: tuple[Value, ...], known: dict[Value, FrozenArray]
) -> str:
    labels = [known[v].label for v in operands if v in known and known[v].label]
    return labels[0] if len(labels) == 1 else f"{node.source}/bias"
