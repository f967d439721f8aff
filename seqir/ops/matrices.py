"""Diagonals, triangles and products with a structure."""

from __future__ import annotations

import numpy as np

from seqir import dtypes
from seqir.errors import ShapeError
from seqir.ir import Array
from seqir.ops.apply import common_dtype, numeric, rank_of, type_of_operand
from seqir.ops.arith import equal, multiply, subtract, where
from seqir.ops.call import operation
from seqir.ops.create import at_or_below
from seqir.ops.gather import take
from seqir.ops.indexing import getitem
from seqir.ops.movement import expand_dims, moveaxis, reshape, shape
from seqir.ops.parts import pad
from seqir.ops.reduce import sum as sum_
from seqir.ops.size import SizeLike, maximum_size, minimum_size
from seqir.ops.sizes import counting
from seqir.ops.tensor import Result, TensorLike


def zero_of(x: TensorLike) -> Array:
    """0 in the type of x: a number alone would make truth values integers."""
    return np.zeros((), dtypes.to_numpy(common_dtype(x)))


def _sides(x: TensorLike) -> tuple[SizeLike, SizeLike]:
    """The sizes of the matrices in x."""
    if rank_of(x) < 2:
        raise ShapeError(f"expected a matrix or more axes, got {type_of_operand(x)}")
    rows, columns = shape(x)[-2:]
    return rows, columns


@operation
def tril(x: TensorLike, k: int = 0) -> Result:
    """x with zeros above a diagonal. Source: ``keras.ops.tril``."""
    return where(at_or_below(*_sides(x), k), x, zero_of(x))


@operation
def triu(x: TensorLike, k: int = 0) -> Result:
    """x with zeros below a diagonal. Source: ``keras.ops.triu``."""
    return where(at_or_below(*_sides(x), k - 1), zero_of(x), x)


@operation
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Result:
    """The diagonal of two axes, as the last axis. Source: ``keras.ops.diagonal``."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    *sizes, rows, columns = shape(x)
    below, right = max(-offset, 0), max(offset, 0)
    count = maximum_size(minimum_size(rows - below, columns - right), 0)
    places = counting(count) * (columns + 1) + (below * columns + right)
    return take(reshape(x, (*sizes, rows * columns)), places, axis=-1)


@operation
def diag(x: TensorLike, k: int = 0) -> Result:
    """The diagonal of a matrix, or the matrix of a diagonal. Source: ``keras.ops``."""
    if rank_of(x) == 2:
        return diagonal(x, k)
    if rank_of(x) != 1:
        raise ShapeError(f"diag takes a vector or a matrix, got {type_of_operand(x)}")
    (size,) = shape(x)
    if isinstance(size, int):
        on_diagonal = np.eye(size, dtype=np.bool_)
    else:
        on_diagonal = equal(expand_dims(counting(size), 1), counting(size))
    y = where(on_diagonal, x, zero_of(x))
    rows = (0, k) if k > 0 else (-k, 0)
    return pad(y, (rows, rows[::-1])) if k else y


@operation
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Result:
    """Sum of a diagonal. Source: ``keras.ops.trace``."""
    return sum_(diagonal(x, offset, axis1, axis2), -1)


@operation
def cross(
    x1: TensorLike,
    x2: TensorLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Result:
    """Cross product of vectors in space; what vectors of 2 lack is 0.

    Of two vectors of 2 it is the one number that is left, without an axis.
    Source: ``keras.ops.cross``.
    """
    axisa, axisb, axisc = (axis,) * 3 if axis is not None else (axisa, axisb, axisc)
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    sizes = [type_of_operand(v).shape[-1] for v in (a, b)]
    for v, size in zip((a, b), sizes, strict=True):
        if size not in (2, 3):
            raise ShapeError(f"cross takes vectors of 2 or 3, got {type_of_operand(v)}")
    if sizes == [2, 2]:
        first, second = (multiply(getitem(a, (..., i)), getitem(b, (..., 1 - i)))
                         for i in (0, 1))  # fmt: skip
        return subtract(first, second)
    a, b = (
        v if size == 3 else pad(v, [(0, 0)] * (rank_of(v) - 1) + [(0, 1)])
        for v, size in zip((a, b), sizes, strict=True)
    )
    turn, back = np.array([1, 2, 0]), np.array([2, 0, 1])
    y = subtract(
        multiply(take(a, turn, -1), take(b, back, -1)),
        multiply(take(a, back, -1), take(b, turn, -1)),
    )
    return moveaxis(y, -1, axisc)


@operation
def kron(x1: TensorLike, x2: TensorLike) -> Result:
    """Every element of x1 times all of x2. Source: ``keras.ops.kron``."""
    rank = max(rank_of(x1), rank_of(x2))
    a, b = (expand_dims(v, tuple(range(rank - rank_of(v)))) for v in (x1, x2))
    pairs = multiply(
        expand_dims(a, tuple(range(1, 2 * rank, 2))),
        expand_dims(b, tuple(range(0, 2 * rank, 2))),
    )
    sizes = [m * n for m, n in zip(shape(a), shape(b), strict=True)]
    return reshape(numeric(pairs), sizes)


__all__ = ["cross", "diag", "diagonal", "kron", "trace", "tril", "triu"]
