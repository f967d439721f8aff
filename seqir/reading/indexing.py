"""Nodes that look up, put in, order or leave out values by place."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import dtypes, shapes
from seqir.operators.gather import GatherND, Scatter
from seqir.operators.sizes import NonZero, Unique
from seqir.operators.sort import TopK
from seqir.ops.size import Size, size_dim
from seqir.reading.parse import DTYPE
from seqir.reading.registry import reads
from seqir.reading.take import Take


@reads("TopK", whole=False)
def _computed_top_k(take: Take) -> object:
    """As many as the run computes."""
    if not take.attribute("sorted", 1) or take.ints(1) is not None:
        return None
    (k,) = take.sizes(1)
    size = size_dim(k) if isinstance(k, Size) else take.unknown("top")
    axis, largest = take.attribute("axis", -1), bool(take.attribute("largest", 1))
    return take.apply(TopK(size, axis, largest), take.x(0), take.x(1))


@reads("TopK")
def _narrow_top_k(take: Take) -> object:
    """Of integers that the operator does not order."""
    x, k = take.x(), take.ints(1)
    if k is None or not take.attribute("sorted", 1) or not dtypes.is_integer(x.dtype):
        return None
    axis, largest = take.attribute("axis", -1), bool(take.attribute("largest", 1))
    wide = take.ops.cast(x, "int64")
    values, places = take.apply(TopK(k[0], axis, largest), wide)
    return take.ops.cast(values, x.dtype), places


@reads("ScatterElements")
def _scatter_reduced(take: Take) -> object:
    """Updates that are multiplied in, or of which the largest or smallest stays."""
    x, places, updates, ops = take.x(0), take.x(1), take.x(2), take.ops
    kinds = {"none": "none", "add": "add", "mul": "mul", "max": "max", "min": "min"}
    kind = kinds.get(take.attribute("reduction", "none"))
    sizes = shapes.known_shape(places.type.shape)
    if kind is None or sizes is None:
        return None
    axis = shapes.normalize_axis(take.attribute("axis", 0), x.ndim)
    take.expect_room(x.ndim, *sizes)
    grid: list[Any] = list(np.indices(sizes, np.int64))
    size = ops.cast(ops.shape(x)[axis], "int64")
    wide = ops.cast(places, "int64")
    grid[axis] = ops.where(wide < 0, wide + size, wide)
    return take.apply(Scatter(kind), x, ops.stack(grid, -1), updates)


@reads("GatherND")
def _gather_nd(take: Take) -> object:
    """Where the first axes are those of separate lookups."""
    x, places, ops = take.x(0), take.x(1), take.ops
    count = take.attribute("batch_dims", 0)
    sizes = shapes.known_shape(places.type.shape)
    if not count or sizes is None:
        return None
    take.expect_room(*sizes)
    grid = np.indices(sizes[:-1], np.int64)[:count]
    before = np.moveaxis(grid, 0, -1)
    wide = ops.cast(places, "int64")
    return take.apply(GatherND(), x, ops.concatenate([before, wide], -1))


@reads("ReverseSequence")
def _reverse_sequence(take: Take) -> object:
    """The first steps of each sequence backwards, as many as its length says."""
    x, lengths, ops = take.x(0), take.x(1), take.ops
    time, batch = take.attribute("time_axis", 0), take.attribute("batch_axis", 1)
    others = tuple(i for i in range(x.ndim) if i not in (time, batch))
    y = ops.moveaxis(x, (batch, time), (0, 1))
    steps = ops.cast(ops.arange(ops.shape(y)[1], dtype="int32"), "int64")
    ends = ops.expand_dims(ops.cast(lengths, "int64"), 1)
    places = ops.where(steps < ends, ends - 1 - steps, steps)
    places = ops.expand_dims(places, tuple(range(2, 2 + len(others))))
    places = places + ops.zeros_like(y, "int64")
    return ops.moveaxis(ops.take_along_axis(y, places, 1), (0, 1), (batch, time))


@reads("EyeLike")
def _eye_like(take: Take) -> object:
    x, ops = take.x(), take.ops
    dtype = dtype_of(take, x.dtype)
    if dtype is None:
        return None
    rows, columns = ops.shape(x)
    take.expect_room(*x.shape)
    return ops.eye(rows, columns, k=take.attribute("k", 0), dtype=dtype)


@reads("Compress")
def _compress(take: Take) -> object:
    """The slices for which a condition holds; the run finds out how many."""
    x, ops = take.x(0), take.ops
    axis = take.attribute("axis", None)
    if axis is None:
        x, axis = ops.reshape(x, (-1,)), 0
    (places,) = ops.unstack(take.apply(NonZero(take.unknown("kept")), take.x(1)), 1)
    return ops.take(x, places, shapes.normalize_axis(axis, x.ndim))


@reads("Unique")
def _unique(take: Take) -> object:
    """The different values of all elements, in order."""
    x, axis = take.x(), take.attribute("axis", None)
    if not take.attribute("sorted", 1) or not (axis is None or x.ndim == 1):
        return None
    return take.apply(Unique(take.unknown("different")), take.ops.reshape(x, (-1,)))


@reads("TensorScatter")
def _tensor_scatter(take: Take) -> object:
    """Updates put behind what each sequence has; places may begin again at 0."""
    x, updates, ops = take.x(0), take.x(1), take.ops
    axis = shapes.normalize_axis(take.attribute("axis", -2), x.ndim)
    count, new = x.shape[0], updates.shape[axis]
    if count is None or new is None or axis == 0:
        return None
    take.expect_room(count, new)
    start = take[2]
    begins = np.zeros(count, np.int64) if start is None else ops.cast(start, "int64")
    steps = ops.expand_dims(begins, 1) + np.arange(new)
    if take.attribute("mode", "linear") == "circular":
        steps = steps % ops.cast(ops.shape(x)[axis], "int64")
    rows = np.broadcast_to(np.arange(count)[:, None], (count, new))
    places = ops.stack([rows, steps], -1)
    moved = (ops.moveaxis(v, axis, 1) for v in (x, updates))
    old, fresh = moved
    return ops.moveaxis(take.apply(Scatter("none"), old, places, fresh), 1, axis)


@reads("OneHot")
def _one_hot(take: Take) -> object:
    """Of indices that are no int32 or int64."""
    ops, depth, places = take.ops, take.ints(1), take.x(0)
    if depth is None:
        found = take.constant(1)
        depth = None if found is None else (int(found.reshape(())),)
    if depth is None:
        return None
    wide, values = ops.cast(places, "int64"), take.x(2)
    wide = ops.where(wide < 0, wide + depth[0], wide)
    hot = ops.one_hot(wide, depth[0], axis=take.attribute("axis", -1), dtype="bool")
    return ops.where(hot, values[1], values[0])


def dtype_of(take: Take, usual: str) -> str | None:
    """The element type that an attribute names; None for one that there is not."""
    code = take.attribute("dtype", None)
    return usual if code is None else DTYPE.get(code)
