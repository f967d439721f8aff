"""Diagonals, triangles and products with a structure."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir.errors import ShapeError
from seqir.ops.apply import numeric, rank_of, type_of_operand
from seqir.ops.arith import equal, greater_equal, multiply, subtract, where
from seqir.ops.call import operation
from seqir.ops.gather import take
from seqir.ops.movement import expand_dims, moveaxis, reshape, shape
from seqir.ops.parts import pad
from seqir.ops.reduce import sum as sum_
from seqir.ops.size import Size, maximum_size, minimum_size
from seqir.ops.sizes import counting


def at_or_below(rows: Any, columns: Any, k: int = 0) -> Any:
    """Whether each place of a matrix lies on or below a diagonal."""
    if not isinstance(rows, Size) and not isinstance(columns, Size):
        return np.tri(rows, columns, k, dtype=np.bool_)
    return greater_equal(expand_dims(counting(rows), 1) + k, counting(columns))


@operation
def tril(x: Any, k: int = 0) -> Any:
    """X with zeros above a diagonal. Source: ``keras.ops.tril``."""
    rows, columns = shape(x)[-2:]
    return where(at_or_below(rows, columns, k), x, 0)


@operation
def triu(x: Any, k: int = 0) -> Any:
    """X with zeros below a diagonal. Source: ``keras.ops.triu``."""
    rows, columns = shape(x)[-2:]
    return where(at_or_below(rows, columns, k - 1), 0, x)


@operation
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of two axes, as the last axis. Source: ``keras.ops.diagonal``."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    *sizes, rows, columns = shape(x)
    below, right = max(-offset, 0), max(offset, 0)
    count = maximum_size(minimum_size(rows - below, columns - right), 0)
    places = counting(count) * (columns + 1) + (below * columns + right)
    return take(reshape(x, (*sizes, rows * columns)), places, axis=-1)


@operation
def diag(x: Any, k: int = 0) -> Any:
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
    y = where(on_diagonal, x, 0)
    rows = (0, k) if k > 0 else (-k, 0)
    return pad(y, (rows, rows[::-1])) if k else y


@operation
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum of a diagonal. Source: ``keras.ops.trace``."""
    return sum_(diagonal(x, offset, axis1, axis2), -1)


@operation
def cross(
    x1: Any,
    x2: Any,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Any:
    """Cross product of vectors in space. Source: ``keras.ops.cross``."""
    axisa, axisb, axisc = (axis,) * 3 if axis is not None else (axisa, axisb, axisc)
    a, b = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    for v in (a, b):
        if type_of_operand(v).shape[-1] != 3:
            raise ShapeError(f"cross takes vectors of 3, got {type_of_operand(v)}")
    turn, back = np.array([1, 2, 0]), np.array([2, 0, 1])
    y = subtract(
        multiply(take(a, turn, -1), take(b, back, -1)),
        multiply(take(a, back, -1), take(b, turn, -1)),
    )
    return moveaxis(y, -1, axisc)


@operation
def kron(x1: Any, x2: Any) -> Any:
    """Every element of x1 times all of x2. Source: ``keras.ops.kron``."""
    rank = max(rank_of(x1), rank_of(x2))
    a, b = (expand_dims(v, tuple(range(rank - rank_of(v)))) for v in (x1, x2))
    pairs = multiply(
        expand_dims(a, tuple(range(1, 2 * rank, 2))),
        expand_dims(b, tuple(range(0, 2 * rank, 2))),
    )
    sizes = [m * n for m, n in zip(shape(a), shape(b), strict=True)]
    return reshape(numeric(pairs), sizes)
