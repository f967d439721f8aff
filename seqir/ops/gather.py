"""Looking things up by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import dtypes, shapes
from seqir.dtypes import DTypeLike
from seqir.errors import ArgumentError, ShapeError, UnsupportedError
from seqir.operators.gather import Gather, GatherElements, OneHot, Scatter
from seqir.ops.apply import (
    apply,
    as_array,
    coerce,
    common_dtype,
    numeric,
    rank_of,
    type_of_operand,
)
from seqir.ops.arith import add, equal
from seqir.ops.call import operation
from seqir.ops.convert import zeros_like
from seqir.ops.create import zeros
from seqir.ops.like import expand_like
from seqir.ops.movement import expand_dims, moveaxis, reshape
from seqir.ops.size import ShapeLike, Size
from seqir.ops.sizes import counting
from seqir.ops.tensor import Result, Tensor, TensorLike


def _indices(x: TensorLike) -> Result:
    dtype = x.dtype if isinstance(x, Tensor) else as_array(x).dtype.name
    return coerce(x, dtype if dtype in ("int32", "int64") else "int32")


@operation
def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Result:
    """Slices of x at the indices. Source: ``keras.ops.take``."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = shapes.normalize_axis(axis, rank_of(x))
    x = x if isinstance(x, Tensor) else as_array(x)
    return apply(Gather(axis), x, _indices(indices))


@operation
def take_along_axis(
    x: TensorLike, indices: TensorLike, axis: int | None = None
) -> Result:
    """One lookup per element. Source: ``keras.ops.take_along_axis``."""
    if axis is None:
        x, indices, axis = reshape(x, (-1,)), reshape(indices, (-1,)), 0
    axis = shapes.normalize_axis(axis, rank_of(x))
    x = x if isinstance(x, Tensor) else as_array(x)
    return apply(GatherElements(axis), *_broadcast(x, _indices(indices), axis))


def _broadcast(x: Result, indices: Result, axis: int) -> tuple[Result, Result]:
    """Both with the sizes that they broadcast to, but along the axis."""
    sizes = type_of_operand(x).shape, type_of_operand(indices).shape
    if len(sizes[0]) != len(sizes[1]):
        raise ShapeError(
            f"take_along_axis needs indices of rank {len(sizes[0])}, got "
            f"{type_of_operand(indices)} for {type_of_operand(x)}"
        )
    others = [s[:axis] + s[axis + 1 :] for s in sizes]
    shapes.broadcast(*others)
    if shapes.agree(*others):
        return x, indices

    # Of no values, but of the sizes that both have elsewhere.
    outer = [zeros_like(take(v, np.int32(0), axis), "int32") for v in (x, indices)]
    like = expand_dims(add(*outer), axis)
    first, second = (
        expand_like(v, add(like, zeros_like(v, "int32"))) for v in (x, indices)
    )
    return first, second


@operation
def one_hot(
    x: TensorLike,
    num_classes: Any,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
) -> Result:
    """1 at the place that the index names. Source: ``keras.ops.one_hot``."""
    if sparse:
        raise UnsupportedError("one_hot gives dense tensors: sparse ones are not there")
    name = dtypes.canonical(dtype or "float32")
    if isinstance(num_classes, Size):
        y = coerce(equal(expand_dims(x, -1), counting(num_classes)), name)
    else:
        (depth,) = shapes.integers(num_classes)
        if depth < 0:
            raise ArgumentError(f"num_classes must not be negative, got {num_classes}")
        y = apply(OneHot(depth, name), _indices(x))
    if axis == -1:
        return y

    return moveaxis(y, -1, axis)


@operation
def scatter_update(
    inputs: TensorLike,
    indices: TensorLike,
    updates: TensorLike,
    reduction: str | None = None,
) -> Result:
    """Inputs with slices replaced, or with others combined with them.

    `reduction` is None, "add", "mul", or (in files from opset 18) "max" or "min".
    Source: ``keras.ops.scatter_update``.
    """
    if reduction not in (None, *Scatter.UFUNCS):
        raise ArgumentError(
            f"reduction must be None, 'add', 'mul', 'max' or 'min', not {reduction!r}"
        )
    x = numeric(inputs)
    op = Scatter(reduction or "none")
    return apply(op, x, _indices(indices), coerce(updates, x.dtype))


@operation
def scatter(indices: TensorLike, values: TensorLike, shape: ShapeLike) -> Result:
    """Zeros with values added where the indices say. Source: ``keras.ops.scatter``."""
    blank = zeros(shape, common_dtype(values))
    return scatter_update(blank, indices, values, "add")


__all__ = ["one_hot", "scatter", "scatter_update", "take", "take_along_axis"]
