"""Dead code."""

from __future__ import annotations

from dataclasses import replace

from seqir.ir import Graph, Node, Value


def eliminate_dead(graph: Graph) -> Graph:
    """Drop nodes that no output or update depends on, and params without a use.

    A param that is only written has one: it is where the new value goes.
    """
    live: set[Value] = set(graph.roots)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not live.isdisjoint(node.results):
            kept.append(node)
            live.update(node.operands)
    written = {update.param for update in graph.updates}
    params = {n: v for n, v in graph.params.items() if v in live or n in written}
    if len(kept) == len(graph.nodes) and len(params) == len(graph.params):
        return graph
    return replace(graph, nodes=tuple(reversed(kept)), params=params)
