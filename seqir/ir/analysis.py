"""The graph as networkx sees it: reachability, cut points, cycle reports."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from seqir.errors import GraphError
from seqir.ir.graph import Graph, Node, Value

if TYPE_CHECKING:
    import networkx as nx

Vertex = TypeVar("Vertex", bound=Hashable)


def to_networkx(graph: Graph) -> nx.DiGraph[Value | Node]:
    """Values and nodes as one bipartite `networkx.DiGraph`."""
    import networkx as nx

    g: nx.DiGraph[Value | Node] = nx.DiGraph(name=graph.name)
    g.add_nodes_from(graph.values())
    for node in graph.nodes:
        g.add_edges_from((v, node) for v in node.operands)
        g.add_edges_from((node, v) for v in node.results)
    return g


def dominating(
    edges: Iterable[tuple[Vertex, Vertex]],
    sources: Iterable[Vertex],
    sinks: Iterable[Vertex],
) -> list[Vertex]:
    """Vertices that every path from a source to a sink passes, in path order."""
    import networkx as nx

    # Vertices are numbered, because networkx compares them and tensors compare values.
    numbers: dict[Vertex, int] = {}

    def number(vertex: Vertex) -> int:
        return numbers.setdefault(vertex, len(numbers))

    start, end = -1, -2
    g: nx.DiGraph[int] = nx.DiGraph()
    g.add_edges_from((number(a), number(b)) for a, b in edges)
    g.add_edges_from((start, number(s)) for s in sources)
    g.add_edges_from((number(s), end) for s in sinks)
    above = nx.immediate_dominators(g, start)
    vertices = list(numbers)
    chain: list[Vertex] = []
    vertex = above.get(end, start)
    while vertex != start and vertex is not None:
        chain.append(vertices[vertex])
        vertex = above[vertex]
    return chain[::-1]


def ordered(edges: Mapping[Vertex, Iterable[Vertex]], what: str) -> list[Vertex]:
    """Vertices of ``{vertex: its predecessors}`` so that predecessors come first.

    Raises: GraphError that spells out the cycle, if there is one.
    """
    from graphlib import CycleError, TopologicalSorter

    try:
        return list(TopologicalSorter(edges).static_order())
    except CycleError as error:
        path = " -> ".join(str(v) for v in error.args[1])
        raise GraphError(f"{what} form a cycle: {path}") from None
