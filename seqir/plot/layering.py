"""Ranks and order: which row a box stands in, and where in the row.

Sugiyama's method on plain keys. An edge that spans several ranks gets a `Bend` in
each rank between, so that there is room for it beside the boxes; edges of one group
(the same tensor) share their bends, as a trunk that they branch off.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Key = Hashable


class Bend:
    """Place in a rank that edges pass through."""


@dataclass
class Layers:
    """Vertices by rank, in order; every edge as the vertices that it passes."""

    ranks: list[list[Key]]
    above: dict[Key, list[Key]]
    below: dict[Key, list[Key]]
    routes: list[list[Key]]


def layered(
    keys: Sequence[Key],
    edges: Sequence[tuple[Key, Key]],
    groups: Sequence[Key],
    *,
    first: Iterable[Key] = (),
    last: Iterable[Key] = (),
) -> Layers:
    """Ranks with few crossings for a graph whose edges go from earlier to later keys.

    `first` and `last` get the outermost ranks.
    """
    rank = _ranks(keys, edges, set(first), set(last))
    layers = _with_bends(keys, edges, groups, rank)
    _reduce_crossings(layers)
    return layers


def _ranks(
    keys: Sequence[Key],
    edges: Sequence[tuple[Key, Key]],
    first: set[Key],
    last: set[Key],
) -> dict[Key, int]:
    """Longest path from the sources; sources stand close to their users."""
    import networkx as nx

    graph: nx.DiGraph[Key] = nx.DiGraph()
    graph.add_nodes_from(keys)
    graph.add_edges_from(edges)
    rank: dict[Key, int] = {}
    for i, generation in enumerate(nx.topological_generations(graph)):
        rank.update(dict.fromkeys(generation, i))
    for key in keys:
        if key not in first and not graph.in_degree(key) and graph.out_degree(key):
            rank[key] = min(rank[user] for user in graph.successors(key)) - 1
    if last:
        end = 1 + max((r for key, r in rank.items() if key not in last), default=0)
        rank.update(dict.fromkeys(last, end))
    return rank


def _with_bends(
    keys: Sequence[Key],
    edges: Sequence[tuple[Key, Key]],
    groups: Sequence[Key],
    rank: Mapping[Key, int],
) -> Layers:
    ranks: list[list[Key]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    below: dict[Key, dict[Key, None]] = {key: {} for key in keys}
    trunks: dict[Key, list[Bend]] = {}
    routes: list[list[Key]] = []
    for key in keys:
        ranks[rank[key]].append(key)
    for group, (source, target) in zip(groups, edges, strict=True):
        trunk = trunks.setdefault(group, [])
        start, length = rank[source] + 1, rank[target] - rank[source] - 1
        for r in range(start + len(trunk), start + length):
            trunk.append(bend := Bend())
            ranks[r].append(bend)
            below[bend] = {}
        route = [source, *trunk[:length], target]
        for a, b in pairwise(route):
            below[a][b] = None
        routes.append(route)
    above: dict[Key, list[Key]] = {v: [] for v in below}
    for a, others in below.items():
        for b in others:
            above[b].append(a)
    return Layers(ranks, above, {v: list(o) for v, o in below.items()}, routes)


# Order.


def _reduce_crossings(layers: Layers, sweeps: int = 12) -> None:
    """Sweep down and up, each vertex at the mean place of its neighbours."""
    best, fewest = [list(r) for r in layers.ranks], _crossings(layers)
    for sweep in range(sweeps):
        if not fewest:
            break
        down = sweep % 2 == 0
        neighbours = layers.above if down else layers.below
        ranks = layers.ranks if down else layers.ranks[::-1]
        for fixed, free in pairwise(ranks):
            place = {v: i for i, v in enumerate(fixed)}
            _sort(free, place, neighbours, prefer_right=sweep % 4 > 1)
        _swap_neighbours(layers)
        count = _crossings(layers)
        if count < fewest:
            best, fewest = [list(r) for r in layers.ranks], count
    layers.ranks[:] = best


def _sort(
    free: list[Key],
    place: Mapping[Key, int],
    neighbours: Mapping[Key, list[Key]],
    *,
    prefer_right: bool,
) -> None:
    """Order by mean neighbour; what has none keeps its place."""
    means: dict[Key, float] = {}
    for i, vertex in enumerate(free):
        known = neighbours[vertex]
        means[vertex] = sum(place[n] for n in known) / len(known) if known else i
    if prefer_right:
        free.reverse()
    free.sort(key=means.__getitem__)


def _swap_neighbours(layers: Layers, limit: int = 60) -> None:
    """Swap vertices that stand side by side where that saves crossings."""
    place = {v: i for rank in layers.ranks for i, v in enumerate(rank)}
    for rank in layers.ranks:
        if not 1 < len(rank) <= limit:
            continue
        for i in range(len(rank) - 1):
            a, b = rank[i], rank[i + 1]
            now = later = 0
            for sides in (layers.above, layers.below):
                left, right = ([place[n] for n in sides[v]] for v in (a, b))
                now += sum(x > y for x in left for y in right)
                later += sum(x < y for x in left for y in right)
            if later < now:
                rank[i], rank[i + 1] = b, a
                place[a], place[b] = i + 1, i


def _crossings(layers: Layers) -> int:
    """Pairs of edges between neighbouring ranks that cross."""
    total = 0
    for upper, lower in pairwise(layers.ranks):
        if len(upper) == 1 or len(lower) == 1:
            continue
        place = {v: i for i, v in enumerate(lower)}
        seen: list[int] = []
        for vertex in upper:
            ends = sorted(place[n] for n in layers.below[vertex])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total
