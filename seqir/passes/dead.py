"""Dead code."""

from __future__ import annotations

from dataclasses import replace
from operator import is_

from seqir.ir import Graph, Node, Value


def eliminate_dead(graph: Graph) -> Graph:
    """Drop nodes that no output or update depends on, and params without a use.

    Nodes are left what they compute for others (`Op.pruned`).
    A param that is only written has one: it is where the new value goes.
    """
    live: set[Value] = set(graph.roots)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not live.isdisjoint(node.results):
            node = _pruned(node, live)
            kept.append(node)
            live.update(node.operands)
    written = {update.param for update in graph.updates}
    params = {n: v for n, v in graph.params.items() if v in live or n in written}
    kept.reverse()
    same = len(kept) == len(graph.nodes) and all(map(is_, kept, graph.nodes))
    if same and len(params) == len(graph.params):
        return graph
    return replace(graph, nodes=tuple(kept), params=params)


def _pruned(node: Node, live: set[Value]) -> Node:
    """The node with the results that are live."""
    if len(node.results) == 1 and not node.op.bodies:
        return node
    used = [v in live for v in node.results]
    found = node.op.pruned(used)
    if found is None:
        return node
    operands = tuple(node.operands[i] for i in found.operands)
    results = tuple(node.results[i] for i in found.results)
    return Node(found.op, operands, results, node.source)
