"""Order along an axis."""

from __future__ import annotations

from seqir import shapes
from seqir.errors import ArgumentError
from seqir.operators.kinds import wide
from seqir.operators.sort import TopK
from seqir.ops.apply import apply, coerce, common_dtype, rank_of, vector
from seqir.ops.call import operation
from seqir.ops.movement import reshape, shape
from seqir.ops.size import Size, SizeLike, dim_of
from seqir.ops.tensor import Result, TensorLike


@operation
def top_k(x: TensorLike, k: SizeLike, sorted: bool = True) -> tuple[Result, Result]:
    """The k largest values of the last axis and their places (int32).

    Source: ``keras.ops.top_k``; they are in order whatever `sorted` says.
    """
    return _ordered(k, x, -1, largest=True)


@operation
def sort(x: TensorLike, axis: int | None = -1) -> Result:
    """x in ascending order along an axis, flattened for None. Source: ``keras.ops``."""
    return _all(x, axis)[0]


@operation
def argsort(x: TensorLike, axis: int | None = -1) -> Result:
    """Places (int32) of the values in ascending order. Source: ``keras.ops``."""
    if not rank_of(x):
        axis = None
    return _all(x, axis)[1]


def _all(x: TensorLike, axis: int | None) -> tuple[Result, Result]:
    """All values along an axis (flattened for None) in order, and their places."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = shapes.normalize_axis(axis, rank_of(x))
    return _ordered(shape(x)[axis], x, axis)


@operation
def argpartition(x: TensorLike, kth: int, axis: int = -1) -> Result:
    """Places (int32) of the values, the kth where it is in order.

    All are in order here. Source: ``keras.ops.argpartition``.
    """
    size = shape(x)[axis]
    if isinstance(size, int) and not -size <= kth < size:
        raise ArgumentError(f"argpartition has no place {kth} on an axis of {size}")
    return argsort(x, axis)


def _ordered(
    k: SizeLike, x: TensorLike, axis: int, *, largest: bool = False
) -> tuple[Result, Result]:
    dtype = common_dtype(x)
    op = TopK(dim_of(k), shapes.normalize_axis(axis, rank_of(x)), largest)
    sizes = (vector(k),) if isinstance(k, Size) else ()
    values, places = apply(op, coerce(x, wide(dtype)), *sizes)
    return coerce(values, dtype), coerce(places, "int32")


def falling(x: TensorLike) -> Result:
    """x in descending order along the last axis."""
    return _ordered(shape(x)[-1], x, -1, largest=True)[0]


__all__ = ["argpartition", "argsort", "sort", "top_k"]
