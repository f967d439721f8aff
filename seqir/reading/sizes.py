"""Nodes that compute sizes, or have sizes as operands: they come back as sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import dtypes, shapes
from seqir.errors import ShapeError
from seqir.operators.movement import Reshape
from seqir.operators.sizes import Fill, NonZero, Range, ReshapeTo, SliceAt
from seqir.ops.apply import vector
from seqir.ops.size import Size, size_dim
from seqir.reading.registry import reads
from seqir.reading.take import NotKnown, Take


@reads("Shape", whole=False)
def _shape(take: Take) -> object:
    sizes = take.ops.shape(take.x())
    begin, end = take.attribute("start", 0), take.attribute("end", None)
    found = vector(*sizes[begin:end])
    return take.array(found) if isinstance(found, np.ndarray) else found


@reads("Size", whole=False)
def _size(take: Take) -> object:
    total: Any = 1
    for size in take.ops.shape(take.x()):
        total = total * size
    if isinstance(total, Size):
        return take.ops.cast(total, "int64")
    return take.array(np.array(total, np.int64))


@reads("Reshape", whole=False)
def _reshape(take: Take) -> object:
    x = take.x()
    sizes = take.sizes(1)
    keeps = not take.attribute("allowzero", 0)
    unsure = [s for s in sizes if not isinstance(s, int | Size)]
    if not unsure:
        own = take.ops.shape(x)
        return take.ops.reshape(
            x, [own[i] if keeps and _is(s, 0) else s for i, s in enumerate(sizes)]
        )
    if keeps:
        return None  # a size of 0 would keep another one
    shape = tuple(
        s if isinstance(s, int) and s >= 0 else take.unknown("size") for s in sizes
    )
    return take.apply(ReshapeTo(shape), x, take.x(1))


@reads("Expand", whole=False)
def _expand(take: Take) -> object:
    x, sizes = take.x(), take.sizes(1)
    if not all(isinstance(s, int | Size) for s in sizes):
        return None
    own = take.ops.shape(x)
    extra = len(sizes) - x.ndim
    if extra < 0:
        sizes = (*own[:-extra], *sizes)
        extra = 0
    wanted: list[Any] = list(sizes)
    for i, size in enumerate(own):  # ONNX broadcasts both ways
        there = wanted[i + extra]
        if isinstance(there, int) and there == 1:
            wanted[i + extra] = size
        elif isinstance(there, Size) and not _one(size, there):
            return None  # either may be 1
    return take.ops.broadcast_to(x, wanted)


@reads("ConstantOfShape", whole=False)
def _constant_of_shape(take: Take) -> object:
    sizes = take.sizes(0)
    value = np.asarray(take.attribute("value", np.zeros(1, np.float32)))
    dtype = dtypes.canonical(value.dtype)
    if all(isinstance(s, int) for s in sizes):
        take.expect_room(*sizes)
        return take.array(np.full(sizes, value.reshape(()), value.dtype))
    if dtype == dtypes.STRING:
        return None
    dims = tuple(
        size_dim(s) if isinstance(s, Size) else s if isinstance(s, int) else None
        for s in sizes
    )
    named = tuple(take.unknown("size") if d is None else d for d in dims)
    return take.apply(Fill(named, value.item(), dtype), take.x())


@reads("Range", whole=False)
def _range(take: Take) -> object:
    known = [take.constant(i) for i in range(3)]
    if len(ends := [a.item() for a in known if a is not None]) == 3:
        _expect_room_for_range(take, ends)
        dtype = dtypes.to_numpy(take.x().dtype)
        return take.array(np.asarray(np.arange(*ends), dtype))
    sizes = _scalars(take, 3)
    dtype = take.x().dtype
    if sizes is not None and all(isinstance(size, int) for size in sizes):
        _expect_room_for_range(take, sizes)
        return take.array(np.arange(*sizes, dtype=dtypes.to_numpy(dtype)))
    if sizes is None or dtype != "int64" or not _is(sizes[2], 1):
        return None
    length = sizes[1] - sizes[0]
    if not isinstance(length, Size):
        return None
    found = take.apply(Range(size_dim(length)), _vector(take, length))
    return found if _is(sizes[0], 0) else found + take.x(0)


def _expect_room_for_range(take: Take, ends: Sequence[Any]) -> None:
    begin, end, step = ends
    if not step:
        raise NotKnown
    take.expect_room(math.ceil(max((end - begin) / step, 0)))


def _is(size: Any, number: int) -> bool:
    """Whether a size is a number; one that the run computes may not be asked."""
    return isinstance(size, int) and size == number


@reads("NonZero", whole=False)
def _nonzero(take: Take) -> object:
    x = take.x()
    truth = x if x.dtype == "bool" else x != 0
    return take.apply(NonZero(take.unknown("found")), truth)


@reads("Slice", whole=False)
def _slice(take: Take) -> object:
    """Slices at ends that only the run knows, one axis after the other."""
    x = take.x()
    begins, ends = take.sizes(1), take.sizes(2)
    axes = take.option("axes", 3, tuple(range(len(begins))))
    steps = take.option("steps", 4, (1,) * len(begins))
    if any(step < 1 for step in steps):
        return None
    for axis, begin, end, step in zip(axes, begins, ends, steps, strict=True):
        axis = shapes.normalize_axis(axis, x.ndim)
        if isinstance(begin, int | Size) and isinstance(end, int | Size):
            key: list[Any] = [slice(None)] * x.ndim
            far = isinstance(end, int) and end >= 2**31 - 1
            key[axis] = slice(begin, None if far else end, step)
            x = x[tuple(key)]
            continue
        at = SliceAt(axis, step, take.unknown("part"))
        x = take.apply(at, x, _vector(take, begin), _vector(take, end))
    return x


def _one(size: Any, there: Size) -> bool:
    """Whether an axis is of size 1, or of that very size."""
    if isinstance(size, Size):
        return size_dim(size) == size_dim(there)
    return size == 1


def _scalars(take: Take, count: int) -> list[Any] | None:
    """Integers and sizes in operands of one number; None for others."""
    found: list[Any] = []
    for place in range(count):
        known = take.ints(place)
        if known is not None:
            found.append(known[0])
            continue
        try:
            (size,) = take.sizes_of(take.apply(Reshape((1,)), take.x(place)))
        except ShapeError:
            return None
        if not isinstance(size, int | Size):
            return None
        found.append(size)
    return found


def _vector(take: Take, size: Any) -> Any:
    """One size as a vector."""
    found = vector(size)
    return take.array(found) if isinstance(found, np.ndarray) else found
