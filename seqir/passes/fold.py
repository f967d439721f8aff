"""Constant folding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seqir.ir import Array, Builder, FrozenArray, Graph, Node, Value, computed, replay
from seqir.operators.constant import Constant
from seqir.passes.facts import is_pure
from seqir.tensortype import type_of

_SLACK = 4096
"""Bytes by which a folded constant may outgrow what it was computed from."""


def fold_constants(graph: Graph) -> Graph:
    """Replace nodes whose operands are all constants by their values.

    A result that is larger than its operands stays computed, so that a broadcast
    number never becomes a stored tensor.
    """
    known = dict(graph.constants)

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        if not operands or operands[0] not in known:
            return None
        if not node.op.folds or not is_pure(node.op):
            return None
        if any(isinstance(d, str) for v in node.results for d in v.type.shape):
            return None  # the run finds that size out
        frozen = [known.get(v) for v in operands]
        if any(f is None for f in frozen):
            return None
        arrays = [f.array for f in frozen if f is not None]
        room = sum(a.nbytes for a in arrays) + _SLACK
        if sum(v.type.nbytes or 0 for v in node.results) > room:
            return None
        labels = {f.label for f in frozen if f is not None and f.label}
        label = labels.pop() if len(labels) == 1 else ""
        values: list[Value] = []
        results = computed(node.op, arrays)
        for array, old in zip(results, node.results, strict=True):
            assert type_of(array) == old.type, f"{node.op} evaluates to {array.dtype}"
            constant = FrozenArray(array, label)
            values.append(b(Constant(constant)))
            known[values[-1]] = constant
        return values

    return replay(graph, visit)


def bind(graph: Graph, values: dict[str, Array]) -> Graph:
    """Turn the params named in `values` into constants labelled with their names.

    The constant has the param's value as its result, so that whatever reads it stays
    as it is. What updates them goes: a constant has no new value.
    """
    bound = [
        Node(Constant(FrozenArray(values[name], name)), (), (value,))
        for name, value in graph.params.items()
        if name in values
    ]
    if not bound:
        return graph
    return replace(
        graph,
        params={n: v for n, v in graph.params.items() if n not in values},
        nodes=(*bound, *graph.nodes),
        updates=tuple(u for u in graph.updates if u.param not in values),
    )
