"""Order along an axis."""

from __future__ import annotations

from typing import Any

from seqir import shapes
from seqir.errors import ArgumentError
from seqir.operators.kinds import wide
from seqir.operators.sort import TopK
from seqir.ops.apply import apply, coerce, common_dtype, rank_of, vector
from seqir.ops.call import operation
from seqir.ops.movement import reshape, shape
from seqir.ops.size import Size, dim_of


@operation
def top_k(x: Any, k: Any, sorted: bool = True) -> Any:
    """The k largest values of the last axis and their places (int32).

    Source: ``keras.ops.top_k``; they are in order whatever `sorted` says.
    """
    return _ordered(k, x, -1, largest=True)


@operation
def sort(x: Any, axis: int | None = -1) -> Any:
    """x in ascending order along an axis, flattened for None. Source: ``keras.ops``."""
    return _all(x, axis)[0]


@operation
def argsort(x: Any, axis: int | None = -1) -> Any:
    """Places (int32) of the values in ascending order. Source: ``keras.ops``."""
    if not rank_of(x):
        axis = None
    return _all(x, axis)[1]


def _all(x: Any, axis: int | None) -> tuple[Any, Any]:
    """All values along an axis (flattened for None) in order, and their places."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = shapes.normalize_axis(axis, rank_of(x))
    return _ordered(shape(x)[axis], x, axis)


@operation
def argpartition(x: Any, kth: int, axis: int = -1) -> Any:
    """Places (int32) of the values, the kth where it is in order.

    All are in order here. Source: ``keras.ops.argpartition``.
    """
    size = shape(x)[axis]
    if isinstance(size, int) and not -size <= kth < size:
        raise ArgumentError(f"argpartition has no place {kth} on an axis of {size}")
    return argsort(x, axis)


def _ordered(k: Any, x: Any, axis: int, *, largest: bool = False) -> tuple[Any, Any]:
    dtype = common_dtype(x)
    op = TopK(dim_of(k), shapes.normalize_axis(axis, rank_of(x)), largest)
    sizes = (vector(k),) if isinstance(k, Size) else ()
    values, places = apply(op, coerce(x, wide(dtype)), *sizes)
    return coerce(values, dtype), coerce(places, "int32")


def falling(x: Any) -> Any:
    """x in descending order along the last axis."""
    return _ordered(shape(x)[-1], x, -1, largest=True)[0]


__all__ = ["argpartition", "argsort", "sort", "top_k"]
