"""A large step in two halves: the gradients, and the update that is made in place.

While one graph reads the old state and writes the new one, each tensor of the state
needs two buffers. The update of a weight reads nothing of the state but what it
writes; run by itself, it can write where it reads. A training then needs each weight,
each slot of the optimizer and each gradient once. And the loss is known before anything
is changed: a step whose loss is not finite simply does not go on.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from seqir.ir import Graph, Node, Update, Value
from seqir.passes import eliminate_dead

GRADIENT: Final = "gradient"
"""Names of what goes from one half to the other begin with it."""
_WORTH_IT: Final = 1 << 20
"""Bytes of state from which on its second buffers cost more than a second run."""


@dataclass(frozen=True)
class Halves:
    """A step that was cut in two."""

    first: Graph
    """Forward pass, loss, metrics and gradients."""
    second: Graph
    """What the optimizer makes of the gradients."""
    in_place: frozenset[str]
    """Params of the second half whose new values may go where the old ones are."""


def halves(graph: Graph, optimizer: Collection[str]) -> Halves | None:
    """The two halves of an optimized step; None where one is better.

    `optimizer` are the params that belong to the optimizer. What depends on them, and
    no output does, is the second half. A step is left whole if that is small, or if
    more than gradients would have to be kept in between: a scaled loss makes everything
    behind it depend on the optimizer.
    """
    late = _late(graph, optimizer)
    updates = tuple(u for u in graph.updates if u.value in late)
    size = sum(graph.params[u.param].type.nbytes or 0 for u in updates)
    if not updates or size < _WORTH_IT:
        return None
    second = _second(graph, late, updates)
    crossing = _crossing(graph, second)
    sizes = [value.type.nbytes for value in crossing.values()]
    read = {operand for node in second.nodes for operand in node.operands}
    # What it reads of the state must be as it was, and nothing of the batch.
    others = {graph.params[u.param] for u in graph.updates if u not in updates}
    if not read.isdisjoint(others.union(graph.inputs.values())):
        return None
    if sum(n or 0 for n in sizes) > size or not _only_slices(second, crossing):
        return None
    first = eliminate_dead(
        replace(
            graph,
            outputs={**graph.outputs, **crossing},
            updates=tuple(u for u in graph.updates if u not in updates),
        )
    )
    second = eliminate_dead(replace(second, inputs=crossing))
    return Halves(first, second, _in_place(second))


def _late(graph: Graph, optimizer: Collection[str]) -> set[Value]:
    """What depends on the optimizer's state, and nothing that is reported does."""
    reported: set[Value] = set(graph.outputs.values())
    for node in reversed(graph.nodes):
        if not reported.isdisjoint(node.results):
            reported.update(node.operands)
    late = {graph.params[name] for name in optimizer if name in graph.params}
    for node in graph.nodes:
        if not late.isdisjoint(node.operands) and reported.isdisjoint(node.results):
            late.update(node.results)
    # What is computed of a gradient for the update alone is better computed there: the
    # gradient has to be kept anyway, its square has not.
    users, producers = graph.users(), graph.producers()
    kept = {
        operand
        for node in graph.nodes
        if not late.isdisjoint(node.results)
        for operand in node.operands
    }
    for node in reversed(graph.nodes):
        readers = [user for result in node.results for user in users[result]]
        if not node.op.elementwise or not readers or not late.isdisjoint(node.results):
            continue
        alone = all(not late.isdisjoint(reader.results) for reader in readers)
        given = all(v in kept or _is_constant(v, producers) for v in node.operands)
        if alone and given and reported.isdisjoint(node.results):
            late.update(node.results)
    return late.difference(graph.params.values())


def _is_constant(value: Value, producers: Mapping[Value, Node]) -> bool:
    node = producers.get(value)
    return node is not None and node.op.constant is not None


def _second(graph: Graph, late: set[Value], updates: tuple[Update, ...]) -> Graph:
    """The nodes of the second half, with the constants that they read."""
    nodes = tuple(
        node
        for node in graph.nodes
        if not late.isdisjoint(node.results) or node.op.constant is not None
    )
    return eliminate_dead(
        replace(graph, nodes=nodes, outputs={}, updates=updates, inputs={})
    )


def _crossing(graph: Graph, second: Graph) -> dict[str, Value]:
    """What the second half reads of the first one, by name."""
    own = {v for node in second.nodes for v in node.results}
    given = own.union(graph.params.values(), graph.inputs.values())
    read = dict.fromkeys(operand for node in second.nodes for operand in node.operands)
    taken = {*graph.inputs, *graph.params, *graph.outputs}
    names = (f"{GRADIENT}/{i}" for i in itertools.count())
    free = (name for name in names if name not in taken)
    return {next(free): value for value in read if value not in given}


def _only_slices(second: Graph, crossing: dict[str, Value]) -> bool:
    """Whether what has the size of the batch is nothing but slices of gradients.

    These are added to what they are slices of; the gradient would be larger.
    """
    sliced = {v for v in crossing.values() if v.type.nbytes is None}
    for node in second.nodes:
        if node.op.adds_slices or sliced.isdisjoint(node.operands):
            continue
        if not node.op.elementwise:
            return False
        sliced.update(node.results)
    return True


def _in_place(graph: Graph) -> frozenset[str]:
    """The params whose readers are all done when their new values are written.

    A reader is done if the new value depends on it. The node that computes the new
    value may read the old one itself if it is elementwise: it reads an element before
    it writes it.
    """
    producers, users = graph.producers(), graph.users()
    found: set[str] = set()
    for update in graph.updates:
        param, node = graph.params[update.param], producers.get(update.value)
        if node is None or update.value.type != param.type:
            continue
        before = _ancestors(node, producers)
        others = [user for user in users[param] if user is not node]
        safe = node.op.elementwise or param not in node.operands
        if safe and before.issuperset(others):
            found.add(update.param)
    return frozenset(found)


def _ancestors(node: Node, producers: Mapping[Value, Node]) -> set[Node]:
    found: set[Node] = set()
    todo = [node]
    while todo:
        for operand in todo.pop().operands:
            before = producers.get(operand)
            if before is not None and before not in found:
                found.add(before)
                todo.append(before)
    return found
