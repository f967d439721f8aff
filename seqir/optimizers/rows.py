"""Gradients that are 0 but for some rows, as those of a table of vectors are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seqir import ops, shapes
from seqir.ops.tensor import Result, Traced

BATCH: Final = 32
"""What a size that is not known is taken for where it is asked if rows are few."""


@dataclass(frozen=True)
class Rows:
    """Some rows, and what they have where all others have 0.

    Where a place comes several times, the first or another one has the sum and the
    rest of them have 0: so a function of the values that is 0 at 0 may be added up.
    """

    places: Result
    """Row numbers[n, 1]."""
    values: Result
    """values[n, ...]."""

    def moved(self, average: Result, values: Result, rate: float) -> Result:
        """The average, moved to these values, or to 0: one pass over all rows."""
        left = average * (1.0 - rate)
        return ops.scatter_update(left, self.places, values * rate, reduction="add")


def rows_of(gradient: Result) -> Rows | None:
    """The rows of a gradient that has values in few of them, else None."""
    if not isinstance(gradient, Traced):
        return None
    b = gradient.builder
    node = b.producer.get(gradient.value)
    if node is None or not node.op.adds_slices:
        return None
    zeros, places, values = (Traced(b, v) for v in node.operands)
    start = b.producer.get(zeros.value)
    count = gradient.type.shape[0]
    if start is None or start.op.uniform != 0 or not isinstance(count, int):
        return None
    *sizes, depth = places.type.shape
    if depth != 1 or not _few(shapes.volume(sizes), count):
        return None
    places = ops.reshape(places, (-1, 1))
    values = ops.reshape(values, (-1, *ops.shape(gradient)[1:]))
    return Rows(places, _summed(places, values, count))


def _few(size: shapes.Dim, count: int) -> bool:
    """Whether as many rows are so few that passes over all rows are what counts."""
    likely = dict.fromkeys(shapes.symbols(size), BATCH)
    return shapes.evaluate(size, likely) * 2 <= count


def _summed(places: Result, values: Result, count: int) -> Result:
    """The values of equal places added up at one of them, which each place knows."""
    numbers = ops.arange(ops.shape(places)[0], dtype="int32")
    known = ops.zeros((count,), "int32")
    known = ops.scatter_update(known, places, numbers)  # any of them will do
    chosen = ops.take(known, places, axis=0)
    return ops.scatter_update(ops.zeros_like(values), chosen, values, reduction="add")
