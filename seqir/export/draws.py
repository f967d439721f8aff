"""Random inputs on which a model shows what it computes."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import VerificationError
from seqir.ir import Array, Graph, Node, Value, computed, unsure_sizes
from seqir.passes.facts import is_pure
from seqir.tensortype import TensorType

_USUAL: Final = 8
"""What unknown sizes are first tried as, if the model takes it."""

_LARGEST: Final = 2**24
"""Where the search for sizes ends."""

_LAST: Final = 1024
"""How many sizes are looked at from the smallest that is positive."""

_SMALL: Final = 2**16
"""Bytes of the constants whose sums and roots are looked at."""

_EDGES: Final = 8
"""How many sizes are tried at most beside the usual one."""


def trial_sizes(graph: Graph) -> list[dict[str, int]]:
    """Numbers for the unknown sizes, with which every size in the graph is positive.

    First usual ones; then the smallest there are, and as many after it as it takes
    for every division in a rule to leave each of its remainders once. Sizes that a
    run needs to be equal are, those that may have to be as well; batches are of two.

    Raises: VerificationError if there are no such numbers.
    """
    pairs = {pair for node in graph.nodes for pair in unsure_sizes(node)}
    dims = {d for v in graph.values() for d in v.type.shape if isinstance(d, str)}
    names = sorted({s for d in dims for s in shapes.symbols(d)})
    firsts = (v.type.shape[:1] for v in graph.inputs.values())
    batches: set[shapes.Dim] = {
        s for first in firsts for d in first for s in shapes.symbols(d)
    }

    given = {a: b for a, b in pairs if a in names and isinstance(b, int)}
    given |= {name: 2 for name in batches - given.keys()}

    def sizes(n: int) -> dict[str, int]:
        return {name: given.get(name, n) for name in names}

    def positive(n: int) -> bool:
        return all(shapes.evaluate(d, sizes(n)) > 0 for d in dims)

    def possible(n: int) -> bool:
        return positive(n) and all(
            shapes.evaluate(a, sizes(n)) == shapes.evaluate(b, sizes(n))
            for a, b in pairs
        )

    least = 1
    while least < _LARGEST and not positive(least):
        least *= 2
    below = least // 2
    while least - below > 1:
        middle = (least + below) // 2
        least, below = (middle, below) if positive(middle) else (least, middle)
    tried = range(max(least, _USUAL), least + _LAST)
    usual = next(filter(possible, (*tried, *range(least, _USUAL))), None)
    if usual is None:
        raise VerificationError(
            f"found no sizes for {', '.join(names)} with which the model can be "
            "verified; export with verify=False"
        )
    found = [sizes(usual)]
    if given.keys() >= set(names):
        return found
    divisions = {pair for d in dims for pair in _divisions(d)}
    seen: set[tuple[str, int, int]] = set()
    for n in range(least, least + 64):
        rests = {(t, by, shapes.evaluate(t, sizes(n)) % by) for t, by in divisions}
        if len(found) > _EDGES or not possible(n):
            continue
        if len(found) == 1 or rests - seen:
            found.append(sizes(n))
            seen |= rests
    return found


def _divisions(dim: str) -> set[tuple[str, int]]:
    """What is divided by which number in the expression of a size."""
    return {
        (ast.unparse(node.left), node.right.value)
        for node in ast.walk(ast.parse(dim, mode="eval"))
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.FloorDiv)
        and isinstance(node.right, ast.Constant)
        and isinstance(node.right.value, int)
    }


class Draws:
    """Arrays for the inputs of a graph, the same ones in the same order.

    Floating-point values are spread over the model's own range: where the scales and
    shifts that an input first passes come to [-1, 1). Row numbers are those that there
    are, bytes of `pixels` 0 to 255, other integers 0 or 1.
    """

    def __init__(
        self, graph: Graph, sizes: Mapping[str, int], pixels: Collection[str] = ()
    ) -> None:
        self.types = {name: v.type for name, v in graph.inputs.items()}
        self.pixels = pixels
        self.limits = row_counts(graph)
        self.known = known_values(graph)
        self.rng = np.random.Generator(np.random.Philox(0))
        users = graph.users()
        known = _constants(graph)
        self.ranges = {
            name: _own_range(v, _shape(v.type, sizes), users, known)
            for name, v in graph.inputs.items()
            if dtypes.is_float(v.type.dtype) and name not in self.limits
        }

    def __call__(self, sizes: Mapping[str, int], reach: float) -> dict[str, Array]:
        """Arrays of these sizes; floats up to `reach` times the model's range."""
        return {
            name: np.asarray(
                self._draw(name, type, _shape(type, sizes), reach),
                dtypes.to_numpy(type.dtype),
            )
            for name, type in self.types.items()
        }

    def _draw(
        self, name: str, type: TensorType, shape: tuple[int, ...], reach: float
    ) -> Array:
        if name in self.known or type.dtype == dtypes.STRING:
            return self._chosen(self.known.get(name, Known()), shape, type.dtype)
        if name in self.limits:
            return self.rng.integers(0, self.limits[name], shape)
        if name in self.ranges:
            centre, unit = self.ranges[name]
            u = self.rng.uniform(-1, 1, shape) * reach
            return _cut(centre, shape) + _cut(unit, shape) * u
        if not dtypes.is_float(type.dtype):
            high = 256 if name in self.pixels and type.dtype == "uint8" else 2
            return self.rng.integers(0, high, shape)
        return self.rng.uniform(-1, 1, shape) * reach

    def _chosen(self, known: Known, shape: tuple[int, ...], dtype: str) -> Array:
        """Values that the graph tells apart; where it cuts text, several in one."""
        count = math.prod(shape)
        text = dtype == dtypes.STRING
        values = known.values or (["", "a", "A b."] if text else [0, 1])
        places = self.rng.integers(0, len(values), (count, 4 if known.several else 1))
        rows = [[values[i] for i in row] for row in places.tolist()]
        found = np.empty(count, dtypes.to_numpy(dtype))
        found[:] = [", ".join(row).title() if known.several else row[0] for row in rows]
        return found.reshape(shape)


@dataclass
class Known:
    """What a graph tells apart of an input."""

    values: list[Any] = field(default_factory=list[Any])
    several: bool = False
    """Whether there may be several in one text."""


def known_values(graph: Graph) -> dict[str, Known]:
    """The inputs whose values are looked up, and what they are looked up among."""
    found: dict[str, Known] = {}
    made = graph.producers()
    names = {v: name for name, v in graph.inputs.items()}
    for node in graph.nodes:
        values, value = node.op.tells_apart, next(iter(node.operands), None)
        if values is None or value is None:
            continue
        several = False
        while (before := made.get(value)) and before.operands:
            if not before.op.moves and value.type.dtype != dtypes.STRING:
                break
            several |= before.op.splits
            value = before.operands[0]
        if value in names:
            known = found.setdefault(names[value], Known())
            known.values += values.tolist()
            known.several |= several
    return found


def _constants(graph: Graph) -> dict[Value, Array]:
    """What does not depend on the inputs, as far as it is small."""
    known: dict[Value, Array] = {}
    for node in graph.nodes:
        if node.op.constant is not None:
            known[node.result] = node.op.constant.array
        elif is_pure(node.op) and all(
            v in known and known[v].nbytes <= _SMALL for v in node.operands
        ):
            found = computed(node.op, [known[v] for v in node.operands])
            known.update(zip(node.results, found, strict=True))
    return known


def _shape(type: TensorType, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(shapes.evaluate(d, sizes) for d in type.shape)


def _cut(array: Array, shape: tuple[int, ...]) -> Array:
    """The array for another size: what is missing is as at the start."""
    for axis, n in enumerate(shape):
        array = np.take(array, np.arange(n) % array.shape[axis], axis)
    return array


def row_counts(graph: Graph) -> dict[str, int]:
    """The inputs that hold row numbers, and how many rows there are to choose from."""
    counts: dict[str, int] = {}
    made = graph.producers()
    names = {v: name for name, v in graph.inputs.items()}
    for node in graph.nodes:
        found = node.op.row_counts(*(v.type for v in node.operands))
        for value, count in zip(node.operands, found, strict=False):
            while (before := made.get(value)) and before.op.moves:
                value = before.operands[0]
            if count and value in names:
                name = names[value]
                counts[name] = min(count, counts.get(name, count))
    return counts


def _own_range(
    value: Value,
    shape: tuple[int, ...],
    users: Mapping[Value, list[Node]],
    known: Mapping[Value, Array],
) -> tuple[Array, Array]:
    """Centre and unit of an input: what its first scales and shifts take to 0 and 1.

    Both have the input's shape.
    """
    ramp = [np.full(shape, i, np.float64) for i in (-1, 0, 1, 2)]
    places = np.arange(ramp[0].size).reshape(shape)
    while len(users[value]) == 1:
        (node,) = users[value]
        others = [known.get(v) for v in node.operands]
        alone = sum(v is value for v in node.operands) == 1 and all(
            v is value or v in known for v in node.operands
        )
        affine = node.op.elementwise or (
            node.op.channelwise(value.type.rank, 1, *others) is not None
        )
        if not alone or not (node.op.moves or affine):
            break
        value = node.result
        if not dtypes.is_float(value.type.dtype):
            break
        found = [_evaluated(node, known, each) for each in ramp]
        steps = [b - a for a, b in itertools.pairwise(found)]
        if not all(np.allclose(s, steps[0], 1e-3, 1e-12) for s in steps):
            break
        if node.op.moves and not node.op.elementwise:
            places = _evaluated(node, known, places)
        elif found[0].shape != places.shape:
            break
        ramp = found
    centre, unit = np.zeros(shape), np.ones(shape)
    slope = ramp[2] - ramp[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        zero, one = -ramp[1] / slope, 1 / np.abs(slope)
    usable = np.isfinite(zero) & np.isfinite(one)
    centre.flat[places[usable]] = zero[usable]
    unit.flat[places[usable]] = one[usable]
    return centre, unit


def _evaluated(node: Node, known: Mapping[Value, Array], x: Array) -> Array:
    operands = [known.get(v, x) for v in node.operands]
    (y,) = computed(node.op, operands)
    return y
