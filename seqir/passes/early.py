"""Max pooling moves before the activation and the bias.

A function that never falls commutes with a maximum, ``max(relu(x)) = relu(max(x))``,
and behind the pool it has a window's size less to do; its gradient even more so. The
result is the same number for number. Where a function maps several numbers of a
window to one largest, the gradient goes to the largest of them instead of the first:
the pass is for a forward graph, before it is differentiated.

Not for inference, nor for the frozen part of a model in training: a runtime joins an
activation to the convolution before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from seqir.ir import Builder, Graph, Node, Value, replay
from seqir.operators.movement import Transpose, compose, inverse
from seqir.passes.facts import dependent
from seqir.passes.pipeline import Pass


class _Step(NamedTuple):
    """A node of the old graph, and its operands in the new one."""

    node: Node
    operands: tuple[Value, ...]


def pool_early(trained: Iterable[str]) -> Pass:
    """The pass for a graph that is differentiated by these inputs and params.

    It takes maxima first, and applies functions that never fall to the maxima, where
    the result depends on one of them.
    """
    names = set(trained)

    def take_maxima_first(graph: Graph) -> Graph:
        known = {**graph.inputs, **graph.params}
        found = dependent(graph, (v for n, v in known.items() if n in names))
        return _pool_early(graph, found)

    return take_maxima_first


def _pool_early(graph: Graph, changing: set[Value]) -> Graph:
    if not graph.says("takes_maxima"):
        return graph
    readers = graph.readers
    seen: dict[Value, _Step] = {}

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        if node.operands:
            seen[node.results[0]] = _Step(node, operands)
        if not node.op.takes_maxima or node.operands[0] not in changing:
            return None
        steps = _chain(node, seen, readers)
        if not steps:
            return None
        y = steps[-1].operands[0]
        perm = tuple(range(y.type.rank))
        for step in reversed(steps):
            if isinstance(step.node.op, Transpose):
                perm = compose(perm, step.node.op.perm)
        y = b(Transpose(perm), y)
        y = b(node.op, y)
        y = b(Transpose(inverse(perm)), y)
        for step in reversed(steps):
            with b.at(step.node.source):
                y = b(step.node.op, y, *step.operands[1:])
        return [y]

    return replay(graph, visit)


def _chain(
    pool: Node, seen: dict[Value, _Step], readers: Mapping[Value, int]
) -> list[_Step]:
    """What stands right before the pool and may go behind it, the nearest first."""
    value = pool.operands[0]
    pooled = set(range(2, value.type.rank))
    steps: list[_Step] = []
    length = 0
    while value in seen and readers[value] == 1:
        step = seen[value]
        op = step.node.op
        if isinstance(op, Transpose):
            pooled = {op.perm[axis] for axis in pooled}
        elif op.monotone and _same_for_all(step.node, pooled):
            length = len(steps) + 1
        else:
            break
        steps.append(step)
        value = step.node.operands[0]
    return steps[:length]


def _same_for_all(node: Node, pooled: set[int]) -> bool:
    """Whether the function is the same for all elements of a window."""
    x, *rest = node.operands
    shape = node.result.type.shape
    missing = [len(shape) - v.type.rank for v in rest]
    return x.type.shape == shape and all(
        axis < gone or v.type.shape[axis - gone] == 1
        for v, gone in zip(rest, missing, strict=True)
        for axis in pooled
    )
