"""Dead code."""

from __future__ import annotations

from dataclasses import replace

from seqir.ir import Graph, Node, Value


def eliminate_dead(graph: Graph) -> Graph:
    """Drop nodes and params that no output or update depends on."""
    live: set[Value] = set(graph.roots)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not live.isdisjoint(node.results):
            kept.append(node)
            live.update(node.operands)
    params = {n: v for n, v in graph.params.items() if v in live}
    if len(kept) == len(graph.nodes) and len(params) == len(graph.params):
        return graph
    return replace(graph, nodes=tuple(reversed(kept)), params=params)
