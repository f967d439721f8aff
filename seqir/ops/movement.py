"""Moving data without changing how much there is of it: axes and shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqir import shapes
from seqir.errors import ShapeError
from seqir.operators.like import ReshapeLike
from seqir.operators.movement import Expand, ExpandDims, Squeeze, Transpose, reshape_op
from seqir.operators.sizes import ExpandTo, ReshapeTo
from seqir.ops.apply import apply, as_array, operand, rank_of, type_of_operand
from seqir.ops.call import operation
from seqir.ops.several import sizes_of
from seqir.ops.size import ShapeLike, Size, dim_of, sizes_of_nothing
from seqir.ops.sizes import apply_sizes
from seqir.ops.tensor import Result, Tensor, TensorLike


def shape(x: TensorLike) -> tuple[Any, ...]:
    """Sizes of x: an int where known, else a `Size`: a number that the run knows.

    Source: ``keras.ops.shape``.
    """
    if not isinstance(x, Tensor):
        return as_array(x).shape
    return tuple(Size.of_axis(x, i) for i in range(x.ndim))


@operation
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Result:
    """x with its axes reordered (reversed by default). Source: ``keras.ops``."""
    rank = rank_of(x)
    order = range(rank)[::-1] if axes is None else axes
    return apply(Transpose(shapes.normalize_axes(order, rank)), operand(x))


@operation
def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Result:
    """x with two axes exchanged. Source: ``keras.ops.swapaxes``."""
    order = list(range(rank_of(x)))
    a, b = (shapes.normalize_axis(axis, len(order)) for axis in (axis1, axis2))
    order[a], order[b] = b, a
    return transpose(x, order)


@operation
def moveaxis(
    x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]
) -> Result:
    """x with axes moved, the others in order. Source: ``keras.ops.moveaxis``."""
    rank = rank_of(x)
    from_, to = (shapes.normalize_axes(v, rank) for v in (source, destination))
    if len(from_) != len(to):
        raise ShapeError(f"moveaxis cannot move axes {source} to {destination}")
    order = [i for i in range(rank) if i not in from_]
    for place, axis in sorted(zip(to, from_, strict=True)):
        order.insert(place, axis)
    return transpose(x, order)


@operation
def reshape(x: TensorLike, newshape: ShapeLike) -> Result:
    """x in another shape; one size may be -1. Source: ``keras.ops.reshape``.

    Unknown sizes can be passed on and computed with: ``(ops.shape(x)[0], -1)``.
    """
    sizes = list(sizes_of(newshape))
    dims = [dim_of(d) for d in sizes]
    x = operand(x)
    if type_of_operand(x).size == 0 and (empty := sizes_of_nothing(dims)):
        return apply(ReshapeLike(), x, np.zeros(empty, np.bool_))
    op = reshape_op(type_of_operand(x), dims)
    if op is not None:
        return apply(op, x)
    if -1 in dims:
        own, rest = math.prod(shape(x)), math.prod(d for d in sizes if _is_given(d))
        sizes[dims.index(-1)] = own // rest
    return apply_sizes(ReshapeTo(tuple(map(dim_of, sizes))), sizes, x)


def _is_given(size: ShapeLike) -> bool:
    return isinstance(size, Size) or size != -1


@operation
def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> Result:
    """x with new axes of size 1. Source: ``keras.ops.expand_dims``."""
    rank = rank_of(x) + len(shapes.integers(axis))
    normal = tuple(sorted(shapes.normalize_axes(axis, rank)))
    return apply(ExpandDims(normal), operand(x))


@operation
def squeeze(x: TensorLike, axis: int | Sequence[int] | None = None) -> Result:
    """x without axes of size 1. Source: ``keras.ops.squeeze``."""
    sizes = type_of_operand(x).shape
    ones = [i for i, d in enumerate(sizes) if d == 1]
    axes = shapes.normalize_axes(ones if axis is None else axis, len(sizes))
    return apply(Squeeze(tuple(sorted(axes))), operand(x))


@operation
def broadcast_to(x: TensorLike, shape: ShapeLike) -> Result:
    """x repeated to a shape. Source: ``keras.ops.broadcast_to``."""
    x = operand(x)
    old = type_of_operand(x).shape
    sizes = sizes_of(shape)
    dims = [dim_of(d) for d in sizes]
    pad = len(dims) - len(old)
    if pad < 0 or any(isinstance(d, int) and d < 0 for d in dims):
        raise ShapeError(f"{type_of_operand(x)} does not broadcast to {shape}")
    kept = [1 if i >= pad and d == old[i - pad] else d for i, d in enumerate(dims)]
    known = tuple(d for d in kept if isinstance(d, int))
    if len(known) == len(kept):
        return apply(Expand(known), x)
    return apply_sizes(ExpandTo(tuple(dims)), sizes, x)


__all__ = [
    "broadcast_to",
    "expand_dims",
    "moveaxis",
    "reshape",
    "shape",
    "squeeze",
    "swapaxes",
    "transpose",
]
