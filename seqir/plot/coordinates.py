"""Places along the ranks, by Brandes and Köpf: straight chains, straight long edges.

Vertices are joined into blocks that share one coordinate, in four ways (from above or
below, leftmost or rightmost first); each way is packed, and the mean of the two middle
results is taken.

Source: U. Brandes, B. Köpf, *Fast and Simple Horizontal Coordinate Assignment* (2001).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from seqir.plot.layering import Bend, Key, Layers

BOX_GAP, BEND_GAP = 30.0, 16.0


Reach = Mapping[Key, tuple[float, float]]
"""How far a vertex extends to the left and to the right of the line through it."""


def cross_places(layers: Layers, reach: Reach) -> dict[Key, float]:
    """The line that each vertex stands on, in the same place for what is in line."""
    crossed = _conflicts(layers)
    results: list[dict[Key, float]] = []
    for downward in (True, False):
        for leftward in (True, False):
            ranks = layers.ranks if downward else layers.ranks[::-1]
            sides = reach if leftward else {v: (b, a) for v, (a, b) in reach.items()}
            neighbours = layers.above if downward else layers.below
            if not leftward:
                ranks = [rank[::-1] for rank in ranks]
            root = _align(ranks, neighbours, crossed, layers)
            places = _pack(ranks, root, sides)
            if not leftward:
                places = {v: -x for v, x in places.items()}
            results.append(places)
    return _balance(results, reach)


def is_bend(vertex: Key) -> bool:
    """Whether an edge passes here, and no box stands here."""
    return isinstance(vertex, Bend)


def _conflicts(layers: Layers) -> set[tuple[Key, Key]]:
    """Short pieces that cross a long edge, which is the one to stay straight."""
    found: set[tuple[Key, Key]] = set()
    for upper, lower in pairwise(layers.ranks):
        place = {v: i for i, v in enumerate(upper)}
        left, scanned = -1, 0
        for i, vertex in enumerate(lower):
            inner = is_bend(vertex) and is_bend(layers.above[vertex][0])
            if not inner and i < len(lower) - 1:
                continue
            right = place[layers.above[vertex][0]] if inner else len(upper)
            for other in lower[scanned : i + 1]:
                found.update(
                    (n, other)
                    for n in layers.above[other]
                    if not left <= place[n] <= right
                    and not (is_bend(n) and is_bend(other))
                )
            left, scanned = right, i + 1
    return found


def _preferred(
    vertex: Key, near: Sequence[Key], far: Mapping[Key, list[Key]]
) -> list[Key]:
    """Neighbours to stand in line with: boxes with boxes, bends with bends."""
    if is_bend(vertex):
        return [n for n in near if is_bend(n) or all(map(is_bend, far[n]))]
    boxes = [n for n in near if not is_bend(n)]
    return boxes or [n for n in near if not any(map(is_bend, far[n]))]


def _align(
    ranks: Sequence[Sequence[Key]],
    neighbours: Mapping[Key, list[Key]],
    crossed: set[tuple[Key, Key]],
    layers: Layers,
) -> dict[Key, Key]:
    """The first vertex of the block that each vertex belongs to."""
    far = layers.below if neighbours is layers.above else layers.above
    root: dict[Key, Key] = {v: v for rank in ranks for v in rank}
    followed: set[Key] = set()
    place: dict[Key, int] = {}
    for rank in ranks:
        last = -1
        for vertex in rank:
            near = [n for n in neighbours[vertex] if n in place]
            near = sorted(_preferred(vertex, near, far), key=place.__getitem__)
            middle = near[(len(near) - 1) // 2 : len(near) // 2 + 1]
            for n in middle:
                free = n not in followed and place[n] > last
                if free and not {(n, vertex), (vertex, n)} & crossed:
                    root[vertex] = root[n]
                    followed.add(n)
                    last = place[n]
                    break
        place = {v: i for i, v in enumerate(rank)}
    return root


def _pack(
    ranks: Sequence[Sequence[Key]], root: Mapping[Key, Key], reach: Reach
) -> dict[Key, float]:
    """Blocks as far left as they go, then right again where nothing is lost."""
    before: dict[Key, dict[Key, float]] = {r: {} for r in root.values()}
    after: dict[Key, dict[Key, float]] = {r: {} for r in root.values()}
    for rank in ranks:
        for a, b in pairwise(rank):
            gap = BEND_GAP if is_bend(a) or is_bend(b) else BOX_GAP
            gap += reach[a][1] + reach[b][0]
            left, right = root[a], root[b]
            before[right][left] = max(before[right].get(left, 0.0), gap)
            after[left][right] = before[right][left]
    order = _in_order(before, after)
    x: dict[Key, float] = {}
    for block in order:
        x[block] = max((x[p] + gap for p, gap in before[block].items()), default=0.0)
    for block in reversed(order):
        if after[block]:
            x[block] = max(x[block], min(x[n] - gap for n, gap in after[block].items()))
    return {v: x[r] for v, r in root.items()}


def _in_order(
    before: Mapping[Key, Mapping[Key, float]], after: Mapping[Key, Mapping[Key, float]]
) -> list[Key]:
    """Blocks, each after those on its left."""
    waiting = {block: len(left) for block, left in before.items()}
    order = [block for block, count in waiting.items() if not count]
    for block in order:
        for right in after[block]:
            waiting[right] -= 1
            if not waiting[right]:
                order.append(right)
    return order


def _balance(results: Sequence[Mapping[Key, float]], reach: Reach) -> dict[Key, float]:
    """Bring the four results together at the narrowest; the mean of the middle two."""
    if not reach:
        return {}
    spans = [
        (
            min(x - reach[v][0] for v, x in r.items()),
            max(x + reach[v][1] for v, x in r.items()),
        )
        for r in results
    ]
    low, high = min(spans, key=lambda s: s[1] - s[0])
    moved: list[dict[Key, float]] = []
    for i, (result, (a, b)) in enumerate(zip(results, spans, strict=True)):
        shift = low - a if i % 2 == 0 else high - b
        moved.append({v: x + shift for v, x in result.items()})
    return {v: sum(sorted(m[v] for m in moved)[1:3]) / 2 for v in reach}
