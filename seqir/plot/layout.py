"""Coordinates: boxes in rows without overlap, edges as curves between the rows.

Two axes: `cross` runs along a rank, `main` from rank to rank; a drawing from top to
bottom has cross = x, one from left to right has cross = y.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from seqir.plot.coordinates import cross_places, is_bend
from seqir.plot.layering import Key, Layers, layered

RANK_GAP, ARROW_GAP = 36.0, 14.0
LOOP = 22.0
"""Room beside a box that has an edge to itself."""

Run = tuple[float, float, float]
"""A straight piece along the main axis: cross, and main from and to."""


@dataclass
class Edge:
    """A connection; `start` and `end` are fixed places, counted from a box's centre."""

    source: Key
    target: Key
    start: float | None = None
    end: float | None = None
    runs: list[Run] = field(default_factory=list[Run])
    """Set by `arrange`: straight pieces, with curves in between."""


@dataclass
class Arrangement:
    """Centres of the boxes, and the whole size."""

    cross: dict[Key, float]
    main: dict[Key, float]
    width: float
    height: float


def arrange(
    sizes: Mapping[Key, tuple[float, float]],
    edges: Sequence[Edge],
    *,
    first: Iterable[Key] = (),
    last: Iterable[Key] = (),
    lines: Mapping[Key, float] | None = None,
    gap: float = RANK_GAP,
) -> Arrangement:
    """Place boxes of these sizes (cross, main) and route the edges between them.

    `first` and `last` get the outermost ranks; `lines` says where, from its centre, a
    box is to be in line with others; `gap` is the least room between ranks.

    Keys stand in the order in which they are computed. An edge to an earlier box is
    laid out the other way round; one from a box to itself only gets room,
    and is left to the caller.
    """
    keys = list(sizes)
    number = {key: i for i, key in enumerate(keys)}
    real = [e for e in edges if e.source != e.target]
    pairs = [
        (e.source, e.target)
        if number[e.source] < number[e.target]
        else (e.target, e.source)
        for e in real
    ]
    groups = [
        (pair[0], e.start if e.source == pair[0] else e.end, e.source == pair[0])
        for e, pair in zip(real, pairs, strict=True)
    ]
    layers = layered(keys, pairs, groups, first=first, last=last)
    lines = lines or {}
    loops = {e.source for e in edges if e.source == e.target}
    reach = {v: _reach(v, sizes, lines, loops) for v in layers.above}
    cross = cross_places(layers, reach)
    low = min((c - reach[v][0] for v, c in cross.items()), default=0.0)
    high = max((c + reach[v][1] for v, c in cross.items()), default=0.0)
    cross = {v: c - low - lines.get(v, 0.0) for v, c in cross.items()}
    bands = _bands(layers, sizes, cross, gap)
    main = {
        v: (top + bottom) / 2
        for rank, (top, bottom) in zip(layers.ranks, bands, strict=True)
        for v in rank
    }
    _route(layers, real, pairs, sizes, cross, main, bands)
    height = bands[-1][1] if bands else 0.0
    return Arrangement(
        {k: cross[k] for k in keys}, {k: main[k] for k in keys}, high - low, height
    )


# Places.


def _reach(
    vertex: Key,
    sizes: Mapping[Key, tuple[float, float]],
    lines: Mapping[Key, float],
    loops: Container[Key],
) -> tuple[float, float]:
    if is_bend(vertex):
        return 0.0, 0.0
    half, line = sizes[vertex][0] / 2 + LOOP * (vertex in loops), lines.get(vertex, 0.0)
    return half + line, half - line


def spread(
    wanted: Sequence[float], gaps: Sequence[float], weights: Sequence[float]
) -> list[float]:
    """Places nearest to the wanted ones, each at least a gap behind the one before.

    The sum of weighted distances is least: isotonic regression by medians.
    """
    offsets = [0.0, *accumulate(gaps)][: len(wanted)]
    blocks: list[tuple[float, list[tuple[float, float]]]] = []
    for want, offset, weight in zip(wanted, offsets, weights, strict=True):
        value, members = want - offset, [(want - offset, weight)]
        while blocks and blocks[-1][0] > value:
            members = blocks.pop()[1] + members
            value = weighted_median(members)
        blocks.append((value, members))
    flat = [value for value, members in blocks for _ in members]
    return [value + offset for value, offset in zip(flat, offsets, strict=True)]


def weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """The value with half of the weight on each side; between two, their mean."""
    ordered = sorted(values)
    half = sum(weight for _, weight in ordered) / 2
    below = 0.0
    for i, (value, weight) in enumerate(ordered):
        below += weight
        if below > half + 1e-9:
            return value
        if below > half - 1e-9:
            return (value + ordered[min(i + 1, len(ordered) - 1)][0]) / 2
    return ordered[-1][0]


def _bands(
    layers: Layers,
    sizes: Mapping[Key, tuple[float, float]],
    cross: Mapping[Key, float],
    gap: float,
) -> list[tuple[float, float]]:
    """Where each rank begins and ends; wide curves get more room."""
    bands: list[tuple[float, float]] = []
    at = 0.0
    for rank in layers.ranks:
        depth = max((sizes[v][1] for v in rank if not is_bend(v)), default=0.0)
        bands.append((at, at + depth))
        reach = max(
            (abs(cross[v] - cross[n]) for v in rank for n in layers.below[v]),
            default=0.0,
        )
        at += depth + gap + min(reach / 8, 40.0)
    return bands


# Edges.


def _route(
    layers: Layers,
    edges: Sequence[Edge],
    pairs: Sequence[tuple[Key, Key]],
    sizes: Mapping[Key, tuple[float, float]],
    cross: Mapping[Key, float],
    main: Mapping[Key, float],
    bands: Sequence[tuple[float, float]],
) -> None:
    rank = {v: i for i, r in enumerate(layers.ranks) for v in r}
    starts = _ends(layers, edges, pairs, sizes, cross, {}, outgoing=True)
    ends = _ends(layers, edges, pairs, sizes, cross, starts, outgoing=False)
    for i, (edge, (upper, lower)) in enumerate(zip(edges, pairs, strict=True)):
        leave = main[upper] + sizes[upper][1] / 2
        enter = main[lower] - sizes[lower][1] / 2
        runs = [(starts[i], leave, bands[rank[upper]][1])]
        runs += [(cross[v], *bands[rank[v]]) for v in layers.routes[i][1:-1]]
        runs.append((ends[i], bands[rank[lower]][0], enter))
        if edge.source != upper:
            runs = [(c, b, a) for c, a, b in reversed(runs)]
        edge.runs = runs


def _ends(
    layers: Layers,
    edges: Sequence[Edge],
    pairs: Sequence[tuple[Key, Key]],
    sizes: Mapping[Key, tuple[float, float]],
    cross: Mapping[Key, float],
    starts: Mapping[int, float],
    *,
    outgoing: bool,
) -> dict[int, float]:
    """Where edges touch their boxes: side by side, towards where they come from."""
    at_box: dict[Key, list[tuple[float, float, int]]] = {}
    leaders: dict[Key, int] = {}
    followers: dict[int, int] = {}
    found: dict[int, float] = {}
    for i, (edge, pair) in enumerate(zip(edges, pairs, strict=True)):
        box = pair[0 if outgoing else 1]
        fixed = edge.start if box == edge.source else edge.end
        if fixed is not None:
            found[i] = cross[box] + fixed
            continue
        route = layers.routes[i]
        if outgoing and is_bend(route[1]) and leaders.setdefault(route[1], i) != i:
            followers[i] = leaders[route[1]]
            continue
        toward = cross[route[1 if outgoing else -2]]
        if len(route) == 2:
            toward = _toward_box(edge, pair, cross) if outgoing else starts[i]
        room = sizes[box][0] * 0.36
        near = min(max(toward, cross[box] - room), cross[box] + room)
        at_box.setdefault(box, []).append((toward, near, i))
    for box, items in at_box.items():
        items.sort()
        room = sizes[box][0] * 0.72
        gap = min(ARROW_GAP, room / max(len(items) - 1, 1))
        gaps = [gap] * (len(items) - 1)
        places = spread([c for _, c, _ in items], gaps, [1.0] * len(items))
        places = _within(places, cross[box] - room / 2, cross[box] + room / 2, gap)
        found.update((i, p) for (*_, i), p in zip(items, places, strict=True))
    found.update((i, found[leader]) for i, leader in followers.items())
    return found


def _toward_box(edge: Edge, pair: tuple[Key, Key], cross: Mapping[Key, float]) -> float:
    """Where a short edge will end."""
    fixed = edge.end if pair[1] == edge.target else edge.start
    return cross[pair[1]] + (fixed or 0.0)


def _within(places: list[float], low: float, high: float, gap: float) -> list[float]:
    """The places, moved between two bounds without coming closer than the gap."""
    count = len(places)
    places = [min(p, high - (count - 1 - i) * gap) for i, p in enumerate(places)]
    return [max(p, low + i * gap) for i, p in enumerate(places)]
