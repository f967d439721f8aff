"""Which node of one graph is which of another: by name, else by where it stands."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from difflib import SequenceMatcher

import onnx

from seqir.difference.attributes import given, serialized

Versions = Mapping[str, int]
"""Opsets of domains."""
Pairs = dict[int, int]
"""Places of nodes of the first graph, with those of the second."""
_MOST_PAIRS = 1 << 20
"""Nodes times nodes that are compared in order: it takes the time of all pairs."""


def matched(
    first: Sequence[onnx.NodeProto],
    second: Sequence[onnx.NodeProto],
    versions: tuple[Versions, Versions],
) -> Pairs:
    """The nodes that are the same in both.

    Those of equal operator and name are, of equal operator and output; then those whose
    all that they compute from is alike, those that all that is computed from them is,
    and those beside nodes that are matched.
    """
    pairs: Pairs = {}
    for signs in (_names, _outputs):
        _pair(pairs, signs(first), signs(second))
    kinds = [_kinds(n, v) for n, v in zip((first, second), versions, strict=True)]
    for follow in (_from_inputs, _from_outputs):
        _pair(pairs, follow(first, kinds[0]), follow(second, kinds[1]))
    _spread(pairs, first, second)
    _align(pairs, first, second)
    return pairs


def _pair(pairs: Pairs, keys: Sequence[Hashable], others: Sequence[Hashable]) -> None:
    """Match nodes of equal keys, those of several in their order."""
    free: dict[Hashable, list[int]] = {}
    taken = set(pairs.values())
    for place, key in enumerate(others):
        if key and place not in taken:
            free.setdefault(key, []).append(place)
    for places in free.values():
        places.reverse()
    for place, key in enumerate(keys):
        if key and place not in pairs and free.get(key):
            pairs[place] = free[key].pop()


def _names(nodes: Sequence[onnx.NodeProto]) -> list[Hashable]:
    return [(node.op_type, node.name) if node.name else None for node in nodes]


def _outputs(nodes: Sequence[onnx.NodeProto]) -> list[Hashable]:
    return [(node.op_type, *node.output) for node in nodes]


def _kinds(nodes: Sequence[onnx.NodeProto], versions: Versions) -> list[Hashable]:
    """Operator and attributes of each node."""
    return [
        (
            node.domain,
            node.op_type,
            *(serialized(a) for _, a in sorted(given(versions, node).items())),
        )
        for node in nodes
    ]


def _from_inputs(
    nodes: Sequence[onnx.NodeProto], kinds: Sequence[Hashable]
) -> list[Hashable]:
    """What each node computes, all names left out."""
    signs: dict[str, int] = {}
    found: list[Hashable] = []
    for node, kind in zip(nodes, kinds, strict=True):
        key = (kind, *(signs.get(name, 0) for name in node.input))
        found.append(key)
        signs.update((name, hash((key, i))) for i, name in enumerate(node.output))
    return found


def _from_outputs(
    nodes: Sequence[onnx.NodeProto], kinds: Sequence[Hashable]
) -> list[Hashable]:
    """What is computed from each node, all names left out."""
    signs: dict[str, int] = {}
    found: list[Hashable] = []
    for node, kind in zip(reversed(nodes), reversed(kinds), strict=True):
        key = (kind, *(signs.get(name, 0) for name in node.output))
        found.append(key)
        for place, name in enumerate(node.input):
            signs[name] = signs.get(name, 0) + hash((key, place)) % (1 << 60)
    return found[::-1]


def _spread(
    pairs: Pairs, first: Sequence[onnx.NodeProto], second: Sequence[onnx.NodeProto]
) -> None:
    """Match nodes of one operator that stand alike beside matched ones."""
    makers = [_makers(nodes) for nodes in (first, second)]
    users = [_users(nodes) for nodes in (first, second)]
    taken = set(pairs.values())
    stack = list(pairs.items())
    while stack:
        a, b = stack.pop()
        for around in (_before(makers), _behind(users)):
            for x, y in zip(around(first, a, 0), around(second, b, 1), strict=False):
                if x < 0 or y < 0 or x in pairs or y in taken:
                    continue
                if first[x].op_type == second[y].op_type:
                    pairs[x] = y
                    taken.add(y)
                    stack.append((x, y))


def _align(
    pairs: Pairs, first: Sequence[onnx.NodeProto], second: Sequence[onnx.NodeProto]
) -> None:
    """Match what is left by the order of operators."""
    taken = set(pairs.values())
    own = [i for i in range(len(first)) if i not in pairs]
    others = [j for j in range(len(second)) if j not in taken]
    if len(own) * len(others) > _MOST_PAIRS:
        return
    kinds = [first[i].op_type for i in own], [second[j].op_type for j in others]
    for block in SequenceMatcher(None, *kinds, autojunk=False).get_matching_blocks():
        for k in range(block.size):
            pairs[own[block.a + k]] = others[block.b + k]


_Around = Callable[[Sequence[onnx.NodeProto], int, int], list[int]]


def _before(makers: Sequence[Mapping[str, int]]) -> _Around:
    return lambda nodes, i, side: [makers[side].get(n, -1) for n in nodes[i].input]


def _behind(users: Sequence[Mapping[str, list[int]]]) -> _Around:
    return lambda nodes, i, side: [
        place for name in nodes[i].output for place in users[side].get(name, [])
    ]


def _makers(nodes: Sequence[onnx.NodeProto]) -> dict[str, int]:
    return {name: i for i, node in enumerate(nodes) for name in node.output if name}


def _users(nodes: Sequence[onnx.NodeProto]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, node in enumerate(nodes):
        for name in node.input:
            if name:
                found.setdefault(name, []).append(i)
    return found
