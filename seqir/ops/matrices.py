"""Diagonals, triangles and products with a structure."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqir import shapes
from seqir.errors import ShapeError
from seqir.ops.apply import numeric, rank_of, type_of_operand
from seqir.ops.arith import multiply, subtract, where
from seqir.ops.call import operation
from seqir.ops.gather import take
from seqir.ops.movement import expand_dims, moveaxis, reshape
from seqir.ops.parts import pad
from seqir.ops.reduce import sum as sum_
from seqir.ops.tensor import Size


def _sides(x: Any) -> tuple[int, int]:
    rows, columns = type_of_operand(x).shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise ShapeError(f"the last two sizes must be known, got {rows} and {columns}")
    return rows, columns


@operation
def tril(x: Any, k: int = 0) -> Any:
    """X with zeros above a diagonal. Source: ``keras.ops.tril``."""
    return where(np.tri(*_sides(x), k, dtype=np.bool_), x, 0)


@operation
def triu(x: Any, k: int = 0) -> Any:
    """X with zeros below a diagonal. Source: ``keras.ops.triu``."""
    return where(np.tri(*_sides(x), k - 1, dtype=np.bool_), 0, x)


@operation
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of two axes, as the last axis. Source: ``keras.ops.diagonal``."""
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = _sides(x)
    first = np.arange(rows)
    places = (first * columns + first + offset)[
        (first + offset >= 0) & (first + offset < columns)
    ]
    sizes = [Size.of(d) for d in type_of_operand(x).shape[:-2]]
    return take(reshape(x, (*sizes, rows * columns)), places, axis=-1)


@operation
def diag(x: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix of a diagonal. Source: ``keras.ops``."""
    if rank_of(x) == 2:
        return diagonal(x, k)
    if rank_of(x) != 1:
        raise ShapeError(f"diag takes a vector or a matrix, got {type_of_operand(x)}")
    (size,) = type_of_operand(x).shape
    if not isinstance(size, int):
        raise ShapeError(f"diag needs a vector of known size, got {size}")
    y = where(np.eye(size, dtype=np.bool_), x, 0)
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
    left, right = type_of_operand(a).shape, type_of_operand(b).shape
    sizes = [Size.of(shapes.mul(m, n)) for m, n in zip(left, right, strict=True)]
    return reshape(numeric(pairs), sizes)
