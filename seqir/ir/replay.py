"""Replaying a graph through a new builder: the only way to change one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from seqir.ir.builder import Builder
from seqir.ir.graph import Graph, Node, Value

Visit: TypeAlias = Callable[
    [Builder, Node, tuple[Value, ...]], "Sequence[Value] | None"
]


def in_bodies(change: Callable[[Graph], Graph], graph: Graph) -> Graph:
    """The graph with every body in it changed, the innermost first."""

    def visit(
        b: Builder, node: Node, operands: tuple[Value, ...]
    ) -> Sequence[Value] | None:
        bodies = node.op.bodies
        changed = tuple(change(in_bodies(change, body)) for body in bodies)
        if all(a is c for a, c in zip(bodies, changed, strict=True)):
            return None
        results = b.emit(node.op.with_bodies(changed), *operands)
        pairs = zip(results, node.results, strict=True)
        return [b.call(new, old.name) if old.name else new for new, old in pairs]

    return replay(graph, visit, about="bodies")


def replay(graph: Graph, visit: Visit, *, about: str | None = None) -> Graph:
    """Build the graph again, asking `visit` about every node.

    With `about` it is asked about nodes alone whose operators say something of that
    (`Op.says`); in a graph without any there is nothing to do.

    `visit` gets the new builder, the old node and its operands in the new graph. It
    returns the values that stand for the node's results, or None to keep the node. A
    kept node keeps its results too, unless other operands give them another type: so
    what follows on a change is written again only as far as it reads new values.
    A graph in which every node was kept is returned as it was, so ``is not`` tells
    whether anything changed.

    Cost: one visit per node that it is about, whatever changed.
    """
    kinds = graph.kinds
    if about is not None:
        kinds = {kind for kind in kinds if kind.says(about)}
    if not kinds:
        return graph
    b = Builder.like(graph)
    b.producer.update(graph.producers())  # so that a kept node need not be entered
    new: dict[Value, Value] = {}
    changed = False
    for node in graph.nodes:
        operands = node.operands
        if new:  # there are changes that it may read
            operands = tuple([new.get(v, v) for v in operands])
        b.path = node.source
        results = visit(b, node, operands) if type(node.op) in kinds else None
        if results is None:
            if operands == node.operands:
                b.nodes.append(node)
                continue
            results = b.repeat(node, operands)
        changed = True
        if results is not node.results:
            new.update(zip(node.results, results, strict=True))
    if not changed:
        return graph
    for update in graph.updates:
        b.update(update.param, new.get(update.value, update.value))
    return b.finish({name: new.get(v, v) for name, v in graph.outputs.items()})
